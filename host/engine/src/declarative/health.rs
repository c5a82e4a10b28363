//! Whether an object does what it is for.

use std::borrow::Cow;

use outrigger_interpreter::{Health, HealthReport};
use outrigger_object::Object;
use serde_json::Value;

use super::{
    Result,
    cel::{Condition, Scope},
    path::{Path, Place},
};

/// One rule of health, compiled.
#[derive(Debug)]
pub struct Rule {
    pub when: Option<Condition>,
    pub condition: Option<Wanted>,
    pub health: Health,
    pub reason: Words,
    pub message: Words,
}

/// Where a text comes from: a field, else what is written, else the condition.
#[derive(Debug)]
pub struct Words {
    pub fixed: Option<String>,
    pub from: Option<Path>,
}

/// What a condition of the status must be like.
#[derive(Debug)]
pub struct Wanted {
    pub list: Place,
    pub kind: String,
    pub statuses: Vec<String>,
    pub reasons: Vec<String>,
    pub not_reasons: Vec<String>,
    pub observed: bool,
}

/// The status of a condition that is not there.
pub const MISSING: &str = "Missing";

/// What the first rule that holds says.
pub fn report(rules: &[Rule], object: &Object) -> Result<HealthReport> {
    let scope = Scope::new(rules.iter().filter_map(|rule| rule.when.as_ref()), object)?;
    for rule in rules {
        if let Some(when) = &rule.when
            && !scope.holds(when)?
        {
            continue;
        }
        let matched = match &rule.condition {
            None => None,
            Some(wanted) => match wanted.find(object)? {
                Some(found) => found,
                None => continue,
            },
        };
        return Ok(HealthReport {
            health: rule.health,
            reason: rule.reason.of(object, matched, "reason")?,
            message: rule.message.of(object, matched, "message")?,
            rule: Cow::Borrowed(""),
        });
    }
    Ok(Health::Unknown.into())
}

impl Words {
    fn of(&self, object: &Object, condition: Option<&Value>, field: &str) -> Result<String> {
        let found = self.from.as_ref().map(|path| path.text(object)).transpose()?.flatten();
        let own = || condition.and_then(|condition| condition.get(field)).and_then(Value::as_str);
        Ok(found.or(self.fixed.as_deref()).or_else(own).unwrap_or_default().to_owned())
    }
}

impl Wanted {
    /// The condition, if it is as wanted; one that is wanted to be missing is `Some(None)`.
    fn find<'v>(&self, object: &'v Object) -> Result<Option<Option<&'v Value>>> {
        let list = match self.list.find(object)? {
            None => &[],
            Some(Value::Array(items)) => items.as_slice(),
            Some(other) => return Err(super::path::wrong(self.list.source(), "a list", other)),
        };
        let text = |condition: &'v Value, name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        let wants = |status: &str| self.statuses.iter().any(|wanted| wanted == status);
        let Some(condition) = list.iter().find(|condition| text(condition, "type") == self.kind) else {
            return Ok(wants(MISSING).then_some(None));
        };
        let reason = text(condition, "reason");
        let observed = condition.get("observedGeneration").and_then(Value::as_i64);
        let holds = wants(text(condition, "status"))
            && (self.reasons.is_empty() || self.reasons.iter().any(|wanted| wanted == reason))
            && !self.not_reasons.iter().any(|unwanted| unwanted == reason)
            && (!self.observed || observed.is_none_or(|observed| observed == object.generation()));
        Ok(holds.then_some(Some(condition)))
    }
}

//! Whether an object does what it is for.

use std::borrow::Cow;

use outrigger_interpreter::{Health, HealthReport};
use outrigger_object::Object;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Result,
    cel::{Expression, Scope, Truth},
    path::{Path, Place},
};

/// One rule of health, compiled.
#[derive(Debug)]
pub struct Rule {
    pub when: Option<Expression>,
    pub condition: Option<Wanted>,
    pub verdict: Verdict,
    pub reason: Words,
    pub message: Words,
}

/// What a rule says.
#[derive(Debug)]
pub enum Verdict {
    Fixed(Health),
    Cel(Expression),
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

/// The reason when no rule holds, and one might have if a field were there.
pub const UNDEFINED: &str = "Undefined";

/// Names of the first rules, so that naming one costs nothing.
const NAMES: [&str; 8] =
    ["health[0]", "health[1]", "health[2]", "health[3]", "health[4]", "health[5]", "health[6]", "health[7]"];

/// The status of a condition that is not there.
pub const MISSING: &str = "Missing";

/// What the first rule that holds says.
pub fn report(rules: &[Rule], object: &Object) -> Result<HealthReport> {
    let scope = Scope::new(object);
    let mut missing = None;
    for (index, rule) in rules.iter().enumerate() {
        if let Some(when) = &rule.when {
            match scope.truth(when)? {
                Truth::Holds => {}
                Truth::Not => continue,
                Truth::Undefined(path) => {
                    missing.get_or_insert(path);
                    continue;
                }
            }
        }
        let matched = match &rule.condition {
            None => None,
            Some(wanted) => match wanted.find(object)? {
                Some(found) => found,
                None => continue,
            },
        };
        let mut said = HealthReport::default();
        match &rule.verdict {
            Verdict::Fixed(health) => said.health = *health,
            Verdict::Cel(expression) => match scope.value(expression)? {
                None => continue,
                Some(value) => said = verdict(expression, &value)?,
            },
        }
        let name = NAMES.get(index).map(|name| Cow::Borrowed(*name));
        return Ok(HealthReport {
            health: said.health,
            reason: Some(said.reason)
                .filter(|text| !text.is_empty())
                .map_or_else(|| rule.reason.of(object, matched, "reason"), Ok)?,
            message: Some(said.message)
                .filter(|text| !text.is_empty())
                .map_or_else(|| rule.message.of(object, matched, "message"), Ok)?,
            rule: name.unwrap_or_else(|| format!("health[{index}]").into()),
        });
    }
    let Some(path) = missing else { return Ok(Health::Unknown.into()) };
    let message = format!("{path} is missing");
    Ok(HealthReport { health: Health::Unknown, reason: UNDEFINED.to_owned(), message, rule: Cow::Borrowed("") })
}

/// What an expression says of health.
fn verdict(expression: &Expression, value: &Value) -> Result<HealthReport> {
    let said = match value {
        Value::Bool(true) => Some(Health::Healthy.into()),
        Value::Bool(false) => Some(Health::Unhealthy.into()),
        Value::String(_) => Health::deserialize(value).ok().map(HealthReport::from),
        Value::Object(_) => HealthReport::deserialize(value).ok(),
        _ => None,
    };
    said.ok_or_else(|| Scope::wrong(expression, "true, false, the name of a health, or an object with health", value))
}

impl Words {
    fn of(&self, object: &Object, condition: Option<&Value>, field: &str) -> Result<String> {
        let found = self.from.as_ref().map(|path| path.text(object)).transpose()?.flatten();
        let own = || condition.and_then(|condition| condition.get(field)).and_then(Value::as_str);
        Ok(found.or(self.fixed.as_deref()).or_else(own).unwrap_or_default().to_owned())
    }
}

impl Wanted {
    /// The first condition that is as wanted; one that is wanted to be missing is `Some(None)`.
    fn find<'v>(&self, object: &'v Object) -> Result<Option<Option<&'v Value>>> {
        let list = match self.list.find(object)? {
            None => &[],
            Some(Value::Array(items)) => items.as_slice(),
            Some(other) => return Err(super::path::wrong(self.list.source(), "a list", other)),
        };
        let text = |condition: &'v Value, name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        let wants = |status: &str| self.statuses.iter().any(|wanted| wanted == status);
        let mut missing = true;
        for condition in list.iter().filter(|condition| text(condition, "type") == self.kind) {
            missing = false;
            let reason = text(condition, "reason");
            let observed = condition.get("observedGeneration").and_then(Value::as_i64);
            if wants(text(condition, "status"))
                && (self.reasons.is_empty() || self.reasons.iter().any(|wanted| wanted == reason))
                && !self.not_reasons.iter().any(|unwanted| unwanted == reason)
                && (!self.observed || observed.is_none_or(|observed| observed == object.generation()))
            {
                return Ok(Some(Some(condition)));
            }
        }
        Ok((missing && wants(MISSING)).then_some(None))
    }
}

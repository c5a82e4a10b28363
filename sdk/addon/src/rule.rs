//! Rules that people write as objects, and that become interpreters.
//!
//! ```text
//! rule object ─▶ Rule::interpreter ─▶ Interpreter object ─▶ the host compiles, tests, stages and uses it
//!      ▲                                      │
//!      └────────── conditions ◀───────────────┘
//! ```
//!
//! An addon's kind needs only to say what the `spec` of the Interpreter is; [`RuleController`] does the rest. The
//! Interpreter is `<kind>.<name of the rule>`, carries [`RULE_LABEL`], is owned by the rule, and goes when the
//! rule goes.
//!
//! **Invariant:** of the rules of one kind for one target at most one has an Interpreter: the oldest, by time of
//! creation, then by name. The others say so, and it says so too.

mod conditions;

use std::sync::Arc;

use outrigger_object::{Gvk, Object, ObjectKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{CallError, CallErrorKind, Controller, Host, Outcome, Place, Request, Watch};

/// Label of Interpreters that were made from rules; its value is the kind of the rule in lower case.
pub const RULE_LABEL: &str = "interpreters.outrigger.io/rule";

/// A kind of rule. Its objects are cluster-scoped, have their target in `spec.target.apiVersion` and
/// `spec.target.kind`, and a [`RuleStatus`] as status subresource.
pub trait Rule: Send + Sync + 'static {
    /// Name of the controller.
    fn name(&self) -> &str;

    /// The kind.
    fn gvk(&self) -> Gvk;

    /// The `spec` of the Interpreter for a rule; `None` where the generic rules of the host are meant. An error
    /// says what is wrong with the rule, for people.
    fn interpreter(&self, rule: &Object) -> Result<Option<Value>, String>;
}

/// What became of a rule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleStatus {
    /// The generation that this is about.
    pub observed_generation: i64,
    /// Accepted, InUse, Conflicts.
    pub conditions: Vec<RuleCondition>,
    /// The Interpreter that was made from it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interpreter: String,
    /// Other rules for the same target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts_with: Vec<String>,
}

/// A condition, as in `meta/v1`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleCondition {
    /// Type.
    pub r#type: String,
    /// True, False or Unknown.
    pub status: String,
    /// CamelCase word.
    pub reason: String,
    /// Sentence.
    pub message: String,
    /// When the status last changed.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// The generation that it is about.
    pub observed_generation: i64,
}

/// Makes Interpreters from rules of one kind.
pub struct RuleController<R>(pub R);

/// The kind Interpreter.
pub fn interpreter_kind() -> Gvk {
    Gvk::new("interpreters.outrigger.io", "v1alpha1", "Interpreter")
}

/// `apiVersion` and kind that a rule is for.
fn target(rule: &Object) -> (&str, &str) {
    let part = |name| rule.str(&["spec", "target", name]).unwrap_or_default();
    (part("apiVersion"), part("kind"))
}

fn age(rule: &Object) -> (&str, &str) {
    (rule.str(&["metadata", "creationTimestamp"]).unwrap_or_default(), rule.name())
}

fn conflicting(rule: &Object) -> impl Iterator<Item = &str> {
    let named = rule.get(&["status", "conflictsWith"]).and_then(Value::as_array);
    named.into_iter().flatten().filter_map(Value::as_str)
}

impl<R: Rule> RuleController<R> {
    fn prefix(&self) -> String {
        self.0.gvk().kind.to_lowercase()
    }

    fn key(&self, rule: &str) -> ObjectKey {
        ObjectKey::new("", format!("{}.{rule}", self.prefix()))
    }

    /// The Interpreter of a rule, if it was made from one of this kind.
    fn existing(&self, rule: &str, host: &dyn Host) -> Result<Option<Arc<Object>>, CallError> {
        host.get(&Place::Hub, &interpreter_kind(), &self.key(rule))
    }

    fn withdraw(&self, rule: &str, host: &dyn Host) -> Result<(), CallError> {
        match self.existing(rule, host)? {
            Some(made) if made.label(RULE_LABEL) == Some(self.prefix().as_str()) => {
                host.delete(&Place::Hub, &interpreter_kind(), &made.key(), made.uid())
            }
            _ => Ok(()),
        }
    }

    /// Brings one rule to its desired state; `peers` are the others for its target.
    fn bring(&self, rule: &Object, peers: &[&Object], host: &dyn Host) -> Result<(), CallError> {
        let name = rule.name();
        let mut told = conditions::Told::new(rule, host.now());
        told.conflicts(target(rule), peers);
        let older = peers.iter().find(|peer| age(peer) < age(rule));
        match self.0.interpreter(rule) {
            Err(why) => {
                // What was used before stays: the Interpreter is left as it is.
                told.refused(&why);
                let made = self.existing(name, host)?.filter(|made| made.label(RULE_LABEL).is_some());
                told.made(made.is_some().then(|| self.key(name).name));
            }
            Ok(_) if older.is_some() => {
                self.withdraw(name, host)?;
                told.accepted();
                told.lost(older.map_or("", |peer| peer.name()));
            }
            Ok(None) => {
                self.withdraw(name, host)?;
                told.accepted();
                told.generic();
            }
            Ok(Some(spec)) => self.make(rule, spec, &mut told, host)?,
        }
        let status = told.finish();
        if rule.status() != Some(&status) {
            let mut written = rule.clone();
            written.set(&["status"], status);
            match host.write_status(&Place::Hub, &written) {
                // It is gone, or somebody was faster: the change wakes this controller again.
                Err(error) if matches!(error.kind, CallErrorKind::Conflict | CallErrorKind::NotFound) => {}
                written => drop(written?),
            }
        }
        Ok(())
    }

    fn make(
        &self,
        rule: &Object,
        spec: Value,
        told: &mut conditions::Told<'_>,
        host: &dyn Host,
    ) -> Result<(), CallError> {
        let key = self.key(rule.name());
        let existing = self.existing(rule.name(), host)?;
        if existing.as_ref().is_some_and(|made| made.label(RULE_LABEL) != Some(self.prefix().as_str())) {
            told.refused(&format!(
                "an Interpreter {} is there already and was not made from a rule: remove it, or name the rule otherwise",
                key.name
            ));
            return Ok(());
        }
        let mut wanted = Object::default();
        wanted.set(&["apiVersion"], interpreter_kind().api_version());
        wanted.set(&["kind"], "Interpreter");
        wanted.set(&["metadata", "name"], key.name.as_str());
        wanted.set(&["metadata", "labels"], json!({ RULE_LABEL: self.prefix() }));
        wanted.set_owner_reference(&rule.as_owner(true, false));
        wanted.set(&["spec"], spec);
        match host.apply(&Place::Hub, &wanted) {
            Ok(made) => {
                told.accepted();
                told.made(Some(key.name));
                told.reported(&made);
                Ok(())
            }
            Err(error) if error.kind == CallErrorKind::Invalid => {
                told.refused(&error.message);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl<R: Rule> Controller for RuleController<R> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch { gvk: self.0.gvk(), members: false, label_selector: String::new() },
            Watch {
                gvk: interpreter_kind(),
                members: false,
                label_selector: format!("{RULE_LABEL}={}", self.prefix()),
            },
        ]
    }

    fn reconcile(&self, request: &Request, host: &dyn Host) -> Result<Outcome, CallError> {
        let prefix = format!("{}.", self.prefix());
        let name = if request.gvk == self.0.gvk() {
            request.key.name.as_str()
        } else {
            request.key.name.strip_prefix(&prefix).unwrap_or_default()
        };
        let all = host.list(&Place::Hub, &self.0.gvk(), "", "")?;
        let rules: Vec<&Object> = all.iter().map(Arc::as_ref).filter(|rule| !rule.is_deleting()).collect();
        let own = rules.iter().find(|rule| rule.name() == name).copied();
        if own.is_none() {
            self.withdraw(name, host)?;
        }
        // One that is gone leaves its place to those that named it; one that changed, to those that it named.
        let concerned = |rule: &&&Object| match own {
            None => conflicting(rule).any(|other| other == name),
            Some(own) => {
                rule.name() == name || target(rule) == target(own) || conflicting(own).any(|other| other == rule.name())
            }
        };
        let mut failure = None;
        for rule in rules.iter().filter(concerned) {
            let peers: Vec<&Object> = rules
                .iter()
                .filter(|other| other.name() != rule.name() && target(other) == target(rule))
                .copied()
                .collect();
            failure = self.bring(rule, &peers, host).err().or(failure);
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(Outcome::Applied),
        }
    }
}

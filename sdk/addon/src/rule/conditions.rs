//! What is told in a rule's status.
//!
//! **Invariant:** a condition's time changes only when its status does.

use outrigger_object::Object;
use serde::Deserialize;
use serde_json::Value;

use super::{RuleCondition, RuleStatus};

const ACCEPTED: &str = "Accepted";
const IN_USE: &str = "InUse";
const CONFLICTS: &str = "Conflicts";

pub(super) struct Told<'r> {
    rule: &'r Object,
    now: String,
    before: RuleStatus,
    status: RuleStatus,
}

impl<'r> Told<'r> {
    pub fn new(rule: &'r Object, now: String) -> Self {
        let before = rule.status().and_then(|status| RuleStatus::deserialize(status).ok()).unwrap_or_default();
        let status = RuleStatus { observed_generation: rule.generation(), ..RuleStatus::default() };
        Self { rule, now, before, status }
    }

    fn say(&mut self, name: &str, status: &str, reason: &str, message: impl Into<String>) {
        let known = self.before.conditions.iter().find(|one| one.r#type == name && one.status == status);
        let time = known.map_or_else(|| self.now.clone(), |one| one.last_transition_time.clone());
        self.status.conditions.push(RuleCondition {
            r#type: name.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
            last_transition_time: time,
            observed_generation: self.rule.generation(),
        });
    }

    pub fn conflicts(&mut self, target: (&str, &str), peers: &[&Object]) {
        self.status.conflicts_with = peers.iter().map(|peer| peer.name().to_owned()).collect();
        self.status.conflicts_with.sort();
        if peers.is_empty() {
            return self.say(CONFLICTS, "False", "OnlyRule", "no other rule is for this kind");
        }
        let others = self.status.conflicts_with.join(", ");
        let (api_version, kind) = target;
        self.say(
            CONFLICTS,
            "True",
            "SameTarget",
            format!("also for {api_version} {kind}: {others}; the oldest is used, so remove the others"),
        );
    }

    pub fn refused(&mut self, why: &str) {
        self.say(ACCEPTED, "False", "Invalid", why);
        self.say(IN_USE, "False", "NotAccepted", "this generation is not used; what was used before stays");
    }

    pub fn accepted(&mut self) {
        self.say(ACCEPTED, "True", "Valid", "an Interpreter can be made from it");
    }

    pub fn lost(&mut self, winner: &str) {
        self.say(IN_USE, "False", "OlderRule", format!("{winner} is older and for the same kind"));
    }

    pub fn generic(&mut self) {
        let message = "the host's generic rules are meant, which answer where no interpreter knows the kind";
        self.say(IN_USE, "True", "GenericRules", message);
    }

    pub fn made(&mut self, interpreter: Option<String>) {
        self.status.interpreter = interpreter.unwrap_or_default();
    }

    /// What the host says of the Interpreter.
    pub fn reported(&mut self, interpreter: &Object) {
        if interpreter.int(&["status", "observedGeneration"]) != Some(interpreter.generation()) {
            let message = format!("the host has not looked at Interpreter {} yet", interpreter.name());
            return self.say(IN_USE, "Unknown", "Pending", message);
        }
        let listed = interpreter.get(&["status", "conditions"]).and_then(Value::as_array);
        let conditions: Vec<RuleCondition> =
            listed.into_iter().flatten().filter_map(|one| RuleCondition::deserialize(one).ok()).collect();
        let find = |name: &str| conditions.iter().find(|one| one.r#type == name);
        let failed = |name: &str| find(name).filter(|one| one.status == "False");
        match failed("Compiled").or_else(|| failed("CasesPassed")).or_else(|| find(IN_USE)) {
            Some(one) => {
                let status = if one.r#type == IN_USE { one.status.as_str() } else { "False" };
                self.say(IN_USE, status, &one.reason, one.message.as_str());
            }
            None => self.say(IN_USE, "Unknown", "Pending", "the host has not decided yet"),
        }
    }

    pub fn finish(mut self) -> Value {
        self.status.conditions.sort_by(|a, b| a.r#type.cmp(&b.r#type));
        serde_json::to_value(self.status).unwrap_or_default()
    }
}

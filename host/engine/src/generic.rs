//! The generic layer: what holds for a kind that nobody described.
//!
//! | Operation | Rule |
//! |---|---|
//! | InterpretHealth | kstatus, then other conventions: conditions, words, counters |
//! | InterpretReplica, ReviseReplica | the CRD's scale subresource |
//! | Retain | replicas that an autoscaler in the member sets |
//! | AggregateStatus | by the CRD's status schema and the names of fields |
//! | InterpretStatus | the whole status, with the generations that an aggregate needs |
//! | InterpretDependency | references of conventional shapes, when [`DEPENDENCIES`] asks for it |
//!
//! It works from the [`Kinds`] that the host has learnt from CustomResourceDefinitions, and from an object's
//! own shape where it knows none. Kubernetes' own kinds are left to the native layer; of them only those
//! that define kinds (CustomResourceDefinition, APIService) are judged here, by their conditions.
//!
//! **Invariant:** what it does not know it calls Unknown. An object whose controller never wrote a status is
//! not healthy, and no field is written into an aggregate that the kind's schema drops or refuses.

mod aggregate;
mod conditions;
mod conform;
mod dependencies;
mod facts;
mod health;
mod merge;
mod names;
mod scale;
mod words;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use outrigger_interpreter::{
    Answer, Dependency, Error, HealthReport, Interpreter, Operation, Operations, Question, ReplicaInfo, StatusItem,
    Support,
};
use outrigger_object::{Gvk, Object};
use serde_json::Value;

pub use facts::{KindFacts, Kinds, Scale};

type Result<T> = std::result::Result<T, Error>;

/// The annotation, on an object or on its CustomResourceDefinition, that has dependencies read from
/// references of conventional shapes. Its value is `"true"`; `"false"` on an object overrules its CRD.
pub const DEPENDENCIES: &str = "interpreters.outrigger.io/generic-dependencies";

/// What a CRD's object is asked here.
const CUSTOM: [Operation; 7] = [
    Operation::InterpretReplica,
    Operation::ReviseReplica,
    Operation::Retain,
    Operation::AggregateStatus,
    Operation::InterpretDependency,
    Operation::InterpretStatus,
    Operation::InterpretHealth,
];

/// See the module.
pub struct Generic {
    kinds: Arc<Kinds>,
}

impl Generic {
    /// Knows of kinds what `kinds` knows, at any time.
    pub fn new(kinds: Arc<Kinds>) -> Self {
        Self { kinds }
    }

    fn facts(&self, object: &Object) -> Option<Arc<KindFacts>> {
        self.kinds.get(object.api_version(), object.kind())
    }
}

fn answer<T>(result: Result<Option<T>>) -> Answer<T> {
    match result {
        Ok(Some(value)) => Answer::Value(value),
        Ok(None) => Answer::NotHandled,
        Err(error) => Answer::Failed(error),
    }
}

impl Interpreter for Generic {
    fn name(&self) -> &str {
        "generic"
    }

    fn supports(&self) -> Vec<Support> {
        Vec::new()
    }

    fn is_open(&self) -> bool {
        true
    }

    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        if names::defines_kinds(gvk) {
            Operations::default().with(Operation::InterpretHealth)
        } else if names::is_built_in(&gvk.group) {
            Operations::default()
        } else {
            CUSTOM.into_iter().collect()
        }
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        answer(scale::replicas(object, self.facts(object).as_deref()))
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        let facts = self.facts(&object);
        answer(scale::revise(object, replicas, facts.as_deref()))
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        let facts = self.facts(observed);
        answer(scale::retain(desired, observed, facts.as_deref()))
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        let facts = self.facts(&template);
        aggregate::template(template, items, facts.as_deref()).into()
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        let facts = self.facts(object);
        if !dependencies::are_wanted(object, facts.as_deref()) {
            return Answer::NotHandled;
        }
        dependencies::of(object, &self.kinds).into()
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        aggregate::reflect(object).into()
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        health::judge(object, self.facts(object).as_deref()).map(health::Verdict::report).into()
    }

    fn rule(&self, question: &Question<'_>) -> Option<Cow<'static, str>> {
        let facts = self.facts(question.object());
        match question {
            Question::InterpretHealth { object } => {
                health::judge(object, facts.as_deref()).ok().map(|verdict| verdict.rule)
            }
            Question::InterpretReplica { object } | Question::ReviseReplica { object, .. } => {
                scale::rule(object, facts.as_deref()).map(Cow::Borrowed)
            }
            Question::Retain { desired, observed } => {
                scale::retention(desired, observed, facts.as_deref()).map(|(rule, _)| Cow::Borrowed(rule))
            }
            Question::AggregateStatus { .. } => Some(Cow::Borrowed(aggregate::rule(facts.as_deref()))),
            Question::InterpretStatus { .. } => Some(Cow::Borrowed("whole status")),
            Question::InterpretDependency { .. } => Some(Cow::Borrowed("reference shapes")),
            _ => None,
        }
    }
}

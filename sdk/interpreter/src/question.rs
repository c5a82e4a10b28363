//! Questions and what answers give, as data: what crosses to shared libraries and into tools.

use std::borrow::Cow;

use outrigger_object::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Answer, ClusterFacts, Component, Dependency, HealthReport, Interpreter, Operation, ReplicaInfo, StatusItem,
};

/// An operation with its inputs. In JSON, `operation` names it, beside its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all_fields = "camelCase", try_from = "Inputs")]
#[allow(missing_docs)]
pub enum Question<'a> {
    InterpretReplica { object: Cow<'a, Object> },
    InterpretComponent { object: Cow<'a, Object> },
    ReviseReplica { object: Cow<'a, Object>, replicas: i64 },
    Retain { desired: Cow<'a, Object>, observed: Cow<'a, Object> },
    AggregateStatus { template: Cow<'a, Object>, items: Cow<'a, [StatusItem]> },
    InterpretDependency { object: Cow<'a, Object> },
    InterpretStatus { object: Cow<'a, Object> },
    InterpretHealth { object: Cow<'a, Object> },
    Localize { object: Cow<'a, Object>, cluster: Cow<'a, ClusterFacts> },
}

/// What an answer gives, by the form that the operation asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Given {
    /// Of [`Operation::InterpretReplica`].
    Replicas(ReplicaInfo),
    /// Of [`Operation::InterpretComponent`].
    Components(Vec<Component>),
    /// Of the operations that change an object: ReviseReplica, Retain, AggregateStatus and Localize.
    Object(Object),
    /// Of [`Operation::InterpretDependency`].
    Dependencies(Vec<Dependency>),
    /// Of [`Operation::InterpretStatus`].
    Status(Value),
    /// Of [`Operation::InterpretHealth`].
    Health(HealthReport),
}

/// A question as it is read: in one pass, where a tagged enum would first be read into a copy.
#[derive(Deserialize)]
struct Inputs {
    operation: Operation,
    object: Option<Object>,
    desired: Option<Object>,
    observed: Option<Object>,
    template: Option<Object>,
    items: Option<Vec<StatusItem>>,
    cluster: Option<ClusterFacts>,
    replicas: Option<i64>,
}

impl TryFrom<Inputs> for Question<'_> {
    type Error = String;

    fn try_from(inputs: Inputs) -> Result<Self, String> {
        fn given<T>(input: Option<T>, name: &str) -> Result<T, String> {
            input.ok_or_else(|| format!("missing field `{name}`"))
        }
        let object = || given(inputs.object, "object").map(Cow::Owned);
        Ok(match inputs.operation {
            Operation::InterpretReplica => Self::InterpretReplica { object: object()? },
            Operation::InterpretComponent => Self::InterpretComponent { object: object()? },
            Operation::ReviseReplica => {
                Self::ReviseReplica { object: object()?, replicas: given(inputs.replicas, "replicas")? }
            }
            Operation::Retain => Self::Retain {
                desired: Cow::Owned(given(inputs.desired, "desired")?),
                observed: Cow::Owned(given(inputs.observed, "observed")?),
            },
            Operation::AggregateStatus => Self::AggregateStatus {
                template: Cow::Owned(given(inputs.template, "template")?),
                items: Cow::Owned(given(inputs.items, "items")?),
            },
            Operation::InterpretDependency => Self::InterpretDependency { object: object()? },
            Operation::InterpretStatus => Self::InterpretStatus { object: object()? },
            Operation::InterpretHealth => Self::InterpretHealth { object: object()? },
            Operation::Localize => {
                Self::Localize { object: object()?, cluster: Cow::Owned(given(inputs.cluster, "cluster")?) }
            }
        })
    }
}

impl Question<'_> {
    /// The operation.
    pub fn operation(&self) -> Operation {
        match self {
            Self::InterpretReplica { .. } => Operation::InterpretReplica,
            Self::InterpretComponent { .. } => Operation::InterpretComponent,
            Self::ReviseReplica { .. } => Operation::ReviseReplica,
            Self::Retain { .. } => Operation::Retain,
            Self::AggregateStatus { .. } => Operation::AggregateStatus,
            Self::InterpretDependency { .. } => Operation::InterpretDependency,
            Self::InterpretStatus { .. } => Operation::InterpretStatus,
            Self::InterpretHealth { .. } => Operation::InterpretHealth,
            Self::Localize { .. } => Operation::Localize,
        }
    }

    /// The object that the question is about: for Retain the desired one.
    pub fn object(&self) -> &Object {
        match self {
            Self::InterpretReplica { object }
            | Self::InterpretComponent { object }
            | Self::ReviseReplica { object, .. }
            | Self::Retain { desired: object, .. }
            | Self::AggregateStatus { template: object, .. }
            | Self::InterpretDependency { object }
            | Self::InterpretStatus { object }
            | Self::InterpretHealth { object }
            | Self::Localize { object, .. } => object,
        }
    }

    /// Asks an interpreter.
    pub fn put_to(self, interpreter: &(impl Interpreter + ?Sized)) -> Answer<Given> {
        match self {
            Self::InterpretReplica { object } => interpreter.replicas(&object).map(Given::Replicas),
            Self::InterpretComponent { object } => interpreter.components(&object).map(Given::Components),
            Self::ReviseReplica { object, replicas } => {
                interpreter.revise_replicas(object.into_owned(), replicas).map(Given::Object)
            }
            Self::Retain { desired, observed } => {
                interpreter.retain(desired.into_owned(), &observed).map(Given::Object)
            }
            Self::AggregateStatus { template, items } => {
                interpreter.aggregate_status(template.into_owned(), &items).map(Given::Object)
            }
            Self::InterpretDependency { object } => interpreter.dependencies(&object).map(Given::Dependencies),
            Self::InterpretStatus { object } => interpreter.reflect_status(&object).map(Given::Status),
            Self::InterpretHealth { object } => interpreter.health(&object).map(Given::Health),
            Self::Localize { object, cluster } => {
                interpreter.localize(object.into_owned(), &cluster).map(Given::Object)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_flat_and_comes_back() {
        let object = Object::from_value(json!({"kind": "Widget", "spec": {"a": 1}})).unwrap();
        let question = Question::ReviseReplica { object: Cow::Borrowed(&object), replicas: 3 };
        let text = serde_json::to_string(&question).unwrap();
        let expected =
            json!({"operation": "ReviseReplica", "object": {"kind": "Widget", "spec": {"a": 1}}, "replicas": 3});
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Question>(&text).unwrap(), question);
        let lacking = serde_json::from_str::<Question>(r#"{"operation": "Retain", "desired": {}}"#).unwrap_err();
        assert_eq!(lacking.to_string(), "missing field `observed`");
        let answer: Answer<Given> = Answer::Failed(crate::Error::limit("too slow"));
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(text, r#"{"failed":{"kind":"Limit","message":"too slow"}}"#);
        assert_eq!(serde_json::from_str::<Answer<Given>>(&text).unwrap(), answer);
    }
}

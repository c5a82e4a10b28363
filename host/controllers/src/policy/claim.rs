//! The marks by which a policy claims a template and its binding.

use outrigger_api::labels::{annotation, label};
use outrigger_object::{Object, ObjectKey};
use serde_json::{Value, json};

use super::Policy;

/// A claim, as a template or binding carries it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    /// The policy; without a namespace it is a cluster-wide one.
    pub(crate) policy: ObjectKey,
    /// Its permanent id.
    pub(crate) id: String,
}

const POLICY_ANNOTATIONS: [&str; 2] = [annotation::PROPAGATION_POLICY_NAMESPACE, annotation::PROPAGATION_POLICY_NAME];

/// Labels that claims consist of.
pub(crate) const CLAIM_LABELS: [&str; 2] =
    [label::PROPAGATION_POLICY_PERMANENT_ID, label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID];

/// Annotations that claims consist of.
pub(crate) const CLAIM_ANNOTATIONS: [&str; 3] = [
    annotation::PROPAGATION_POLICY_NAMESPACE,
    annotation::PROPAGATION_POLICY_NAME,
    annotation::CLUSTER_PROPAGATION_POLICY_NAME,
];

impl Claim {
    /// The claim on an object. One by a PropagationPolicy goes before one by a cluster-wide policy.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        let [namespace, name] = POLICY_ANNOTATIONS;
        let by_namespaced = || {
            Some(Self {
                policy: ObjectKey::new(object.annotation(namespace)?, object.annotation(name)?),
                id: object.label(label::PROPAGATION_POLICY_PERMANENT_ID)?.to_owned(),
            })
        };
        let by_cluster = || {
            Some(Self {
                policy: ObjectKey::new("", object.annotation(annotation::CLUSTER_PROPAGATION_POLICY_NAME)?),
                id: object.label(label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID)?.to_owned(),
            })
        };
        by_namespaced().filter(|claim| !claim.policy.namespace.is_empty()).or_else(by_cluster)
    }
}

/// Names and values of labels or annotations.
type Marks<'a> = Vec<(&'static str, &'a str)>;

/// Labels and annotations that a policy's claim consists of.
fn marks(policy: &Policy) -> (Marks<'_>, Marks<'_>) {
    if policy.is_cluster() {
        (
            vec![(label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, policy.id.as_str())],
            vec![(annotation::CLUSTER_PROPAGATION_POLICY_NAME, policy.key.name.as_str())],
        )
    } else {
        (
            vec![(label::PROPAGATION_POLICY_PERMANENT_ID, policy.id.as_str())],
            vec![
                (annotation::PROPAGATION_POLICY_NAMESPACE, policy.key.namespace.as_str()),
                (annotation::PROPAGATION_POLICY_NAME, policy.key.name.as_str()),
            ],
        )
    }
}

/// The merge patch that makes an object carry this policy's claim and no other; `None` when it does.
pub(crate) fn claim_patch(object: &Object, policy: &Policy) -> Option<Value> {
    let (labels, annotations) = marks(policy);
    patch(object, &labels, &annotations)
}

/// The merge patch that takes every claim off an object; `None` when there is none.
pub(crate) fn release_patch(object: &Object) -> Option<Value> {
    patch(object, &[], &[])
}

fn patch(object: &Object, labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Option<Value> {
    let mut metadata = json!({});
    let mut changes = |field: &str, known: &[&str], wanted: &[(&str, &str)]| {
        for name in known {
            let wanted = wanted.iter().find(|(wanted, _)| wanted == name).map(|(_, value)| *value);
            if object.str(&["metadata", field, name]) != wanted {
                metadata[field][*name] = json!(wanted);
            }
        }
    };
    changes("labels", &CLAIM_LABELS, labels);
    changes("annotations", &CLAIM_ANNOTATIONS, annotations);
    (metadata != json!({})).then(|| json!({"metadata": metadata}))
}

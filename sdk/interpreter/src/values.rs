//! The values that go in and come out of interpreters. Their JSON is Karmada's.

use std::{borrow::Cow, collections::BTreeMap};

use outrigger_object::PodResources;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many replicas an object asks for, and what each of them needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaInfo {
    /// Desired replicas.
    pub replicas: i64,
    /// What one replica needs; `None` when nothing is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements: Option<ReplicaRequirements>,
}

/// What one replica needs of a cluster (`work.karmada.io/v1alpha2` ReplicaRequirements).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaRequirements {
    /// Where it can run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_claim: Option<NodeClaim>,
    /// Resource requests by name, as Kubernetes quantities.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_request: BTreeMap<String, String>,
    /// Namespace of the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Priority class of its pods.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub priority_class_name: String,
}

impl ReplicaRequirements {
    /// What a pod needs, in the form in which bindings carry it; `None` when it needs nothing in particular.
    /// Namespace and priority class are left empty: Karmada fills them only for quota estimation.
    pub fn of_pod(pod: PodResources) -> Option<Self> {
        let node_claim = pod.has_node_claim().then_some(NodeClaim {
            hard_node_affinity: pod.hard_node_affinity,
            node_selector: pod.node_selector,
            tolerations: pod.tolerations,
        });
        if node_claim.is_none() && pod.requests.is_empty() {
            return None;
        }
        let resource_request = pod.requests.into_iter().map(|(name, quantity)| (name, quantity.to_string())).collect();
        Some(Self { node_claim, resource_request, ..Self::default() })
    }
}

/// Constraints of a pod template on nodes; the values are the pod spec's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeClaim {
    /// `spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_node_affinity: Option<Value>,
    /// `spec.nodeSelector`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// `spec.tolerations`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Value>,
}

/// One part of an object that has several pod templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its name, unique in the object.
    pub name: String,
    /// Desired replicas.
    pub replicas: i64,
    /// What one replica needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_requirements: Option<ReplicaRequirements>,
}

/// What one cluster says of an object (`AggregatedStatusItem`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusItem {
    /// Name of the cluster.
    #[serde(default)]
    pub cluster_name: String,
    /// Status as the member's interpreter reflected it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
    /// Whether the object has been applied there.
    #[serde(default)]
    pub applied: bool,
    /// Why not, if not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub applied_message: String,
    /// Health there.
    #[serde(default)]
    pub health: Health,
}

/// Whether an object does what it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Health {
    /// It does.
    Healthy,
    /// It does not.
    Unhealthy,
    /// Not known, or not yet.
    #[default]
    Unknown,
}

/// Health with its reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// The verdict.
    pub health: Health,
    /// CamelCase word such as `Progressing` or `Degraded`; empty when there is nothing to add.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The rule of the interpreter that decided, where it has several: a machine-readable word or path.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub rule: Cow<'static, str>,
}

impl From<Health> for HealthReport {
    fn from(health: Health) -> Self {
        Self { health, ..Self::default() }
    }
}

/// An object that another one needs beside it (`DependentObjectReference`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name; empty when a selector is given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Selects several objects instead of naming one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
}

/// A label selector (`meta/v1` LabelSelector).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements, all of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One requirement of a label selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LabelSelectorRequirement {
    /// Label name.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A field, and what is written there for one cluster. It has one of `value`, `cel` and `remove`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assignment {
    /// JSONPath of the field, for one place. Objects on the way to it are made; items of lists are not.
    pub path: String,
    /// The value, where it is the same in all clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// CEL over `object`, as the entries before left it, `cluster` (see [`ClusterFacts`], and `zone`, the first of
    /// its zones) and `config`, the addon's configuration; `null` leaves the field alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cel: Option<String>,
    /// Removes the field.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove: bool,
    /// CEL over the same: whether the entry counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// What an interpreter may know of the cluster that an object goes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFacts {
    /// Name of the cluster.
    pub name: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Cloud provider, or empty.
    #[serde(default)]
    pub provider: String,
    /// Region, or empty.
    #[serde(default)]
    pub region: String,
    /// Zones.
    #[serde(default)]
    pub zones: Vec<String>,
}

/// How objects of a kind live on members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LifeCycle {
    /// Kept as the template says.
    #[default]
    Declarative,
    /// Created once per placement. After it has started it is never rewritten, and never created
    /// again when the member removes it.
    RunOnce,
    /// A short-lived question that the member answers and deletes.
    Request,
    /// Made by the member; only observed.
    MemberOwned,
}

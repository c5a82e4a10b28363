//! `PropagationPolicy` and `ClusterPropagationPolicy`: what is propagated, and under which rules.
//!
//! Both kinds share [`PropagationSpec`]; the first reaches templates in its own namespace, the second
//! cluster-scoped templates and every namespace that Karmada does not reserve.

use super::{FailoverBehavior, Placement};
use crate::definition::{Column, api_kind};
use crate::{omit, schema};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

api_kind! {
    /// Propagates templates of its own namespace to member clusters.
    PropagationPolicy: "policy.karmada.io" / "v1alpha1" "propagationpolicies" "propagationpolicy" ["pp"] NamespaceResourceScope
    columns: POLICY_COLUMNS;
    required {
        /// What to propagate, and where.
        spec: PropagationSpec,
    }
    optional {}
}

api_kind! {
    /// Propagates cluster-scoped templates and templates of any namespace that is not reserved.
    ClusterPropagationPolicy: "policy.karmada.io" / "v1alpha1" "clusterpropagationpolicies" "clusterpropagationpolicy" ["cpp"] ClusterResourceScope
    columns: POLICY_COLUMNS;
    required {
        /// What to propagate, and where.
        spec: PropagationSpec,
    }
    optional {}
}

const POLICY_COLUMNS: &[Column] = &[
    Column::string("CONFLICT-RESOLUTION", ".spec.conflictResolution"),
    Column::string("PRIORITY", ".spec.priority"),
    Column::age("AGE"),
];

/// What a policy propagates, and under which rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PropagationSpec {
    /// Templates that the policy claims; at least one selector.
    #[schemars(extend("minItems" = 1))]
    pub resource_selectors: Vec<ResourceSelector>,
    /// Older spelling of `propagateDeps`, without effect.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub association: bool,
    /// Also propagates what the templates depend on, such as ConfigMaps and Secrets.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub propagate_deps: bool,
    /// Where the templates go.
    #[serde(default)]
    pub placement: Placement,
    /// Among policies that match a template the highest wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0))]
    pub priority: Option<i32>,
    /// Whether the policy may take templates from policies of lower priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Never"))]
    pub preemption: Option<PreemptionBehavior>,
    /// Override policies that must exist before anything is propagated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependent_overrides: Vec<String>,
    /// The scheduler that places the templates.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("default" = "default-scheduler"))]
    pub scheduler_name: String,
    /// What happens when a cluster or an application fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverBehavior>,
    /// What to do about an object that a member already has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Abort"))]
    pub conflict_resolution: Option<ConflictResolution>,
    /// When changes of the policy take effect; absent means at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_preference: Option<ActivationPreference>,
    /// Holds propagation back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Leaves members' objects in place when the template is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
    /// Order in the scheduler's queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_priority: Option<SchedulePriority>,
}

/// Selects templates by kind, then by name or labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSelector {
    /// API version of the templates.
    pub api_version: String,
    /// Kind of the templates.
    pub kind: String,
    /// Namespace; a namespaced policy defaults it to its own, a cluster policy reads empty as all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// One template by name; then labels are not read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Labels of the templates; read when `name` is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::LabelSelectorSchema>")]
    pub label_selector: Option<LabelSelector>,
}

/// Whether a policy may take templates that another one holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PreemptionBehavior {
    /// Takes templates from policies of lower priority.
    Always,
    /// Leaves claimed templates where they are.
    #[default]
    Never,
}

impl PreemptionBehavior {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Never => "Never",
        }
    }
}

impl std::fmt::Display for PreemptionBehavior {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to do when a member already has the object and Karmada does not manage it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConflictResolution {
    /// Leave it, and report the conflict.
    #[default]
    Abort,
    /// Take it over and write the template's content.
    Overwrite,
}

impl ConflictResolution {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "Abort",
            Self::Overwrite => "Overwrite",
        }
    }
}

impl std::fmt::Display for ConflictResolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a changed policy reaches the templates it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ActivationPreference {
    /// With the next change of the template.
    Lazy,
}

impl ActivationPreference {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lazy => "Lazy",
        }
    }
}

impl std::fmt::Display for ActivationPreference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Parts of propagation that are held back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspension {
    /// Stops writing to all clusters; excludes `dispatchingOnClusters`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatching: Option<bool>,
    /// Stops writing to the named clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatching_on_clusters: Option<SuspendClusters>,
}

/// A list of clusters by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuspendClusters {
    /// Names of the clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_names: Vec<String>,
}

/// Takes the scheduling priority from a priority class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePriority {
    /// Kind of the class.
    #[schemars(extend("enum" = ["KubePriorityClass"]))]
    pub priority_class_source: PriorityClassSource,
    /// Name of the class.
    pub priority_class_name: String,
}

/// Where a priority class is looked up. The CRD accepts `KubePriorityClass` alone so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PriorityClassSource {
    /// A `PriorityClass` of `scheduling.k8s.io/v1` in the control plane.
    #[default]
    KubePriorityClass,
    /// The class that the template's pods name.
    PodPriorityClass,
    /// A federated class.
    FederatedPriorityClass,
}

impl PriorityClassSource {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KubePriorityClass => "KubePriorityClass",
            Self::PodPriorityClass => "PodPriorityClass",
            Self::FederatedPriorityClass => "FederatedPriorityClass",
        }
    }
}

impl std::fmt::Display for PriorityClassSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

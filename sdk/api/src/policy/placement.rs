//! Placement: which clusters may hold an object and how its replicas are shared among them.
//!
//! The same [`Placement`] sits in a policy's spec and, copied by the detector, in a binding's spec.

use crate::{omit, schema};
use k8s_openapi::api::core::v1::NodeSelectorRequirement;
use k8s_openapi::api::core::v1::Toleration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which clusters may be chosen, and how replicas divide among the chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// One group of candidate clusters. Set at most one of this and `clusterAffinities`; neither means all clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_affinity: Option<ClusterAffinity>,
    /// Groups tried in order until one can hold the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_affinities: Vec<ClusterAffinityTerm>,
    /// Taints of clusters that the object puts up with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schema::TolerationSchema>")]
    pub cluster_tolerations: Vec<Toleration>,
    /// How widely the chosen clusters must be spread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread_constraints: Vec<SpreadConstraint>,
    /// How replicas are given to the chosen clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_scheduling: Option<ReplicaSchedulingStrategy>,
    /// Puts workloads of one group into the same clusters, or keeps them apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_affinity: Option<WorkloadAffinity>,
}

/// Selects clusters. All set conditions must hold; an empty value selects every cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAffinity {
    /// Labels that a cluster must carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::LabelSelectorSchema>")]
    pub label_selector: Option<LabelSelector>,
    /// Conditions on a cluster's provider, region and zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_selector: Option<FieldSelector>,
    /// Clusters to choose from by name; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_names: Vec<String>,
    /// Clusters that are never chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// Conditions on fields of a cluster. Keys: `provider`, `region`, `zone`; operators: `In`, `NotIn`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldSelector {
    /// Conditions, all of which must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schema::NodeSelectorRequirementSchema>")]
    pub match_expressions: Vec<NodeSelectorRequirement>,
}

/// A named group of candidate clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAffinityTerm {
    /// Name of the group, recorded in the binding's status.
    #[schemars(extend("minLength" = 1, "maxLength" = 32))]
    pub affinity_name: String,
    /// The clusters in the group.
    #[serde(flatten)]
    pub affinity: ClusterAffinity,
    /// Further clusters, added tier by tier when the group has too little room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overflow_affinities: Vec<OverflowClusterAffinity>,
}

/// One tier of further clusters behind a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverflowClusterAffinity {
    /// Name of the tier.
    #[schemars(extend("minLength" = 1, "maxLength" = 32))]
    pub affinity_name: String,
    /// The clusters in the tier.
    #[serde(flatten)]
    pub affinity: ClusterAffinity,
}

/// A cluster field by which groups are formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SpreadField {
    /// Each cluster is a group.
    #[serde(rename = "cluster")]
    Cluster,
    /// Clusters with the same `spec.region`.
    #[serde(rename = "region")]
    Region,
    /// Clusters with a common zone.
    #[serde(rename = "zone")]
    Zone,
    /// Clusters with the same `spec.provider`.
    #[serde(rename = "provider")]
    Provider,
}

impl SpreadField {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Region => "region",
            Self::Zone => "zone",
            Self::Provider => "provider",
        }
    }
}

impl std::fmt::Display for SpreadField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Bounds on the number of groups that the chosen clusters fall into.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpreadConstraint {
    /// Groups by a cluster field; excludes `spreadByLabel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_by_field: Option<SpreadField>,
    /// Groups by the value of a cluster label; excludes `spreadByField`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub spread_by_label: String,
    /// Most groups to choose; 0 means no bound.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    #[schemars(with = "schema::IntegerSchema")]
    pub max_groups: i64,
    /// Fewest groups to choose; 0 counts as 1.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    #[schemars(with = "schema::IntegerSchema")]
    pub min_groups: i64,
}

/// Whether clusters get all replicas or a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ReplicaSchedulingType {
    /// Every chosen cluster runs the template's own count.
    Duplicated,
    /// The count is divided among the chosen clusters.
    #[default]
    Divided,
}

impl ReplicaSchedulingType {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duplicated => "Duplicated",
            Self::Divided => "Divided",
        }
    }
}

impl std::fmt::Display for ReplicaSchedulingType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How divided replicas are spread out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ReplicaDivisionPreference {
    /// Onto as few clusters as have the room.
    Aggregated,
    /// By weight, see [`ClusterPreferences`].
    Weighted,
}

impl ReplicaDivisionPreference {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aggregated => "Aggregated",
            Self::Weighted => "Weighted",
        }
    }
}

impl std::fmt::Display for ReplicaDivisionPreference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the template's replicas are given to the chosen clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaSchedulingStrategy {
    /// Duplicated or Divided; the server sets Divided when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Divided"))]
    pub replica_scheduling_type: Option<ReplicaSchedulingType>,
    /// How to divide; read only with Divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_division_preference: Option<ReplicaDivisionPreference>,
    /// Weights for Weighted; absent means equal weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_preference: Option<ClusterPreferences>,
}

/// Weights of clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPreferences {
    /// Fixed weights; ignored when `dynamicWeight` is set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub static_weight_list: Vec<StaticClusterWeight>,
    /// What weights are computed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_weight: Option<DynamicWeightFactor>,
}

/// A weight for the clusters that a selector matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticClusterWeight {
    /// The clusters meant.
    pub target_cluster: ClusterAffinity,
    /// Their weight, at least 1.
    #[schemars(extend("minimum" = 1))]
    pub weight: i64,
}

/// A source of computed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DynamicWeightFactor {
    /// The number of replicas a cluster still has room for.
    AvailableReplicas,
}

impl DynamicWeightFactor {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AvailableReplicas => "AvailableReplicas",
        }
    }
}

impl std::fmt::Display for DynamicWeightFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Relations between workloads of one namespace, by label value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadAffinity {
    /// Workloads with the same label value share clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<WorkloadAffinityTerm>,
    /// Workloads with the same label value use different clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_affinity: Option<WorkloadAntiAffinityTerm>,
}

/// Names the label that forms groups of workloads to hold together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadAffinityTerm {
    /// Label key on the template.
    pub group_by_label_key: String,
}

/// Names the label that forms groups of workloads to keep apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadAntiAffinityTerm {
    /// Label key on the template.
    pub group_by_label_key: String,
}

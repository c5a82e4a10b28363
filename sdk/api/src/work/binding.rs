//! `ResourceBinding` and `ClusterResourceBinding`: one template, its policy's rules, and the clusters chosen for it.
//!
//! The detector writes the spec, the scheduler fills in `spec.clusters`, and status comes back in
//! `status.aggregatedStatus`.

use super::{BindingSuspension, Component, GracefulEvictionTask, ReplicaRequirements, ResourceHealth};
use crate::RawExtension;
use crate::definition::{Column, api_kind};
use crate::policy::{ConflictResolution, FailoverBehavior, Placement};
use crate::{omit, schema};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

api_kind! {
    /// Binds a namespaced template to clusters.
    ResourceBinding: "work.karmada.io" / "v1alpha2" "resourcebindings" "resourcebinding" ["rb"] NamespaceResourceScope
    columns: BINDING_COLUMNS;
    required {
        /// The template, its rules, and the chosen clusters.
        spec: ResourceBindingSpec,
    }
    optional {
        /// Scheduling state, and status from the clusters.
        status: ResourceBindingStatus,
    }
}

api_kind! {
    /// Binds a cluster-scoped template to clusters.
    ClusterResourceBinding: "work.karmada.io" / "v1alpha2" "clusterresourcebindings" "clusterresourcebinding" ["crb"] ClusterResourceScope
    columns: BINDING_COLUMNS;
    required {
        /// The template, its rules, and the chosen clusters.
        spec: ResourceBindingSpec,
    }
    optional {
        /// Scheduling state, and status from the clusters.
        status: ResourceBindingStatus,
    }
}

const BINDING_COLUMNS: &[Column] = &[
    Column::string("SCHEDULED", r#".status.conditions[?(@.type=="Scheduled")].status"#),
    Column::string("FULLYAPPLIED", r#".status.conditions[?(@.type=="FullyApplied")].status"#),
    Column::age("AGE"),
];

/// A template, its policy's rules, and the clusters chosen for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceBindingSpec {
    /// The template.
    pub resource: ObjectReference,
    /// Also propagates what the template depends on.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub propagate_deps: bool,
    /// What one replica needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_requirements: Option<ReplicaRequirements>,
    /// Replicas that the template asks for.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub replicas: i32,
    /// Parts of a template that has several kinds of pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// Clusters chosen by the scheduler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<TargetCluster>,
    /// The policy's placement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Evictions under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub graceful_eviction_tasks: Vec<GracefulEvictionTask>,
    /// Bindings that need this template as a dependency, with their clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_by: Vec<BindingSnapshot>,
    /// The scheduler that places the template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scheduler_name: String,
    /// The policy's failover rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverBehavior>,
    /// The policy's rule for objects that a member already has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Abort"))]
    pub conflict_resolution: Option<ConflictResolution>,
    /// Asks for fresh scheduling when later than `status.lastScheduledTime`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::TimeSchema>")]
    pub reschedule_triggered_at: Option<Time>,
    /// Parts that are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspension: Option<BindingSuspension>,
    /// Leaves members' objects in place when the binding is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
    /// Order in the scheduler's queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_priority: Option<SchedulePriority>,
    /// Groups of workloads to which the template belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_affinity_groups: Option<WorkloadAffinityGroups>,
}

/// Names the template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// API version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster scope.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Resource version that was last bound.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
}

/// A chosen cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetCluster {
    /// Name of the cluster.
    pub name: String,
    /// Replicas given to the cluster; 0 means not divided.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub replicas: i32,
    /// Replicas by component.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<TargetComponent>,
}

/// A component's replicas in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetComponent {
    /// Name of the component.
    pub name: String,
    /// Its replicas.
    pub replicas: i32,
}

/// A binding that needs this one, and its clusters when last seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BindingSnapshot {
    /// Namespace of that binding; empty for cluster scope.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name of that binding.
    pub name: String,
    /// Its clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<TargetCluster>,
}

/// Order in the scheduler's queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePriority {
    /// Value of the priority class; higher goes first.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    #[schemars(extend("default" = 0))]
    pub priority: i32,
}

/// Groups of workloads, each written `key=value` from the template's label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadAffinityGroups {
    /// Group to share clusters with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub affinity_group: String,
    /// Group to stay apart from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub anti_affinity_group: String,
}

/// Scheduling state, and status from the clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceBindingStatus {
    /// Generation of the binding that was last scheduled.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub scheduler_observed_generation: i64,
    /// Affinity group that the last scheduling used.
    #[serde(rename = "schedulerObservingAffinityName", default, skip_serializing_if = "String::is_empty")]
    pub scheduler_observed_affinity_name: String,
    /// Time of the last scheduling that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::TimeSchema>")]
    pub last_scheduled_time: Option<Time>,
    /// Conditions: Scheduled, FullyApplied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schema::ConditionSchema>")]
    pub conditions: Vec<Condition>,
    /// Status per cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<AggregatedStatusItem>,
}

/// The template's status in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AggregatedStatusItem {
    /// Name of the cluster.
    pub cluster_name: String,
    /// Status as the interpreter reflected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RawExtension>,
    /// Whether the manifest was applied.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub applied: bool,
    /// Why it was not applied.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub applied_message: String,
    /// Health as the interpreter judged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<ResourceHealth>,
}

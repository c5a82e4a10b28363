//! Reasons of events. `kubectl get events` and alerts filter by them.
//!
//! They are grouped by the object that the event is about.

// Cluster
/// The execution space could not be created.
pub const CREATE_EXECUTION_SPACE_FAILED: &str = "CreateExecutionSpaceFailed";
/// The execution space was created.
pub const CREATE_EXECUTION_SPACE_SUCCEED: &str = "CreateExecutionSpaceSucceed";
/// The execution space could not be removed.
pub const REMOVE_EXECUTION_SPACE_FAILED: &str = "RemoveExecutionSpaceFailed";
/// The execution space was removed.
pub const REMOVE_EXECUTION_SPACE_SUCCEED: &str = "RemoveExecutionSpaceSucceed";
/// Taints could not be written.
pub const TAINT_CLUSTER_FAILED: &str = "TaintClusterFailed";
/// Taints were written.
pub const TAINT_CLUSTER_SUCCEED: &str = "TaintClusterSucceed";
/// Impersonation rules were written to the member.
pub const SYNC_IMPERSONATION_CONFIG_SUCCEED: &str = "SyncImpersonationConfigSucceed";
/// Impersonation rules could not be written to the member.
pub const SYNC_IMPERSONATION_CONFIG_FAILED: &str = "SyncImpersonationConfigFailed";

// Work and its objects
/// Status was reflected.
pub const REFLECT_STATUS_SUCCEED: &str = "ReflectStatusSucceed";
/// Status could not be reflected.
pub const REFLECT_STATUS_FAILED: &str = "ReflectStatusFailed";
/// Health was judged.
pub const INTERPRET_HEALTH_SUCCEED: &str = "InterpretHealthSucceed";
/// Health could not be judged.
pub const INTERPRET_HEALTH_FAILED: &str = "InterpretHealthFailed";
/// A manifest could not be applied.
pub const SYNC_FAILED: &str = "SyncFailed";
/// A manifest was applied.
pub const SYNC_SUCCEED: &str = "SyncSucceed";
/// Dispatching began or was suspended.
pub const WORK_DISPATCHING: &str = "WorkDispatching";

// Bindings and their templates
/// Works could not be removed.
pub const CLEANUP_WORK_FAILED: &str = "CleanupWorkFailed";
/// Attached bindings have the schedule.
pub const SYNC_SCHEDULE_RESULT_TO_DEPENDENCIES_SUCCEED: &str = "SyncScheduleResultToDependenciesSucceed";
/// Attached bindings could not be given the schedule.
pub const SYNC_SCHEDULE_RESULT_TO_DEPENDENCIES_FAILED: &str = "SyncScheduleResultToDependenciesFailed";
/// A dependency is also claimed by a policy with other rules.
pub const DEPENDENCY_POLICY_CONFLICT: &str = "DependencyPolicyConflict";
/// Works could not be written.
pub const SYNC_WORK_FAILED: &str = "SyncWorkFailed";
/// Works were written.
pub const SYNC_WORK_SUCCEED: &str = "SyncWorkSucceed";
/// Status could not be aggregated.
pub const AGGREGATE_STATUS_FAILED: &str = "AggregateStatusFailed";
/// Status was aggregated.
pub const AGGREGATE_STATUS_SUCCEED: &str = "AggregateStatusSucceed";
/// Scheduling failed.
pub const SCHEDULE_BINDING_FAILED: &str = "ScheduleBindingFailed";
/// Clusters were chosen.
pub const SCHEDULE_BINDING_SUCCEED: &str = "ScheduleBindingSucceed";
/// Descheduling failed.
pub const DESCHEDULE_BINDING_FAILED: &str = "DescheduleBindingFailed";
/// Replicas were taken back.
pub const DESCHEDULE_BINDING_SUCCEED: &str = "DescheduleBindingSucceed";
/// An eviction task was made.
pub const EVICT_WORKLOAD_FROM_CLUSTER_SUCCEED: &str = "EvictWorkloadFromClusterSucceed";
/// An eviction task could not be made.
pub const EVICT_WORKLOAD_FROM_CLUSTER_FAILED: &str = "EvictWorkloadFromClusterFailed";

// FederatedResourceQuota
/// Usage could not be added up.
pub const COLLECT_OVERALL_STATUS_FAILED: &str = "CollectOverallStatusFailed";
/// Usage was added up.
pub const COLLECT_OVERALL_STATUS_SUCCEED: &str = "CollectOverallStatusSucceed";

// Templates
/// The policy could not be applied.
pub const APPLY_POLICY_FAILED: &str = "ApplyPolicyFailed";
/// The policy was applied.
pub const APPLY_POLICY_SUCCEED: &str = "ApplyPolicySucceed";
/// Overrides failed.
pub const APPLY_OVERRIDE_POLICY_FAILED: &str = "ApplyOverridePolicyFailed";
/// Overrides were applied.
pub const APPLY_OVERRIDE_POLICY_SUCCEED: &str = "ApplyOverridePolicySucceed";
/// Dependencies were read.
pub const GET_DEPENDENCIES_SUCCEED: &str = "GetDependenciesSucceed";
/// Dependencies could not be read.
pub const GET_DEPENDENCIES_FAILED: &str = "GetDependenciesFailed";
/// Components were read.
pub const GET_COMPONENTS_SUCCEED: &str = "GetComponentsSucceed";
/// Components could not be read.
pub const GET_COMPONENTS_FAILED: &str = "GetComponentsFailed";
/// Replicas were read.
pub const GET_REPLICAS_SUCCEED: &str = "GetReplicasSucceed";
/// Replicas could not be read.
pub const GET_REPLICAS_FAILED: &str = "GetReplicasFailed";
/// A policy of higher priority took the template.
pub const PREEMPT_POLICY_SUCCEED: &str = "PreemptPolicySucceed";
/// A policy of higher priority could not take the template.
pub const PREEMPT_POLICY_FAILED: &str = "PreemptPolicyFailed";

// ServiceImport and MultiClusterService
/// The derived Service was written.
pub const SYNC_DERIVED_SERVICE_SUCCEED: &str = "SyncDerivedServiceSucceed";
/// The derived Service could not be written.
pub const SYNC_DERIVED_SERVICE_FAILED: &str = "SyncDerivedServiceFailed";
/// EndpointSlices could not be dispatched.
pub const DISPATCH_ENDPOINT_SLICE_FAILED: &str = "DispatchEndpointSliceFailed";
/// EndpointSlices were dispatched.
pub const DISPATCH_ENDPOINT_SLICE_SUCCEED: &str = "DispatchEndpointSliceSucceed";
/// A named cluster does not exist.
pub const CLUSTER_NOT_FOUND: &str = "ClusterNotFound";
/// A cluster lacks a needed API.
pub const API_INCOMPATIBLE: &str = "APIIncompatible";

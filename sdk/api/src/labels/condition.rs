//! Condition types and the reasons that go with them.

/// Of a Cluster: healthy and able to take work; set by the cluster status controller.
pub const CLUSTER_READY: &str = "Ready";
/// Of a Cluster: `status.apiEnablements` holds every API of the cluster; set by the cluster status
/// controller.
pub const CLUSTER_COMPLETE_API_ENABLEMENTS: &str = "CompleteAPIEnablements";

/// Of a Work: every manifest was applied; set by the execution controller.
pub const WORK_APPLIED: &str = "Applied";
/// Of a Work: manifests are being applied. Declared by Karmada, set by nothing.
pub const WORK_PROGRESSING: &str = "Progressing";
/// Of a Work: every manifest exists in the member. Declared by Karmada, set by nothing.
pub const WORK_AVAILABLE: &str = "Available";
/// Of a Work: the member differs from the manifests. Declared by Karmada, set by nothing.
pub const WORK_DEGRADED: &str = "Degraded";
/// Of a Work: it is written to the member; False while suspended. Set by the execution controller.
pub const WORK_DISPATCHING: &str = "Dispatching";

/// Of a binding: clusters were chosen; set by the scheduler.
pub const BINDING_SCHEDULED: &str = "Scheduled";
/// Of a binding: every chosen cluster has it applied; set by the binding status controller.
pub const BINDING_FULLY_APPLIED: &str = "FullyApplied";

/// Reasons for the conditions.
pub mod reason {
    /// Ready is True.
    pub const CLUSTER_READY: &str = "ClusterReady";
    /// Ready is False: the cluster answers, and says that it is not healthy.
    pub const CLUSTER_NOT_READY: &str = "ClusterNotReady";
    /// Ready is False: the cluster does not answer.
    pub const CLUSTER_NOT_REACHABLE: &str = "ClusterNotReachable";
    /// Ready is False: status could not be collected.
    pub const STATUS_COLLECTION_FAILED: &str = "StatusCollectionFailed";
    /// Ready is Unknown: no status has come since the cluster joined.
    pub const CLUSTER_STATUS_NEVER_UPDATED: &str = "ClusterStatusNeverUpdated";
    /// Ready is Unknown: no status has come for longer than the grace period.
    pub const CLUSTER_STATUS_UNKNOWN: &str = "ClusterStatusUnknown";
    /// CompleteAPIEnablements is True.
    pub const API_ENABLEMENTS_COMPLETE: &str = "Complete";
    /// CompleteAPIEnablements is False: some groups could not be discovered.
    pub const API_ENABLEMENTS_PARTIAL: &str = "Partial";
    /// CompleteAPIEnablements is False: discovery gave nothing.
    pub const API_ENABLEMENTS_EMPTY: &str = "Empty";

    /// Applied is True.
    pub const APPLIED_SUCCESSFUL: &str = "AppliedSuccessful";
    /// Applied is False.
    pub const APPLIED_FAILED: &str = "AppliedFailed";
    /// Dispatching is True.
    pub const DISPATCHING: &str = "Dispatching";
    /// Dispatching is False.
    pub const SUSPEND_DISPATCHING: &str = "SuspendDispatching";

    /// Scheduled is True.
    pub const SUCCESS: &str = "Success";
    /// Scheduled is False: the scheduler failed.
    pub const SCHEDULER_ERROR: &str = "SchedulerError";
    /// Scheduled is False: no cluster passed the filters.
    pub const NO_CLUSTER_FIT: &str = "NoClusterFit";
    /// Scheduled is False: the clusters that passed have too little room.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// Scheduled is False: a federated quota is used up.
    pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
    /// FullyApplied is True.
    pub const FULLY_APPLIED_SUCCESS: &str = "FullyAppliedSuccess";
    /// FullyApplied is False.
    pub const FULLY_APPLIED_FAILED: &str = "FullyAppliedFailed";
}

//! Taints of clusters.

/// Effect: nothing new is placed.
pub const NO_SCHEDULE: &str = "NoSchedule";
/// Effect: new objects go elsewhere if they can.
pub const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";
/// Effect: what is there and does not tolerate it leaves.
pub const NO_EXECUTE: &str = "NoExecute";

/// Cordoned, with `NoSchedule`; set and removed by `cordon` and `uncordon`.
pub const UNSCHEDULABLE: &str = "cluster.karmada.io/unschedulable";
/// The Ready condition is False, with `NoSchedule`; set and removed by the cluster controller.
pub const NOT_READY: &str = "cluster.karmada.io/not-ready";
/// The Ready condition is Unknown, with `NoSchedule`; set and removed by the cluster controller.
pub const UNREACHABLE: &str = "cluster.karmada.io/unreachable";

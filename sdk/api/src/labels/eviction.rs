//! Reasons and producers of [`crate::work::GracefulEvictionTask`]s.

/// Reason: the object does not tolerate a taint of the cluster, or has tolerated it long enough.
pub const TAINT_UNTOLERATED: &str = "TaintUntolerated";
/// Reason: the application stayed unhealthy for longer than its failover rules allow.
pub const APPLICATION_FAILURE: &str = "ApplicationFailure";
/// Producer: the taint manager. Other producers name their controller.
pub const TAINT_MANAGER: &str = "TaintManager";

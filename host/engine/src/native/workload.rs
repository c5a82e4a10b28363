//! Replicas of workloads: how many, what each needs, and writing another number.

use outrigger_interpreter::{ReplicaInfo, ReplicaRequirements};
use outrigger_object::{Cursor, Object, PodResources};

use super::{POD, Path, Result, TEMPLATE};

/// What the pod spec at a path needs.
pub(crate) fn requirements(root: &Cursor, path: Path) -> Result<Option<ReplicaRequirements>> {
    Ok(ReplicaRequirements::of_pod(PodResources::of_spec(&root.at(path)?)?))
}

/// `spec.replicas`, 0 when it is not set: an API server would have defaulted it.
pub fn replicas(object: &Object) -> Result<ReplicaInfo> {
    let root = object.cursor();
    let replicas = root.int(&["spec", "replicas"])?.unwrap_or_default();
    Ok(ReplicaInfo { replicas, requirements: requirements(&root, TEMPLATE)? })
}

/// `spec.parallelism`, but never more than there are completions.
pub fn job_replicas(object: &Object) -> Result<ReplicaInfo> {
    let root = object.cursor();
    let parallelism = root.int(&["spec", "parallelism"])?.unwrap_or_default();
    let completions = root.int(&["spec", "completions"])?.unwrap_or(parallelism);
    Ok(ReplicaInfo { replicas: parallelism.min(completions), requirements: requirements(&root, TEMPLATE)? })
}

/// A Pod is one replica.
pub fn pod_replicas(object: &Object) -> Result<ReplicaInfo> {
    Ok(ReplicaInfo { replicas: 1, requirements: requirements(&object.cursor(), POD)? })
}

/// Writes a number of replicas where the object has one already; one that has none is left alone.
pub fn revise(mut object: Object, path: Path, replicas: i64) -> Result<Object> {
    if object.cursor().int(path)?.is_some() {
        object.set(path, replicas);
    }
    Ok(object)
}

//! When a native object does what it is for.
//!
//! A workload is healthy when its controller has seen the latest spec, has updated as many pods as are
//! wanted, and all updated pods are available.

use outrigger_interpreter::{Health, HealthReport};
use outrigger_object::{Cursor, Object};

use super::Result;

fn healthy() -> HealthReport {
    Health::Healthy.into()
}

fn unhealthy(reason: &str, message: String) -> HealthReport {
    HealthReport { health: Health::Unhealthy, reason: reason.to_owned(), message, ..HealthReport::default() }
}

/// `Some` when the controller has not seen the latest spec yet.
fn stale(root: &Cursor) -> Result<Option<HealthReport>> {
    let generation = root.int(&["metadata", "generation"])?.unwrap_or_default();
    let observed = root.int(&["status", "observedGeneration"])?.unwrap_or_default();
    Ok((observed != generation).then(|| {
        unhealthy("Progressing", format!("generation {generation} is waiting, {observed} was the last one observed"))
    }))
}

/// `Some` when fewer than wanted have come so far.
fn too_few(have: i64, want: i64, what: &str) -> Option<HealthReport> {
    (have < want).then(|| unhealthy("Progressing", format!("{have} of {want} {what}")))
}

fn status(root: &Cursor, field: &str) -> Result<i64> {
    Ok(root.int(&["status", field])?.unwrap_or_default())
}

fn rollout(root: &Cursor) -> Result<HealthReport> {
    let updated = status(root, "updatedReplicas")?;
    let wanted = root.int(&["spec", "replicas"])?;
    let available = status(root, "availableReplicas")?;
    Ok(stale(root)?
        .or_else(|| too_few(updated, wanted?, "replicas are updated"))
        .or_else(|| too_few(available, updated, "updated replicas are available"))
        .unwrap_or_else(healthy))
}

/// Latest spec seen, all replicas updated, all updated ones available.
pub fn deployment(object: &Object) -> Result<HealthReport> {
    rollout(&object.cursor())
}

/// As for a Deployment.
pub fn stateful_set(object: &Object) -> Result<HealthReport> {
    rollout(&object.cursor())
}

/// Latest spec seen, all replicas available.
pub fn replica_set(object: &Object) -> Result<HealthReport> {
    let root = object.cursor();
    let wanted = root.int(&["spec", "replicas"])?;
    let available = status(&root, "availableReplicas")?;
    Ok(stale(&root)?.or_else(|| too_few(available, wanted?, "replicas are available")).unwrap_or_else(healthy))
}

/// Latest spec seen, all nodes have the updated pod, all updated pods are available.
pub fn daemon_set(object: &Object) -> Result<HealthReport> {
    let root = object.cursor();
    let desired = status(&root, "desiredNumberScheduled")?;
    let updated = status(&root, "updatedNumberScheduled")?;
    let available = status(&root, "numberAvailable")?;
    Ok(stale(&root)?
        .or_else(|| too_few(updated, desired, "nodes run the updated pod"))
        .or_else(|| too_few(available, updated, "updated pods are available"))
        .unwrap_or_else(healthy))
}

fn has_address(root: &Cursor) -> Result<bool> {
    let balancer = root.at(&["status", "loadBalancer"])?;
    for ingress in balancer.items(&["ingress"])? {
        let named =
            |field| Ok::<_, outrigger_object::Error>(ingress.str(&[field])?.is_some_and(|text| !text.is_empty()));
        if named("hostname")? || named("ip")? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn addressed(root: &Cursor) -> Result<HealthReport> {
    Ok(if has_address(root)? {
        healthy()
    } else {
        unhealthy("Progressing", "the load balancer has no address yet".to_owned())
    })
}

/// A Service of type LoadBalancer has an address; any other is healthy.
pub fn service(object: &Object) -> Result<HealthReport> {
    let root = object.cursor();
    if root.str(&["spec", "type"])? == Some("LoadBalancer") { addressed(&root) } else { Ok(healthy()) }
}

/// It has an address.
pub fn ingress(object: &Object) -> Result<HealthReport> {
    addressed(&object.cursor())
}

/// It is bound.
pub fn volume_claim(object: &Object) -> Result<HealthReport> {
    let phase = object.cursor().str(&["status", "phase"])?.unwrap_or_default();
    Ok(match phase {
        "Bound" => healthy(),
        "Lost" => unhealthy("Degraded", "the claim has lost its volume".to_owned()),
        _ => unhealthy("Progressing", "the claim is not bound".to_owned()),
    })
}

/// It has succeeded, or runs and is ready.
pub fn pod(object: &Object) -> Result<HealthReport> {
    let root = object.cursor();
    let phase = root.str(&["status", "phase"])?.unwrap_or_default();
    let status = root.at(&["status"])?;
    let mut ready = false;
    for condition in status.items(&["conditions"])? {
        if condition.str(&["type"])? == Some("Ready") {
            ready = condition.str(&["status"])? == Some("True");
            break;
        }
    }
    Ok(match phase {
        "Succeeded" => healthy(),
        "Running" if ready => healthy(),
        "Failed" => unhealthy("Degraded", "the pod has failed".to_owned()),
        "Running" => unhealthy("Progressing", "the pod is not ready".to_owned()),
        _ => unhealthy("Progressing", "the pod does not run yet".to_owned()),
    })
}

/// As many pods are healthy as should be.
pub fn disruption_budget(object: &Object) -> Result<HealthReport> {
    let root = object.cursor();
    let (current, desired) = (status(&root, "currentHealthy")?, status(&root, "desiredHealthy")?);
    Ok(too_few(current, desired, "pods are healthy").unwrap_or_else(healthy))
}

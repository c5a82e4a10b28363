//! Velero's Restore controller.

use jiff::Timestamp;
use outrigger_object::Object;
use serde_json::{Value, json};

use super::{Failure, Step, backup::seconds, world::World};

const FINALIZER: &str = "restores.velero.io/external-resources-finalizer";
/// Resources that Velero never restores; it adds them to every Restore.
const NEVER_RESTORED: [&str; 10] = [
    "nodes",
    "events",
    "events.events.k8s.io",
    "backups.velero.io",
    "restores.velero.io",
    "resticrepositories.velero.io",
    "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
    "backuprepositories.velero.io",
    "clusterserviceversions.operators.coreos.com",
];

pub(super) fn next(restore: &Object, world: &World, now: Timestamp) -> Option<Step> {
    let finalizers: Vec<&str> = restore.finalizers().collect();
    if restore.is_deleting() {
        let rest: Vec<&str> = finalizers.iter().copied().filter(|name| *name != FINALIZER).collect();
        return (rest.len() < finalizers.len())
            .then(|| Step { patch: json!({ "metadata": { "finalizers": rest } }), to_status: false });
    }
    if !finalizers.contains(&FINALIZER) {
        let all: Vec<&str> = finalizers.into_iter().chain([FINALIZER]).collect();
        return Step::main(json!({ "metadata": { "finalizers": all } }));
    }
    match restore.str(&["status", "phase"]).unwrap_or_default() {
        "" | "New" => start(restore, world, now),
        "InProgress" => progress(restore, world, now),
        "WaitingForPluginOperations" => Step::main(json!({ "status": { "phase": "Finalizing" } })),
        "WaitingForPluginOperationsPartiallyFailed" => {
            Step::main(json!({ "status": { "phase": "FinalizingPartiallyFailed" } }))
        }
        "Finalizing" => end("Completed", now),
        "FinalizingPartiallyFailed" => end("PartiallyFailed", now),
        _ => None,
    }
}

fn end(phase: &str, now: Timestamp) -> Option<Step> {
    Step::main(json!({ "status": { "phase": phase, "completionTimestamp": seconds(now) } }))
}

fn start(restore: &Object, world: &World, now: Timestamp) -> Option<Step> {
    let name = restore.str(&["spec", "backupName"]).unwrap_or_default();
    let backup = world.get("Backup", restore.namespace(), name);
    let is_complete =
        |backup: &Object| matches!(backup.str(&["status", "phase"]), Some("Completed" | "PartiallyFailed"));
    let problem = match &backup {
        _ if world.failure == Some(Failure::Validation) => Some("simulated: the spec is refused".to_owned()),
        None => Some(format!("Error retrieving backup: backups.velero.io {name:?} not found")),
        Some(backup) if !is_complete(backup) => Some(format!("backup {name:?} is not complete")),
        Some(_) => None,
    };
    if let Some(problem) = problem {
        return Step::main(json!({ "status": { "phase": "FailedValidation", "validationErrors": [problem] } }));
    }
    let given = restore.get(&["spec", "excludedResources"]).and_then(Value::as_array);
    let mut excluded: Vec<Value> = given.cloned().unwrap_or_default();
    for resource in NEVER_RESTORED {
        if !excluded.iter().any(|other| other == resource) {
            excluded.push(resource.into());
        }
    }
    let schedule = backup.as_ref().and_then(|backup| backup.label("velero.io/schedule-name")).unwrap_or_default();
    let mut spec = json!({ "excludedResources": excluded, "itemOperationTimeout": "4h0m0s" });
    if !schedule.is_empty() {
        spec["scheduleName"] = schedule.into();
    }
    Step::main(json!({ "spec": spec, "status": { "phase": "InProgress", "startTimestamp": seconds(now) } }))
}

fn progress(restore: &Object, world: &World, now: Timestamp) -> Option<Step> {
    let total = world.items;
    let done = restore.int(&["status", "progress", "itemsRestored"]).unwrap_or_default();
    if restore.get(&["status", "progress"]).is_none_or(Value::is_null) || done < total {
        let done = (done + (total / 2).max(1)).min(total);
        return Step::main(json!({ "status": { "progress": { "totalItems": total, "itemsRestored": done } } }));
    }
    match world.failure {
        Some(Failure::Full) => Step::main(json!({ "status": {
            "phase": "Failed",
            "failureReason": "simulated: the backup could not be read",
            "completionTimestamp": seconds(now),
        } })),
        Some(Failure::Partial) => Step::main(json!({ "status": {
            "phase": "WaitingForPluginOperationsPartiallyFailed", "errors": 1, "warnings": 1,
        } })),
        _ => Step::main(json!({ "status": { "phase": "WaitingForPluginOperations" } })),
    }
}

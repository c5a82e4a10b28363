//! Velero's Backup controllers: queue, validation, backup, operations, finalizing.

use jiff::{SignedDuration, Timestamp};
use outrigger_object::Object;
use serde_json::{Map, Value, json};

use super::{Failure, Step, world::World};

/// Asynchronous plugin operations that each Backup has.
const OPERATIONS: i64 = 2;
/// Writes of progress that each Backup has.
const PARTS: i64 = 3;

pub(super) fn next(backup: &Object, world: &World, now: Timestamp) -> Option<Step> {
    if backup.is_deleting() {
        return None;
    }
    match backup.str(&["status", "phase"]).unwrap_or_default() {
        "" | "New" => Step::main(json!({ "status": { "phase": "Queued", "queuePosition": 1 } })),
        "Queued" => Step::main(json!({ "status": { "phase": "ReadyToStart", "queuePosition": null } })),
        "ReadyToStart" => start(backup, world, now),
        "InProgress" => progress(backup, world, now),
        phase @ ("WaitingForPluginOperations" | "WaitingForPluginOperationsPartiallyFailed") => {
            let phase = phase.replace("WaitingForPluginOperations", "Finalizing");
            Step::main(json!({ "status": { "phase": phase, "backupItemOperationsCompleted": OPERATIONS } }))
        }
        "Finalizing" => end("Completed", now),
        "FinalizingPartiallyFailed" => end("PartiallyFailed", now),
        _ => None,
    }
}

fn end(phase: &str, now: Timestamp) -> Option<Step> {
    Step::main(json!({ "status": { "phase": phase, "completionTimestamp": seconds(now) } }))
}

/// Kubernetes writes times to the second.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Fills in what Velero fills in, and begins or refuses.
fn start(backup: &Object, world: &World, now: Timestamp) -> Option<Step> {
    let location = match backup.str(&["spec", "storageLocation"]).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => default_location(backup.namespace(), world),
    };
    let mut problems = Vec::new();
    match world.get("BackupStorageLocation", backup.namespace(), &location) {
        None => problems.push(format!("backup storage location {location:?} not found")),
        Some(found) if found.str(&["spec", "accessMode"]) == Some("ReadOnly") => {
            problems.push(format!("backup storage location {location:?} is read-only"));
        }
        Some(found) if found.str(&["status", "phase"]) != Some("Available") => {
            problems.push(format!("backup storage location {location:?} is unavailable"));
        }
        Some(_) => {}
    }
    if world.failure == Some(Failure::Validation) {
        problems.push("simulated: the spec is refused".to_owned());
    }

    let mut spec = Map::new();
    for (name, value) in [
        ("ttl", json!("720h0m0s")),
        ("csiSnapshotTimeout", json!("10m0s")),
        ("itemOperationTimeout", json!("4h0m0s")),
        ("volumeGroupSnapshotLabelKey", json!("velero.io/volume-group")),
        ("defaultVolumesToFsBackup", json!(false)),
        ("snapshotMoveData", json!(false)),
        ("storageLocation", json!(location)),
        ("includedNamespaces", json!(["*"])),
    ] {
        let absent = match backup.get(&["spec", name]) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(_) => false,
        };
        if absent {
            spec.insert(name.to_owned(), value);
        }
    }
    let ttl = backup.str(&["spec", "ttl"]).filter(|text| !text.is_empty()).unwrap_or("720h0m0s");
    let ttl: SignedDuration = ttl.parse().unwrap_or(SignedDuration::from_hours(720));
    let mut status = json!({ "version": 1, "formatVersion": "1.1.0" });
    if let Ok(expiration) = now.checked_add(ttl) {
        status["expiration"] = seconds(expiration).into();
    }
    if problems.is_empty() {
        status["phase"] = "InProgress".into();
        status["startTimestamp"] = seconds(now).into();
    } else {
        status["phase"] = "FailedValidation".into();
        status["validationErrors"] = problems.into();
    }
    Step::main(json!({
        "metadata": {
            "labels": { "velero.io/storage-location": location },
            "annotations": {
                "velero.io/source-cluster-k8s-gitversion": "v1.36.0",
                "velero.io/source-cluster-k8s-major-version": "1",
                "velero.io/source-cluster-k8s-minor-version": "36",
                "velero.io/resource-timeout": "10m0s",
            },
        },
        "spec": spec,
        "status": status,
    }))
}

fn default_location(namespace: &str, world: &World) -> String {
    let locations = world.all("BackupStorageLocation", namespace);
    let default = locations.iter().find(|location| location.bool(&["spec", "default"]) == Some(true));
    default.map_or_else(|| "default".to_owned(), |location| location.name().to_owned())
}

/// Counts items up, and leaves for the next phase when all are done.
fn progress(backup: &Object, world: &World, now: Timestamp) -> Option<Step> {
    let total = world.items;
    let done = backup.int(&["status", "progress", "itemsBackedUp"]).unwrap_or_default();
    if backup.get(&["status", "progress"]).is_none_or(Value::is_null) || done < total {
        let done = (done + (total / PARTS).max(1)).min(total);
        return Step::main(json!({ "status": { "progress": { "totalItems": total, "itemsBackedUp": done } } }));
    }
    match world.failure {
        Some(Failure::Full) => Step::main(json!({ "status": {
            "phase": "Failed",
            "errors": 1,
            "failureReason": "simulated: the object store refused the upload",
            "completionTimestamp": seconds(now),
        } })),
        Some(Failure::Partial) => Step::main(json!({ "status": {
            "phase": "WaitingForPluginOperationsPartiallyFailed",
            "errors": 2,
            "warnings": 1,
            "backupItemOperationsAttempted": OPERATIONS,
        } })),
        _ => Step::main(json!({ "status": {
            "phase": "WaitingForPluginOperations",
            "backupItemOperationsAttempted": OPERATIONS,
        } })),
    }
}

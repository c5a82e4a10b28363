//! Velero's BackupStorageLocation controller: one default, and available when its credentials are there.

use jiff::Timestamp;
use outrigger_object::Object;
use serde_json::json;

use super::{Step, backup::seconds, world::World};

pub(super) fn next(location: &Object, world: &World, now: Timestamp) -> Option<Step> {
    if location.is_deleting() {
        return None;
    }
    let others = world.all("BackupStorageLocation", location.namespace());
    let is_default = |one: &Object| one.bool(&["spec", "default"]) == Some(true);
    if is_default(location) && others.iter().any(|one| is_default(one) && one.name() < location.name()) {
        return Step::main(json!({ "spec": { "default": false } }));
    }
    let (phase, message) = match missing_credential(location, world) {
        Some(problem) => ("Unavailable", problem),
        None => ("Available", String::new()),
    };
    let is_shown = location.str(&["status", "phase"]) == Some(phase)
        && location.str(&["status", "message"]).unwrap_or_default() == message;
    if is_shown {
        return None;
    }
    let now = seconds(now);
    Step::main(json!({ "status": {
        "phase": phase,
        "message": if message.is_empty() { json!(null) } else { json!(message) },
        "lastValidationTime": now,
        "lastSyncedTime": now,
    } }))
}

fn missing_credential(location: &Object, world: &World) -> Option<String> {
    let name = location.str(&["spec", "credential", "name"]).filter(|name| !name.is_empty())?;
    let key = location.str(&["spec", "credential", "key"]).unwrap_or_default();
    let namespace = location.namespace();
    match world.get("Secret", namespace, name) {
        None => Some(format!("unable to get credentials: unable to get key for secret: Secret {name:?} not found")),
        Some(secret) if secret.get(&["data", key]).is_none() => {
            Some(format!("unable to get credentials: Secret {namespace}/{name} has no key {key:?}"))
        }
        Some(_) => None,
    }
}

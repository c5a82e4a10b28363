//! The Deployment controller, without pods.

use jiff::Timestamp;
use outrigger_object::Object;
use serde_json::json;

use super::{Step, backup::seconds, world::World};

pub(super) fn next(deployment: &Object, _: &World, now: Timestamp) -> Option<Step> {
    let replicas = deployment.int(&["spec", "replicas"]).unwrap_or(1);
    let generation = deployment.generation();
    let is_shown = deployment.int(&["status", "observedGeneration"]) == Some(generation)
        && deployment.int(&["status", "replicas"]).unwrap_or_default() == replicas
        && deployment.int(&["status", "availableReplicas"]).unwrap_or_default() == replicas;
    if deployment.is_deleting() || is_shown {
        return None;
    }
    let now = seconds(now);
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastUpdateTime": now, "lastTransitionTime": now,
        })
    };
    Step::status(json!({ "status": {
        "observedGeneration": generation,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
        "conditions": [
            condition("Available", "MinimumReplicasAvailable", "Deployment has minimum availability."),
            condition("Progressing", "NewReplicaSetAvailable", "simulated: all replicas are ready."),
        ],
    } }))
}

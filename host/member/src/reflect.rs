//! What the hub is told of an object in a member: status and health, as the interpreters say.
//!
//! **Invariant:** an interpreter that fails tells nothing; what was last known stays.

use outrigger_api::RawExtension;
use outrigger_api::work::{ManifestStatus, ResourceHealth, ResourceIdentifier};
use outrigger_engine::Engine;
use outrigger_interpreter::{Answer, Health};
use outrigger_object::{Object, Resource};
use serde_json::Value;

/// What an object's interpreters say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reflection {
    /// Status and health; `None` when the status could not be read.
    pub status: Option<ManifestStatus>,
    /// What failed, for an Event.
    pub failures: Vec<String>,
}

/// Asks the interpreters.
pub fn reflect(engine: &Engine, resource: &Resource, identifier: &ResourceIdentifier, observed: &Object) -> Reflection {
    let mut failures = Vec::new();
    let status = match engine.reflect_status(observed).answer {
        Answer::Value(Value::Null) | Answer::NotHandled => Some(None),
        Answer::Value(status) if status.is_object() => Some(Some(RawExtension(status))),
        Answer::Value(_) => {
            failures.push(format!("status of {} is not an object", observed.reference()));
            None
        }
        Answer::Failed(error) => {
            failures.push(format!("status of {} cannot be reflected: {error}", observed.reference()));
            None
        }
    };
    let health = match engine.health(observed).answer {
        Answer::Value(report) => health(report.health),
        // Nobody judges it. What can have no status, such as a ConfigMap, is well when it is there.
        Answer::NotHandled if !resource.has_status && observed.status().is_none() => ResourceHealth::Healthy,
        Answer::NotHandled => ResourceHealth::Unknown,
        Answer::Failed(error) => {
            failures.push(format!("health of {} cannot be judged: {error}", observed.reference()));
            ResourceHealth::Unknown
        }
    };
    let identifier = identifier.clone();
    Reflection { status: status.map(|status| ManifestStatus { identifier, status, health: Some(health) }), failures }
}

fn health(health: Health) -> ResourceHealth {
    match health {
        Health::Healthy => ResourceHealth::Healthy,
        Health::Unhealthy => ResourceHealth::Unhealthy,
        Health::Unknown => ResourceHealth::Unknown,
    }
}

//! The kinds whose versions differ in more than `apiVersion`: events, whose two groups name the same
//! things differently and are kept as core has them, and autoscalers, which are kept as `v2`.
//!
//! Other built-in kinds are served in each of their versions with the fields they were written with.

use outrigger_object::Object;
use serde_json::{Value, json};

use crate::registry::Resource;

/// Field names of `events.k8s.io/v1` and of core `v1`.
const EVENT_FIELDS: [(&str, &str); 8] = [
    ("note", "message"),
    ("regarding", "involvedObject"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
    ("action", "action"),
];

/// Whether objects of this version are stored differently from how they are shown.
pub(super) fn is_converted(resource: &Resource) -> bool {
    match resource.group.as_str() {
        "events.k8s.io" => true,
        "autoscaling" => resource.version == "v1",
        _ => false,
    }
}

fn rename(object: &mut Object, from: &str, to: &str) {
    if from != to
        && let Some(value) = object.0.remove(from)
    {
        object.0.insert(to.to_owned(), value);
    }
}

/// From the version of a resource to the one that is stored.
pub(super) fn to_hub(resource: &Resource, object: &mut Object) {
    if resource.group == "events.k8s.io" {
        EVENT_FIELDS.iter().for_each(|(new, core)| rename(object, new, core));
        return;
    }
    if let Some(percent) = object.remove(&["spec", "targetCPUUtilizationPercentage"]).filter(|value| !value.is_null()) {
        push(
            object,
            &["spec", "metrics"],
            json!({"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": percent}}}),
        );
    }
    if let Some(percent) =
        object.remove(&["status", "currentCPUUtilizationPercentage"]).filter(|value| !value.is_null())
    {
        push(
            object,
            &["status", "currentMetrics"],
            json!({"type": "Resource", "resource": {"name": "cpu",
            "current": {"averageUtilization": percent}}}),
        );
    }
}

fn push(object: &mut Object, path: &[&str], value: Value) {
    let mut list = match object.get(path) {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    list.insert(0, value);
    object.set(path, Value::Array(list));
}

/// From the stored version to that of a resource.
pub(super) fn from_hub(resource: &Resource, object: &mut Object) {
    if resource.group == "events.k8s.io" {
        EVENT_FIELDS.iter().for_each(|(new, core)| rename(object, core, new));
        return;
    }
    if let Some(percent) = take_cpu(object, &["spec", "metrics"], "/resource/target/averageUtilization") {
        object.set(&["spec", "targetCPUUtilizationPercentage"], percent);
    }
    if let Some(percent) = take_cpu(object, &["status", "currentMetrics"], "/resource/current/averageUtilization") {
        object.set(&["status", "currentCPUUtilizationPercentage"], percent);
    }
}

/// Takes the CPU utilization out of a list of metrics; others are kept where they are, unseen by `v1`.
fn take_cpu(object: &mut Object, path: &[&str], pointer: &str) -> Option<Value> {
    let Some(Value::Array(mut list)) = object.get(path).cloned() else { return None };
    let at = list.iter().position(|metric| {
        metric.pointer("/resource/name").and_then(Value::as_str) == Some("cpu") && metric.pointer(pointer).is_some()
    })?;
    let percent = list.remove(at).pointer(pointer).cloned();
    match list.is_empty() {
        true => object.remove(path),
        false => {
            object.set(path, Value::Array(list));
            None
        }
    };
    percent
}

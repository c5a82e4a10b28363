//! What a write through an endpoint reaches: the object without its status, or a part of it alone.
//!
//! **Invariant:** what an endpoint does not reach stays as it was, whatever the writer sent.

use outrigger_object::Object;
use serde_json::{Value, json};

use super::is_namespace;
use crate::registry::Resource;

/// The status of a new object: what its creator says does not count, but for nodes, which register
/// themselves with one.
pub(super) fn initial_status(resource: &Resource, object: &mut Object) {
    if !resource.has_status() || resource.is("", "nodes") {
        return;
    }
    object.0.remove("status");
    if resource.custom.is_some() {
        return;
    }
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods" | "persistentvolumeclaims" | "persistentvolumes") => object.set(&["status", "phase"], "Pending"),
        ("", "services") | ("networking.k8s.io", "ingresses") => object.set(&["status"], json!({"loadBalancer": {}})),
        _ => object.set(&["status"], json!({})),
    }
}

/// What a write through a subresource may change; the rest stays as it was.
pub(super) fn through(resource: &Resource, subresource: &str, mut object: Object, old: &Object) -> Object {
    let path: &[&str] = match subresource {
        "" => {
            if resource.has_status() {
                move_value(old, &mut object, &["status"]);
            }
            if is_namespace(resource) {
                move_value(old, &mut object, &["spec", "finalizers"]);
            }
            return object;
        }
        "approval" => &["status", "conditions"],
        "finalize" => &["spec", "finalizers"],
        "scale" | "resize" | "ephemeralcontainers" | "binding" => &["spec"],
        _ => &["status"],
    };
    let mut kept = old.clone();
    move_value(&object, &mut kept, path);
    if subresource == "status" && resource.is("certificates.k8s.io", "certificatesigningrequests") {
        keep_approval(&mut kept, old);
    }
    move_value(&object, &mut kept, &["metadata", "managedFields"]);
    if subresource == "finalize" {
        move_value(&object, &mut kept, &["metadata", "finalizers"]);
    }
    if subresource == "binding" {
        move_value(&object, &mut kept, &["status"]);
    }
    kept
}

/// Approval is given through its own subresource and nowhere else.
fn keep_approval(request: &mut Object, old: &Object) {
    let decides = |one: &&Value| matches!(one.get("type").and_then(Value::as_str), Some("Approved" | "Denied"));
    let conditions = |of: &Object| -> Vec<Value> {
        of.get(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let (new, old) = (conditions(request), conditions(old));
    let kept: Vec<Value> = old.iter().filter(decides).chain(new.iter().filter(|one| !decides(one))).cloned().collect();
    match kept.is_empty() {
        true => {
            request.remove(&["status", "conditions"]);
        }
        false => request.set(&["status", "conditions"], kept),
    }
}

fn move_value(from: &Object, to: &mut Object, path: &[&str]) {
    match from.get(path) {
        Some(value) => to.set(path, value.clone()),
        None => {
            to.remove(path);
        }
    }
}

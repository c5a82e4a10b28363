//! Takes off a template what belongs to the hub's copy of it.
//!
//! What API servers and built-in controllers fill in on the hub means nothing in a member, or is
//! refused there: identity and history in the metadata, owners, finalizers, status, and per kind the
//! generated parts of Jobs, Services, ServiceAccounts, token Secrets, claims and Deployments.

use outrigger_object::Object;
use serde_json::{Map, Value};

const METADATA: [&str; 10] = [
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
    "ownerReferences",
    "finalizers",
];

/// Annotation that client-side `kubectl apply` keeps its last input in; a second copy of the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

const JOB_LABELS: [&str; 4] =
    ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"];

/// The template without what is the hub's own.
pub(crate) fn prune(mut object: Object) -> Object {
    for field in METADATA {
        object.remove(&["metadata", field]);
    }
    object.0.remove("status");
    remove_annotation(&mut object, LAST_APPLIED);
    match object.kind() {
        "Deployment" => {
            remove_annotation(&mut object, "deployment.kubernetes.io/revision");
            remove_annotation(&mut object, "deployment.kubernetes.io/revision-history");
        }
        "Job" => job(&mut object),
        "Secret" if object.str(&["type"]) == Some("kubernetes.io/service-account-token") => {
            remove_annotation(&mut object, "kubernetes.io/service-account.uid");
            object.0.remove("data");
        }
        "ServiceAccount" => service_account(&mut object),
        "Service" if object.str(&["spec", "clusterIP"]).is_some_and(|ip| ip != "None") => {
            object.remove(&["spec", "clusterIP"]);
            object.remove(&["spec", "clusterIPs"]);
        }
        "PersistentVolumeClaim" => remove_annotation(&mut object, "volume.kubernetes.io/selected-node"),
        _ => {}
    }
    object
}

/// The selector and the labels that it selects are made by each API server, unless the user made
/// them. The time to live goes too: a member that removed the finished Job would see it made again.
fn job(object: &mut Object) {
    object.remove(&["spec", "ttlSecondsAfterFinished"]);
    if object.bool(&["spec", "manualSelector"]) == Some(true) {
        return;
    }
    for name in &JOB_LABELS[..2] {
        object.remove(&["spec", "selector", "matchLabels", name]);
    }
    for name in JOB_LABELS {
        object.remove(&["spec", "template", "metadata", "labels", name]);
    }
    let empty = |value: Option<&Value>| value.and_then(Value::as_object).is_some_and(Map::is_empty);
    if empty(object.get(&["spec", "selector", "matchLabels"])) {
        object.remove(&["spec", "selector", "matchLabels"]);
    }
    if empty(object.get(&["spec", "selector"])) {
        object.remove(&["spec", "selector"]);
    }
}

fn service_account(object: &mut Object) {
    let prefix = format!("{}-token-", object.name());
    let generated = |secret: &Value| secret["name"].as_str().is_some_and(|name| name.starts_with(&prefix));
    if let Some(Value::Array(secrets)) = object.0.get_mut("secrets") {
        secrets.retain(|secret| !generated(secret));
        if secrets.is_empty() {
            object.0.remove("secrets");
        }
    }
}

/// Removes an annotation, and the map when that leaves it empty.
fn remove_annotation(object: &mut Object, name: &str) {
    let removed = object.remove(&["metadata", "annotations", name]).is_some();
    let left = object.get(&["metadata", "annotations"]).and_then(Value::as_object);
    if removed && left.is_some_and(Map::is_empty) {
        object.remove(&["metadata", "annotations"]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: Value, after: Value) {
        assert_eq!(prune(Object::from_value(before).unwrap()).into_value(), after);
    }

    #[test]
    fn what_is_the_hubs_own_goes() {
        check(
            json!({"kind": "ConfigMap", "metadata": {"name": "a", "uid": "1", "resourceVersion": "2", "generation": 3,
                "managedFields": [], "ownerReferences": [{}], "finalizers": ["x"], "labels": {"a": "b"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}, "data": {"k": "v"}, "status": {}}),
            json!({"kind": "ConfigMap", "metadata": {"name": "a", "labels": {"a": "b"}}, "data": {"k": "v"}}),
        );
        check(
            json!({"kind": "Service", "metadata": {}, "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": []}}),
            json!({"kind": "Service", "metadata": {}, "spec": {"ports": []}}),
        );
        check(
            json!({"kind": "Service", "metadata": {}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
            json!({"kind": "Service", "metadata": {}, "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}),
        );
        check(
            json!({"kind": "Job", "metadata": {}, "spec": {"ttlSecondsAfterFinished": 3,
                "selector": {"matchLabels": {"controller-uid": "1", "batch.kubernetes.io/controller-uid": "1"}},
                "template": {"metadata": {"labels": {"job-name": "a", "batch.kubernetes.io/job-name": "a", "app": "x"}}}}}),
            json!({"kind": "Job", "metadata": {}, "spec": {"template": {"metadata": {"labels": {"app": "x"}}}}}),
        );
        check(
            json!({"kind": "Job", "metadata": {}, "spec": {"manualSelector": true, "selector": {"matchLabels": {"controller-uid": "1"}}}}),
            json!({"kind": "Job", "metadata": {}, "spec": {"manualSelector": true, "selector": {"matchLabels": {"controller-uid": "1"}}}}),
        );
        check(
            json!({"kind": "ServiceAccount", "metadata": {"name": "a"}, "secrets": [{"name": "a-token-x"}, {"name": "a-token-y"}, {"name": "mine"}]}),
            json!({"kind": "ServiceAccount", "metadata": {"name": "a"}, "secrets": [{"name": "mine"}]}),
        );
        check(
            json!({"kind": "Secret", "metadata": {"annotations": {"kubernetes.io/service-account.uid": "1", "kubernetes.io/service-account.name": "a"}},
                "type": "kubernetes.io/service-account-token", "data": {"token": "x"}}),
            json!({"kind": "Secret", "metadata": {"annotations": {"kubernetes.io/service-account.name": "a"}},
                "type": "kubernetes.io/service-account-token"}),
        );
    }
}

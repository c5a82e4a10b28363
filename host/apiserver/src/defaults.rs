//! Defaults of the built-in kinds that people write by hand and controllers read.
//!
//! kube-apiserver has code for each field; here a table says which field of which kind starts as
//! what, and a few functions do what a table cannot.
//!
//! **Invariant:** a field that is there is never changed.

use std::collections::HashMap;
use std::sync::LazyLock;

use outrigger_object::Object;
use serde_json::{Map, Value};

use crate::registry::Resource;

/// Group, plural, and lines of `path = JSON`. A default is set where its parent is, or where the
/// parent begins with `!`, which makes it.
const TABLE: &[(&str, &str, &str)] = &[
    ("", "services", "!spec.type = \"ClusterIP\"\nspec.sessionAffinity = \"None\"\nspec.ports[].protocol = \"TCP\""),
    ("", "secrets", "type = \"Opaque\""),
    ("", "persistentvolumeclaims", "!spec.volumeMode = \"Filesystem\""),
    ("", "persistentvolumes", "spec.volumeMode = \"Filesystem\"\nspec.persistentVolumeReclaimPolicy = \"Retain\""),
    ("", "endpoints", "subsets[].ports[].protocol = \"TCP\""),
    (
        "apps",
        "deployments",
        "!spec.replicas = 1\nspec.revisionHistoryLimit = 10\nspec.progressDeadlineSeconds = 600\n!spec.strategy.type = \"RollingUpdate\"",
    ),
    ("apps", "replicasets", "!spec.replicas = 1"),
    (
        "apps",
        "statefulsets",
        "!spec.replicas = 1\nspec.revisionHistoryLimit = 10\nspec.podManagementPolicy = \"OrderedReady\"\n!spec.updateStrategy.type = \"RollingUpdate\"\n!spec.persistentVolumeClaimRetentionPolicy.whenDeleted = \"Retain\"\n!spec.persistentVolumeClaimRetentionPolicy.whenScaled = \"Retain\"",
    ),
    ("apps", "daemonsets", "!spec.revisionHistoryLimit = 10\n!spec.updateStrategy.type = \"RollingUpdate\""),
    (
        "batch",
        "jobs",
        "!spec.backoffLimit = 6\nspec.suspend = false\nspec.completionMode = \"NonIndexed\"\nspec.podReplacementPolicy = \"TerminatingOrFailed\"",
    ),
    (
        "batch",
        "cronjobs",
        "!spec.concurrencyPolicy = \"Allow\"\nspec.suspend = false\nspec.successfulJobsHistoryLimit = 3\nspec.failedJobsHistoryLimit = 1",
    ),
    ("networking.k8s.io", "networkpolicies", "spec.policyTypes = [\"Ingress\"]"),
    ("autoscaling", "horizontalpodautoscalers", "!spec.minReplicas = 1"),
    ("rbac.authorization.k8s.io", "rolebindings", "roleRef.apiGroup = \"rbac.authorization.k8s.io\""),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "roleRef.apiGroup = \"rbac.authorization.k8s.io\""),
    ("storage.k8s.io", "storageclasses", "reclaimPolicy = \"Delete\"\nvolumeBindingMode = \"Immediate\""),
    ("apiextensions.k8s.io", "customresourcedefinitions", "spec.conversion.strategy = \"None\""),
    ("coordination.k8s.io", "leases", ""),
];

const POD: &str = "restartPolicy = \"Always\"\ndnsPolicy = \"ClusterFirst\"\nschedulerName = \"default-scheduler\"\nterminationGracePeriodSeconds = 30\n!securityContext = {}\n\
containers[].terminationMessagePath = \"/dev/termination-log\"\ncontainers[].terminationMessagePolicy = \"File\"\ncontainers[].resources = {}\ncontainers[].ports[].protocol = \"TCP\"\n\
initContainers[].terminationMessagePath = \"/dev/termination-log\"\ninitContainers[].terminationMessagePolicy = \"File\"\ninitContainers[].resources = {}\ninitContainers[].ports[].protocol = \"TCP\"";

fn set(map: &mut Map<String, Value>, path: &[&str], makes: bool, value: &Value) {
    let Some((step, rest)) = path.split_first() else { return };
    let (name, each) = step.strip_suffix("[]").map_or((*step, false), |name| (name, true));
    if rest.is_empty() {
        if map.get(name).is_none_or(Value::is_null) {
            map.insert(name.to_owned(), value.clone());
        }
        return;
    }
    if makes && !map.contains_key(name) {
        map.insert(name.to_owned(), Value::Object(Map::new()));
    }
    match map.get_mut(name) {
        Some(Value::Object(next)) if !each => set(next, rest, makes, value),
        Some(Value::Array(items)) if each => {
            items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| set(item, rest, makes, value));
        }
        _ => {}
    }
}

/// One default: where, whether its parents are made, and what.
type Default = (Vec<&'static str>, bool, Value);

static PARSED: LazyLock<HashMap<(&str, &str), Vec<Default>>> =
    LazyLock::new(|| TABLE.iter().map(|(group, plural, lines)| ((*group, *plural), parse(lines))).collect());
static POD_PARSED: LazyLock<Vec<Default>> = LazyLock::new(|| parse(POD));

fn parse(lines: &'static str) -> Vec<Default> {
    let parsed = lines.lines().filter_map(|line| {
        let (path, value) = line.split_once(" = ")?;
        let (path, makes) = path.strip_prefix('!').map_or((path, false), |path| (path, true));
        Some((path.split('.').collect(), makes, serde_json::from_str(value).ok()?))
    });
    parsed.collect()
}

fn apply(map: &mut Map<String, Value>, defaults: &[Default]) {
    defaults.iter().for_each(|(path, makes, value)| set(map, path, *makes, value));
}

fn pull_policy(pod: &mut Map<String, Value>) {
    for list in ["containers", "initContainers"] {
        let containers = pod.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            let Some(image) = container.get("image").and_then(Value::as_str) else { continue };
            let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
            let latest = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
            let policy = if latest { "Always" } else { "IfNotPresent" };
            container.entry("imagePullPolicy").or_insert_with(|| policy.into());
        }
    }
}

/// Fills in the defaults of a built-in object.
pub(crate) fn fill(resource: &Resource, object: &mut Object) {
    if let Some(defaults) = PARSED.get(&(resource.group.as_str(), resource.plural.as_str())) {
        apply(&mut object.0, defaults);
    }
    let pod_path: &[&str] = match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => &["spec"],
        ("apps", "deployments" | "statefulsets" | "daemonsets" | "replicasets") | ("batch", "jobs") => {
            &["spec", "template", "spec"]
        }
        ("", "replicationcontrollers") => &["spec", "template", "spec"],
        ("batch", "cronjobs") => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &[],
    };
    if !pod_path.is_empty()
        && let Some(pod) = walk(&mut object.0, pod_path)
    {
        apply(pod, &POD_PARSED);
        pull_policy(pod);
    }
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "services") => service(object),
        ("", "secrets") => string_data(object),
        ("", "namespaces") => namespace(object),
        ("apps", "deployments" | "daemonsets") => rolling_update(object),
        ("batch", "jobs") => job(object),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => subjects(object),
        _ => {}
    }
}

fn walk<'a>(mut map: &'a mut Map<String, Value>, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    for step in path {
        map = map.get_mut(*step)?.as_object_mut()?;
    }
    Some(map)
}

fn service(object: &mut Object) {
    let ports = object.0.get_mut("spec").and_then(|spec| spec.get_mut("ports")).and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(number) = port.get("port").cloned()
            && !port.contains_key("targetPort")
        {
            port.insert("targetPort".into(), number);
        }
    }
}

/// `stringData` is written only; it ends up in `data`.
fn string_data(object: &mut Object) {
    use base64::Engine;
    let Some(Value::Object(plain)) = object.0.remove("stringData") else { return };
    for (name, value) in plain {
        let text = value.as_str().unwrap_or_default();
        object.set(&["data", &name], base64::engine::general_purpose::STANDARD.encode(text));
    }
}

fn namespace(object: &mut Object) {
    let name = object.name().to_owned();
    if !name.is_empty() {
        object.set(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
    }
    if object.get(&["status", "phase"]).is_none() {
        object.set(&["status", "phase"], "Active");
    }
}

fn rolling_update(object: &mut Object) {
    let (strategy, defaults) = match object.get(&["spec", "strategy"]) {
        Some(_) => ("strategy", [("maxUnavailable", Value::from("25%")), ("maxSurge", Value::from("25%"))]),
        None => ("updateStrategy", [("maxUnavailable", Value::from(1)), ("maxSurge", Value::from(0))]),
    };
    if object.str(&["spec", strategy, "type"]) != Some("RollingUpdate") {
        return;
    }
    for (name, value) in defaults {
        if object.get(&["spec", strategy, "rollingUpdate", name]).is_none() {
            object.set(&["spec", strategy, "rollingUpdate", name], value);
        }
    }
}

fn job(object: &mut Object) {
    let missing = |field| object.get(&["spec", field]).is_none();
    let (completions, parallelism) = (missing("completions"), missing("parallelism"));
    if completions && parallelism {
        object.set(&["spec", "completions"], 1);
    }
    if parallelism {
        object.set(&["spec", "parallelism"], 1);
    }
    let uid = object.uid().to_owned();
    if object.bool(&["spec", "manualSelector"]) == Some(true) || uid.is_empty() {
        return;
    }
    let name = object.name().to_owned();
    let labels = [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ];
    for (label, value) in labels {
        if object.get(&["spec", "template", "metadata", "labels", label]).is_none() {
            object.set(&["spec", "template", "metadata", "labels", label], value.as_str());
        }
    }
    if object.get(&["spec", "selector"]).is_none() {
        object.set(&["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"], uid.as_str());
    }
}

fn subjects(object: &mut Object) {
    let subjects = object.0.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten();
    for subject in subjects.filter_map(Value::as_object_mut) {
        if !subject.contains_key("apiGroup")
            && matches!(subject.get("kind").and_then(Value::as_str), Some("User" | "Group"))
        {
            subject.insert("apiGroup".into(), "rbac.authorization.k8s.io".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::Registry;

    #[track_caller]
    fn check(kind: (&str, &str, &str), object: Value, expected: Value) {
        let snapshot = Registry::new().snapshot();
        let resource = snapshot.resource(kind.0, kind.1, kind.2).expect("a resource");
        let mut object = Object::from_value(object).expect("an object");
        fill(resource, &mut object);
        let once = object.clone().into_value();
        assert_eq!(once, expected);
        fill(resource, &mut object);
        assert_eq!(object.into_value(), once, "filling twice differs from filling once");
    }

    #[test]
    fn defaults_are_filled_in() {
        check(
            ("", "v1", "services"),
            json!({"spec": {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP", "targetPort": "dns"}]}}),
            json!({"spec": {"type": "ClusterIP", "sessionAffinity": "None", "ports": [
                {"port": 80, "protocol": "TCP", "targetPort": 80}, {"port": 53, "protocol": "UDP", "targetPort": "dns"}]}}),
        );
        check(
            ("", "v1", "secrets"),
            json!({"stringData": {"a": "b"}, "data": {"c": "ZA=="}}),
            json!({"type": "Opaque", "data": {"a": "Yg==", "c": "ZA=="}}),
        );
        check(
            ("apps", "v1", "deployments"),
            json!({"spec": {"replicas": 0, "strategy": {"type": "Recreate"}}}),
            json!({"spec": {"replicas": 0, "strategy": {"type": "Recreate"}, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}}),
        );
        check(
            ("apps", "v1", "deployments"),
            json!({"spec": {}}),
            json!({"spec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy":
                {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}}),
        );
    }
}

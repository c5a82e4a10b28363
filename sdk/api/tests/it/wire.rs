//! What the types read and write.

use std::fmt::Debug;

use kube::{CustomResourceExt, Resource};
use outrigger_api::cluster::{Cluster, ClusterSpec};
use outrigger_api::config::{
    InterpreterOperation, ResourceInterpreterCustomization, ResourceInterpreterWebhookConfiguration,
};
use outrigger_api::policy::{
    ClusterOverridePolicy, ClusterPropagationPolicy, OverridePolicy, OverrideSpec, PropagationPolicy, PropagationSpec,
};
use outrigger_api::work::{ClusterResourceBinding, ResourceBinding, ResourceBindingSpec, Work, WorkSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::karmada_crds;

/// An object in which every field of a schema is set.
fn full(schema: &Value, name: &str) -> Value {
    if schema.get("anyOf").is_some() {
        return json!("1500m");
    }
    if let Some(Value::Array(choices)) = schema.get("enum") {
        return choices.last().cloned().unwrap_or_default();
    }
    let free = schema.get("x-kubernetes-preserve-unknown-fields").is_some();
    match (schema["type"].as_str(), free) {
        (Some("object"), true) => json!({"kind": "ConfigMap", "data": {"a": "b"}, "nothing": null, "n": 1.5}),
        (_, true) => json!([1, "a", {"b": false}]),
        (Some("object"), _) if name == "metadata" => json!({"name": "n", "labels": {"a": "b"}}),
        (Some("object"), _) => match (schema.get("properties"), schema.get("additionalProperties")) {
            (Some(Value::Object(fields)), _) => {
                Value::Object(fields.iter().map(|(k, v)| (k.clone(), full(v, k))).collect())
            }
            (_, Some(value)) => json!({"key": full(value, "value")}),
            _ => json!({}),
        },
        (Some("array"), _) => json!([full(&schema["items"], name)]),
        (Some("boolean"), _) => json!(true),
        (Some("integer"), _) => json!(7),
        _ if schema["format"] == "date-time" => json!("2026-01-02T03:04:05Z"),
        _ if schema["format"] == "byte" => json!("YWJj"),
        _ => json!(name),
    }
}

/// Reads and writes an object with every field of Karmada's schema, or of ours for kinds that have
/// none there, and looks for what was lost.
fn check_full<K>()
where
    K: Resource<DynamicType = ()> + CustomResourceExt + Serialize + DeserializeOwned,
{
    let ours = serde_json::to_value(K::crd()).expect("CRD is JSON");
    let file = format!("{}_{}.yaml", K::group(&()), K::plural(&()));
    let crd: Value = karmada_crds()
        .and_then(|dir| std::fs::read_to_string(dir.join(file)).ok())
        .map_or(ours, |text| serde_saphyr::from_str(&text).expect("reference is YAML"));
    let versions = crd["spec"]["versions"].as_array().expect("versions");
    let version = versions.iter().find(|v| v["name"] == *K::version(&())).expect("our version");
    let mut object = full(&version["schema"]["openAPIV3Schema"], "");
    object["apiVersion"] = json!(K::api_version(&()));
    object["kind"] = json!(K::kind(&()));
    let read: K =
        serde_json::from_value(object.clone()).unwrap_or_else(|e| panic!("{}: {e}\n{object:#}", K::kind(&())));
    let written = serde_json::to_value(&read).expect("writes");
    assert_eq!(written, object, "{}", K::kind(&()));
}

#[test]
fn no_field_is_lost() {
    check_full::<Cluster>();
    check_full::<PropagationPolicy>();
    check_full::<ClusterPropagationPolicy>();
    check_full::<OverridePolicy>();
    check_full::<ClusterOverridePolicy>();
    check_full::<Work>();
    check_full::<ResourceBinding>();
    check_full::<ClusterResourceBinding>();
    check_full::<ResourceInterpreterCustomization>();
    check_full::<ResourceInterpreterWebhookConfiguration>();
}

/// The expected parts were printed by Karmada's Go types, less their empty `status`, which the server
/// drops from the main resource, and with an empty list where Go writes null.
#[test]
fn empty_fields_are_left_out_as_go_leaves_them_out() {
    fn check<T: Serialize>(object: T, spec: Value) {
        let written = serde_json::to_value(object).expect("writes");
        let mut rest: Map<String, Value> = written.as_object().cloned().expect("an object");
        assert_eq!(rest.remove("spec"), Some(spec));
        assert_eq!(rest.remove("metadata"), Some(json!({"name": "n"})));
        assert_eq!(rest.keys().collect::<Vec<_>>(), ["apiVersion", "kind"]);
    }
    let policy = json!({"resourceSelectors": [], "placement": {}});
    check(PropagationPolicy::new("n", PropagationSpec::default()), policy.clone());
    check(ClusterPropagationPolicy::new("n", PropagationSpec::default()), policy);
    check(OverridePolicy::new("n", OverrideSpec::default()), json!({"overriders": {}}));
    check(Work::new("n", WorkSpec::default()), json!({"workload": {}}));
    let binding = json!({"resource": {"apiVersion": "", "kind": "", "name": ""}});
    check(ResourceBinding::new("n", ResourceBindingSpec::default()), binding.clone());
    check(ClusterResourceBinding::new("n", ResourceBindingSpec::default()), binding);
    check(Cluster::new("n", ClusterSpec::default()), json!({"syncMode": "Push"}));
}

#[test]
fn forms_that_clients_may_send_are_read() {
    fn check<T: DeserializeOwned + Serialize + Debug>(given: Value, want: Value) {
        let read: T = serde_json::from_value(given.clone()).unwrap_or_else(|e| panic!("{given}: {e}"));
        assert_eq!(serde_json::to_value(&read).expect("writes"), want);
    }
    // Go writes null for a plaintext value that is not set.
    check::<OverrideSpec>(
        json!({"overriders": {"plaintext": [{"path": "/a", "operator": "remove", "value": null}]}}),
        json!({"overriders": {"plaintext": [{"path": "/a", "operator": "remove"}]}}),
    );
    // A quantity may be a number.
    let spec = |cpu: Value| {
        json!({
            "resource": {"apiVersion": "v1", "kind": "Pod", "name": "a"},
            "replicaRequirements": {"resourceRequest": {"cpu": cpu}},
        })
    };
    check::<ResourceBindingSpec>(spec(json!(2)), spec(json!("2")));
    // Fields of a later version are passed over.
    check::<WorkSpec>(json!({"workload": {"manifests": []}, "later": 1}), json!({"workload": {}}));
}

#[test]
fn what_the_schema_refuses_is_refused() {
    fn check<T: DeserializeOwned + Debug>(given: Value, part: &str) {
        let error = serde_json::from_value::<T>(given.clone()).expect_err("must not be read").to_string();
        assert!(error.contains(part), "{given}: {error}");
    }
    check::<ClusterSpec>(json!({}), "syncMode");
    check::<ClusterSpec>(json!({"syncMode": "Both"}), "Both");
    check::<PropagationSpec>(json!({}), "resourceSelectors");
    check::<ResourceBindingSpec>(json!({"resource": {"apiVersion": "v1", "kind": "Pod"}}), "name");
    check::<OverrideSpec>(json!({"overrideRules": [{}]}), "overriders");
}

#[test]
fn kinds_are_found_where_karmada_serves_them() {
    fn check<K: Resource<DynamicType = ()> + CustomResourceExt>(namespace: Option<&str>, path: &str, short: &[&str]) {
        assert_eq!(K::url_path(&(), namespace), path);
        assert_eq!(K::shortnames(), short);
        assert_eq!(K::crd().metadata.name.as_deref(), Some(K::crd_name()));
        assert_eq!(K::crd().spec.scope == "Namespaced", namespace.is_some());
    }
    check::<PropagationPolicy>(Some("a"), "/apis/policy.karmada.io/v1alpha1/namespaces/a/propagationpolicies", &["pp"]);
    check::<Work>(Some("karmada-es-m"), "/apis/work.karmada.io/v1alpha1/namespaces/karmada-es-m/works", &["wk"]);
    check::<ResourceBinding>(Some("a"), "/apis/work.karmada.io/v1alpha2/namespaces/a/resourcebindings", &["rb"]);
    check::<ClusterResourceBinding>(None, "/apis/work.karmada.io/v1alpha2/clusterresourcebindings", &["crb"]);
    check::<Cluster>(None, "/apis/cluster.karmada.io/v1alpha1/clusters", &[]);
}

#[test]
fn operations_are_read_by_name() {
    for operation in InterpreterOperation::EACH {
        assert_eq!(InterpreterOperation::parse(operation.as_str()), Some(operation));
        assert_eq!(serde_json::to_value(operation).expect("writes"), json!(operation.as_str()));
    }
    assert_eq!(InterpreterOperation::parse("*"), Some(InterpreterOperation::All));
    assert_eq!(InterpreterOperation::parse("Interpret"), None);
}

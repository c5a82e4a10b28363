use outrigger_interpreter::{Answer, Interpreter};
use outrigger_object::Object;
use serde_json::{Value, json};

use super::{Generic, crd, ignorant, object, widget};
use crate::generic::{DEPENDENCIES, Kinds};

fn found(generic: &Generic, parts: Value) -> Vec<String> {
    let mut object = widget(parts);
    object.set_annotation(DEPENDENCIES, "true");
    let dependencies = generic.dependencies(&object).into_result().unwrap().unwrap();
    dependencies.iter().map(|one| format!("{} {}/{}", one.kind, one.namespace, one.name).replace(" /", " ")).collect()
}

#[test]
fn references_have_conventional_shapes() {
    let spec = json!({
        "auth": {"passwordSecretRef": {"name": "password", "key": "p"}, "secretName": "plain", "tlsSecretName": "tls"},
        "sources": [{"configMapRef": {"name": "first"}}, {"configMapRef": {"name": "first"}}, {"secretRef": {"name": ""}}],
        "settings": {"configMapKeyRef": {"name": "second", "namespace": "far"}},
        "serviceAccountName": "runner", "other": {"serviceAccountName": "default"},
        "imagePullSecrets": [{"name": "registry"}],
        "template": {"spec": {"containers": [{"envFrom": [{"secretRef": {"name": "env"}}]}],
            "volumes": [{"configMap": {"name": "volume"}}, {"persistentVolumeClaim": {"claimName": "data"}}]}},
        "storeRef": {"apiVersion": "stores.example.com/v1", "kind": "Store", "name": "store"},
        "roleRef": {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "reader"},
        "self": {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w"},
        "nothing": {"name": "unrelated", "kind": "Pod"},
    });
    let expected = [
        "ClusterRole reader",
        "Store shop/store",
        "ConfigMap far/second",
        "ConfigMap shop/first",
        "ConfigMap shop/volume",
        "PersistentVolumeClaim shop/data",
        "Secret shop/env",
        "Secret shop/password",
        "Secret shop/plain",
        "Secret shop/registry",
        "Secret shop/tls",
        "ServiceAccount shop/runner",
    ];
    let mut got = found(&ignorant(), json!({"spec": spec, "status": {"secretName": "not-this"}}));
    let mut expected: Vec<String> = expected.map(str::to_owned).into();
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

#[test]
fn only_when_asked() {
    let spec = json!({"spec": {"secretName": "s"}});
    assert_eq!(ignorant().dependencies(&widget(spec.clone())), Answer::NotHandled);
    let mut asking = Object::clone(&crd(Value::Null, json!({})));
    asking.set_annotation(DEPENDENCIES, "true");
    let kinds = Kinds::default();
    kinds.learn(&std::sync::Arc::new(asking));
    let generic = Generic::new(kinds.into());
    assert_eq!(generic.dependencies(&widget(spec.clone())).into_result().unwrap().unwrap().len(), 1);
    let mut refusing = widget(spec);
    refusing.set_annotation(DEPENDENCIES, "false");
    assert_eq!(generic.dependencies(&refusing), Answer::NotHandled);
}

#[test]
fn a_pod_that_is_malformed_fails_with_its_path() {
    let mut widget = widget(json!({"spec": {"job": {"containers": [{"env": 3}]}}}));
    widget.set_annotation(DEPENDENCIES, "true");
    let error = ignorant().dependencies(&widget).into_result().unwrap_err().to_string();
    assert_eq!(error, "spec.job: containers[0].env: expected a list, found a number");
}

#[test]
fn an_object_without_a_namespace_knows_none() {
    let object = object(json!({"apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "annotations": {(DEPENDENCIES): "true"}},
        "spec": {"secretName": "s", "secretRef": {"name": "t", "namespace": "there"}}}));
    let dependencies = ignorant().dependencies(&object).into_result().unwrap().unwrap();
    assert_eq!(dependencies.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["t"]);
}

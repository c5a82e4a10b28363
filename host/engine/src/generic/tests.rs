//! The generic layer by examples: objects in, answers out.

mod aggregate;
mod health;
mod references;
mod replicas;

use std::sync::Arc;

use outrigger_object::Object;
use serde_json::{Value, json};

use super::{Generic, Kinds};

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

/// An object of a kind that nobody described.
fn widget(parts: Value) -> Object {
    let mut whole = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "shop", "generation": 2},
    });
    for (name, value) in parts.as_object().unwrap() {
        match (name.as_str(), value) {
            ("metadata", Value::Object(more)) => {
                whole["metadata"].as_object_mut().unwrap().extend(more.clone());
            }
            _ => whole[name] = value.clone(),
        }
    }
    object(whole)
}

/// The definition of Widget, with a schema of its status and subresources.
fn crd(status: Value, subresources: Value) -> Arc<Object> {
    let mut properties = json!({"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    if !status.is_null() {
        properties["status"] = status;
    }
    Arc::new(object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": subresources,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
            }],
        },
    })))
}

fn knowing(status: Value, subresources: Value) -> Generic {
    let kinds = Kinds::default();
    assert_eq!(kinds.learn(&crd(status, subresources)).len(), 1);
    Generic::new(Arc::new(kinds))
}

fn ignorant() -> Generic {
    Generic::new(Arc::default())
}

#[test]
fn kinds_are_learnt_once_and_forgotten() {
    let kinds = Kinds::default();
    let first = crd(json!({"type": "object"}), json!({"status": {}}));
    let names = |gvks: Vec<outrigger_object::Gvk>| gvks.iter().map(ToString::to_string).collect::<Vec<_>>();
    let told = names(kinds.learn(&first));
    assert_eq!(told.len(), 1);
    let mut relabelled = Object::clone(&first);
    relabelled.set_label("a", "b");
    assert_eq!(names(kinds.learn(&Arc::new(relabelled))), Vec::<String>::new(), "nothing else is known");
    let mut other = Object::clone(&first);
    other.0["spec"]["versions"][0]["name"] = "v2".into();
    assert_eq!(kinds.learn(&Arc::new(other)).len(), 2, "one version came, one went");
    assert!(kinds.get("example.com/v1", "Widget").is_none());
    assert!(kinds.get("example.com/v2", "Widget").is_some());
    assert_eq!(kinds.forget(&first).len(), 1);
    assert!(kinds.get("example.com/v2", "Widget").is_none());
    assert!(kinds.learn(&Arc::new(object(json!({"spec": {"versions": [1, {"name": 2}]}})))).is_empty());
}

#[test]
fn scale_paths_are_read() {
    let scale = |spec: &str| {
        let scale = json!({"specReplicasPath": spec, "statusReplicasPath": ".status.replicas"});
        let kinds = Kinds::default();
        kinds.learn(&crd(Value::Null, json!({"scale": scale})));
        kinds.get("example.com/v1", "Widget").unwrap().scale.clone().map(|scale| scale.spec.join("/"))
    };
    assert_eq!(scale(".spec.replicas").as_deref(), Some("spec/replicas"));
    assert_eq!(scale(".spec.workers.count").as_deref(), Some("spec/workers/count"));
    assert_eq!(scale(".spec.sets[0].replicas"), None);
    assert_eq!(scale("spec.replicas"), None);
    assert_eq!(scale(".spec..replicas"), None);
}

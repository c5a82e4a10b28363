//! The generated CRDs against Karmada's own, field by field.

use std::collections::BTreeSet;
use std::fs;

use outrigger_api::crds;
use serde_json::{Map, Value, json};

use crate::karmada_crds;

/// Versions that Karmada's files list and this crate does not serve: the older form of bindings, which
/// needs a conversion webhook.
const NOT_SERVED: [(&str, &str); 2] =
    [("clusterresourcebindings.work.karmada.io", "v1alpha1"), ("resourcebindings.work.karmada.io", "v1alpha1")];

#[test]
fn crds_equal_karmadas() {
    let Some(dir) = karmada_crds() else {
        println!("skipped, no reference data");
        return;
    };
    let mut differences = Vec::new();
    let mut compared = BTreeSet::new();
    for crd in crds::all() {
        let name = crd.metadata.name.clone().unwrap_or_default();
        let Ok(text) = fs::read_to_string(dir.join(crds::file_name(&crd))) else {
            continue;
        };
        let theirs: Value = serde_saphyr::from_str(&text).expect("reference is YAML");
        let ours = serde_json::to_value(&crd).expect("CRD is JSON");
        diff(&name, &normal(ours, &name), &normal(theirs, &name), &mut differences);
        compared.insert(name);
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    // Cluster has no file there: Karmada serves it from an aggregated API server.
    let all: BTreeSet<_> = crds::all().into_iter().filter_map(|c| c.metadata.name).collect();
    let missed: Vec<_> = all.difference(&compared).collect();
    assert_eq!(missed, ["clusters.cluster.karmada.io"]);
}

/// A CRD without what may differ: generator annotations, descriptions, versions that are not served
/// here, and parts that are empty.
fn normal(mut crd: Value, name: &str) -> Value {
    if let Some(metadata) = crd.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("annotations");
    }
    if let Some(Value::Array(versions)) = crd.pointer_mut("/spec/versions") {
        versions.retain(|v| !NOT_SERVED.iter().any(|(n, version)| *n == name && v["name"] == *version));
        for version in versions {
            if version.get("subresources") == Some(&json!({}))
                && let Some(map) = version.as_object_mut()
            {
                map.remove("subresources");
            }
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                drop_descriptions(schema);
            }
        }
    }
    crd
}

fn drop_descriptions(schema: &mut Value) {
    let Value::Object(map) = schema else {
        return;
    };
    map.remove("description");
    // `required` is a set.
    if let Some(Value::Array(required)) = map.get_mut("required") {
        required.sort_by_key(ToString::to_string);
    }
    for (key, child) in map.iter_mut() {
        match (key.as_str(), child) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(drop_descriptions),
            ("items" | "additionalProperties", child) => drop_descriptions(child),
            ("anyOf" | "allOf" | "oneOf", Value::Array(all)) => all.iter_mut().for_each(drop_descriptions),
            _ => {}
        }
    }
}

/// Adds a line for each path at which two values differ.
fn diff(path: &str, ours: &Value, theirs: &Value, out: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                diff(&format!("{path}.{key}"), at(a, key), at(b, key), out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                diff(&format!("{path}[{i}]"), a, b, out);
            }
        }
        (a, b) if same(a, b) => {}
        (a, b) => out.push(format!("{path}: ours {a}, Karmada's {b}")),
    }
}

fn at<'a>(map: &'a Map<String, Value>, key: &str) -> &'a Value {
    map.get(key).unwrap_or(&Value::Null)
}

/// Equal, numbers by value: bounds are floats in the Rust type and integers in YAML.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

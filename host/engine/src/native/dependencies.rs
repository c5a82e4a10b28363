//! What must be beside an object: what its pods mount, read and run as.
//!
//! Dependencies come sorted by kind and name, each once.

use std::collections::BTreeSet;

use outrigger_interpreter::{Dependency, LabelSelector};
use outrigger_object::{Cursor, Object, pod_references};

use super::{Result, TEMPLATE};

type Names<'v> = BTreeSet<(&'static str, &'v str)>;

/// ConfigMaps, Secrets, PersistentVolumeClaims and the ServiceAccount of the pod spec at a path, in the
/// object's own namespace. The account `default` is there anyway.
pub fn pod_dependencies(object: &Object, path: &[&str]) -> Result<Vec<Dependency>> {
    let root = object.cursor();
    let names = pod_references(&root.at(path)?)?;
    Ok(named(object, names))
}

/// The same for a pod spec that is somewhere in an object of a namespace.
pub fn pod_spec_dependencies(spec: &Cursor, namespace: &str) -> Result<Vec<Dependency>> {
    Ok(in_namespace(namespace, pod_references(spec)?))
}

/// The same, without the claims that the StatefulSet makes itself.
pub fn stateful_set(object: &Object) -> Result<Vec<Dependency>> {
    let root = object.cursor();
    let mut names = pod_references(&root.at(TEMPLATE)?)?;
    for template in root.items(&["spec", "volumeClaimTemplates"])? {
        if let Some(name) = template.str(&["metadata", "name"])? {
            names.remove(&("PersistentVolumeClaim", name));
        }
    }
    Ok(named(object, names))
}

/// The Secrets with its certificates.
pub fn ingress(object: &Object) -> Result<Vec<Dependency>> {
    let root = object.cursor();
    let mut names = Names::new();
    for tls in root.items(&["spec", "tls"])? {
        if let Some(name) = tls.str(&["secretName"])?.filter(|name| !name.is_empty()) {
            names.insert(("Secret", name));
        }
    }
    Ok(named(object, names))
}

/// The Service that Karmada derives from a ServiceImport, and that Service's EndpointSlices.
pub fn service_import(object: &Object) -> Result<Vec<Dependency>> {
    let name = format!("derived-{}", object.name());
    let selector = LabelSelector {
        match_labels: [("kubernetes.io/service-name".to_owned(), name.clone())].into(),
        match_expressions: Vec::new(),
    };
    let namespace = object.namespace();
    Ok(vec![
        Dependency {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            namespace: namespace.to_owned(),
            name,
            label_selector: None,
        },
        Dependency {
            api_version: "discovery.k8s.io/v1".to_owned(),
            kind: "EndpointSlice".to_owned(),
            namespace: namespace.to_owned(),
            name: String::new(),
            label_selector: Some(selector),
        },
    ])
}

fn named(object: &Object, names: Names) -> Vec<Dependency> {
    in_namespace(object.namespace(), names)
}

fn in_namespace(namespace: &str, names: Names) -> Vec<Dependency> {
    names
        .into_iter()
        .map(|(kind, name)| Dependency {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            label_selector: None,
        })
        .collect()
}

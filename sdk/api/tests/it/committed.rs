//! The committed YAML under `crds/`.

use std::collections::BTreeSet;
use std::fs;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use outrigger_api::crds;

use crate::here;

#[test]
fn committed_yaml_is_what_the_types_say() {
    let dir = here().join("crds");
    let mut wanted = BTreeSet::new();
    for crd in crds::all() {
        let file = crds::file_name(&crd);
        let text = fs::read_to_string(dir.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let committed: CustomResourceDefinition = serde_saphyr::from_str(&text).expect("CRD as YAML");
        assert!(committed == crd, "{file} is out of date; run `cargo run -p outrigger-api --example crds`");
        wanted.insert(file);
    }
    let found: BTreeSet<String> = fs::read_dir(&dir)
        .expect("crds directory")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn every_name_finds_its_definition() {
    for crd in crds::all() {
        let name = crd.metadata.name.clone().expect("a name");
        assert_eq!(crds::by_name(&name), Some(crd));
    }
    assert_eq!(crds::by_name("pods"), None);
}

/// `kubectl explain` has something to say about every field that is ours; fields of Kubernetes' own
/// types are explained by Kubernetes.
#[test]
fn every_field_of_ours_is_described() {
    const FOREIGN: [&str; 8] = [
        "labelSelector",
        "matchExpressions",
        "hardNodeAffinity",
        "tolerations",
        "clusterTolerations",
        "taints",
        "conditions",
        "clientConfig",
    ];
    fn walk(path: &str, schema: &JSONSchemaProps, bare: &mut Vec<String>) {
        for (name, field) in schema.properties.iter().flatten() {
            if name == "metadata" {
                assert_eq!(field.description, None, "{path}: an API server refuses a description here");
                continue;
            }
            let path = format!("{path}.{name}");
            if field.description.as_deref().is_none_or(|d| d.is_empty() || d.contains("[`")) {
                bare.push(path.clone());
            }
            if !FOREIGN.contains(&name.as_str()) {
                walk(&path, field, bare);
            }
        }
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
            walk(&format!("{path}[]"), items, bare);
        }
    }
    let mut bare = Vec::new();
    for crd in crds::all() {
        for version in &crd.spec.versions {
            let schema = version.schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref()).expect("a schema");
            walk(&crd.spec.names.kind, schema, &mut bare);
        }
    }
    assert!(bare.is_empty(), "without description:\n{}", bare.join("\n"));
}

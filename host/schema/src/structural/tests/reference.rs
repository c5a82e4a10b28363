//! The CRDs of Karmada and Velero, where the reference data is at hand.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Structural;

fn schemas() -> Option<Vec<(String, Value)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let mut found = Vec::new();
    for folder in ["karmada/crds", "velero/crds"] {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(root.join(folder)).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a file that is there can be read");
            let crd: Value = serde_saphyr::from_str(&text).expect("reference CRDs are YAML");
            for version in crd["spec"]["versions"].as_array().expect("a CRD has versions") {
                let name = format!("{}/{}", crd["spec"]["names"]["kind"].as_str().unwrap_or_default(), version["name"]);
                found.push((name, version["schema"]["openAPIV3Schema"].clone()));
            }
        }
    }
    Some(found)
}

/// The schema of a kind; none without reference data.
pub(super) fn schema(kind: &str) -> Option<Value> {
    schemas()?.into_iter().find(|(name, _)| name.starts_with(&format!("{kind}/"))).map(|(_, schema)| schema)
}

#[test]
fn all_are_structural() {
    let Some(schemas) = schemas() else {
        println!("skipped, no reference data");
        return;
    };
    assert!(schemas.len() > 30, "only {} schemas", schemas.len());
    for (name, schema) in schemas {
        if let Err(errors) = Structural::parse(&schema) {
            panic!("{name}: {errors:#?}");
        }
    }
}

#[track_caller]
fn check(kind: &str, object: Value, dropped: &[&str], errors: &[&str]) -> Option<Value> {
    let Some(schema) = schema(kind) else {
        println!("skipped, no reference data");
        return None;
    };
    let structural = Structural::parse(&schema).unwrap_or_else(|errors| panic!("{kind}: {errors:#?}"));
    let mut value = object;
    assert_eq!(structural.prune(&mut value), dropped, "{kind}");
    structural.default(&mut value);
    let found: Vec<String> = structural.validate(&value, None).iter().map(ToString::to_string).collect();
    assert_eq!(found, errors, "{kind}: {value:#}");
    Some(value)
}

#[test]
fn propagation_policy() {
    let policy = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "web", "namespace": "default", "labels": {"a": "b"}},
        "spec": {
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "colour": "red"}],
            "placement": {
                "clusterAffinity": {"clusterNames": ["east", "west"]},
                "replicaScheduling": {
                    "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
                    "weightPreference": {"staticWeightList": [{"targetCluster": {"clusterNames": ["east"]}, "weight": 2}]}
                }
            }
        }
    });
    let filled = check("PropagationPolicy", policy, &["spec.resourceSelectors[0].colour"], &[]);
    if let Some(filled) = filled {
        assert_eq!(filled["spec"]["priority"], 0);
        assert_eq!(filled["spec"]["conflictResolution"], "Abort");
    }
    check(
        "PropagationPolicy",
        json!({"spec": {"resourceSelectors": [{"kind": "Deployment"}], "priority": "high", "conflictResolution": "Fight"}}),
        &[],
        &[
            r#"spec.conflictResolution: Unsupported value: "Fight": supported values: "Abort", "Overwrite""#,
            r#"spec.priority: Invalid value: "string": spec.priority in body must be of type integer: "string""#,
            "spec.resourceSelectors[0].apiVersion: Required value",
        ],
    );
}

#[test]
fn work_keeps_its_manifests_whole() {
    let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}, "x": [{"y": 1}]});
    let work = json!({
        "apiVersion": "work.karmada.io/v1alpha1", "kind": "Work", "metadata": {"name": "a"},
        "spec": {"workload": {"manifests": [manifest]}},
        "status": {"manifestStatuses": [{"identifier": {"ordinal": 0, "version": "v1", "kind": "ConfigMap", "resource": "configmaps", "name": "a"}, "health": "Healthy", "status": {"anything": [1]}}]}
    });
    if let Some(filled) = check("Work", work.clone(), &[], &[]) {
        assert_eq!(filled, work);
    }
}

#[test]
fn velero_backup_and_location() {
    let backup = json!({
        "apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "nightly", "namespace": "velero"},
        "spec": {"includedNamespaces": ["shop"], "ttl": "720h0m0s", "storageLocation": "default", "hooks": {}},
        "status": {"phase": "Completed", "progress": {"totalItems": 3, "itemsBackedUp": 3}, "startTimestamp": "2026-01-02T03:04:05Z"}
    });
    if let Some(filled) = check("Backup", backup.clone(), &[], &[]) {
        assert_eq!(filled["spec"]["includedNamespaces"], backup["spec"]["includedNamespaces"]);
    }
    check(
        "BackupStorageLocation",
        json!({"spec": {"provider": "aws", "objectStorage": {"bucket": "b", "caCert": "%%"}, "accessMode": "Sometimes"}}),
        &[],
        &[
            r#"spec.accessMode: Unsupported value: "Sometimes": supported values: "ReadOnly", "ReadWrite""#,
            r#"spec.objectStorage.caCert: Invalid value: "%%": spec.objectStorage.caCert in body must be of type byte: "%%""#,
        ],
    );
}

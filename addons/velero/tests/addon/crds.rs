//! The CRDs made from the addon's types say what Velero's own CRDs say.

use std::{collections::BTreeSet, fs, path::Path};

use outrigger_addon::Addon;
use outrigger_addon_velero::Velero;
use serde_json::Value;

/// Paths at which two values differ, descriptions aside.
fn differences(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                let is_text = name == "description" && !path.ends_with("properties");
                let is_empty =
                    name == "subresources" && theirs.get(name).is_some_and(|value| value == &serde_json::json!({}));
                if !is_text && !is_empty {
                    let none = Value::Null;
                    let (ours, theirs) = (ours.get(name).unwrap_or(&none), theirs.get(name).unwrap_or(&none));
                    differences(&format!("{path}.{name}"), ours, theirs, found);
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if path.ends_with(".required") || path.ends_with(".enum") => {
            let set = |list: &[Value]| list.iter().map(Value::to_string).collect::<BTreeSet<_>>();
            if set(ours) != set(theirs) {
                found.push(format!("{path}: {ours:?} and not {theirs:?}"));
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                differences(&format!("{path}[{index}]"), ours, theirs, found);
            }
        }
        (ours, theirs) if ours != theirs => found.push(format!("{path}: {ours} and not {theirs}")),
        _ => {}
    }
}

#[test]
fn the_crds_are_veleros() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/velero/crds");
    if !folder.is_dir() {
        println!("skipped, no reference data");
        return;
    }
    let mut found = Vec::new();
    for crd in Velero::new().expect("the manifest").crds() {
        let file = folder.join(format!("velero.io_{}.yaml", crd.str(&["spec", "names", "plural"]).expect("a plural")));
        let text = fs::read_to_string(&file).expect("the reference CRD");
        let reference: Value = serde_saphyr::from_str(&text).expect("YAML");
        differences(crd.name(), crd.get(&["spec"]).expect("a spec"), &reference["spec"], &mut found);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

//! `interpreter new`: what it writes loads, passes its cases, and lints clean.

use std::fs;

use crate::outrigger::{fixtures, outrigger_in};

/// Writes for a definition, and shows the files.
fn written(definition: &str, directory: &str) -> String {
    let temporary = tempfile::tempdir().unwrap();
    fs::copy(fixtures().join("crds").join(definition), temporary.path().join("crd.yaml")).unwrap();
    let mut shown = outrigger_in(temporary.path(), "new --crd crd.yaml -o mine");
    for file in ["interpreter.yaml", "cases.yaml"] {
        let text = fs::read_to_string(temporary.path().join("mine").join(directory).join(file)).unwrap();
        shown.push_str(&format!("\n=== {file}\n{text}"));
    }
    let again = outrigger_in(temporary.path(), "new --crd crd.yaml -o mine");
    assert!(again.contains("--force") && again.ends_with("exit 1\n"), "{again}");
    let tested = outrigger_in(temporary.path(), "test mine --coverage");
    assert!(!tested.contains("WITHOUT A CASE") && tested.ends_with("exit 0\n"), "{tested}");
    let linted = outrigger_in(temporary.path(), "lint mine --crd crd.yaml");
    assert!(linted.contains("no errors, 0 warnings\n") && linted.ends_with("exit 0\n"), "{linted}");
    shown
}

#[test]
fn a_workload_with_one_pod_template() {
    insta::assert_snapshot!(written("widgets.yaml", "example.com/v1/Widget"));
}

#[test]
fn one_with_several_pod_templates_and_no_namespace() {
    insta::assert_snapshot!(written("groups.yaml", "example.com/v1/Group"));
}

#[test]
fn what_is_refused() {
    for (arguments, code, expected) in [
        ("new", 2, "--crd"),
        ("new --crd objects", 1, "objects has no CustomResourceDefinition"),
        ("new --crd crds --kind Gizmo", 1, "crds has Group, Widget"),
        ("new --crd crds/groups.yaml --for-version v2", 1, "Group has no version v2: it has v1alpha1, v1"),
    ] {
        let shown = outrigger_in(&fixtures(), arguments);
        assert!(shown.contains(expected) && shown.ends_with(&format!("exit {code}\n")), "{shown}");
    }
}

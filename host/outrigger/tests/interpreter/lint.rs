//! `interpreter lint` and `interpreter schema`.

use crate::outrigger::{fixtures, outrigger, outrigger_in};

#[test]
fn what_is_wrong() {
    insta::assert_snapshot!(outrigger("lint lint --crd crds"));
}

#[test]
fn without_definitions_only_kubernetes_own_kinds_are_known() {
    insta::assert_snapshot!(outrigger("lint lint"));
}

#[test]
fn scripts() {
    insta::assert_snapshot!(outrigger("lint broken-lua karmada"));
}

#[test]
fn for_programs() {
    insta::assert_snapshot!(outrigger("lint lint/example.com/v2 --crd crds -o json"));
}

#[test]
fn what_is_right() {
    let shown = outrigger("lint good");
    assert!(shown.contains("no errors, 1 warning\n") && shown.ends_with("exit 0\n"), "{shown}");
    let empty = tempfile::tempdir().unwrap();
    let shown = outrigger_in(empty.path(), "lint .");
    assert!(shown.contains("there is no interpreter") && shown.ends_with("exit 1\n"), "{shown}");
}

/// The folder that ships with the binary.
#[test]
fn the_catalogue_has_no_errors() {
    let shown = outrigger_in(&fixtures().join("../../../../.."), "lint interpreters");
    assert!(shown.ends_with("exit 0\n"), "{shown}");
}

#[test]
fn the_format_for_editors() {
    let shown = outrigger("schema");
    for part in ["\"aggregateStatus\"", "\"mergeConditions\"", "exit 0"] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
}

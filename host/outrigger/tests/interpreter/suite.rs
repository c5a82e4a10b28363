//! `interpreter test`.

use crate::outrigger::{fixtures, outrigger, outrigger_in};

#[test]
fn what_passes() {
    insta::assert_snapshot!(outrigger("test good"));
    insta::assert_snapshot!(outrigger("test good --coverage --verbose"));
}

#[test]
fn what_fails() {
    insta::assert_snapshot!(outrigger("test bad"));
    insta::assert_snapshot!(outrigger("test bad -o junit"));
}

#[test]
fn a_record_for_each_case() {
    insta::assert_snapshot!(outrigger("test good bad/example.com/v1/Gadget -o json"));
}

#[test]
fn cases_from_elsewhere() {
    insta::assert_snapshot!(outrigger("test good --cases elsewhere"));
    insta::assert_snapshot!(outrigger("test good --cases elsewhere/example.com/v1/Gizmo"));
    insta::assert_snapshot!(outrigger("test elsewhere"));
}

#[test]
fn karmadas_layout() {
    insta::assert_snapshot!(outrigger("test karmada -v"));
    insta::assert_snapshot!(outrigger("test karmada --cases elsewhere"));
}

/// A case that an interpreter brings along in its own spec runs with it.
#[test]
fn cases_inside_an_interpreter() {
    let directory = tempfile::tempdir().unwrap();
    let interpreter = std::fs::read_to_string(fixtures().join("good/example.com/v1/Widget/interpreter.yaml")).unwrap();
    let cases = "  cases:\n  - name: inside\n    operation: ReviseReplica\n    desiredObj: {apiVersion: example.com/v1, kind: Widget}\n    \
                 inputReplicas: 2\n    output: {revised: {spec: {size: 3}}}\n";
    std::fs::write(directory.path().join("widget.yaml"), format!("{interpreter}{cases}")).unwrap();
    let shown = outrigger_in(directory.path(), "test .");
    assert!(shown.contains("revised.spec.size") && shown.ends_with("exit 1\n"), "{shown}");
}

#[test]
fn nothing_to_run_is_a_failure() {
    let empty = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        ("test .", "there is no interpreter and no case in it"),
        ("test . --cases .", "there is no interpreter in it"),
        ("test none", "cannot read none: No such file or directory"),
    ] {
        let shown = outrigger_in(empty.path(), arguments);
        assert!(shown.contains(expected) && shown.ends_with("exit 1\n"), "{shown}");
    }
    std::fs::write(empty.path().join("cases.yaml"), "name: [\n").unwrap();
    let shown = outrigger_in(empty.path(), "test .");
    assert!(shown.contains("cases.yaml") && shown.ends_with("exit 1\n"), "{shown}");
}

/// The folder that ships with the binary.
#[test]
fn the_catalogue_passes() {
    let shown = outrigger_in(&fixtures().join("../../../../.."), "test interpreters");
    assert!(shown.ends_with("exit 0\n"), "{shown}");
}

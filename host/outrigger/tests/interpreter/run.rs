//! `interpreter run` and `interpreter list`.

use crate::outrigger::outrigger;

#[test]
fn one_object() {
    insta::assert_snapshot!(outrigger("run --op InterpretReplica -f deployment.yaml"));
}

#[test]
fn every_operation() {
    for arguments in [
        "run --op InterpretHealth -f objects/some.yaml --interpreter good -o json",
        "run --op interpretreplica -f objects --interpreter good --layer user",
        "run --op AggregateStatus -f deployment.yaml --status items.yaml",
        "run --op ReviseReplica -f deployment.yaml --replicas 7 -o yaml",
        "run --op Retain -f deployment.yaml --observed deployment.yaml",
        "run --op InterpretHealth -f deployment.yaml --layer bundled",
    ] {
        insta::assert_snapshot!(outrigger(arguments));
    }
}

#[test]
fn what_is_refused() {
    for (arguments, code, expected) in [
        ("run --op Health -f objects", 2, "there are InterpretReplica, "),
        ("run --op InterpretHealth", 2, "--filename"),
        ("run --op Retain -f deployment.yaml", 1, "Retain needs --observed"),
        ("run --op InterpretHealth -f deployment.yaml --replicas 1", 1, "--replicas belongs to ReviseReplica"),
        ("run --op InterpretHealth -f deployment.yaml --layer top", 2, "there are user, webhook"),
        ("run --op AggregateStatus -f deployment.yaml --status broken-status.yaml", 1, "item 2 has no clusterName"),
        ("run --op InterpretHealth -f none.yaml", 1, "cannot read none.yaml"),
        ("run --op InterpretHealth -f deployment.yaml --interpreter objects", 1, "there is no interpreter in objects"),
        ("run --op InterpretHealth --live x --kubeconfig none", 1, "it must be TYPE/NAME"),
    ] {
        let shown = outrigger(arguments);
        assert!(shown.contains(expected) && shown.ends_with(&format!("exit {code}\n")), "{shown}");
    }
}

/// Of several objects, each that fails is told in full, with interpreter, operation, object and path.
#[test]
fn several_that_fail() {
    insta::assert_snapshot!(outrigger("run --op InterpretReplica -f odd.yaml --interpreter good"));
    insta::assert_snapshot!(outrigger("run --op InterpretComponent -f odd.yaml --interpreter good"));
}

/// A reader that has seen enough is nobody's fault.
#[test]
fn a_reader_may_leave() {
    for arguments in ["test good -o json", "test good", "lint lint", "schema", "list"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_outrigger"))
            .arg("interpreter")
            .args(arguments.split_whitespace())
            .current_dir(crate::outrigger::fixtures())
            .stdout(writer)
            .output()
            .unwrap();
        let complaints = String::from_utf8(ended.stderr).unwrap();
        assert!(!complaints.contains("panicked"), "{arguments}: {complaints}");
        assert_ne!(ended.status.code(), Some(101), "{arguments}");
    }
}

#[test]
fn who_answers() {
    insta::assert_snapshot!(outrigger("list good"));
    insta::assert_snapshot!(outrigger("list good -o json"));
    let all = outrigger("list");
    for part in ["Deployment.apps/v1", "native/Deployment", "bundled", "Backup.velero.io/v1", "addon"] {
        assert!(all.contains(part), "no {part} in\n{all}");
    }
}

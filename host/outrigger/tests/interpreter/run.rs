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

#[test]
fn who_answers() {
    insta::assert_snapshot!(outrigger("list good"));
    insta::assert_snapshot!(outrigger("list good -o json"));
    let all = outrigger("list");
    for part in ["Deployment.apps/v1", "native/Deployment", "bundled", "Backup.velero.io/v1", "addon"] {
        assert!(all.contains(part), "no {part} in\n{all}");
    }
}

use outrigger_interpreter::{Answer, Health, Interpreter};
use serde_json::{Value, json};

use super::{Generic, ignorant, knowing, widget};

/// Health, reason and rule, in one line; a failure by its message.
fn judged(generic: &Generic, parts: Value) -> String {
    match generic.health(&widget(parts)) {
        Answer::Value(report) => {
            let word = match report.health {
                Health::Healthy => "Healthy",
                Health::Unhealthy => "Unhealthy",
                Health::Unknown => "Unknown",
            };
            assert!(!report.message.is_empty() && report.message.len() < 600, "{}", report.message);
            format!("{word} {} ({})", report.reason, report.rule).replace("  ", " ")
        }
        Answer::NotHandled => "not handled".to_owned(),
        Answer::Failed(error) => format!("failed: {error}"),
    }
}

#[track_caller]
fn check(parts: Value, expected: &str) {
    assert_eq!(judged(&ignorant(), parts.clone()), expected, "{parts}");
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "m"})
}

/// A status with conditions, each `Type=Status` or `Type=Status/Reason`.
fn conditions(list: &[&str]) -> Value {
    let all: Vec<Value> = list
        .iter()
        .map(|one| {
            let (kind, rest) = one.split_once('=').unwrap();
            let (status, reason) = rest.split_once('/').unwrap_or((rest, ""));
            condition(kind, status, reason)
        })
        .collect();
    json!({"status": {"conditions": all}})
}

#[test]
fn kstatus() {
    check(
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
        "Unhealthy Terminating (kstatus/deletion)",
    );
    check(json!({"status": {"observedGeneration": 1}}), "Unhealthy Progressing (kstatus/generation)");
    check(json!({"status": {"observedGeneration": 3}}), "Unhealthy Progressing (kstatus/generation)");
    check(json!({"status": {"observedGeneration": 2}}), "Healthy (kstatus/observed)");
    check(json!({"status": {"observedGeneration": "2"}}), "Healthy (kstatus/observed)");
    check(json!({"status": {"observedGeneration": "1"}}), "Unhealthy Progressing (kstatus/generation)");
    check(conditions(&["Reconciling=True"]), "Unhealthy Progressing (kstatus/Reconciling)");
    check(conditions(&["Stalled=True/Gone"]), "Unhealthy Stalled (kstatus/Stalled)");
    check(conditions(&["Reconciling=False", "Stalled=True"]), "Unhealthy Stalled (kstatus/Stalled)");
    check(conditions(&["Reconciling=True", "Stalled=True"]), "Unhealthy Progressing (kstatus/Reconciling)");
    check(conditions(&["Ready=True", "Reconciling=True"]), "Unhealthy Progressing (kstatus/Reconciling)");
    check(conditions(&["Ready=True"]), "Healthy (kstatus/Ready)");
    check(conditions(&["Ready=False/Waiting"]), "Unhealthy Progressing (kstatus/Ready)");
    check(conditions(&["Ready=False/ReconciliationFailed"]), "Unhealthy Degraded (kstatus/Ready)");
    check(conditions(&["Ready=Unknown"]), "Unhealthy Progressing (kstatus/Ready)");
    check(conditions(&["Ready=Perhaps", "Available=True"]), "Unhealthy Progressing (conditions/Ready)");
    check(conditions(&["Reconciling=False", "Stalled=False"]), "Unknown NoRule (none)");
    let stale = json!({"status": {"observedGeneration": 2, "conditions": [
        {"type": "Ready", "status": "True", "observedGeneration": 1}]}});
    check(stale, "Unhealthy Progressing (conditions/observedGeneration)");
    let old_spec = json!({"status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}});
    check(old_spec, "Unhealthy Progressing (kstatus/generation)");
}

#[test]
fn nothing_reported_is_not_healthy() {
    check(json!({}), "Unknown NoStatus (no status)");
    check(json!({"status": {}}), "Unknown NoStatus (no status)");
    check(json!({"status": null}), "Unknown NoStatus (no status)");
    check(json!({"status": {"endpoint": "x", "count": 3}}), "Unknown NoRule (none)");
    let without = knowing(Value::Null, json!({}));
    assert_eq!(judged(&without, json!({})), "Healthy (no status in the schema)");
    let with = knowing(json!({"type": "object"}), json!({}));
    assert_eq!(judged(&with, json!({})), "Unknown NoStatus (no status)");
    let subresource = knowing(Value::Null, json!({"status": {}}));
    assert_eq!(judged(&subresource, json!({})), "Unknown NoStatus (no status)");
}

#[test]
fn suspended_is_neither() {
    check(json!({"spec": {"suspend": true}}), "Unknown Suspended (suspend)");
    check(json!({"spec": {"paused": true}, "status": {"phase": "Ready"}}), "Unknown Suspended (suspend)");
    check(json!({"spec": {"suspend": false}, "status": {"phase": "Ready"}}), "Healthy (phase)");
    check(json!({"status": {"phase": "Paused"}}), "Unknown Suspended (phase)");
    check(conditions(&["Ready=True", "Suspended=True"]), "Unknown Suspended (conditions/Suspended)");
}

#[test]
fn other_conditions() {
    check(conditions(&["Available=True"]), "Healthy (conditions/Available)");
    check(conditions(&["Available=False"]), "Unhealthy Progressing (conditions/Available)");
    check(conditions(&["Available=True", "Degraded=True"]), "Unhealthy Degraded (conditions/Degraded)");
    check(conditions(&["Ready=True", "Degraded=True"]), "Unhealthy Degraded (conditions/Degraded)");
    check(conditions(&["Ready=True", "Synced=False/ReconcileError"]), "Unhealthy Degraded (conditions/Synced)");
    check(conditions(&["Available=True", "Progressing=True"]), "Unhealthy Progressing (conditions/Progressing)");
    let complete = conditions(&["Available=True", "Progressing=True/NewReplicaSetAvailable"]);
    check(complete, "Healthy (conditions/Available)");
    let stuck = conditions(&["Available=False", "Progressing=False/ProgressDeadlineExceeded"]);
    check(stuck, "Unhealthy Stalled (conditions/Progressing)");
    check(conditions(&["Complete=True"]), "Healthy (conditions/Complete)");
    check(conditions(&["Complete=False"]), "Unhealthy Progressing (conditions/Complete)");
    check(conditions(&["Failed=True"]), "Unhealthy Degraded (conditions/Failed)");
    check(conditions(&["Succeeded=Unknown"]), "Unhealthy Progressing (conditions/Succeeded)");
    check(conditions(&["Succeeded=False"]), "Unhealthy Degraded (conditions/Succeeded)");
    check(conditions(&["Established=True", "NamesAccepted=True"]), "Healthy (conditions/Established)");
    check(conditions(&["NamesAccepted=False", "Established=False"]), "Unhealthy Degraded (conditions/NamesAccepted)");
    check(conditions(&["Accepted=True", "Programmed=Unknown"]), "Unhealthy Progressing (conditions/Programmed)");
    check(conditions(&["PodsReady=False"]), "Unhealthy Progressing (conditions/PodsReady)");
    check(conditions(&["PodsReady=True"]), "Unknown NoRule (none)");
    check(conditions(&["Frobnicated=True"]), "Unknown NoRule (none)");
}

#[test]
fn words_and_counters() {
    check(json!({"status": {"phase": "Running"}}), "Healthy (phase)");
    check(json!({"status": {"phase": "Pending"}}), "Unhealthy Progressing (phase)");
    check(json!({"status": {"state": "ERROR"}}), "Unhealthy Degraded (state)");
    check(json!({"status": {"phase": "Ready", "state": "Failed"}}), "Unhealthy Degraded (state)");
    check(json!({"status": {"health": {"status": "Progressing"}}}), "Unhealthy Progressing (health.status)");
    check(json!({"status": {"phase": "Frobnicating"}}), "Unknown UnknownPhase (phase)");
    check(json!({"status": {"phase": "Frobnicating", "observedGeneration": 2}}), "Unknown UnknownPhase (phase)");
    check(json!({"status": {"phase": "Unknown"}}), "Unknown UnknownPhase (phase)");
    check(json!({"status": {"phase": {"a": 1}}}), "Unknown NoRule (none)");
    check(json!({"status": {"ready": true}}), "Healthy (ready)");
    check(json!({"status": {"ready": false}}), "Unhealthy Progressing (ready)");
    let replicas = |have: i64| json!({"spec": {"replicas": 3}, "status": {"readyReplicas": have}});
    check(replicas(3), "Healthy (replicas)");
    check(replicas(2), "Unhealthy Progressing (replicas)");
    check(json!({"spec": {"replicas": 0}, "status": {"readyReplicas": 0}}), "Healthy (replicas)");
    let rolling = json!({"spec": {"replicas": 3}, "status": {"readyReplicas": 3, "updatedReplicas": 1}});
    check(rolling, "Unhealthy Progressing (replicas)");
    check(json!({"status": {"desiredNumberScheduled": 2, "numberReady": 1}}), "Unhealthy Progressing (replicas)");
    check(json!({"spec": {"replicas": 3}, "status": {"replicas": 3}}), "Unknown NoRule (none)");
}

#[test]
fn a_good_word_is_doubted() {
    let short = |status: Value| json!({"spec": {"replicas": 3}, "status": status});
    check(short(json!({"phase": "Running", "readyReplicas": 1})), "Unhealthy Progressing (replicas)");
    let available = json!([condition("Available", "True", "")]);
    check(short(json!({"conditions": available, "phase": "Failed"})), "Unhealthy Degraded (phase)");
    check(short(json!({"conditions": available, "readyReplicas": 0})), "Unhealthy Progressing (replicas)");
    check(short(json!({"observedGeneration": 2, "phase": "Creating"})), "Unhealthy Progressing (phase)");
    // kstatus takes Ready for the whole truth.
    let ready = json!([condition("Ready", "True", "")]);
    check(short(json!({"conditions": ready, "phase": "Running", "readyReplicas": 1})), "Healthy (kstatus/Ready)");
}

#[test]
fn a_counter_of_the_schema_that_is_left_out_is_nought() {
    let integer = json!({"type": "integer"});
    let status = json!({"type": "object", "properties": {"replicas": integer, "readyReplicas": integer}});
    let scale = json!({"scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.replicas"}});
    let generic = knowing(status, scale);
    let parts = |size: Value, status: Value| json!({"spec": {"size": size}, "status": status});
    let judge = |parts| judged(&generic, parts);
    assert_eq!(judge(parts(json!(2), json!({"replicas": 2}))), "Unhealthy Progressing (replicas)");
    assert_eq!(judge(parts(json!(2), json!({"replicas": 2, "readyReplicas": 2}))), "Healthy (replicas)");
    let text = judge(parts(json!("2"), json!({"replicas": 2})));
    assert_eq!(text, "failed: spec.size: expected an integer, found a string");
}

#[test]
fn what_is_malformed_fails_with_its_path() {
    check(json!({"status": [1]}), "failed: status: expected an object, found a list");
    check(json!({"status": "Ready"}), "failed: status: expected an object, found a string");
    check(
        json!({"metadata": {"generation": "2"}, "status": {"a": 1}}),
        "failed: metadata.generation: expected an integer, found a string",
    );
    check(
        json!({"status": {"observedGeneration": "x"}}),
        "failed: status.observedGeneration: \"x\" is not a whole number",
    );
    check(
        json!({"status": {"observedGeneration": [2]}}),
        "failed: status.observedGeneration: expected an integer, found a list",
    );
    check(json!({"status": {"conditions": {"a": 1}}}), "failed: status.conditions: expected a list, found an object");
    check(
        json!({"status": {"conditions": ["Ready"]}}),
        "failed: status.conditions[0]: expected an object, found a string",
    );
    check(
        json!({"status": {"conditions": [{"type": "Ready", "status": true}]}}),
        "failed: status.conditions[0].status: expected a string, found a boolean",
    );
    check(
        json!({"spec": {"replicas": 1}, "status": {"readyReplicas": "1"}}),
        "failed: status.readyReplicas: expected an integer, found a string",
    );
    // Unless the schema has it so.
    let map = json!({"type": "object", "properties": {"conditions": {"type": "object"}, "phase": {"type": "string"}}});
    let parts = json!({"status": {"conditions": {"a": 1}, "phase": "Ready"}});
    assert_eq!(judged(&knowing(map, json!({})), parts), "Healthy (phase)");
}

#[test]
fn long_messages_are_cut() {
    let status = json!({"conditions": [{"type": "Ready", "status": "False", "message": "ä".repeat(100_000)}]});
    check(json!({"status": status}), "Unhealthy Progressing (kstatus/Ready)");
}

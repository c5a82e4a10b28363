//! Each kind's answers.

use std::sync::Arc;

use outrigger_addon::Addon;
use outrigger_addon_velero::Velero;
use outrigger_interpreter::{Answer, ClusterFacts, Health, Interpreter, LifeCycle, Operation, StatusItem};
use outrigger_object::Object;
use serde_json::{Value, json};

fn interpreter(kind: &str, config: Value) -> Arc<dyn Interpreter> {
    let all = Velero::new().expect("the manifest").interpreters(&config).expect("the configuration");
    all.into_iter().find(|one| one.supports()[0].gvk.kind == kind).expect("an interpreter of that kind")
}

fn object(value: Value) -> Object {
    Object::from_value(value).expect("a JSON object")
}

fn items(statuses: &[(&str, Value)]) -> Vec<StatusItem> {
    let item = |(cluster, status): &(&str, Value)| StatusItem {
        cluster_name: (*cluster).to_owned(),
        status: (!status.is_null()).then(|| status.clone()),
        applied: true,
        ..StatusItem::default()
    };
    statuses.iter().map(item).collect()
}

#[track_caller]
fn check_status(kind: &str, before: Value, statuses: &[(&str, Value)], expected: Value) {
    let template = object(json!({ "kind": kind, "spec": { "ttl": "1h" }, "status": before }));
    match interpreter(kind, Value::Null).aggregate_status(template, &items(statuses)) {
        Answer::Value(object) => {
            assert_eq!(object.0.get("status"), Some(&expected));
            assert_eq!(object.str(&["spec", "ttl"]), Some("1h"), "the rest is left alone");
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_failure(kind: &str, statuses: &[(&str, Value)], expected: &str) {
    match interpreter(kind, Value::Null).aggregate_status(object(json!({ "kind": kind })), &items(statuses)) {
        Answer::Failed(error) => assert_eq!(error.to_string(), expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_backup_sums_up() {
    check_status(
        "Backup",
        json!({}),
        &[
            (
                "west",
                json!({
                    "phase": "Completed", "version": 1, "formatVersion": "1.1.0",
                    "startTimestamp": "2026-01-01T10:00:00Z", "completionTimestamp": "2026-01-01T10:05:00Z",
                    "expiration": "2026-02-01T10:00:00Z", "warnings": 2,
                    "progress": { "totalItems": 10, "itemsBackedUp": 10 },
                    "csiVolumeSnapshotsAttempted": 3, "hookStatus": { "hooksAttempted": 1 },
                }),
            ),
            (
                "east",
                json!({
                    "phase": "PartiallyFailed", "version": 1, "formatVersion": "1.2.0",
                    "startTimestamp": "2026-01-01T09:00:00Z", "completionTimestamp": "2026-01-01T09:30:00Z",
                    "expiration": "2026-02-01T09:00:00Z", "errors": 4, "failureReason": "disk full",
                    "progress": { "totalItems": 7, "itemsBackedUp": 3 },
                    "csiVolumeSnapshotsAttempted": 1, "hookStatus": { "hooksAttempted": 2, "hooksFailed": 1 },
                }),
            ),
        ],
        json!({
            "phase": "PartiallyFailed", "version": 1,
            "startTimestamp": "2026-01-01T09:00:00Z", "completionTimestamp": "2026-01-01T10:05:00Z",
            "expiration": "2026-02-01T09:00:00Z", "errors": 4, "warnings": 2, "failureReason": "east: disk full",
            "progress": { "totalItems": 17, "itemsBackedUp": 13 },
            "csiVolumeSnapshotsAttempted": 4, "hookStatus": { "hooksAttempted": 3, "hooksFailed": 1 },
        }),
    );
}

#[test]
fn completion_waits_for_all() {
    check_status(
        "Restore",
        json!({ "phase": "New" }),
        &[
            ("east", json!({ "phase": "Completed", "completionTimestamp": "2026-01-01T09:30:00Z", "errors": 0 })),
            ("west", json!({ "phase": "Finalizing", "progress": { "itemsRestored": 5 } })),
        ],
        json!({ "phase": "InProgress", "errors": 0, "progress": { "itemsRestored": 5 } }),
    );
}

#[test]
fn nothing_is_said_before_a_member_speaks() {
    check_status("Backup", json!({ "phase": "Completed" }), &[], json!({ "phase": "Completed" }));
    check_status("Backup", json!({}), &[("east", Value::Null), ("west", json!({}))], json!({}));
}

#[test]
fn a_wiped_member_takes_nothing_away() {
    let before = json!({
        "phase": "Completed", "completionTimestamp": "2026-01-01T10:05:00Z",
        "progress": { "totalItems": 17, "itemsBackedUp": 17 },
    });
    let east = json!({ "phase": "Completed", "progress": { "totalItems": 7, "itemsBackedUp": 7 } });
    check_status("Backup", before.clone(), &[("east", east), ("west", Value::Null)], before);
}

#[test]
fn validation_errors_name_their_cluster() {
    check_status(
        "Backup",
        json!({}),
        &[
            ("west", json!({ "phase": "FailedValidation", "validationErrors": ["no such location"] })),
            ("east", json!({ "phase": "FailedValidation", "validationErrors": ["bad label"] })),
        ],
        json!({ "phase": "FailedValidation", "validationErrors": ["east: bad label", "west: no such location"] }),
    );
}

#[test]
fn a_malformed_status_is_a_failure() {
    check_failure(
        "Backup",
        &[("east", json!({ "phase": "Completed", "errors": "4" }))],
        "cluster east: status.errors should be an integer and is a string",
    );
    check_failure("Backup", &[("east", json!([]))], "cluster east: status should be an object and is a list");
    check_failure(
        "Backup",
        &[("east", json!({ "phase": "Sleeping" }))],
        "cluster east: status.phase \"Sleeping\" is not a phase of Velero's",
    );
    check_failure(
        "Restore",
        &[("east", json!({ "phase": "Completed", "startTimestamp": "yesterday" }))],
        "cluster east: status.startTimestamp should be a time (RFC 3339) and is a string",
    );
}

#[test]
fn a_schedule_shows_its_slowest_cluster() {
    check_status(
        "Schedule",
        json!({}),
        &[
            ("east", json!({ "phase": "Enabled", "lastBackup": "2026-01-02T00:00:00Z" })),
            ("west", json!({ "phase": "Enabled", "lastBackup": "2026-01-01T00:00:00Z" })),
        ],
        json!({ "phase": "Enabled", "lastBackup": "2026-01-01T00:00:00Z" }),
    );
    check_status(
        "Schedule",
        json!({}),
        &[("east", json!({ "phase": "Enabled", "lastBackup": "2026-01-02T00:00:00Z" })), ("west", Value::Null)],
        json!({ "phase": "New" }),
    );
}

#[test]
fn a_location_names_the_clusters_that_cannot_reach_it() {
    check_status(
        "BackupStorageLocation",
        json!({}),
        &[("east", json!({ "phase": "Available" })), ("west", json!({ "phase": "Unavailable", "message": "403" }))],
        json!({ "phase": "Unavailable", "message": "west: 403" }),
    );
    check_status(
        "BackupStorageLocation",
        json!({}),
        &[("east", json!({ "phase": "Available" })), ("west", json!({ "phase": "Available" }))],
        json!({ "phase": "Available" }),
    );
}

#[test]
fn a_location_reports_no_heartbeat() {
    let member = object(json!({ "status": {
        "phase": "Available", "lastSyncedTime": "2026-01-01T00:00:00Z", "lastValidationTime": "2026-01-01T00:00:00Z",
    } }));
    let answer = interpreter("BackupStorageLocation", Value::Null).reflect_status(&member);
    assert_eq!(answer, Answer::Value(json!({ "phase": "Available" })));
}

#[track_caller]
fn check_prefix(config: Value, storage: Value, mode: &str, expected: Option<&str>) {
    let location = object(json!({ "spec": { "accessMode": mode, "objectStorage": storage } }));
    let cluster = ClusterFacts { name: "east".to_owned(), ..ClusterFacts::default() };
    let answer = interpreter("BackupStorageLocation", config).localize(location, &cluster);
    match (answer, expected) {
        (Answer::Value(object), Some(prefix)) => {
            assert_eq!(object.str(&["spec", "objectStorage", "prefix"]), Some(prefix));
        }
        (Answer::NotHandled, None) => {}
        (answer, _) => panic!("{answer:?}"),
    }
}

#[test]
fn each_cluster_has_its_prefix() {
    check_prefix(Value::Null, json!({ "bucket": "b" }), "ReadWrite", Some("east"));
    check_prefix(Value::Null, json!({ "bucket": "b", "prefix": "fleet/" }), "ReadWrite", Some("fleet/east"));
    check_prefix(Value::Null, json!({ "bucket": "b", "prefix": "fleet" }), "ReadOnly", None);
    check_prefix(json!({ "prefixPerCluster": false }), json!({ "bucket": "b" }), "ReadWrite", None);
}

#[test]
fn a_location_brings_its_secrets() {
    let location = object(json!({
        "metadata": { "namespace": "velero" },
        "spec": { "credential": { "name": "cloud", "key": "k" }, "objectStorage": { "caCertRef": { "name": "ca", "key": "k" } } },
    }));
    let Answer::Value(found) = interpreter("BackupStorageLocation", Value::Null).dependencies(&location) else {
        panic!("no answer");
    };
    let names: Vec<_> =
        found.iter().map(|one| (one.kind.as_str(), one.namespace.as_str(), one.name.as_str())).collect();
    assert_eq!(names, [("Secret", "velero", "cloud"), ("Secret", "velero", "ca")]);
}

#[track_caller]
fn check_health(kind: &str, phase: &str, expected: Health) {
    let Answer::Value(report) = interpreter(kind, Value::Null).health(&object(json!({ "status": { "phase": phase } })))
    else {
        panic!("no answer");
    };
    assert_eq!(report.health, expected, "{kind} {phase}");
}

#[test]
fn health_by_phase() {
    for (phase, health) in [
        ("Completed", Health::Healthy),
        ("PartiallyFailed", Health::Unhealthy),
        ("Failed", Health::Unhealthy),
        ("FailedValidation", Health::Unhealthy),
        ("InProgress", Health::Unknown),
        ("WaitingForPluginOperationsPartiallyFailed", Health::Unknown),
        ("", Health::Unknown),
    ] {
        check_health("Backup", phase, health);
    }
    check_health("BackupStorageLocation", "Available", Health::Healthy);
    check_health("BackupStorageLocation", "Unavailable", Health::Unhealthy);
    check_health("BackupStorageLocation", "", Health::Unknown);
    check_health("Schedule", "Enabled", Health::Healthy);
    check_health("Schedule", "FailedValidation", Health::Unhealthy);
}

#[test]
fn the_manifest_says_how_kinds_live() {
    let life_cycle = |kind| interpreter(kind, Value::Null).supports()[0].life_cycle;
    assert_eq!(life_cycle("Backup"), Some(LifeCycle::RunOnce));
    assert_eq!(life_cycle("Restore"), Some(LifeCycle::RunOnce));
    assert_eq!(life_cycle("Schedule"), Some(LifeCycle::Declarative));
    let location = interpreter("BackupStorageLocation", Value::Null).supports();
    assert!(location[0].operations.contains(Operation::Localize));
}

#[test]
fn an_unknown_setting_is_refused() {
    let Err(error) = Velero::new().expect("the manifest").interpreters(&json!({ "prefixPerClusters": true })) else {
        panic!("accepted");
    };
    assert!(error.to_string().contains("prefixPerClusters"), "{error}");
}

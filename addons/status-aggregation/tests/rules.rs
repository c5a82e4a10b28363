//! What becomes of rules, on a simulated host.

use outrigger_addon::{Addon, Place};
use outrigger_addon_status_aggregation::StatusAggregation;
use outrigger_object::{Gvk, Object, ObjectKey};
use outrigger_testkit::TestHost;
use serde_json::{Value, json};

fn gvk() -> Gvk {
    Gvk::new("status.outrigger.io", "v1alpha1", "StatusAggregationRule")
}

fn put(host: &TestHost, name: &str, created: &str, mut spec: Value) {
    spec["target"] = json!({"apiVersion": "example.com/v1", "kind": "Widget"});
    host.put_json(
        &Place::Hub,
        json!({"apiVersion": "status.outrigger.io/v1alpha1", "kind": "StatusAggregationRule",
            "metadata": {"name": name, "uid": format!("uid-{name}"), "creationTimestamp": created, "generation": 1},
            "spec": spec}),
    );
}

fn settle(host: &TestHost) {
    for controller in StatusAggregation::new().unwrap().controllers() {
        for ran in host.settle(controller.as_ref()) {
            ran.result.unwrap();
        }
    }
}

fn interpreter(host: &TestHost, rule: &str) -> Option<Object> {
    let name = format!("statusaggregationrule.{rule}");
    host.object(&Place::Hub, &outrigger_addon::rule::interpreter_kind(), &ObjectKey::new("", name))
}

/// Status and reason of a rule's condition, and its message.
fn told(host: &TestHost, rule: &str, condition: &str) -> (String, String) {
    let rule = host.object(&Place::Hub, &gvk(), &ObjectKey::new("", rule)).unwrap();
    let all = rule.get(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let one = all.into_iter().find(|one| one["type"] == condition).unwrap();
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    (format!("{} {}", text("status"), text("reason")), text("message"))
}

#[test]
fn a_rule_becomes_an_interpreter() {
    let host = TestHost::new();
    put(
        &host,
        "widgets",
        "2026-01-01T00:00:00Z",
        json!({"fields": [{"path": "ready", "op": "sum"}], "conditions": {"negative": ["Degraded"]},
            "perCluster": {"path": "clusters"}}),
    );
    settle(&host);
    let made = interpreter(&host, "widgets").unwrap();
    assert_eq!(made.get(&["spec", "target", "kind"]), Some(&json!("Widget")));
    let fields = made.get(&["spec", "aggregateStatus", "fields"]).and_then(Value::as_array).unwrap();
    assert_eq!(fields.len(), 3);
    assert_eq!(fields[0]["op"], "sum");
    assert_eq!(fields[1], json!({"path": "conditions", "op": "mergeConditions", "negative": ["Degraded"]}));
    assert_eq!(made.owner_references().next().unwrap().uid, "uid-widgets");
    assert_eq!(told(&host, "widgets", "InUse").0, "Unknown Pending");

    // The host's verdict comes back.
    let mut judged = made.clone();
    judged.set(&["metadata", "generation"], 1);
    judged.set(
        &["status"],
        json!({"observedGeneration": 1, "conditions": [
            {"type": "Compiled", "status": "True", "reason": "Compiled", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "InUse", "status": "True", "reason": "Used", "message": "it answers", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]}),
    );
    host.put(&Place::Hub, judged.clone());
    settle(&host);
    assert_eq!(told(&host, "widgets", "InUse").0, "True Used");
    judged.set(
        &["status", "conditions"],
        json!([{"type": "Compiled", "status": "False", "reason": "Rejected", "message": "line 3", "lastTransitionTime": "2026-01-01T00:00:00Z"}]),
    );
    host.put(&Place::Hub, judged);
    settle(&host);
    assert_eq!(told(&host, "widgets", "InUse"), ("False Rejected".into(), "line 3".into()));
}

#[test]
fn the_oldest_rule_for_a_kind_wins() {
    let host = TestHost::new();
    put(&host, "old", "2026-01-01T00:00:00Z", json!({"cel": "{'n': 1}"}));
    put(&host, "new", "2026-01-02T00:00:00Z", json!({"cel": "{'n': 2}"}));
    settle(&host);
    assert!(interpreter(&host, "old").is_some());
    assert!(interpreter(&host, "new").is_none());
    assert_eq!(told(&host, "new", "InUse").0, "False OlderRule");
    for rule in ["old", "new"] {
        assert_eq!(told(&host, rule, "Conflicts").0, "True SameTarget", "{rule}");
    }

    // With the older one gone, the other takes its place, and nothing of the first stays.
    host.remove(&Place::Hub, &gvk(), &ObjectKey::new("", "old"));
    settle(&host);
    assert!(interpreter(&host, "old").is_none());
    assert!(interpreter(&host, "new").is_some());
    assert_eq!(told(&host, "new", "Conflicts").0, "False OnlyRule");
}

#[test]
fn what_is_wrong_with_a_rule_is_said_and_changes_nothing() {
    let check = |spec: Value, message: &str| {
        let host = TestHost::new();
        put(&host, "r", "2026-01-01T00:00:00Z", json!({"cel": "{'n': 1}"}));
        settle(&host);
        let before = interpreter(&host, "r").unwrap();
        put(&host, "r", "2026-01-01T00:00:00Z", spec);
        settle(&host);
        let (verdict, why) = told(&host, "r", "Accepted");
        assert_eq!(verdict, "False Invalid");
        assert!(why.contains(message), "no {message:?} in {why}");
        assert_eq!(interpreter(&host, "r").unwrap(), before);
    };
    check(json!({}), "none of fields");
    check(json!({"cel": "{}", "schema": true}), "exclude each other");
    check(json!({"fields": [{"path": "a"}]}), "spec.fields[0] (a)");
    check(json!({"fields": [{"path": "a", "op": "worst"}]}), "need an order");
    check(json!({"fields": [{"path": "a", "op": "summ"}]}), "summ");
}

#[test]
fn a_rule_by_schema_needs_no_interpreter() {
    let host = TestHost::new();
    put(&host, "r", "2026-01-01T00:00:00Z", json!({"schema": true}));
    settle(&host);
    assert!(interpreter(&host, "r").is_none());
    assert_eq!(told(&host, "r", "InUse").0, "True GenericRules");
}

#[test]
fn an_interpreter_of_somebody_else_is_left_alone() {
    let host = TestHost::new();
    let foreign = json!({"apiVersion": "interpreters.outrigger.io/v1alpha1", "kind": "Interpreter",
        "metadata": {"name": "statusaggregationrule.r"}, "spec": {"mine": true}});
    let foreign = host.put_json(&Place::Hub, foreign);
    put(&host, "r", "2026-01-01T00:00:00Z", json!({"cel": "{'n': 1}"}));
    settle(&host);
    assert_eq!(told(&host, "r", "Accepted").0, "False Invalid");
    assert_eq!(interpreter(&host, "r").unwrap(), foreign);
}

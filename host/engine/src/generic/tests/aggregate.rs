use outrigger_interpreter::{Answer, Health, Interpreter, StatusItem};
use outrigger_object::Object;
use serde_json::{Value, json};

use super::{Generic, ignorant, knowing, widget};

/// Clusters a, b, c… with what they report; null stands for nothing yet.
fn items(statuses: &[Value]) -> Vec<StatusItem> {
    let item = |(index, status): (usize, &Value)| StatusItem {
        cluster_name: char::from(b'a' + u8::try_from(index).unwrap()).to_string(),
        status: (!status.is_null()).then(|| status.clone()),
        applied: true,
        applied_message: String::new(),
        health: Health::Unknown,
    };
    statuses.iter().enumerate().map(item).collect()
}

fn aggregated(generic: &Generic, template: Object, statuses: &[Value]) -> Result<Value, String> {
    let spec = template.get(&["spec"]).cloned();
    let answer = generic.aggregate_status(template, &items(statuses));
    let object = answer.into_result().map_err(|error| error.to_string())?.expect("an answer");
    assert_eq!(object.get(&["spec"]).cloned(), spec, "the status alone changes");
    Ok(object.0.get("status").cloned().unwrap_or_default())
}

#[track_caller]
fn check(statuses: &[Value], expected: Value) {
    let got = aggregated(&ignorant(), widget(json!({})), statuses);
    let got = got.map(|status| if status.is_null() { json!({}) } else { status });
    assert_eq!(got, Ok(expected), "{statuses:?}");
}

#[track_caller]
fn fails(statuses: &[Value], expected: &str) {
    assert_eq!(aggregated(&ignorant(), widget(json!({})), statuses), Err(expected.to_owned()));
}

#[test]
fn counters_add_up() {
    check(
        &[json!({"replicas": 3, "readyReplicas": 1}), json!({"replicas": 2})],
        json!({"replicas": 5, "readyReplicas": 1}),
    );
    check(&[json!({"replicas": 3}), Value::Null], json!({"replicas": 3}));
    check(&[json!({"port": 80}), json!({"port": 80})], json!({"port": 80}));
    check(&[json!({"port": 80}), json!({"port": 81})], json!({}));
    check(&[json!({"replicas": i64::MAX}), json!({"replicas": 1})], json!({"replicas": i64::MAX}));
    let workers = |active: i64, kind: &str| json!({"replicaStatuses": {(kind): {"active": active}}});
    check(
        &[workers(1, "Master"), workers(2, "Worker"), workers(3, "Worker")],
        json!({"replicaStatuses": {"Master": {"active": 1}, "Worker": {"active": 5}}}),
    );
    fails(
        &[json!({"replicas": 3}), json!({"replicas": "2"})],
        "the status from cluster b: status.replicas: expected an integer, found \"2\"",
    );
    check(&[json!({"replicas": "3"}), json!({"replicas": "3"})], json!({"replicas": "3"}));
    check(&[json!({"replicas": [1]}), json!({"replicas": [2]})], json!({}));
}

#[test]
fn the_worst_word_stands() {
    let phases = |words: &[&str]| -> Vec<Value> { words.iter().map(|word| json!({"phase": word})).collect() };
    check(&phases(&["Ready", "Failed"]), json!({"phase": "Failed"}));
    check(&phases(&["Ready", "Pending"]), json!({"phase": "Pending"}));
    check(&phases(&["Succeeded", "Running"]), json!({"phase": "Running"}));
    check(&phases(&["Ready", "Ready"]), json!({"phase": "Ready"}));
    check(&phases(&["Frobnicated", "Frobnicated"]), json!({"phase": "Frobnicated"}));
    check(&phases(&["Frobnicated", "Ready"]), json!({}));
    check(&phases(&["Frobnicated", "Failed"]), json!({"phase": "Failed"}));
    // Nothing good is said for a cluster that has not been heard.
    check(&[json!({"phase": "Ready"}), Value::Null], json!({}));
    check(&[json!({"phase": "Ready"}), json!({"a": 1})], json!({}));
    check(&[json!({"phase": "Failed"}), Value::Null], json!({"phase": "Failed"}));
    check(&[json!({"ready": true}), json!({"ready": false})], json!({"ready": false}));
    check(&[json!({"ready": true}), json!({"ready": true})], json!({"ready": true}));
    check(&[json!({"ready": true}), Value::Null], json!({}));
}

#[test]
fn times_by_rule() {
    let at = |name: &str, hour: u8| json!({(name): format!("2026-01-01T{hour:02}:00:00Z")});
    check(&[at("startTime", 5), at("startTime", 3)], at("startTime", 3));
    check(&[at("startTime", 5), Value::Null], at("startTime", 5));
    check(&[at("completionTime", 5), at("completionTime", 3)], at("completionTime", 5));
    check(&[at("completionTime", 5), json!({"active": 1})], json!({"active": 1}));
    check(&[at("lastRunTime", 5), at("lastRunTime", 3)], at("lastRunTime", 5));
    check(&[at("certifiedTime", 5), at("certifiedTime", 3)], json!({}));
    check(&[json!({"lastBackup": "none"}), json!({"lastBackup": "none"})], json!({"lastBackup": "none"}));
}

#[test]
fn everything_else_is_kept_where_it_is_the_same() {
    let endpoint = |url: &str| json!({"endpoint": url, "version": "1", "list": [1, 2]});
    check(&[endpoint("x"), endpoint("x")], endpoint("x"));
    check(&[endpoint("x"), endpoint("y")], json!({"version": "1", "list": [1, 2]}));
    check(&[endpoint("x"), Value::Null], json!({}));
    check(&[endpoint("x")], endpoint("x"));
    check(&[json!({"a": {"b": "1", "c": "2"}}), json!({"a": {"b": "1", "c": "3"}})], json!({"a": {"b": "1"}}));
    check(&[json!({"a": {}}), json!({"a": {}})], json!({"a": {}}));
    check(&[json!({"a": {"b": 1}}), json!({"a": [1]})], json!({}));
    check(&[json!({"a": null}), json!({"a": null})], json!({}));
}

fn condition(kind: &str, status: &str, reason: &str, message: &str, hour: u8) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": format!("2026-01-01T{hour:02}:00:00Z")})
}

#[test]
fn conditions_merge_by_type() {
    let of = |list: &[Value]| json!({"conditions": list});
    let good = |hour| condition("Ready", "True", "Up", "all is well", hour);
    check(&[of(&[good(1)]), of(&[good(2)])], of(&[good(2)]));
    let bad = condition("Ready", "False", "Down", "no route", 1);
    check(&[of(&[good(5)]), of(std::slice::from_ref(&bad))], of(std::slice::from_ref(&bad)));
    let worse = condition("Ready", "False", "Down", "no disk", 2);
    check(
        &[of(std::slice::from_ref(&bad)), of(&[worse]), of(&[good(3)])],
        of(&[condition("Ready", "False", "Down", "a=no route, b=no disk", 2)]),
    );
    // A bad type is bad where it is true.
    let stalled = |status| condition("Stalled", status, "S", "m", 1);
    check(&[of(&[stalled("False")]), of(&[stalled("True")])], of(&[stalled("True")]));
    check(&[of(&[stalled("False")]), of(&[])], of(&[stalled("False")]));
    // Who does not tell is not ready.
    let waits = |hour, who| condition("Ready", "Unknown", "NotReported", &format!("not told of by {who}"), hour);
    check(&[of(&[good(4)]), Value::Null], of(&[waits(4, "b")]));
    check(&[of(&[good(4)]), json!({"active": 1})], json!({"active": 1, "conditions": [waits(4, "b")]}));
    check(&[of(&[good(4)]), of(&[stalled("False")])], of(&[waits(4, "b"), stalled("False")]));
    // Nobody knows which is worse.
    let odd = |status| condition("Frobnicated", status, "R", "m", 1);
    let differ = condition("Frobnicated", "Unknown", "ClustersDiffer", "a=True, b=False", 1);
    check(&[of(&[odd("True")]), of(&[odd("False")])], of(&[differ]));
    check(&[of(&[]), of(&[])], of(&[]));
    fails(
        &[json!({"conditions": {"Ready": "True"}})],
        "status.conditions: the status from cluster a: the object: expected a list, found an object",
    );
    fails(
        &[of(&[json!({"type": "Ready"})])],
        "status.conditions: the status from cluster a: [0]: a condition has a type and a status",
    );
}

#[test]
fn the_observed_generation_waits_for_all() {
    let seen = |observed: i64, generation: i64, of_template: i64| json!({"observedGeneration": observed, "generation": generation, "resourceTemplateGeneration": of_template});
    check(&[seen(7, 7, 2), seen(1, 1, 2)], json!({"observedGeneration": 2}));
    check(&[seen(7, 7, 2), seen(1, 1, 1)], json!({}));
    check(&[seen(7, 8, 2), seen(1, 1, 2)], json!({}));
    check(&[seen(7, 7, 2), Value::Null], json!({}));
    let before = widget(json!({"status": {"observedGeneration": 1, "old": "x"}}));
    let kept = aggregated(&ignorant(), before, &[seen(7, 8, 2)]);
    assert_eq!(kept, Ok(json!({"observedGeneration": 1})), "what no cluster has any more goes");
    // A field of the kind's own that is called generation is a field like any other.
    check(&[json!({"generation": 3}), json!({"generation": 3})], json!({"generation": 3}));
    let with = |generation: i64| {
        let mut status = seen(7, 7, 2);
        status["conditions"] = json!([{"type": "Ready", "status": "True", "observedGeneration": generation}]);
        status
    };
    check(
        &[with(7), with(7)],
        json!({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}]}),
    );
}

#[test]
fn what_is_reflected_can_be_aggregated() {
    let reflected = |parts: Value| ignorant().reflect_status(&widget(parts)).into_result().unwrap().unwrap();
    let made = json!({"annotations": {"resourcetemplate.karmada.io/generation": "5"}});
    assert_eq!(
        reflected(json!({"metadata": made, "status": {"observedGeneration": 2, "a": 1}})),
        json!({"observedGeneration": 2, "a": 1, "generation": 2, "resourceTemplateGeneration": 5})
    );
    assert_eq!(reflected(json!({"metadata": made, "status": {"a": 1}})), json!({"a": 1}));
    let own = json!({"observedGeneration": 2, "generation": 9});
    assert_eq!(reflected(json!({"metadata": made, "status": own})), own);
    assert_eq!(reflected(json!({"status": {}})), Value::Null);
    assert_eq!(reflected(json!({})), Value::Null);
    let answer = ignorant().reflect_status(&widget(json!({"status": [1]})));
    assert!(matches!(answer, Answer::Failed(error) if error.to_string().starts_with("status: ")));
}

#[test]
fn nothing_reported_changes_nothing() {
    let template = widget(json!({"status": {"phase": "Ready"}}));
    for statuses in [&[][..], &[Value::Null, Value::Null], &[json!({})]] {
        assert_eq!(aggregated(&ignorant(), template.clone(), statuses), Ok(json!({"phase": "Ready"})));
    }
    fails(&[json!([1])], "the status from cluster a: status: expected an object");
}

#[test]
fn the_schema_decides() {
    let schema = json!({"type": "object", "required": ["phase"], "properties": {
        "phase": {"type": "string", "enum": ["Ready", "Broken", "Failed"]},
        "replicas": {"type": "integer", "maximum": 10}, "activeSince": {"type": "string"}, "desired": {"type": "string"},
        "rate": {"type": "integer"}, "failed": {"type": "integer"},
        "conditions": {"type": "array", "items": {"type": "object", "required": ["type", "status", "reason"],
            "properties": {"type": {"type": "string"}, "status": {"type": "string"}, "reason": {"type": "string"}}}},
        "atomic": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"ready": {"type": "integer"}}},
    }});
    let generic = knowing(schema, json!({"status": {}}));
    let check = |statuses: &[Value], expected: Result<Value, &str>| {
        let got = aggregated(&generic, widget(json!({"status": {"phase": "Ready"}})), statuses);
        assert_eq!(got, expected.map_err(str::to_owned), "{statuses:?}");
    };
    let with = |parts: Value| {
        let mut status = json!({"phase": "Ready"});
        status.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        status
    };
    // Fields that the schema does not name are dropped, and so is one that it refuses.
    check(&[with(json!({"other": 1})), with(json!({"other": 1}))], Ok(with(json!({}))));
    check(&[with(json!({"replicas": 4})), with(json!({"replicas": 5}))], Ok(with(json!({"replicas": 9}))));
    check(&[with(json!({"replicas": 6})), with(json!({"replicas": 6}))], Ok(with(json!({}))));
    // Types come from the schema, not from values.
    check(&[with(json!({"desired": "2"})), with(json!({"desired": "2"}))], Ok(with(json!({"desired": "2"}))));
    check(
        &[with(json!({"failed": 1})), with(json!({"failed": "2"}))],
        Err("the status from cluster b: status.failed: expected an integer, found \"2\""),
    );
    check(&[with(json!({"rate": 4})), with(json!({"rate": 5}))], Ok(with(json!({}))));
    let ready = |count: i64| with(json!({"atomic": {"ready": count}}));
    check(&[ready(1), ready(1)], Ok(ready(1)));
    check(&[ready(1), ready(2)], Ok(with(json!({}))));
    let of = |list: Value| with(json!({"conditions": [list]}));
    let whole = json!({"type": "Ready", "status": "True", "reason": "R"});
    check(&[of(whole.clone()), of(whole.clone())], Ok(of(whole)));
    let short = json!({"type": "Ready", "status": "True"});
    check(&[of(short.clone()), of(short)], Ok(with(json!({}))));
    // A required field that there is no one value for.
    let error = aggregated(&generic, widget(json!({})), &[json!({"phase": "Ready"}), Value::Null]).unwrap_err();
    assert!(error.starts_with("status.phase: Required value"), "{error}");
    assert_eq!(
        aggregated(&generic, widget(json!({})), &[json!({"phase": "Ready"}), json!({"phase": "Failed"})]),
        Ok(json!({"phase": "Failed"}))
    );
}

#[test]
fn a_kind_that_keeps_no_status_gets_none() {
    let generic = knowing(Value::Null, json!({}));
    assert_eq!(aggregated(&generic, widget(json!({})), &[json!({"phase": "Ready"})]), Ok(Value::Null));
}

#[test]
fn a_schema_that_is_not_understood_is_no_schema() {
    let generic = knowing(json!({"type": "object", "properties": {"phase": {"type": "sausage"}}}), json!({}));
    assert_eq!(aggregated(&generic, widget(json!({})), &[json!({"phase": "Ready"})]), Ok(json!({"phase": "Ready"})));
}

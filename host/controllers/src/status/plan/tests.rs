use std::sync::Arc;

use super::*;

fn binding() -> Binding {
    let value = json!({
        "apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": "web-deployment", "namespace": "shop", "resourceVersion": "5"},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
            "clusters": [{"name": "east"}, {"name": "west"}]},
    });
    Binding::read(Arc::new(Object::from_value(value).unwrap())).unwrap()
}

fn work(cluster: &str, applied: Option<&str>, replicas: i64) -> Work {
    let conditions: Vec<_> = applied
        .into_iter()
        .map(|status| json!({"type": "Applied", "status": status, "reason": "r", "message": "no such kind", "lastTransitionTime": "2024-01-01T00:00:00Z"}))
        .collect();
    serde_json::from_value(json!({
        "apiVersion": "work.karmada.io/v1alpha1", "kind": "Work",
        "metadata": {"name": "w", "namespace": format!("karmada-es-{cluster}")}, "spec": {},
        "status": {"conditions": conditions, "manifestStatuses": [
            {"identifier": {"ordinal": 0, "group": "", "version": "v1", "kind": "Secret", "resource": "secrets", "name": "web", "namespace": "shop"},
                "status": {"other": true}},
            {"identifier": {"ordinal": 1, "group": "apps", "version": "v1", "kind": "Deployment", "resource": "deployments", "name": "web", "namespace": "shop"},
                "status": {"replicas": replicas}, "health": "Healthy"}]},
    }))
    .unwrap()
}

fn check(works: &[Work], problems: &[(&str, &str)], expected: Value, complete: bool, reported: bool) {
    let problems = problems.iter().map(|(cluster, why)| ((*cluster).to_owned(), (*why).to_owned())).collect();
    let items = items(&binding(), works, &problems);
    assert_eq!(serde_json::to_value(&items).unwrap(), expected);
    let patch = binding_patch(&binding(), &items, Timestamp::UNIX_EPOCH).unwrap();
    let status = patch["status"]["conditions"][0]["status"].as_str();
    assert_eq!(status, Some(if complete { "True" } else { "False" }));
    assert_eq!(patch["metadata"]["resourceVersion"], "5");
    assert_eq!(all_reported(&binding(), works, &problems), reported);
}

#[test]
fn works_come_together_in_one_status() {
    let healthy = |cluster: &str, replicas: i64| json!({"clusterName": cluster, "applied": true, "status": {"replicas": replicas}, "health": "Healthy"});
    let unknown = |cluster: &str| json!({"clusterName": cluster, "health": "Unknown"});
    let failed = |cluster: &str, why: &str| json!({"clusterName": cluster, "appliedMessage": why, "health": "Unknown"});
    let (east, west) = (work("east", Some("True"), 1), work("west", Some("True"), 2));
    check(&[west.clone(), east.clone()], &[], json!([healthy("east", 1), healthy("west", 2)]), true, true);
    check(std::slice::from_ref(&east), &[], json!([healthy("east", 1)]), false, false);
    check(&[east.clone(), work("west", None, 0)], &[], json!([healthy("east", 1), unknown("west")]), false, false);
    check(
        &[east.clone(), work("west", Some("False"), 0)],
        &[],
        json!([healthy("east", 1), failed("west", "no such kind")]),
        false,
        true,
    );
    check(
        std::slice::from_ref(&east),
        &[("west", "no cluster")],
        json!([healthy("east", 1), failed("west", "no cluster")]),
        false,
        true,
    );
    let mut kept = healthy("west", 2);
    kept["appliedMessage"] = json!("bad override");
    kept.as_object_mut().unwrap().remove("applied");
    check(&[east.clone(), west.clone()], &[("west", "bad override")], json!([healthy("east", 1), kept]), false, true);
    check(
        &[east, west, work("north", Some("True"), 3)],
        &[],
        json!([healthy("east", 1), healthy("north", 3), healthy("west", 2)]),
        false,
        true,
    );
}

#[test]
fn the_template_gets_its_status_and_nothing_else() {
    let object = |status: Value, spec: i64| {
        Object::from_value(json!({"metadata": {"resourceVersion": "7"}, "spec": {"a": spec}, "status": status}))
            .unwrap()
    };
    let check = |old: Value, new: Value, expected: Option<Value>| {
        let patch = template_patch(&object(old, 1), &object(new, 2));
        assert_eq!(patch, expected.map(|status| json!({"metadata": {"resourceVersion": "7"}, "status": status})));
    };
    check(json!({"a": 1}), json!({"a": 1}), None);
    check(json!({"a": 1, "b": 2}), json!({"a": 3}), Some(json!({"a": 3, "b": null})));
    check(Value::Null, json!({"a": 1}), Some(json!({"a": 1})));
    check(json!({"a": 1}), Value::Null, None);
}

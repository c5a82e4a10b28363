use outrigger_api::cluster::Cluster;
use serde_json::{Value, json};

use super::*;
use crate::works::trace::Untraced;

fn cluster() -> Cluster {
    serde_json::from_value(json!({
        "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": "west", "labels": {"env": "prod"}}, "spec": {"syncMode": "Push", "region": "us"},
    }))
    .unwrap()
}

fn policy(name: &str, selectors: Value, rules: Value) -> Override {
    let (namespace, name) = name.split_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
    let object = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "OverridePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"resourceSelectors": selectors, "overrideRules": rules},
    });
    Override::namespaced(serde_json::from_value(object).unwrap())
}

fn deployment() -> Object {
    Object::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web", "old": "1"}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "web", "image": "nginx:1", "args": ["-a", "-b"]}, {"name": "side", "image": "ghcr.io/x/side:2"}]}}},
    }))
    .unwrap()
}

fn config() -> Object {
    Object::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"},
        "data": {"a.yaml": "level: info\nlist:\n- 1\n", "b.json": "{\"level\":\"info\"}"},
    }))
    .unwrap()
}

fn check(object: Object, policies: &[Override], expected: Result<Value, &str>) {
    let mut all = Overrides::default();
    policies.iter().for_each(|one| all.set(one.clone()));
    let before = object.clone().into_value();
    let got = all.apply(object, &cluster(), &mut Untraced);
    match (got, expected) {
        (Ok((after, _)), Ok(patch)) => {
            assert_eq!(crate::merge::diff(&before, &after.into_value()).unwrap_or(json!({})), patch);
        }
        (Err(error), Err(text)) => assert_eq!(error.to_string(), text),
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    }
}

fn rule(overriders: Value) -> Value {
    json!([{"overriders": overriders}])
}

#[test]
fn every_overrider_changes_its_part() {
    let one = |overriders: Value| [policy("shop/a", json!([]), rule(overriders))];
    let check = |overriders: Value, expected: Result<Value, &str>| check(deployment(), &one(overriders), expected);
    check(
        json!({"imageOverrider": [{"component": "Registry", "operator": "replace", "value": "mirror.local"}]}),
        Ok(json!({"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "mirror.local/nginx:1", "args": ["-a", "-b"]},
            {"name": "side", "image": "mirror.local/x/side:2"}]}}}})),
    );
    check(
        json!({"imageOverrider": [{"component": "Tag", "operator": "replace", "value": "3",
            "predicate": {"path": "/spec/template/spec/containers/1/image"}}]}),
        Ok(json!({"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "nginx:1", "args": ["-a", "-b"]}, {"name": "side", "image": "ghcr.io/x/side:3"}]}}}})),
    );
    check(
        json!({"commandOverrider": [{"containerName": "side", "operator": "add", "value": ["run"]}],
            "argsOverrider": [{"containerName": "web", "operator": "remove", "value": ["-a"]}]}),
        Ok(json!({"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "nginx:1", "args": ["-b"]},
            {"name": "side", "image": "ghcr.io/x/side:2", "command": ["run"]}]}}}})),
    );
    check(
        json!({"labelsOverrider": [
                {"operator": "add", "value": {"region": "us"}}, {"operator": "remove", "value": {"old": "", "none": ""}},
                {"operator": "replace", "value": {"app": "shop", "absent": "x"}}],
            "annotationsOverrider": [{"operator": "add", "value": {"a/b": "c"}}, {"operator": "remove", "value": {"x": ""}}]}),
        Ok(json!({"metadata": {"labels": {"region": "us", "old": null, "app": "shop"}, "annotations": {"a/b": "c"}}})),
    );
    check(json!({"annotationsOverrider": [{"operator": "remove", "value": {"x": ""}}]}), Ok(json!({})));
    check(
        json!({"plaintext": [{"path": "/spec/replicas", "operator": "replace", "value": 5},
            {"path": "/spec/paused", "operator": "add", "value": true}]}),
        Ok(json!({"spec": {"replicas": 5, "paused": true}})),
    );
    check(
        json!({"plaintext": [{"path": "/spec/nothing/here", "operator": "replace", "value": 5}]}),
        Err("override policy shop/a: operation '/0' failed at path '/spec/nothing/here': path is invalid"),
    );
    check(
        json!({"imageOverrider": [{"component": "Tag", "operator": "remove", "predicate": {"path": "/spec/image"}}]}),
        Err("override policy shop/a: there is no /spec/image"),
    );
}

#[test]
fn documents_in_strings_change() {
    let field = |field: Value| [policy("shop/a", json!([]), rule(json!({"fieldOverrider": [field]})))];
    let check = |one: Value, expected: Result<Value, &str>| check(config(), &field(one), expected);
    check(
        json!({"fieldPath": "/data/a.yaml", "yaml": [{"subPath": "/level", "operator": "replace", "value": "debug"},
            {"subPath": "/list/-", "operator": "add", "value": 2}]}),
        Ok(json!({"data": {"a.yaml": "level: debug\nlist:\n- 1\n- 2\n"}})),
    );
    check(
        json!({"fieldPath": "/data/b.json", "json": [{"subPath": "/level", "operator": "remove"}]}),
        Ok(json!({"data": {"b.json": "{}"}})),
    );
    check(
        json!({"fieldPath": "/data", "yaml": [{"subPath": "/a", "operator": "remove"}]}),
        Err("override policy shop/a: /data is not a string"),
    );
    check(
        json!({"fieldPath": "/data/c", "json": [{"subPath": "/a", "operator": "remove"}]}),
        Err("override policy shop/a: there is no /data/c"),
    );
}

#[test]
fn policies_apply_in_order() {
    let label = |value: &str| rule(json!({"labelsOverrider": [{"operator": "add", "value": {"by": value}}]}));
    let by = |policies: &[Override], expected: Option<&str>| {
        let patch = expected.map_or(json!({}), |by| json!({"metadata": {"labels": {"by": by}}}));
        check(deployment(), policies, Ok(patch));
    };
    let kind = json!([{"apiVersion": "apps/v1", "kind": "Deployment"}]);
    let name = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]);
    by(&[policy("wide", json!([]), label("wide")), policy("shop/own", json!([]), label("own"))], Some("own"));
    by(&[policy("shop/a", json!([]), label("a")), policy("shop/b", json!([]), label("b"))], Some("b"));
    by(&[policy("shop/a", name.clone(), label("a")), policy("shop/b", kind.clone(), label("b"))], Some("a"));
    by(&[policy("other/a", json!([]), label("a"))], None);
    by(&[policy("shop/a", json!([{"apiVersion": "v1", "kind": "Secret"}]), label("a"))], None);
    let to = |target: Value| json!([{"targetCluster": target, "overriders": {"labelsOverrider": [{"operator": "add", "value": {"by": "rule"}}]}}]);
    by(&[policy("shop/a", json!([]), to(json!({"clusterNames": ["west"]})))], Some("rule"));
    by(&[policy("shop/a", json!([]), to(json!({"clusterNames": ["east"]})))], None);
    by(&[policy("shop/a", json!([]), to(json!({"labelSelector": {"matchLabels": {"env": "prod"}}})))], Some("rule"));
    by(
        &[policy(
            "shop/a",
            json!([]),
            to(json!({"fieldSelector": {"matchExpressions": [
        {"key": "region", "operator": "NotIn", "values": ["us"]}]}})),
        )],
        None,
    );
}

#[test]
fn what_was_applied_is_recorded_by_name() {
    let label = rule(json!({"labelsOverrider": [{"operator": "add", "value": {"a": "b"}}]}));
    let mut all = Overrides::default();
    let name = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}]);
    all.set(policy("shop/a", name, label.clone()));
    all.set(policy("shop/b", json!([]), label));
    let (_, applied) = all.apply(deployment(), &cluster(), &mut Untraced).unwrap();
    assert_eq!(applied.cluster, None);
    let list: Value = serde_json::from_str(&applied.namespaced.unwrap()).unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|one| one["policyName"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(list[0]["overriders"]["labelsOverrider"][0]["value"], json!({"a": "b"}));
}

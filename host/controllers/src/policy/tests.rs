use serde_json::{Value, json};

use super::*;

fn policy(name: &str, selectors: Value, more: Value) -> Policy {
    let (namespace, name) = name.split_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
    let mut spec = json!({"resourceSelectors": selectors});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let mut object = json!({"apiVersion": "policy.karmada.io/v1alpha1", "metadata": {"name": name}, "spec": spec});
    if let Some(namespace) = namespace {
        object["kind"] = json!("PropagationPolicy");
        object["metadata"]["namespace"] = json!(namespace);
        object["metadata"]["labels"] = json!({label::PROPAGATION_POLICY_PERMANENT_ID: format!("id-{name}")});
        Policy::namespaced(serde_json::from_value(object).unwrap())
    } else {
        object["kind"] = json!("ClusterPropagationPolicy");
        object["metadata"]["labels"] = json!({label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID: format!("id-{name}")});
        Policy::cluster(serde_json::from_value(object).unwrap())
    }
}

fn template(claimed: Option<&Policy>) -> Object {
    let mut object = Object::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    }))
    .unwrap();
    if let Some(policy) = claimed {
        let mut value = object.into_value();
        let patch = claim_patch(&Object::from_value(value.clone()).unwrap(), policy).unwrap();
        json_patch::merge(&mut value, &patch);
        object = Object::from_value(value).unwrap();
    }
    object
}

fn any() -> Value {
    json!([{"apiVersion": "apps/v1", "kind": "Deployment"}])
}

fn named() -> Value {
    json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}])
}

fn labelled() -> Value {
    json!([{"apiVersion": "apps/v1", "kind": "Deployment", "labelSelector": {"matchLabels": {"app": "web"}}}])
}

fn check(claimed: Option<&Policy>, policies: &[Policy], expected: Option<&str>) {
    let mut all = Policies::default();
    for policy in policies {
        all.set(policy.clone());
    }
    let decided = all.decide(&template(claimed)).map(|policy| policy.key.to_string());
    let names: Vec<_> = policies.iter().map(|policy| policy.key.to_string()).collect();
    assert_eq!(decided.as_deref(), expected, "of {names:?}, claimed by {:?}", claimed.map(|policy| &policy.key.name));
}

#[test]
fn the_closest_policy_of_the_highest_priority_wins() {
    let pp = |name: &str, selectors| policy(name, selectors, json!({}));
    let first = |name: &str, selectors| policy(name, selectors, json!({"priority": 5}));
    check(None, &[], None);
    check(None, &[pp("shop/a", any()), pp("shop/b", any())], Some("shop/a"));
    check(None, &[pp("shop/a", any()), pp("shop/b", labelled()), pp("shop/c", named())], Some("shop/c"));
    check(None, &[pp("shop/a", any()), pp("shop/b", labelled())], Some("shop/b"));
    check(None, &[pp("shop/a", named()), first("shop/b", any())], Some("shop/b"));
    check(None, &[first("everywhere", named()), pp("shop/a", any())], Some("shop/a"));
    check(None, &[pp("everywhere", any()), pp("other/a", any())], Some("everywhere"));
    check(None, &[pp("shop/a", json!([{"apiVersion": "v1", "kind": "Deployment"}]))], None);
    check(None, &[pp("a", json!([{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "other"}]))], None);
    check(None, &[pp("shop/a", json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "db"}]))], None);
}

#[test]
fn a_claim_is_kept_while_the_policy_selects() {
    let loose = policy("shop/z", any(), json!({}));
    let close = policy("shop/a", named(), json!({"priority": 9}));
    check(Some(&loose), &[loose.clone(), close.clone()], Some("shop/z"));
    let elsewhere = policy("shop/z", json!([{"apiVersion": "v1", "kind": "Secret"}]), json!({}));
    check(Some(&loose), &[elsewhere, close.clone()], Some("shop/a"));
    check(Some(&loose), std::slice::from_ref(&close), Some("shop/a"));
    check(Some(&loose), &[], None);
    let mut again = loose.clone();
    again.id = "another".to_owned();
    check(Some(&loose), &[again, close.clone()], Some("shop/a"));
    let mut leaving = loose.clone();
    leaving.deleting = true;
    check(Some(&loose), &[leaving.clone(), close], Some("shop/a"));
    check(None, &[leaving], None);
    let mut young = loose.clone();
    young.id.clear();
    check(None, &[young], None);
}

#[test]
fn preemption_needs_priority_or_a_namespace() {
    let always = |name: &str, priority: i32| policy(name, any(), json!({"preemption": "Always", "priority": priority}));
    let held = policy("shop/held", any(), json!({"priority": 3}));
    check(Some(&held), &[held.clone(), always("shop/a", 4)], Some("shop/a"));
    check(Some(&held), &[held.clone(), always("shop/a", 3)], Some("shop/held"));
    check(Some(&held), &[held.clone(), always("everywhere", 9)], Some("shop/held"));
    let wide = policy("wide", any(), json!({"priority": 3}));
    check(Some(&wide), &[wide.clone(), always("shop/a", 0)], Some("shop/a"));
    check(Some(&wide), &[wide.clone(), policy("shop/a", any(), json!({}))], Some("wide"));
    check(Some(&wide), &[wide.clone(), always("b", 4)], Some("b"));
    check(Some(&wide), &[wide.clone(), always("b", 2)], Some("wide"));
}

#[test]
fn a_claim_replaces_the_other_kind_of_claim() {
    let (wide, own) = (policy("wide", any(), json!({})), policy("shop/own", any(), json!({})));
    let claimed = template(Some(&wide));
    assert_eq!(claim_patch(&claimed, &wide), None);
    let patch = claim_patch(&claimed, &own).unwrap();
    assert_eq!(
        patch,
        json!({"metadata": {
            "labels": {"propagationpolicy.karmada.io/permanent-id": "id-own", "clusterpropagationpolicy.karmada.io/permanent-id": null},
            "annotations": {"propagationpolicy.karmada.io/namespace": "shop", "propagationpolicy.karmada.io/name": "own",
                "clusterpropagationpolicy.karmada.io/name": null},
        }})
    );
    assert_eq!(release_patch(&template(None)), None);
    assert!(release_patch(&claimed).is_some());
}

#[test]
fn one_object_in_two_versions_is_one_template() {
    let check = |selectors: Value, expected: bool| {
        let held = policy("shop/a", selectors, json!({}));
        let mut all = Policies::default();
        all.set(held.clone());
        assert_eq!(all.selects_another_version(&template(Some(&held))), expected);
        assert!(!all.selects_another_version(&template(None)), "it is nobody's yet");
    };
    check(json!([{"apiVersion": "apps/v2", "kind": "Deployment"}]), true);
    check(
        json!([{"apiVersion": "apps/v2", "kind": "Deployment"}, {"apiVersion": "apps/v1", "kind": "Deployment"}]),
        false,
    );
    check(json!([{"apiVersion": "other/v2", "kind": "Deployment"}]), false);
}

use outrigger_api::labels::label;
use serde_json::json;

use super::*;

fn template(more: Value) -> Object {
    let mut value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7", "generation": 1},
    });
    json_patch::merge(&mut value, &more);
    Object::from_value(value).unwrap()
}

fn policy(more: Value) -> Policy {
    let mut value = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": "all", "namespace": "shop", "labels": {label::PROPAGATION_POLICY_PERMANENT_ID: "p1"}},
        "spec": {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
            "placement": {"clusterAffinity": {"clusterNames": ["east"]}}, "schedulerName": "default-scheduler"},
    });
    json_patch::merge(&mut value, &json!({"spec": more}));
    Policy::namespaced(serde_json::from_value(value).unwrap())
}

fn decide(template: &Object, policy: Option<&Policy>, binding: Option<&Object>, replicas: i32) -> Plan {
    plan(&Inputs {
        template,
        policy,
        binding,
        binding_key: &ObjectKey::new("shop", "web-deployment"),
        demand: &Demand { replicas, ..Demand::default() },
        new_id: "b1",
    })
    .unwrap()
}

/// The template and the binding after a plan was carried out.
fn carried_out(template: &Object, binding: Option<&Object>, plan: Plan) -> (Object, Option<Object>) {
    let merged = |object: &Object, patch: Option<Value>| {
        let mut value = object.clone().into_value();
        json_patch::merge(&mut value, &patch.unwrap_or_else(|| json!({})));
        Object::from_value(value).unwrap()
    };
    match plan {
        Plan::Bind { template: patch, binding: write } => {
            let bound = match write {
                Write::None => binding.cloned(),
                Write::Create(object) => Some(object),
                Write::Patch(patch) => binding.map(|binding| merged(binding, Some(patch))),
            };
            (merged(template, patch), bound)
        }
        Plan::Release { binding: unbind, template: patch } => {
            (merged(template, patch), binding.map(|binding| merged(binding, unbind)))
        }
        Plan::Nothing | Plan::Replace { .. } => (template.clone(), binding.cloned()),
    }
}

#[test]
fn a_template_is_claimed_and_bound_once() {
    let (before, all) = (template(json!({})), policy(json!({"propagateDeps": true})));
    let plan = decide(&before, Some(&all), None, 3);
    insta::assert_yaml_snapshot!("claimed_and_bound", plan);
    let (claimed, binding) = carried_out(&before, None, plan);
    assert_eq!(decide(&claimed, Some(&all), binding.as_ref(), 3), Plan::Nothing);
    let later = template(json!({"metadata": {"resourceVersion": "9"}, "status": {"replicas": 3}}));
    let (later, _) = carried_out(&later, None, decide(&later, Some(&all), None, 3));
    assert_eq!(decide(&later, Some(&all), binding.as_ref(), 3), Plan::Nothing, "a newer version alone is no news");
}

#[test]
fn what_others_wrote_stays() {
    let (before, all) = (template(json!({})), policy(json!({})));
    let (claimed, binding) = carried_out(&before, None, decide(&before, Some(&all), None, 3));
    let mut binding = binding.unwrap();
    binding.set(&["spec", "clusters"], json!([{"name": "east", "replicas": 3}]));
    binding.set(&["spec", "requiredBy"], json!([{"name": "x"}]));
    binding.set(&["spec", "suspension"], json!({"scheduling": true}));
    binding.set(&["metadata", "annotations", "policy.karmada.io/applied-placement"], "{}");
    assert_eq!(decide(&claimed, Some(&all), Some(&binding), 3), Plan::Nothing);
    let changed = policy(
        json!({"placement": {"clusterAffinity": {"clusterNames": ["west"]}}, "suspension": {"dispatching": true}}),
    );
    let Plan::Bind { template: None, binding: Write::Patch(patch) } =
        decide(&claimed, Some(&changed), Some(&binding), 5)
    else {
        panic!("the binding alone is patched")
    };
    assert_eq!(
        patch,
        json!({"spec": {"placement": {"clusterAffinity": {"clusterNames": ["west"]}}, "replicas": 5,
            "suspension": {"dispatching": true}}})
    );
}

#[test]
fn without_a_policy_claims_go_and_the_binding_stays() {
    let (before, all) = (template(json!({})), policy(json!({})));
    let (claimed, binding) = carried_out(&before, None, decide(&before, Some(&all), None, 1));
    let plan = decide(&claimed, None, binding.as_ref(), 0);
    let (free, left) = carried_out(&claimed, binding.as_ref(), plan);
    assert_eq!((free.labels().count(), free.annotations().count()), (0, 0));
    let left = left.unwrap();
    assert_eq!(left.labels().map(|(name, _)| name).collect::<Vec<_>>(), [label::RESOURCE_BINDING_PERMANENT_ID]);
    assert_eq!(left.int(&["spec", "replicas"]), Some(1));
    assert_eq!(decide(&free, None, Some(&left), 0), Plan::Nothing);
}

#[test]
fn the_binding_of_an_earlier_template_is_not_taken_over() {
    let (before, all) = (template(json!({})), policy(json!({})));
    let (_, binding) = carried_out(&before, None, decide(&before, Some(&all), None, 1));
    let mut binding = binding.unwrap();
    binding.set(&["metadata", "uid"], "b-uid");
    let again = template(json!({"metadata": {"uid": "u2"}}));
    assert_eq!(decide(&again, Some(&all), Some(&binding), 1), Plan::Replace { uid: "b-uid".into() });
}

#[test]
fn the_systems_own_is_left_alone() {
    let check = |namespace: &str, claimed_by: &str, expected: Option<&str>| {
        let object =
            template(json!({"metadata": {"namespace": namespace, "labels": {label::TEMPLATE_CLAIMED_BY: claimed_by}}}));
        assert_eq!(is_left_alone(&object, &["kube-".to_owned()]), expected, "{namespace}");
    };
    check("shop", "", None);
    check("kube-system", "", Some("its namespace is not propagated"));
    check("karmada-es-east", "", Some("its namespace is the system's"));
    check("shop", "MultiClusterService", Some("another kind propagates it"));
    assert!(is_reserved_kind("work.karmada.io", "Work"));
    assert!(is_reserved_kind("", "Event"));
    assert!(!is_reserved_kind("velero.io", "Backup"));
}

use outrigger_api::cluster::Cluster;
use outrigger_api::policy::OverridePolicy;
use outrigger_engine::Engine;

use super::super::manifest::{Maker, completions, is_settled};
use super::*;
use crate::overrides::{Override, Overrides};

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

fn template(more: Value) -> Object {
    let mut value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7", "generation": 4,
            "labels": {"app": "web", label::PROPAGATION_POLICY_PERMANENT_ID: "p1"},
            "annotations": {annotation::PROPAGATION_POLICY_NAMESPACE: "shop", annotation::PROPAGATION_POLICY_NAME: "all"}},
        "spec": {"replicas": 9}, "status": {"replicas": 1},
    });
    json_patch::merge(&mut value, &more);
    object(value)
}

fn binding(more: Value) -> Binding {
    let mut value = json!({
        "apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": "web-deployment", "namespace": "shop", "labels": {label::RESOURCE_BINDING_PERMANENT_ID: "b1"}},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "uid": "u1"},
            "replicas": 9, "clusters": [{"name": "east", "replicas": 2}, {"name": "west", "replicas": 7}]},
    });
    json_patch::merge(&mut value, &json!({"spec": more}));
    Binding::read(Arc::new(object(value))).unwrap()
}

fn cluster(name: &str) -> Cluster {
    serde_json::from_value(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": name}, "spec": {"syncMode": "Push"}}))
    .unwrap()
}

fn make(
    template: &Object,
    binding: &Binding,
    overrides: &Overrides,
    existing: Option<&Object>,
) -> Result<Step, String> {
    let engine = Engine::standard();
    let maker = Maker {
        tailoring: &crate::tailoring::Tailoring::default(),
        engine: &engine,
        overrides,
        template,
        binding,
        counts_spec: true,
        settled: is_settled(&engine, template, binding),
        completions: completions(template, binding, &binding.targets()),
    };
    let key = work_key(&binding.template(), "west");
    let target = binding.targets().into_iter().find(|target| target.name == "west").unwrap();
    let made =
        maker.make(&target, &cluster("west"), &key, existing.and_then(manifest), &mut crate::works::trace::Untraced)?;
    Ok(step(binding, &key, "west", made, existing, "w1"))
}

fn made(step: Step, existing: Option<&Object>) -> Object {
    match step {
        Step::Create(work) => work,
        Step::Patch(patch) => {
            let mut value = existing.unwrap().clone().into_value();
            json_patch::merge(&mut value, &patch);
            object(value)
        }
        Step::Keep | Step::Wait => existing.unwrap().clone(),
    }
}

#[test]
fn a_work_is_made_once() {
    let none = Overrides::default();
    let step = make(&template(json!({})), &binding(json!({})), &none, None).unwrap();
    insta::assert_yaml_snapshot!("a_work", step);
    let work = made(step, None);
    assert_eq!(make(&template(json!({})), &binding(json!({})), &none, Some(&work)), Ok(Step::Keep));
    let news = template(json!({"status": {"replicas": 9}, "metadata": {"resourceVersion": "8"}}));
    assert_eq!(make(&news, &binding(json!({})), &none, Some(&work)), Ok(Step::Keep), "status is no news");
    let mut going = work.clone();
    going.set(&["metadata", "deletionTimestamp"], "2024-01-01T00:00:00Z");
    assert_eq!(make(&news, &binding(json!({})), &none, Some(&going)), Ok(Step::Wait));
}

#[test]
fn a_new_generation_is_told_with_its_shares() {
    let none = Overrides::default();
    let told =
        |work: &Object| manifest(work).unwrap()["metadata"]["annotations"][annotation::TEMPLATE_GENERATION].clone();
    let first = made(make(&template(json!({})), &binding(json!({})), &none, None).unwrap(), None);
    let before = told(&first);
    // The template asks for more, and neither detector nor scheduler has looked yet; then only the latter has not.
    let more = template(json!({"metadata": {"generation": 50}, "spec": {"replicas": 12}}));
    let placement = json!({"replicaScheduling": {"replicaSchedulingType": "Divided"}});
    for uncounted in [json!({}), json!({"replicas": 12, "placement": placement})] {
        assert_eq!(make(&more, &binding(uncounted), &none, Some(&first)), Ok(Step::Keep));
    }
    let divided = json!({"replicas": 12, "placement": placement, "clusters": [{"name": "east", "replicas": 3}, {"name": "west", "replicas": 9}]});
    let second = made(make(&more, &binding(divided), &none, Some(&first)).unwrap(), Some(&first));
    assert_eq!((told(&second), before != told(&second)), (json!("50"), true));
    assert_eq!(manifest(&second).unwrap()["spec"]["replicas"], 9);
}

#[test]
fn marks_come_and_go_with_their_cause() {
    let none = Overrides::default();
    let first = made(make(&template(json!({})), &binding(json!({})), &none, None).unwrap(), None);
    let mut some = Overrides::default();
    let policy: OverridePolicy = serde_json::from_value(json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "OverridePolicy", "metadata": {"name": "o", "namespace": "shop"},
        "spec": {"overrideRules": [{"overriders": {"labelsOverrider": [{"operator": "add", "value": {"x": "y"}}]}}]}}))
    .unwrap();
    some.set(Override::namespaced(policy));
    let held = binding(
        json!({"suspension": {"dispatchingOnClusters": {"clusterNames": ["west"]}}, "preserveResourcesOnDeletion": true,
        "conflictResolution": "Overwrite"}),
    );
    let second = made(make(&template(json!({})), &held, &some, Some(&first)).unwrap(), Some(&first));
    assert!(second.annotation(annotation::APPLIED_OVERRIDES).is_some_and(|text| text.contains("\"policyName\":\"o\"")));
    assert_eq!(second.annotation(annotation::CONFLICT_RESOLUTION), Some("overwrite"));
    assert_eq!(
        (second.bool(&["spec", "suspendDispatching"]), second.bool(&["spec", "preserveResourcesOnDeletion"])),
        (Some(true), Some(true))
    );
    let third = made(make(&template(json!({})), &binding(json!({})), &none, Some(&second)).unwrap(), Some(&second));
    assert_eq!(third, first);
}

#[test]
fn an_override_must_leave_the_name() {
    let mut renaming = Overrides::default();
    let policy: OverridePolicy = serde_json::from_value(json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "OverridePolicy", "metadata": {"name": "o", "namespace": "shop"},
        "spec": {"overrideRules": [{"overriders": {"plaintext": [{"path": "/metadata/name", "operator": "replace", "value": "other"}]}}]}}))
    .unwrap();
    renaming.set(Override::namespaced(policy));
    let error = make(&template(json!({})), &binding(json!({})), &renaming, None).unwrap_err();
    assert_eq!(error, "overrides or an interpreter made Deployment shop/other of it");
}

#[test]
fn a_divided_job_divides_its_completions() {
    let job = object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "shop"},
        "spec": {"parallelism": 9, "completions": 18}}));
    let divided = json!({"placement": {"replicaScheduling": {"replicaSchedulingType": "Divided"}}});
    let got = |binding: &Binding| completions(&job, binding, &binding.targets());
    assert_eq!(got(&binding(divided)), Some(vec![("east".into(), 4), ("west".into(), 14)]));
    assert_eq!(got(&binding(json!({}))), None);
}

#[test]
fn orphans_are_the_works_of_clusters_that_were_left() {
    let work = |cluster: &str| {
        Arc::new(object(json!({"metadata": {"namespace": format!("karmada-es-{cluster}"), "name": "w"}})))
    };
    let check = |more: Value, expected: &[&str], waits: bool| {
        let binding = binding(more);
        let orphans = orphans(&binding, &[work("east"), work("west"), work("north"), work("south")]);
        let names: Vec<_> = orphans.iter().map(|work| work.namespace().trim_start_matches("karmada-es-")).collect();
        assert_eq!(names, expected);
        assert_eq!(must_wait(&binding, &orphans), waits);
    };
    check(json!({}), &["north", "south"], false);
    check(json!({"requiredBy": [{"name": "x", "clusters": [{"name": "north"}]}]}), &["south"], false);
    let task = |mode: &str| json!({"gracefulEvictionTasks": [{"fromCluster": "north", "reason": "r", "producer": "p", "purgeMode": mode}]});
    check(task("Gracefully"), &["south"], false);
    check(task("Directly"), &["north", "south"], true);
    check(json!({"clusters": null}), &["east", "west", "north", "south"], false);
}

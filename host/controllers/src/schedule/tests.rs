use outrigger_api::cluster::Cluster;
use outrigger_object::Object;

use super::*;

fn snapshot(names: &[&str]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for name in names {
        let cluster: Cluster = serde_json::from_value(json!({
            "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": name}, "spec": {"syncMode": "Push"},
            "status": {"apiEnablements": [{"groupVersion": "apps/v1", "resources": [{"name": "deployments", "kind": "Deployment"}]}]},
        }))
        .unwrap();
        snapshot.set(&cluster);
    }
    snapshot
}

fn binding(placement: Value, more: Value) -> Binding {
    let mut value = json!({
        "apiVersion": "work.karmada.io/v1alpha2", "kind": "ResourceBinding",
        "metadata": {"name": "web-deployment", "namespace": "shop", "generation": 1, "labels": {label::PROPAGATION_POLICY_PERMANENT_ID: "p"}},
        "spec": {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
            "replicas": 4, "placement": placement},
    });
    json_patch::merge(&mut value, &more);
    Binding::read(Arc::new(Object::from_value(value).unwrap())).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// Carries a plan out on a binding.
fn carried_out(binding: &Binding, snapshot: &Snapshot) -> (Binding, bool) {
    let plan = plan(binding, binding.spec.placement.as_ref().unwrap(), snapshot, now());
    let mut value = Object::clone(&binding.object).into_value();
    let mut generation = binding.object.generation();
    if let Some(patch) = &plan.binding {
        json_patch::merge(&mut value, patch);
        generation += 1;
        value["metadata"]["generation"] = json!(generation);
    }
    let status = status_patch(binding, &plan, generation, now());
    if let Some(patch) = &status {
        json_patch::merge(&mut value, patch);
    }
    let wrote = plan.binding.is_some() || status.is_some();
    (Binding::read(Arc::new(Object::from_value(value).unwrap())).unwrap(), wrote)
}

fn names(binding: &Binding) -> String {
    let list: Vec<_> = binding.spec.clusters.iter().map(|one| format!("{}:{}", one.name, one.replicas)).collect();
    list.join(" ")
}

const DIVIDED: fn() -> Value =
    || json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted"}});

#[test]
fn a_decision_is_written_once() {
    for placement in [json!({}), DIVIDED()] {
        let (first, wrote) = carried_out(&binding(placement.clone(), json!({})), &snapshot(&["east", "west"]));
        assert!(wrote);
        assert_eq!(first.status.scheduler_observed_generation, first.object.generation());
        assert_eq!(conditions::find(&first.status.conditions, BINDING_SCHEDULED).unwrap().status, "True");
        assert!(first.status.last_scheduled_time.is_some());
        let (_, again) = carried_out(&first, &snapshot(&["east", "west"]));
        assert!(!again, "{placement}");
    }
}

#[test]
fn whole_copies_follow_clusters_and_shares_stay() {
    let check = |placement: Value, expected: &str| {
        let (first, _) = carried_out(&binding(placement, json!({})), &snapshot(&["east", "west"]));
        let (then, _) = carried_out(&first, &snapshot(&["east", "north", "west"]));
        assert_eq!(names(&then), expected);
    };
    check(json!({}), "east:4 west:4 north:4");
    check(DIVIDED(), "east:2 west:2");
    let (first, _) = carried_out(&binding(DIVIDED(), json!({})), &snapshot(&["east", "west"]));
    assert_eq!(names(&carried_out(&first, &snapshot(&["east"])).0), "east:4", "a target that is gone is made up for");
}

#[test]
fn what_asks_for_a_new_decision() {
    let clusters = snapshot(&["east", "west"]);
    let (first, _) = carried_out(&binding(DIVIDED(), json!({})), &clusters);
    let with = |more: Value| {
        let mut value = Object::clone(&first.object).into_value();
        json_patch::merge(&mut value, &more);
        let binding = Binding::read(Arc::new(Object::from_value(value).unwrap())).unwrap();
        let placement = binding.spec.placement.clone().unwrap();
        is_due(&binding, &placement, &clusters, fresh_wanted(&binding))
    };
    assert!(!with(json!({})));
    assert!(with(json!({"spec": {"replicas": 6}})));
    assert!(with(json!({"spec": {"placement": {"clusterTolerations": [{"key": "a"}]}}})));
    assert!(with(json!({"spec": {"rescheduleTriggeredAt": "2030-01-01T00:00:00Z"}})));
    assert!(!with(json!({"spec": {"rescheduleTriggeredAt": "2000-01-01T00:00:00Z"}})));
}

#[test]
fn only_that_nothing_fits_takes_clusters_away() {
    let (first, _) = carried_out(&binding(json!({}), json!({})), &snapshot(&["east"]));
    let changed = |placement: Value| {
        let mut value = Object::clone(&first.object).into_value();
        value["spec"]["placement"] = placement;
        let binding = Binding::read(Arc::new(Object::from_value(value).unwrap())).unwrap();
        let (after, _) = carried_out(&binding, &snapshot(&["east"]));
        let condition = conditions::find(&after.status.conditions, BINDING_SCHEDULED).unwrap().clone();
        (names(&after), condition.reason)
    };
    let check = |placement: Value, clusters: &str, reason: &str| {
        assert_eq!(changed(placement.clone()), (clusters.to_owned(), reason.to_owned()), "{placement}");
    };
    check(json!({"clusterAffinity": {"clusterNames": ["west"]}}), "", "NoClusterFit");
    check(json!({"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 3}]}), "east:4", "SchedulerError");
    check(
        json!({"clusterAffinity": {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "?"}]}}}),
        "east:4",
        "SchedulerError",
    );
}

#[test]
fn some_bindings_are_not_ours_to_place() {
    let check = |more: Value, expected: Option<&str>| {
        assert_eq!(skipped(&binding(json!({}), more)), expected);
    };
    check(json!({}), None);
    check(json!({"metadata": {"labels": null}}), Some("no policy stands behind it"));
    check(json!({"spec": {"schedulerName": "other"}}), Some("another scheduler places it"));
    check(json!({"spec": {"schedulerName": "default-scheduler"}}), None);
    check(json!({"spec": {"suspension": {"scheduling": true}}}), Some("its scheduling is suspended"));
    check(json!({"spec": {"placement": null}}), Some("it has no placement"));
    check(json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}}), Some("it is being deleted"));
}

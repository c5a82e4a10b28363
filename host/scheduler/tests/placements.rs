//! Golden plans over a small world, and properties over random ones.

use std::collections::BTreeSet;
use std::fmt::Write;

use outrigger_api::cluster::Cluster;
use outrigger_api::work::ResourceBindingSpec;
use outrigger_scheduler::{Change, Request, Snapshot, Unschedulable, schedule};
use proptest::prelude::*;
use serde_json::{Value, json};

fn cluster(name: &str, labels: Value, spec: Value, kinds: &[&str]) -> Cluster {
    let mut spec = spec;
    spec["syncMode"] = json!("Push");
    let resources: Vec<_> = kinds.iter().map(|kind| json!({"name": kind.to_lowercase(), "kind": kind})).collect();
    serde_json::from_value(json!({
        "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": name, "labels": labels}, "spec": spec,
        "status": {"apiEnablements": [{"groupVersion": "apps/v1", "resources": resources}]},
    }))
    .expect("a cluster")
}

fn world() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let all = &["Deployment", "DaemonSet"];
    for one in [
        cluster(
            "west",
            json!({"env": "prod"}),
            json!({"provider": "aws", "region": "us", "zones": ["us-1", "us-2"]}),
            all,
        ),
        cluster("east", json!({"env": "prod"}), json!({"provider": "gcp", "region": "eu", "zones": ["eu-1"]}), all),
        cluster(
            "edge",
            json!({"env": "test"}),
            json!({"taints": [
            {"key": "far", "value": "out", "effect": "NoSchedule"}, {"key": "soft", "effect": "PreferNoSchedule"}]}),
            all,
        ),
        cluster("old", json!({"env": "prod"}), json!({"provider": "aws", "region": "us"}), &["DaemonSet"]),
    ] {
        snapshot.set(&one);
    }
    let mut leaving = cluster("leaving", json!({"env": "prod"}), json!({}), all);
    leaving.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2024-01-01T00:00:00Z")).expect("a time"));
    snapshot.set(&leaving);
    snapshot
}

fn binding(placement: Value, more: Value) -> ResourceBindingSpec {
    let mut spec = json!({
        "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "web"},
        "placement": placement,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    serde_json::from_value(spec).expect("a binding")
}

#[test]
fn plans() {
    let tolerate = json!([{"key": "far", "operator": "Exists"}]);
    let weights = |list: Value| {
        json!({"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": list}})
    };
    let names = |names: &[&str]| json!({"clusterNames": names});
    let groups = |groups: &[(&str, &[&str])]| {
        groups
            .iter()
            .map(|(name, clusters)| json!({"affinityName": name, "clusterNames": clusters}))
            .collect::<Vec<_>>()
    };
    let select = |key: &str, operator: &str, values: &[&str]| json!({"clusterAffinity": {"fieldSelector": {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}}});
    let cases = [
        ("everywhere", json!({}), json!({})),
        ("everywhere, tolerant", json!({"clusterTolerations": tolerate}), json!({})),
        ("tolerates by value", json!({"clusterTolerations": [{"key": "far", "value": "out"}]}), json!({})),
        (
            "tolerates another effect",
            json!({"clusterTolerations": [{"operator": "Exists", "effect": "NoExecute"}]}),
            json!({}),
        ),
        ("by name", json!({"clusterAffinity": names(&["west", "nowhere"])}), json!({})),
        ("by name, none there", json!({"clusterAffinity": names(&["nowhere"])}), json!({})),
        ("but one", json!({"clusterAffinity": {"exclude": ["west"]}}), json!({})),
        ("by label", json!({"clusterAffinity": {"labelSelector": {"matchLabels": {"env": "prod"}}}}), json!({})),
        (
            "by a broken label selector",
            json!({"clusterAffinity": {"labelSelector": {"matchExpressions": [
            {"key": "env", "operator": "In"}]}}}),
            json!({}),
        ),
        (
            "by label absence",
            json!({"clusterTolerations": tolerate, "clusterAffinity": {"labelSelector": {"matchExpressions": [
            {"key": "env", "operator": "NotIn", "values": ["prod"]}]}}}),
            json!({}),
        ),
        ("by region", select("region", "In", &["eu", "us"]), json!({})),
        ("by provider", select("provider", "NotIn", &["aws"]), json!({})),
        ("by zone", select("zone", "In", &["us-2", "us-9"]), json!({})),
        ("not in a zone", select("zone", "NotIn", &["us-2"]), json!({})),
        ("bound ones stay", json!({}), json!({"clusters": [{"name": "edge"}, {"name": "old"}]})),
        (
            "evicted",
            json!({}),
            json!({"gracefulEvictionTasks": [
            {"fromCluster": "west", "reason": "TaintUntolerated", "producer": "TaintManager"}]}),
        ),
        (
            "nothing fits",
            json!({"clusterAffinity": names(&["edge", "old", "west"]), "spreadConstraints": [
            {"spreadByField": "provider", "minGroups": 1}]}),
            json!({"gracefulEvictionTasks": [
            {"fromCluster": "west", "reason": "TaintUntolerated", "producer": "TaintManager"}]}),
        ),
        ("second group", json!({"clusterAffinities": groups(&[("a", &["old"]), ("b", &["east"])])}), json!({})),
        ("no group", json!({"clusterAffinities": groups(&[("a", &["old"]), ("b", &["edge"])])}), json!({})),
        (
            "spread over one, bound first",
            json!({"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}),
            json!({"clusters": [{"name": "west"}]}),
        ),
        (
            "spread over too many",
            json!({"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 3, "maxGroups": 4}]}),
            json!({}),
        ),
        ("spread by region", json!({"spreadConstraints": [{"spreadByField": "region", "minGroups": 1}]}), json!({})),
        ("spread by zone", json!({"spreadConstraints": [{"spreadByField": "zone", "minGroups": 1}]}), json!({})),
        ("replicas, no strategy", json!({}), json!({"replicas": 3})),
        (
            "replicas, duplicated",
            json!({"replicaScheduling": {"replicaSchedulingType": "Duplicated"}}),
            json!({"replicas": 3}),
        ),
        (
            "replicas, even",
            json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted"}}),
            json!({"replicas": 3}),
        ),
        (
            "replicas, weighted",
            json!({"replicaScheduling": weights(json!([
            {"targetCluster": names(&["east"]), "weight": 1}, {"targetCluster": names(&["west"]), "weight": 3},
            {"targetCluster": names(&["west"]), "weight": 2}]))}),
            json!({"replicas": 9}),
        ),
        (
            "replicas, one without weight",
            json!({"replicaScheduling": weights(json!([
            {"targetCluster": names(&["east"]), "weight": 1}]))}),
            json!({"replicas": 9}),
        ),
        (
            "replicas, nobody with weight",
            json!({"replicaScheduling": weights(json!([
            {"targetCluster": names(&["nowhere"]), "weight": 1}]))}),
            json!({"replicas": 4}),
        ),
        (
            "fewer replicas than clusters",
            json!({"clusterTolerations": tolerate, "replicaScheduling": weights(json!([
            {"targetCluster": {}, "weight": 1}]))}),
            json!({"replicas": 2}),
        ),
        (
            "weights ignore spread",
            json!({"replicaScheduling": weights(json!([{"targetCluster": {}, "weight": 1}])),
            "spreadConstraints": [{"spreadByField": "cluster", "minGroups": 1, "maxGroups": 1}]}),
            json!({"replicas": 4}),
        ),
        (
            "replicas, dynamic",
            json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
            "weightPreference": {"dynamicWeight": "AvailableReplicas"}}}),
            json!({"replicas": 3}),
        ),
        (
            "replicas, aggregated",
            json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
            "replicaDivisionPreference": "Aggregated"}}),
            json!({"replicas": 3}),
        ),
        (
            "aggregated without pods",
            json!({"replicaScheduling": {"replicaSchedulingType": "Divided",
            "replicaDivisionPreference": "Aggregated"}}),
            json!({}),
        ),
        (
            "divided, no preference",
            json!({"replicaScheduling": {"replicaSchedulingType": "Divided"}}),
            json!({"replicas": 3}),
        ),
        (
            "scaled to zero",
            json!({"replicaScheduling": weights(json!([{"targetCluster": {}, "weight": 1}]))}),
            json!({"replicas": 0, "replicaRequirements": {}}),
        ),
        (
            "several components",
            json!({}),
            json!({"replicas": 3, "components": [{"name": "a", "replicas": 1}, {"name": "b", "replicas": 2}]}),
        ),
    ];
    let world = world();
    let mut text = String::new();
    for (name, placement, more) in cases {
        let spec = binding(placement, more);
        let plan = schedule(&world, &Request { spec: &spec, observed_affinity: "", fresh: false });
        let _ = writeln!(text, "{name}: {}", show(plan));
    }
    insta::assert_snapshot!(text);
}

fn show(plan: Result<outrigger_scheduler::Placement, Unschedulable>) -> String {
    match plan {
        Ok(plan) => {
            let clusters = plan.clusters.iter().map(|one| match one.replicas {
                0 => one.name.clone(),
                replicas => format!("{}:{replicas}", one.name),
            });
            let mut text = format!("[{}]", clusters.collect::<Vec<_>>().join(" "));
            if let Some(group) = plan.affinity {
                let _ = write!(text, " group {group}");
            }
            if !plan.missing.is_empty() {
                let _ = write!(text, " missing {}", plan.missing.join(" "));
            }
            text
        }
        Err(reason) => reason.to_string(),
    }
}

#[test]
fn groups_are_tried_from_the_observed_one_on() {
    let world = world();
    let spec = binding(
        json!({"clusterAffinities": [
            {"affinityName": "a", "clusterNames": ["west"]}, {"affinityName": "b", "clusterNames": ["east"]}]}),
        json!({}),
    );
    let group = |observed_affinity, fresh| {
        schedule(&world, &Request { spec: &spec, observed_affinity, fresh }).expect("a placement").affinity
    };
    assert_eq!(group("", false).as_deref(), Some("a"));
    assert_eq!(group("b", false).as_deref(), Some("b"));
    assert_eq!(group("b", true).as_deref(), Some("a"));
    assert_eq!(group("unknown", false).as_deref(), Some("a"));
}

#[test]
fn a_snapshot_tells_what_matters() {
    let mut snapshot = Snapshot::default();
    let mut one = cluster("one", json!({}), json!({}), &["Deployment"]);
    assert!(matches!(snapshot.set(&one), Change::Added(_)));
    assert_eq!(snapshot.set(&one), Change::None);
    one.metadata.resource_version = Some("7".to_owned());
    one.status.get_or_insert_default().kubernetes_version = "v1.36.0".to_owned();
    assert_eq!(snapshot.set(&one), Change::None, "a version is not read by any filter");
    one.status.get_or_insert_default().api_enablements.clear();
    assert!(matches!(snapshot.set(&one), Change::Updated(..)));
    assert!(matches!(snapshot.remove("one"), Change::Removed(_)));
    assert_eq!(snapshot.remove("one"), Change::None);
    assert!(snapshot.is_empty());
}

fn random_world() -> impl Strategy<Value = Vec<(bool, bool, bool, i64)>> {
    proptest::collection::vec((any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.1), 1_i64..20), 1..20)
}

proptest! {
    #[test]
    fn divided_replicas_are_kept_and_only_fitting_clusters_used(world in random_world(), replicas in 1_i32..200, uid in "[a-z]{0,8}") {
        let mut snapshot = Snapshot::default();
        let mut backwards = Snapshot::default();
        let mut fitting = BTreeSet::new();
        let mut weights = Vec::new();
        let mut clusters = Vec::new();
        for (index, (prod, tainted, bare, weight)) in world.iter().enumerate() {
            let name = format!("c{index:02}");
            let taints = if *tainted { json!([{"key": "x", "effect": "NoExecute"}]) } else { json!([]) };
            clusters.push(cluster(&name, json!({"env": if *prod { "prod" } else { "test" }}), json!({"taints": taints}),
                if *bare { &[] } else { &["Deployment"] }));
            weights.push(json!({"targetCluster": {"clusterNames": [name]}, "weight": weight}));
            if *prod && !*tainted && !*bare {
                fitting.insert(name);
            }
        }
        clusters.iter().for_each(|one| { snapshot.set(one); });
        clusters.iter().rev().for_each(|one| { backwards.set(one); });
        let mut spec = binding(json!({
            "clusterAffinity": {"labelSelector": {"matchLabels": {"env": "prod"}}},
            "replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
                "weightPreference": {"staticWeightList": weights}},
        }), json!({"replicas": replicas}));
        spec.resource.uid = uid;
        let request = Request { spec: &spec, observed_affinity: "", fresh: false };
        let plan = schedule(&snapshot, &request);
        prop_assert_eq!(&plan, &schedule(&backwards, &request), "the order of arrival does not matter");
        match plan {
            Err(Unschedulable::NoClusterFit(diagnosis)) => {
                prop_assert!(fitting.is_empty());
                prop_assert_eq!(diagnosis.reasons.len(), world.len());
            }
            Err(other) => prop_assert!(false, "{other}"),
            Ok(plan) => {
                prop_assert_eq!(plan.clusters.iter().map(|one| one.replicas).sum::<i32>(), replicas);
                prop_assert!(plan.clusters.iter().all(|one| fitting.contains(&one.name) && one.replicas > 0));
                let given = |name: &str| plan.clusters.iter().find(|one| one.name == name).map_or(0, |one| one.replicas);
                let weight = |name: &str| world[name[1..].parse::<usize>().unwrap()].3;
                for a in &fitting {
                    for b in &fitting {
                        prop_assert!(weight(a) <= weight(b) || given(a) >= given(b), "more weight, no fewer replicas");
                    }
                }
            }
        }
    }
}

//! One decision over 10, 100 and 1000 clusters.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use outrigger_api::cluster::Cluster;
use outrigger_api::work::ResourceBindingSpec;
use outrigger_scheduler::{Request, Snapshot, schedule};
use serde_json::json;

fn cluster(index: usize) -> Cluster {
    let kinds = |prefix: &str, count: usize| {
        (0..count).map(|i| json!({"name": format!("{prefix}{i}s"), "kind": format!("{prefix}{i}")})).collect::<Vec<_>>()
    };
    let mut apps = kinds("Kind", 20);
    apps.push(json!({"name": "deployments", "kind": "Deployment"}));
    serde_json::from_value(json!({
        "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
        "metadata": {"name": format!("member-{index:04}"), "labels": {
            "env": if index.is_multiple_of(2) { "prod" } else { "test" },
            "team": format!("team-{}", index % 7), "tier": "gold", "arch": "amd64",
        }},
        "spec": {
            "syncMode": "Push", "provider": "aws", "region": format!("eu-{}", index % 3), "zones": ["a", "b"],
            "taints": if index.is_multiple_of(10) { json!([{"key": "dedicated", "effect": "NoSchedule"}]) } else { json!([]) },
        },
        "status": {"apiEnablements": [
            {"groupVersion": "apps/v1", "resources": apps},
            {"groupVersion": "v1", "resources": kinds("Core", 20)},
        ]},
    }))
    .expect("a cluster")
}

fn binding(scheduling: serde_json::Value) -> ResourceBindingSpec {
    serde_json::from_value(json!({
        "resource": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "default", "name": "web", "uid": "1"},
        "replicas": 100,
        "replicaRequirements": {"resourceRequest": {"cpu": "100m"}},
        "placement": {
            "clusterAffinity": {
                "labelSelector": {"matchLabels": {"env": "prod"}},
                "fieldSelector": {"matchExpressions": [{"key": "provider", "operator": "In", "values": ["aws"]}]},
            },
            "replicaScheduling": scheduling,
        },
    }))
    .expect("a binding")
}

fn decisions(c: &mut Criterion) {
    let duplicated = binding(json!({"replicaSchedulingType": "Duplicated"}));
    let weighted = binding(json!({
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": [
            {"targetCluster": {"labelSelector": {"matchLabels": {"team": "team-1"}}}, "weight": 3},
            {"targetCluster": {}, "weight": 1},
        ]},
    }));
    let mut group = c.benchmark_group("decision");
    for count in [10, 100, 1000] {
        let mut snapshot = Snapshot::default();
        for index in 0..count {
            snapshot.set(&cluster(index));
        }
        for (name, spec) in [("duplicated", &duplicated), ("weighted", &weighted)] {
            group.bench_with_input(BenchmarkId::new(name, count), spec, |b, spec| {
                b.iter(|| {
                    schedule(
                        black_box(&snapshot),
                        &Request { spec: black_box(spec), observed_affinity: "", fresh: false },
                    )
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);

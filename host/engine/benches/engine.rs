//! What a question costs. Aims: 100 ns where nobody answers, 2 µs for a native or declarative answer.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use outrigger_engine::Engine;
use outrigger_interpreter::{Operation, StatusItem};
use outrigger_object::Object;
use serde_json::{Value, json};

fn workload(api_version: &str, kind: &str) -> Object {
    let container = |name: &str| {
        json!({
            "name": name, "image": "example.com/app:1",
            "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}},
            "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        })
    };
    let value = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {
            "name": "web", "namespace": "shop", "generation": 3, "labels": {"app": "web"},
            "annotations": {"resourcetemplate.karmada.io/generation": "3"},
        },
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "serviceAccountName": "web", "containers": [container("a"), container("b")],
                "volumes": [{"name": "tls", "secret": {"secretName": "tls"}}],
            }},
        },
        "status": status(3),
    });
    Object::from_value(value).unwrap()
}

fn status(replicas: i64) -> Value {
    json!({
        "observedGeneration": 3, "replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas,
        "availableReplicas": replicas, "generation": 3, "resourceTemplateGeneration": 3,
    })
}

fn bench(c: &mut Criterion) {
    let engine = Engine::standard();
    let items: Vec<StatusItem> = ["east", "west", "edge"]
        .map(|cluster| StatusItem {
            cluster_name: cluster.to_owned(),
            status: Some(status(1)),
            ..StatusItem::default()
        })
        .into();

    let unknown = workload("example.com/v1", "Widget");
    c.bench_function("not handled", |b| b.iter(|| engine.health(black_box(&unknown))));
    c.bench_function("not handled, change", |b| b.iter(|| engine.retain(black_box(&unknown), &unknown)));
    let gvk = unknown.gvk();
    c.bench_function("handles", |b| b.iter(|| engine.handles(black_box(&gvk), Operation::Retain)));

    for (name, api_version, kind) in
        [("native", "apps/v1", "Deployment"), ("declarative", "apps.kruise.io/v1alpha1", "CloneSet")]
    {
        let object = workload(api_version, kind);
        assert!(engine.health(&object).into_result().unwrap().is_some());
        c.bench_function(&format!("{name} health"), |b| b.iter(|| engine.health(black_box(&object))));
        c.bench_function(&format!("{name} replicas"), |b| b.iter(|| engine.replicas(black_box(&object))));
        c.bench_function(&format!("{name} dependencies"), |b| b.iter(|| engine.dependencies(black_box(&object))));
        c.bench_function(&format!("{name} reflect status"), |b| b.iter(|| engine.reflect_status(black_box(&object))));
        c.bench_function(&format!("{name} aggregate 3, object given"), |b| {
            b.iter_batched(
                || object.clone(),
                |object| engine.aggregate_status(object, black_box(&items)),
                criterion::BatchSize::SmallInput,
            )
        });
        c.bench_function(&format!("{name} aggregate 3, object lent"), |b| {
            b.iter(|| engine.aggregate_status(black_box(&object), &items))
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

//! What a question costs. Aims: 100 ns where nobody answers, 2 µs for a native or declarative answer.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use outrigger_engine::{Declarative, Engine, catalogue};
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

    let unknown = workload("rbac.authorization.k8s.io/v1", "Role");
    assert!(engine.health(&unknown).into_result().unwrap().is_none());
    c.bench_function("not handled", |b| b.iter(|| engine.health(black_box(&unknown))));
    c.bench_function("not handled, change", |b| b.iter(|| engine.retain(black_box(&unknown), &unknown)));
    let gvk = unknown.gvk();
    c.bench_function("handles", |b| b.iter(|| engine.handles(black_box(&gvk), Operation::Retain)));

    for (name, api_version, kind) in [
        ("native", "apps/v1", "Deployment"),
        ("declarative", "apps.kruise.io/v1alpha1", "CloneSet"),
        ("generic", "example.com/v1", "Widget"),
    ] {
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

const FORMAT: &str = "
apiVersion: interpreters.outrigger.io/v1alpha1
kind: Interpreter
metadata: {name: widgets}
spec:
  target: {apiVersion: example.com/v1, kind: Widget}
  components:
  - {name: head, of: spec, podTemplate: template, default: 1}
  - {each: spec.groups, name: name, replicas: replicas, podTemplate: template}
  retain:
    paths: [spec.replicas]
    rules:
    - {path: spec.selector, merge: mergeMap, when: observed.spec.replicas > 0}
  aggregateStatus:
    fields:
    - {path: phase, op: worst, order: [Failed, Pending, Ready], along: [message]}
    - {path: conditions, op: mergeConditions}
    - {path: total, cel: 'values.sum()', from: replicas}
  dependencies:
  - podTemplate: spec.template
  - {apiVersion: v1, kind: Secret, name: 'spec.groups[*].secret', when: spec.replicas > 0}
  health:
  - {condition: {type: Failed}, health: Unhealthy}
  - when: status.observedGeneration == metadata.generation && status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')
    health: Healthy
  - {health: Unhealthy, reason: Progressing}
";

/// The parts of the format that bundled interpreters use less.
fn format(c: &mut Criterion) {
    let mut object = workload("example.com/v1", "Widget");
    let template = object.get(&["spec", "template"]).cloned().unwrap();
    let group = |name: &str| json!({"name": name, "replicas": 2, "template": template, "secret": name});
    object.set(&["spec", "groups"], json!([group("a"), group("b")]));
    object.set(&["status", "conditions"], json!([{"type": "Ready", "status": "True"}]));
    let items: Vec<StatusItem> = ["Ready", "Pending", "Ready"]
        .map(|phase| StatusItem {
            cluster_name: phase.to_owned(),
            status: Some(json!({"phase": phase, "message": "m", "replicas": 2, "conditions": [
                {"type": "Ready", "status": "True", "reason": "Up", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                {"type": "Synced", "status": "True", "reason": "Up", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            ]})),
            ..StatusItem::default()
        })
        .into();
    let interpreter = Declarative::parse("", FORMAT).unwrap();
    c.bench_function("format components of 3", |b| b.iter(|| interpreter.components(black_box(&object))));
    c.bench_function("format dependencies", |b| b.iter(|| interpreter.dependencies(black_box(&object))));
    c.bench_function("format health", |b| b.iter(|| interpreter.health(black_box(&object))));
    c.bench_function("format retain, copy included", |b| {
        b.iter(|| interpreter.retain(object.clone(), black_box(&object)))
    });
    c.bench_function("format aggregate 3, copy included", |b| {
        b.iter(|| interpreter.aggregate_status(object.clone(), black_box(&items)))
    });
    c.bench_function("copy of the object", |b| b.iter(|| black_box(&object).clone()));
    c.bench_function("load one interpreter", |b| b.iter(|| Declarative::parse("", black_box(FORMAT)).unwrap()));
    c.bench_function("load the catalogue", |b| b.iter(catalogue::interpreters));
}

criterion_group!(benches, bench, format);
criterion_main!(benches);

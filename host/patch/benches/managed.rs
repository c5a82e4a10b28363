//! What ownership costs on every write: updates and applies of a Deployment and of a ConfigMap.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use outrigger_object::Object;
use outrigger_patch::managed::{FieldSet, Write, apply, update};
use outrigger_schema::{Schema, builtin};
use serde_json::{Value, json};

struct Bench {
    name: &'static str,
    schema: Schema,
    config: Object,
    changed: Object,
}

fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

fn deployment(replicas: u32) -> Object {
    let container = |name: &str| {
        json!({"name": name, "image": "registry.example/app:1", "args": ["--a", "--b"],
            "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 443, "protocol": "TCP"}],
            "env": (0..8).map(|index| json!({"name": format!("E{index}"), "value": "x"})).collect::<Vec<_>>(),
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}]})
    };
    object(json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "default", "labels": {"app": "a", "tier": "b"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}},
                "spec": {"containers": [container("one"), container("two")], "volumes": [{"name": "data", "emptyDir": {}}]}}}}))
}

fn config_map(value: &str) -> Object {
    let data: serde_json::Map<String, Value> =
        (0..10).map(|index| (format!("key-{index}"), Value::from(format!("{value}-{index}")))).collect();
    object(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}, "data": data}),
    )
}

fn managed(criterion: &mut Criterion) {
    let schema = |group, version, kind| builtin::schema(group, version, kind).expect("a built-in kind");
    let benches = [
        Bench {
            name: "deployment",
            schema: schema("apps", "v1", "Deployment"),
            config: deployment(1),
            changed: deployment(2),
        },
        Bench {
            name: "configmap",
            schema: schema("", "v1", "ConfigMap"),
            config: config_map("a"),
            changed: config_map("b"),
        },
    ];
    let reset = FieldSet::default();
    for Bench { name, schema, config, changed } in &benches {
        let write = Write {
            schema,
            api_version: config.api_version(),
            manager: "bench",
            subresource: "",
            now: "2026-01-01T00:00:00Z",
            reset: &reset,
        };
        let live = apply(&write, None, config, false).expect("applies");
        let mut group = criterion.benchmark_group(*name);
        group.bench_function("create", |bencher| {
            bencher.iter_batched(
                || config.clone(),
                |mut new| update(&write, None, black_box(&mut new)),
                criterion::BatchSize::SmallInput,
            );
        });
        group.bench_function("update/same", |bencher| {
            bencher.iter_batched(
                || live.clone(),
                |mut new| update(&write, Some(&live), black_box(&mut new)),
                criterion::BatchSize::SmallInput,
            );
        });
        group.bench_function("update/changed", |bencher| {
            bencher.iter_batched(
                || changed.clone(),
                |mut new| update(&write, Some(&live), black_box(&mut new)),
                criterion::BatchSize::SmallInput,
            );
        });
        group.bench_function("apply/same", |bencher| {
            bencher.iter(|| apply(&write, Some(&live), black_box(config), false))
        });
        group.bench_function("apply/changed", |bencher| {
            bencher.iter(|| apply(&write, Some(&live), black_box(changed), false))
        });
        group.finish();
    }
}

criterion_group!(benches, managed);
criterion_main!(benches);

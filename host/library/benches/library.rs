//! What a shared library costs above the same code linked in: the same interpreter asked directly, through JSON
//! in one process, and as a library.

use std::{hint::black_box, path::Path, process::Command};

use criterion::{Criterion, criterion_group, criterion_main};
use outrigger_interpreter::{
    Answer, Given, Interpreter, Question,
    abi::{Call, read},
};
use outrigger_library::{Options, load};
use outrigger_object::Object;
use serde_json::{Value, json};

#[path = "../../../sdk/interpreter/examples/lantern/lantern.rs"]
mod lantern;

/// Builds the example as it is built for use.
fn build() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--offline",
            "--release",
            "-p",
            "outrigger-interpreter",
            "--example",
            "lantern",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success());
    let name = format!("{}lantern{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    target.join("release/examples").join(name)
}

/// A lantern with so many labels and annotations.
fn lantern(labels: usize) -> Object {
    let labels: Value = (0..labels).map(|n| (format!("example.com/label-{n}"), format!("value number {n}"))).collect();
    let value = json!({
        "apiVersion": "examples.outrigger.io/v1", "kind": "Lantern",
        "metadata": {"name": "hall", "namespace": "default", "generation": 3, "labels": labels.clone(),
            "uid": "6e9d7f0e-0d1c-4c9b-a9ab-3f8d0c4c7a55", "annotations": labels},
        "spec": {"lamps": 3, "oilSecret": "whale", "template": {"spec": {"containers": [
            {"name": "lamp", "image": "lamp:1", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]}}},
        "status": {"lit": 3, "state": "Burning"},
    });
    Object::from_value(value).expect("an object")
}

/// What a library does, without a library.
fn through_json(question: &Question<'_>) -> Answer<Given> {
    let text = serde_json::to_vec(&Call::Question(question.clone())).expect("JSON");
    let Ok(Call::Question(question)) = read(&text) else { panic!("a question") };
    let text = serde_json::to_vec(&question.put_to(&lantern::Lantern)).expect("JSON");
    read(&text).expect("an answer")
}

fn bench(criterion: &mut Criterion) {
    let library = load(build(), Options::default()).expect("a library");
    for (size, object) in [("small", lantern(0)), ("large", lantern(20))] {
        let bytes = serde_json::to_vec(&object).expect("JSON").len();
        let text = serde_json::to_string(&object).expect("JSON");
        let mut group = criterion.benchmark_group(format!("{size} ({bytes} bytes)"));
        let health = Question::InterpretHealth { object: (&object).into() };
        let revise = Question::ReviseReplica { object: (&object).into(), replicas: 5 };
        group.bench_function("object/copy", |b| b.iter(|| black_box(&object).clone()));
        group.bench_function("object/to JSON", |b| b.iter(|| serde_json::to_vec(black_box(&object))));
        group.bench_function("object/from JSON", |b| b.iter(|| serde_json::from_str::<Object>(black_box(&text))));
        for (name, question) in [("health", health), ("revise", revise)] {
            let asked = |interpreter: &dyn Interpreter| black_box(question.clone().put_to(interpreter));
            group.bench_function(format!("{name}/linked in"), |b| b.iter(|| asked(&lantern::Lantern)));
            group.bench_function(format!("{name}/through JSON"), |b| b.iter(|| black_box(through_json(&question))));
            group.bench_function(format!("{name}/library"), |b| b.iter(|| asked(&*library)));
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);

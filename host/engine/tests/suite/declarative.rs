//! The declarative format with all of its parts, on objects that are deep or large: an answer or a failure with
//! a path.

use std::sync::Arc;

use outrigger_engine::Declarative;
use outrigger_interpreter::Interpreter;
use outrigger_object::Object;
use serde_json::{Map, Value, json};

use super::malformed::ask_all;

pub fn everything() -> Arc<dyn Interpreter> {
    Declarative::parse("everything.yaml", include_str!("everything.yaml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn deep_and_large_objects_are_answered() {
    let interpreter = everything();
    let deep = (0..200).fold(json!({"name": "x"}), |inner, _| json!({"a": inner, "list": [1]}));
    let many = |count: usize, item: fn(usize) -> Value| Value::Array((0..count).map(item).collect());
    let wide: Map<String, Value> = (0..5_000).map(|index| (format!("field{index}"), json!({"n": index}))).collect();
    let parts = [
        deep,
        "x".repeat(5 << 20).into(),
        Value::Object(wide),
        many(4_000, |index| json!({"type": format!("T{index}"), "name": format!("n{index}"), "ip": index})),
        many(10_000, Value::from),
        many(10_000, |index| format!("text {index}").into()),
    ];
    let fields = json!({
        "spec": ["containers", "template", "replicas", "tls", "nodeSelector", "imagePullSecrets", "secrets", "overhead", "cpu"],
        "status": ["conditions", "phase", "active", "loadBalancer", "disruptedPods", "containerStatuses", "startTime"],
    });
    for part in parts {
        for (parent, names) in fields.as_object().unwrap() {
            for name in names.as_array().unwrap().iter().filter_map(Value::as_str) {
                let mut object = Object::from_value(json!({
                    "metadata": {"name": "n", "generation": 1},
                    "spec": {"replicas": 1}, "status": {"phase": "Running", "replicas": 1},
                }))
                .unwrap();
                object.set(&[parent, name], part.clone());
                ask_all(&*interpreter, &object, &object);
            }
        }
    }
}

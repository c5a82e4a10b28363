//! Comparing what a case expects with what came out.

use outrigger_object::{
    Quantity,
    diff::{Difference, differences_unless},
};
use serde_json::{Map, Value};

use super::Problem;

const ANYTHING: &str = "{{EXCLUDE}}";

/// Every key that is expected, compared; keys that are not expected do not matter.
pub fn outputs(expected: &Map<String, Value>, actual: &Map<String, Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, expected) in expected {
        let actual = actual.get(key).cloned().unwrap_or_default();
        let found = match key.as_str() {
            "dependencies" => differences(&sorted(expected, Value::to_string), &sorted(&actual, Value::to_string)),
            "components" => differences(&sorted(expected, name), &sorted(&actual, name)),
            _ => differences(expected, &actual),
        };
        problems.extend(found.into_iter().map(|difference| {
            let path = match difference.path.as_str() {
                "the object" => key.clone(),
                path if path.starts_with('[') => format!("{key}{path}"),
                path => format!("{key}.{path}"),
            };
            Problem::Different(Difference { path, ..difference })
        }));
    }
    problems
}

fn differences(expected: &Value, actual: &Value) -> Vec<Difference> {
    differences_unless(expected, actual, &mut same)
}

fn name(component: &Value) -> String {
    component.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A list that has no order, in one that does not depend on how it was made.
fn sorted(list: &Value, key: fn(&Value) -> String) -> Value {
    match list {
        Value::Array(items) => {
            let mut items = items.clone();
            items.sort_by_cached_key(key);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

fn same(path: &str, expected: Option<&Value>, actual: Option<&Value>) -> bool {
    match (expected, actual) {
        (Some(Value::String(text)), _) if text == ANYTHING => true,
        (None, Some(Value::Null)) | (Some(Value::Null), None) => true,
        (Some(Value::Number(a)), Some(Value::Number(b))) => a.as_f64() == b.as_f64(),
        (Some(a @ (Value::String(_) | Value::Number(_))), Some(b @ (Value::String(_) | Value::Number(_)))) => {
            is_quantity(path) && matches!((Quantity::from_value(a), Quantity::from_value(b)), (Ok(a), Ok(b)) if a == b)
        }
        _ => false,
    }
}

/// Whether a path leads into a list of resources.
fn is_quantity(path: &str) -> bool {
    let parents = path.split(['.', '[', ']']);
    parents.into_iter().any(|part| matches!(part, "resourceRequest" | "requests" | "limits" | "overhead" | "capacity"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"replica": 2}), json!({"replica": 2, "requires": {}}), &[])]
    #[case(json!({"replica": 2}), json!({"replica": 3}), &["replica: expected 2, got 3"])]
    #[case(json!({"healthy": true}), json!({}), &["healthy: expected true, got null"])]
    #[case(json!({"requires": null}), json!({}), &[])]
    #[case(
        json!({"requires": {"resourceRequest": {"cpu": "1", "memory": "1Gi"}}}),
        json!({"requires": {"resourceRequest": {"cpu": "1000m", "memory": "1024Mi"}}}), &[])]
    #[case(
        json!({"retained": {"spec": {"size": "1Gi"}}}), json!({"retained": {"spec": {"size": "1024Mi"}}}),
        &["retained.spec.size: expected \"1Gi\", got \"1024Mi\""])]
    #[case(
        json!({"status": {"at": "{{EXCLUDE}}", "gone": "{{EXCLUDE}}", "n": 1.0}}),
        json!({"status": {"at": [1], "n": 1}}), &[])]
    #[case(
        json!({"dependencies": [{"name": "b"}, {"name": "a"}]}), json!({"dependencies": [{"name": "a"}, {"name": "b"}]}),
        &[])]
    #[case(
        json!({"components": [{"name": "b", "replicas": 1}, {"name": "a"}]}),
        json!({"components": [{"name": "a", "replicas": 0}, {"name": "b", "replicas": 1}]}),
        &["components[0].replicas: expected nothing, got 0"])]
    #[case(
        json!({"dependencies": []}), json!({"dependencies": [{"name": "a"}]}),
        &["dependencies[0]: expected nothing, got {\"name\":\"a\"}"])]
    fn compares(#[case] expected: Value, #[case] actual: Value, #[case] problems: &[&str]) {
        let (Value::Object(expected), Value::Object(actual)) = (expected, actual) else { panic!("not objects") };
        let found: Vec<String> = outputs(&expected, &actual).iter().map(Problem::to_string).collect();
        assert_eq!(found, problems);
    }
}

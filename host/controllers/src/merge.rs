//! Merge patches (RFC 7386) as the difference between two values.
//!
//! **Invariant:** applying `diff(from, to)` to `from` gives `to`, provided that `to` holds no nulls
//! in objects, which a merge patch cannot say.

use serde_json::{Map, Value};

/// What to patch so that `from` becomes `to`; `None` when they are equal already.
pub(crate) fn diff(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            let patch = diff_maps(from, to);
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ if from == to => None,
        // An object in a patch is merged into what is there, which is not an object here.
        _ => Some(to.clone()),
    }
}

/// The same for objects; empty when they are equal.
pub(crate) fn diff_maps(from: &Map<String, Value>, to: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (name, new) in to {
        match from.get(name) {
            None if new.is_null() => {}
            None => {
                patch.insert(name.clone(), new.clone());
            }
            Some(old) => {
                if let Some(change) = diff(old, new) {
                    patch.insert(name.clone(), change);
                }
            }
        }
    }
    for name in from.keys().filter(|name| !to.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    patch
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_leads_from_one_to_the_other() {
        let check = |from: Value, to: Value, expected: Option<Value>| {
            let patch = diff(&from, &to);
            assert_eq!(patch, expected, "{from} to {to}");
            let mut patched = from;
            json_patch::merge(&mut patched, &patch.unwrap_or_else(|| json!({})));
            assert_eq!(patched, to);
        };
        check(json!({"a": 1}), json!({"a": 1}), None);
        check(json!({"a": 1, "b": 2}), json!({"a": 1}), Some(json!({"b": null})));
        check(json!({"a": {"x": 1, "y": 2}}), json!({"a": {"x": 3}}), Some(json!({"a": {"x": 3, "y": null}})));
        check(json!({"a": [1, 2]}), json!({"a": [1]}), Some(json!({"a": [1]})));
        check(json!({"a": 1}), json!({"a": {"b": 1}}), Some(json!({"a": {"b": 1}})));
        check(json!({}), json!({"a": {}}), Some(json!({"a": {}})));
    }
}

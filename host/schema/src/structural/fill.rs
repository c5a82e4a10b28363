//! Defaulting: dropping nulls that mean nothing, filling in what is missing.

use serde_json::Value;

use super::node::Node;

/// Drops the fields that are null where null is not allowed and no default takes its place.
pub(super) fn drop_nulls(node: &Node, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|name, value| {
            let Some(child) = node.child(name) else { return true };
            if value.is_null() {
                return child.nullable || child.default.is_some();
            }
            drop_nulls(child, value);
            true
        }),
        Value::Array(values) => {
            let Some(items) = node.items.as_deref() else { return };
            values.iter_mut().for_each(|value| drop_nulls(items, value));
        }
        _ => {}
    }
}

/// Fills in defaults, also inside of what has just been filled in.
pub(super) fn fill(node: &Node, value: &mut Value) {
    if !node.below.defaults {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, child) in &node.properties {
                if !child.below.defaults {
                    continue;
                }
                if let Some(value) = map.get_mut(&**name) {
                    replace_null(child, value);
                } else if let Some(default) = &child.default {
                    map.insert(name.to_string(), default.clone());
                }
                if let Some(value) = map.get_mut(&**name) {
                    fill(child, value);
                }
            }
            if let super::node::Additional::Of(child) = &node.additional {
                for (name, value) in map.iter_mut() {
                    if !node.properties.contains_key(name.as_str()) {
                        replace_null(child, value);
                        fill(child, value);
                    }
                }
            }
        }
        Value::Array(values) => {
            let Some(items) = node.items.as_deref() else { return };
            for value in values {
                replace_null(items, value);
                fill(items, value);
            }
        }
        _ => {}
    }
}

fn replace_null(node: &Node, value: &mut Value) {
    if let (true, false, Some(default)) = (value.is_null(), node.nullable, &node.default) {
        *value = default.clone();
    }
}

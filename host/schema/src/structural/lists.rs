//! What list types promise: no two equal elements in a set, no two elements with equal keys in a
//! map. Embedded resources name their kind.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    error::{Cause, FieldError},
    node::{ListKind, Node},
    path::Path,
};

/// Elements of a keyed list by their keys.
pub(super) struct Index<'a> {
    keys: &'a [Box<str>],
    elements: HashMap<String, &'a Value>,
}

/// Indexes a keyed list. Of elements with equal keys the last one counts.
pub(super) fn index<'a>(keys: &'a [Box<str>], values: &'a [Value]) -> Index<'a> {
    Index { keys, elements: values.iter().map(|value| (identity(keys, value), value)).collect() }
}

impl<'a> Index<'a> {
    /// The element with the same keys as another one.
    pub(super) fn find(&self, value: &Value) -> Option<&'a Value> {
        self.elements.get(&identity(self.keys, value)).copied()
    }
}

fn keys_of(keys: &[Box<str>], value: &Value) -> Value {
    let named = keys.iter().filter_map(|key| Some((key.to_string(), value.get(&**key)?.clone())));
    Value::Object(named.collect::<Map<_, _>>())
}

fn identity(keys: &[Box<str>], value: &Value) -> String {
    match keys {
        [key] => value.get(&**key).map(Value::to_string).unwrap_or_default(),
        _ => keys_of(keys, value).to_string(),
    }
}

/// Reports duplicates and embedded resources without a kind. Lists that are unchanged are passed over.
pub(super) fn check(root: &Node, new: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
    walk(root, new, old, &Path::Root, errors);
}

fn walk(node: &Node, value: &Value, old: Option<&Value>, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if !(node.below.keyed_lists || node.below.embedded) || old == Some(value) {
        return;
    }
    match value {
        Value::Object(map) => {
            if node.embedded {
                embedded(map, path, errors);
            }
            for (name, value) in map {
                let old = old.and_then(|old| old.get(name));
                if let Some(child) = node.properties.get(name.as_str()) {
                    walk(child, value, old, &path.field(name), errors);
                } else if let Some(child) = node.child(name) {
                    walk(child, value, old, &path.key(name), errors);
                }
            }
        }
        Value::Array(values) => {
            match &node.list {
                ListKind::Atomic => {}
                ListKind::Set => duplicates(values, Value::to_string, Value::clone, path, errors),
                ListKind::Map(keys) => map(keys, values, path, errors),
            }
            let Some(items) = node.items.as_deref() else { return };
            for (index, value) in values.iter().enumerate() {
                walk(items, value, None, &path.index(index), errors);
            }
        }
        _ => {}
    }
}

fn map(keys: &[Box<str>], values: &[Value], path: &Path<'_>, errors: &mut Vec<FieldError>) {
    if let Some(index) = values.iter().position(|value| !value.is_object() && !value.is_null()) {
        let detail = "must be an object for an array of list-type map";
        errors.push(FieldError::new(Cause::Invalid, path.index(index).bracketed(), values.get(index), detail));
        return;
    }
    duplicates(values, |value| identity(keys, value), |value| keys_of(keys, value), path, errors);
}

/// Reports the second of each run of elements that are the same by `identity`.
fn duplicates(
    values: &[Value],
    identity: impl Fn(&Value) -> String,
    show: impl Fn(&Value) -> Value,
    path: &Path<'_>,
    errors: &mut Vec<FieldError>,
) {
    if values.len() < 2 {
        return;
    }
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let times = seen.entry(identity(value)).or_default();
        *times += 1;
        if *times == 2 {
            let field = path.index(index).bracketed();
            errors.push(FieldError::new(Cause::Duplicate, field, Some(&show(value)), ""));
        }
    }
}

fn embedded(map: &Map<String, Value>, path: &Path<'_>, errors: &mut Vec<FieldError>) {
    for name in ["apiVersion", "kind"] {
        let field = path.field(name).bracketed();
        match map.get(name) {
            None => errors.push(FieldError::new(Cause::Required, field, None, "")),
            Some(Value::String(text)) if text.is_empty() => {
                errors.push(FieldError::new(Cause::Invalid, field, map.get(name), "must not be empty"));
            }
            Some(Value::String(_)) => {}
            Some(other) => errors.push(FieldError::new(Cause::Invalid, field, Some(other), "must be a string")),
        }
    }
    if let Some(metadata) = map.get("metadata").filter(|metadata| !metadata.is_object() && !metadata.is_null()) {
        let field = path.field("metadata").bracketed();
        errors.push(FieldError::new(Cause::Invalid, field, Some(metadata), "must be an object"));
    }
}

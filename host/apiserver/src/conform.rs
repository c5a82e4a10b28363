//! Brings an incoming built-in object into the shape of its type, as decoding it into a Go struct
//! does: nulls and unknown fields go, values of the wrong type are refused.

use outrigger_schema::{Node, NodeId, Scalar, Schema};
use serde_json::Value;

/// What was found on the way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Paths of the fields that were dropped because the type does not have them.
    pub unknown: Vec<String>,
    /// The first value of a wrong type.
    pub wrong: Option<String>,
}

struct Walk<'a> {
    schema: &'a Schema,
    path: String,
    found: Found,
}

/// Drops nulls and unknown fields from a value, and finds values of a wrong type.
pub(crate) fn conform(schema: &Schema, value: &mut Value, root: &str) -> Found {
    let mut walk = Walk { schema, path: root.to_owned(), found: Found::default() };
    walk.node(schema.root_id(), value);
    walk.found
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Walk<'_> {
    fn wrong(&mut self, value: &Value, expected: &str) {
        if self.found.wrong.is_none() {
            let path = if self.path.is_empty() { "object" } else { &self.path };
            self.found.wrong =
                Some(format!("json: cannot unmarshal {} into field {path} of type {expected}", name(value)));
        }
    }

    fn node(&mut self, id: NodeId, value: &mut Value) {
        match (self.schema.node(id), value) {
            (Node::Object(object), Value::Object(map)) => {
                let mut drop = Vec::new();
                let keeps = object.preserve_unknown || (object.fields.is_empty() && object.additional.is_none());
                for (name, value) in map.iter_mut() {
                    if value.is_null() && !object.preserve_unknown {
                        drop.push(name.clone());
                        continue;
                    }
                    let length = self.path.len();
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    match object.fields.get(name.as_str()).map(|field| field.node).or(object.additional) {
                        Some(node) => self.node(node, value),
                        None if keeps => {}
                        None => {
                            self.found.unknown.push(self.path.clone());
                            drop.push(name.clone());
                        }
                    }
                    self.path.truncate(length);
                }
                for name in drop {
                    map.remove(&name);
                }
            }
            (Node::Object(object), value) if !object.preserve_unknown => self.wrong(value, "object"),
            (Node::List(list), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let length = self.path.len();
                    self.path.push_str(&format!("[{index}]"));
                    self.node(list.items, item);
                    self.path.truncate(length);
                }
            }
            (Node::List(_), value) => self.wrong(value, "array"),
            (Node::Scalar(scalar), value) => {
                let (fits, expected) = match scalar {
                    Scalar::String => (value.is_string(), "string"),
                    Scalar::Integer => (value.is_i64() || value.is_u64() || is_whole(value), "integer"),
                    Scalar::Number => (value.is_number(), "number"),
                    Scalar::Boolean => (value.is_boolean(), "bool"),
                    Scalar::IntOrString => (value.is_string() || value.is_number(), "int or string"),
                };
                if !fits && !value.is_null() {
                    self.wrong(value, expected);
                }
            }
            (Node::Any | Node::Object(_), _) => {}
        }
    }
}

fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(mut value: Value, expected: Value, unknown: &[&str], wrong: Option<&str>) {
        let schema = outrigger_schema::builtin::schema("apps", "v1", "Deployment").expect("a built-in kind");
        let found = conform(&schema, &mut value, "");
        assert_eq!(value, expected);
        assert_eq!(found.unknown, unknown);
        assert_eq!(found.wrong.as_deref(), wrong);
    }

    #[test]
    fn objects_are_brought_into_shape() {
        check(
            json!({"metadata": {"name": "a", "creationTimestamp": null, "labels": {"a": "b"}}, "spec": {"replicas": 1, "foo": 1}}),
            json!({"metadata": {"name": "a", "labels": {"a": "b"}}, "spec": {"replicas": 1}}),
            &["spec.foo"],
            None,
        );
        check(
            json!({"spec": {"replicas": "1"}}),
            json!({"spec": {"replicas": "1"}}),
            &[],
            Some("json: cannot unmarshal string into field spec.replicas of type integer"),
        );
        check(
            json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}}}),
            json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}}}),
            &[],
            None,
        );
    }
}

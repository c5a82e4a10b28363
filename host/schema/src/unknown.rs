//! Fields that a type does not have, for strict field validation.

use std::fmt::Write;

use serde_json::Value;

use crate::{Node, NodeId, Schema};

/// The fields of a value that its type does not know, as paths like `spec.template.spec.containers[0].x`,
/// in order. Objects that keep unknown fields, and values of another type than the schema says, are
/// not looked into.
pub fn unknown_fields(schema: &Schema, value: &Value) -> Vec<String> {
    let mut walk = Walk { schema, path: String::new(), found: Vec::new() };
    walk.node(schema.root_id(), value);
    walk.found
}

struct Walk<'a> {
    schema: &'a Schema,
    path: String,
    found: Vec<String>,
}

impl Walk<'_> {
    fn node(&mut self, id: NodeId, value: &Value) {
        match (self.schema.node(id), value) {
            (Node::Object(object), Value::Object(map)) => {
                for (name, value) in map {
                    let length = self.path.len();
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    match object.fields.get(name.as_str()).map(|field| field.node).or(object.additional) {
                        Some(node) => self.node(node, value),
                        None if object.preserve_unknown => {}
                        None => self.found.push(self.path.clone()),
                    }
                    self.path.truncate(length);
                }
            }
            (Node::List(list), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    let length = self.path.len();
                    let _ = write!(self.path, "[{index}]");
                    self.node(list.items, item);
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::builtin;

    fn check(kind: (&str, &str, &str), value: Value, expected: &[&str]) {
        let schema = builtin::schema(kind.0, kind.1, kind.2).expect("a built-in kind");
        assert_eq!(unknown_fields(&schema, &value), expected);
    }

    #[test]
    fn unknown_fields_are_named_by_path() {
        let deployment = ("apps", "v1", "Deployment");
        check(
            deployment,
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": {"any": "x"}, "lables": {}},
                "spec": {"foo": 1, "template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "imagee": "x",
                    "resources": {"limits": {"example.com/any": "1"}}}]}}}}),
            &["metadata.lables", "spec.foo", "spec.template.spec.containers[1].imagee"],
        );
        check(deployment, json!({"spec": null, "status": "not an object"}), &[]);
        check(("", "v1", "ConfigMap"), json!({"data": {"a": "b"}, "dataa": {}}), &["dataa"]);
        check(("apps", "v1", "ControllerRevision"), json!({"data": {"spec": {"x": 1}}, "revision": 1}), &[]);
        assert!(unknown_fields(&Schema::any(), &json!({"a": 1})).is_empty());
    }
}

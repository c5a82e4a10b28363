//! Where a value does not have its type: fields that the type does not know, for strict field
//! validation, and values of another type, for kinds without a schema of their own to validate them.

use std::fmt::Write;

use serde_json::Value;

use crate::{Node, NodeId, Scalar, Schema};

/// The fields of a value that its type does not know, as paths like `spec.template.spec.containers[0].x`,
/// in order. Objects that keep unknown fields, and values of another type than the schema says, are
/// not looked into.
pub fn unknown_fields(schema: &Schema, value: &Value) -> Vec<String> {
    Walk::over(schema, value).unknown
}

/// The values that are of another type than the schema says, as `spec.replicas: must be an integer, not
/// a string`, in order. Null is of every type.
pub fn wrong_types(schema: &Schema, value: &Value) -> Vec<String> {
    Walk::over(schema, value).wrong
}

struct Walk<'a> {
    schema: &'a Schema,
    path: String,
    unknown: Vec<String>,
    wrong: Vec<String>,
}

impl<'a> Walk<'a> {
    fn over(schema: &'a Schema, value: &Value) -> Self {
        let mut walk = Self { schema, path: String::new(), unknown: Vec::new(), wrong: Vec::new() };
        walk.node(schema.root_id(), value);
        walk
    }

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
                        None => self.unknown.push(self.path.clone()),
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
            (Node::Any, _) | (_, Value::Null) => {}
            (Node::Object(_), _) => self.wrong("an object", value),
            (Node::List(_), _) => self.wrong("an array", value),
            (Node::Scalar(scalar), _) => {
                let (fits, name) = match scalar {
                    Scalar::String => (value.is_string(), "a string"),
                    Scalar::Integer => (value.is_i64() || value.is_u64(), "an integer"),
                    Scalar::Number => (value.is_number(), "a number"),
                    Scalar::Boolean => (value.is_boolean(), "a boolean"),
                    Scalar::IntOrString => (value.is_number() || value.is_string(), "a number or a string"),
                };
                if !fits {
                    self.wrong(name, value);
                }
            }
        }
    }

    fn wrong(&mut self, name: &str, value: &Value) {
        let got = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.wrong.push(format!("{}: must be {name}, not {got}", self.path));
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

    #[test]
    fn values_of_another_type_are_named_by_path() {
        let schema = builtin::schema("apps", "v1", "Deployment").expect("a built-in kind");
        let wrong = |value| wrong_types(&schema, &value);
        assert_eq!(
            wrong(json!({"metadata": {"labels": {"a": 1}, "creationTimestamp": null}, "spec": {"replicas": "2",
                "paused": 1, "template": {"spec": {"containers": [{"name": "a", "args": "x", "ports": [{"containerPort": 1.5}],
                "resources": {"limits": {"cpu": 1, "memory": {}}}}, 7]}}}})),
            [
                "metadata.labels.a: must be a string, not a number",
                "spec.paused: must be a boolean, not a number",
                "spec.replicas: must be an integer, not a string",
                "spec.template.spec.containers[0].args: must be an array, not a string",
                "spec.template.spec.containers[0].ports[0].containerPort: must be an integer, not a number",
                "spec.template.spec.containers[0].resources.limits.memory: must be a number or a string, not an object",
                "spec.template.spec.containers[1]: must be an object, not a number",
            ]
        );
    }
}

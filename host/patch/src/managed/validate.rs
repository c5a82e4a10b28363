//! Whether a configuration has the types that its schema says.

use outrigger_schema::{ListType, Node, NodeId, Object, Scalar, Schema};
use serde_json::{Map, Value};

use super::{element::PathElement, walk};

/// The first thing wrong with a value: a field that the type does not declare, a value of another
/// type, a list element that cannot be named or that is there twice. Gives the path and what is wrong.
/// Null is a value of every type.
pub fn validate(schema: &Schema, value: &Value) -> Result<(), (String, String)> {
    let mut path = Vec::new();
    check(schema, schema.root_id(), value, &mut path)
        .map_err(|message| (path.iter().map(ToString::to_string).collect(), message))
}

/// The same for an object.
pub(super) fn validate_object(schema: &Schema, object: &Map<String, Value>) -> Result<(), (String, String)> {
    let mut path = Vec::new();
    let checked = match schema.node(schema.root_id()) {
        Node::Object(of) => check_fields(schema, of, object, &mut path),
        _ => Ok(()),
    };
    checked.map_err(|message| (path.iter().map(ToString::to_string).collect(), message))
}

fn check_fields(
    schema: &Schema,
    object: &Object,
    map: &Map<String, Value>,
    path: &mut Vec<PathElement>,
) -> Result<(), String> {
    for (name, value) in map {
        path.push(PathElement::field(name));
        match object.node_of(name) {
            Some(id) => check(schema, id, value, path)?,
            None if object.preserve_unknown => {}
            None => return Err("field not declared in schema".to_owned()),
        }
        path.pop();
    }
    Ok(())
}

fn check(schema: &Schema, id: NodeId, value: &Value, path: &mut Vec<PathElement>) -> Result<(), String> {
    match (schema.node(id), value) {
        (_, Value::Null) | (Node::Any, _) => Ok(()),
        (Node::Scalar(scalar), value) => check_scalar(*scalar, value),
        (Node::Object(object), Value::Object(map)) => check_fields(schema, object, map, path),
        (Node::Object(_), other) => Err(format!("expected map, got {other}")),
        (Node::List(list), Value::Array(items)) => {
            let mut seen = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let element = match list.list_type {
                    ListType::Atomic => PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX)),
                    _ => {
                        let element =
                            walk::element(list, item).map_err(|message| format!("element {index}: {message}"))?;
                        seen.push(element.clone());
                        element
                    }
                };
                path.push(element);
                check(schema, list.items, item, path)?;
                path.pop();
            }
            seen.sort();
            match seen.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[_]>::first) {
                Some(twice) => Err(format!("duplicate entries for key {twice}")),
                None => Ok(()),
            }
        }
        (Node::List(_), other) => Err(format!("expected list, got {other}")),
    }
}

fn check_scalar(scalar: Scalar, value: &Value) -> Result<(), String> {
    let (fits, name) = match scalar {
        Scalar::String => (value.is_string(), "string"),
        Scalar::Integer | Scalar::Number => (value.is_number(), "numeric (int or float)"),
        Scalar::Boolean => (value.is_boolean(), "boolean"),
        Scalar::IntOrString => (!value.is_object() && !value.is_array(), "any scalar"),
    };
    match (fits, scalar) {
        (true, _) => Ok(()),
        (false, Scalar::Integer | Scalar::Number) => Err(format!("expected {name}, got {}", go_type(value))),
        (false, _) => Err(format!("expected {name}, got {value}")),
    }
}

/// The name that the message of kube-apiserver has for a type.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::Null | Value::Number(_) => "number",
    }
}

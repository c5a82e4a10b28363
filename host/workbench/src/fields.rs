//! Whether a path can lead anywhere in objects of a kind.

use outrigger_engine::declarative::mentions::Step;
use outrigger_schema::{Node, NodeId, Scalar, Schema};

use crate::definitions::nearest;

/// At most so many names are listed where none is near.
const LISTED: usize = 8;

/// Walks a path, and the paths within its conditions; fails with a sentence at the first step that can lead
/// nowhere.
pub fn check_all(schema: &Schema, steps: &[Step]) -> Result<(), String> {
    find(schema, steps)?;
    for (at, step) in steps.iter().enumerate() {
        let Step::Filter(reads) = step else { continue };
        let before: Vec<Step> = steps.iter().take(at).cloned().chain([Step::Item]).collect();
        for read in reads {
            find(schema, &before.iter().chain(read).cloned().collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// The type that a path leads to; `None` where that is not known.
pub fn find(schema: &Schema, steps: &[Step]) -> Result<Option<NodeId>, String> {
    let mut id = schema.root_id();
    let mut at = String::new();
    for step in steps {
        id = match (schema.node(id), step) {
            (_, Step::Unknown) | (Node::Any, _) => return Ok(None),
            (Node::Object(object), Step::Field(name)) => match object.node_of(name) {
                Some(next) => next,
                None if object.preserve_unknown => return Ok(None),
                None => return Err(unknown(&at, name, object.fields.keys().map(|name| &**name).collect())),
            },
            (Node::Object(object), Step::Each) if !object.fields.is_empty() => id,
            (Node::Object(object), Step::All | Step::Each) => match object.additional {
                Some(values) => values,
                None => return Ok(None),
            },
            // A query has taken the list apart already.
            (Node::Scalar(_), Step::Each) => id,
            (Node::List(list), Step::Item | Step::Filter(_) | Step::All | Step::Each) => list.items,
            (Node::List(_), Step::Field(name)) => {
                return Err(format!("{} is a list: its items have {name:?}, as in {}[*].{name}", here(&at), here(&at)));
            }
            (Node::Object(_), Step::Item | Step::Filter(_)) => {
                return Err(format!("{} is an object, not a list", here(&at)));
            }
            (Node::Scalar(scalar), _) => {
                return Err(format!("{} is {}: there is nothing below it", here(&at), name_of(*scalar)));
            }
        };
        match step {
            Step::Field(name) if at.is_empty() => at.push_str(name),
            Step::Field(name) => {
                at.push('.');
                at.push_str(name);
            }
            Step::Each => {}
            Step::Item | Step::Filter(_) | Step::All | Step::Unknown => at.push_str("[*]"),
        }
    }
    Ok(Some(id))
}

fn here(at: &str) -> &str {
    if at.is_empty() { "the object" } else { at }
}

fn unknown(at: &str, name: &str, known: Vec<&str>) -> String {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => "it has no fields".to_owned(),
        None => {
            let listed: Vec<&str> = known.iter().copied().take(LISTED).collect();
            let more = if known.len() > LISTED { ", …" } else { "" };
            format!("it has {}{more}", listed.join(", "))
        }
    };
    format!("{} has no field {name:?}: {hint}", here(at))
}

fn name_of(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "a string",
        Scalar::Integer => "an integer",
        Scalar::Number => "a number",
        Scalar::Boolean => "a boolean",
        Scalar::IntOrString => "an integer or a string",
    }
}

#[cfg(test)]
mod tests {
    use outrigger_schema::structural::Structural;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let schema = json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "replicas": {"type": "integer"},
                "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"n": {"type": "integer"}}}},
                "list": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
            }},
            "status": {"type": "object", "properties": {"phase": {"type": "string"}, "readyReplicas": {"type": "integer"}}},
        }});
        Structural::parse(&schema).unwrap().shape()
    }

    /// `*` is all, `#` an item, `?` what cannot be followed.
    #[rstest]
    #[case("spec.replicas", None)]
    #[case("metadata.labels.x", None)]
    #[case("metadata.generation", None)]
    #[case("spec.open.a.b", None)]
    #[case("spec.map.any.n", None)]
    #[case("spec.map.*.n", None)]
    #[case("spec.list.#.name", None)]
    #[case("spec.list.*.name", None)]
    #[case("spec.?.nothing", None)]
    #[case("spec.replica", Some("spec has no field \"replica\": did you mean \"replicas\"?"))]
    #[case("status.readyReplica", Some("status has no field \"readyReplica\": did you mean \"readyReplicas\"?"))]
    #[case("status.x", Some("status has no field \"x\": it has phase, readyReplicas"))]
    #[case("spec.map.any.m", Some("spec.map.any has no field \"m\": did you mean \"n\"?"))]
    #[case("spec.list.name", Some("spec.list is a list: its items have \"name\", as in spec.list[*].name"))]
    #[case("spec.list.#.nam", Some("spec.list[*] has no field \"nam\": did you mean \"name\"?"))]
    #[case("spec.replicas.x", Some("spec.replicas is an integer: there is nothing below it"))]
    #[case("spec.#", Some("spec is an object, not a list"))]
    #[case("metadata.generations", Some("metadata has no field \"generations\": did you mean \"generation\"?"))]
    fn paths(#[case] path: &str, #[case] expected: Option<&str>) {
        let steps: Vec<Step> = path
            .split('.')
            .map(|part| match part {
                "*" => Step::All,
                "#" => Step::Item,
                "?" => Step::Unknown,
                name => Step::Field(name.to_owned()),
            })
            .collect();
        assert_eq!(check_all(&schema(), &steps).err().as_deref(), expected);
    }
}

//! Pruning: dropping the fields that a schema does not name.

use serde_json::Value;

use super::{
    node::{Additional, Node},
    path::Path,
};

/// Drops unknown fields of a whole object and gives their paths, sorted.
pub(super) fn prune(root: &Node, value: &mut Value) -> Vec<String> {
    let mut dropped = Vec::new();
    walk(Some(root), value, Place { root: true, preserve: false }, &Path::Root, &mut dropped);
    dropped.sort();
    dropped
}

/// Drops unknown fields of a value that is not a whole object.
pub(super) fn prune_below(node: &Node, value: &mut Value) {
    walk(Some(node), value, Place::default(), &Path::Root, &mut Vec::new());
}

fn is_meta(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

/// What is known of a value beside its schema.
#[derive(Clone, Copy, Default)]
struct Place {
    /// It is a whole object.
    root: bool,
    /// It is an element of a list that preserves unknown fields.
    preserve: bool,
}

/// `node` is none below `additionalProperties: true`, where scalars are kept and fields are not.
fn walk(node: Option<&Node>, value: &mut Value, place: Place, path: &Path<'_>, dropped: &mut Vec<String>) {
    let preserve = place.preserve || node.is_some_and(|node| node.preserve_unknown);
    match value {
        Value::Object(map) => map.retain(|name, value| {
            let Some(node) = node else {
                dropped.push(path.field(name).dotted());
                return false;
            };
            if (place.root || node.embedded) && is_meta(name) {
                return true;
            }
            match (node.properties.get(name.as_str()), &node.additional) {
                (Some(child), _) => walk(Some(child), value, Place::default(), &path.field(name), dropped),
                (None, Additional::Of(child)) => walk(Some(child), value, Place::default(), &path.field(name), dropped),
                (None, Additional::Any) if preserve => {}
                (None, Additional::Any) => walk(None, value, Place::default(), &path.field(name), dropped),
                (None, Additional::None) if preserve => {}
                (None, Additional::None) => {
                    dropped.push(path.field(name).dotted());
                    return false;
                }
            }
            true
        }),
        Value::Array(values) => {
            let items = node.and_then(|node| node.items.as_deref());
            if preserve && items.is_none() {
                return;
            }
            for (index, value) in values.iter_mut().enumerate() {
                walk(items, value, Place { root: false, preserve }, &path.index(index), dropped);
            }
        }
        _ => {}
    }
}

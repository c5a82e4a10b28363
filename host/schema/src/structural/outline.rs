//! The shape of a structural schema, for apply and strategic merge.

use std::{collections::HashMap, sync::Arc};

use super::node::{Additional, ListKind, Node, Type};
use crate::{
    builtin,
    shape::{Field, List, ListType, Node as Shape, NodeId, Object, Scalar, Schema, Types},
};

/// Converts a whole schema.
pub(super) fn outline(root: &Node) -> Schema {
    let mut types = Types::default();
    let mut object = object(root, &mut types);
    whole(&mut object, &mut types);
    let root = push(Shape::Object(object), &mut types);
    Schema::new(Arc::new(types), root)
}

fn push(shape: Shape, types: &mut Types) -> NodeId {
    let id = NodeId::try_from(types.nodes.len()).unwrap_or(NodeId::MAX);
    types.nodes.push(shape);
    id
}

fn add(node: &Node, types: &mut Types) -> NodeId {
    let shape = match node.ty {
        Some(Type::String) => Shape::Scalar(Scalar::String),
        Some(Type::Integer) => Shape::Scalar(Scalar::Integer),
        Some(Type::Number) => Shape::Scalar(Scalar::Number),
        Some(Type::Boolean) => Shape::Scalar(Scalar::Boolean),
        Some(Type::IntOrString) => Shape::Scalar(Scalar::IntOrString),
        Some(Type::Array) => Shape::List(list(node, types)),
        Some(Type::Object) => Shape::Object(object(node, types)),
        None if node.properties.is_empty() => Shape::Any,
        None => Shape::Object(object(node, types)),
    };
    push(shape, types)
}

fn list(node: &Node, types: &mut Types) -> List {
    let items = match &node.items {
        Some(items) => add(items, types),
        None => push(Shape::Any, types),
    };
    let list_type = match &node.list {
        ListKind::Atomic => ListType::Atomic,
        ListKind::Set => ListType::Set,
        ListKind::Map(keys) => {
            let default = |key: &str| node.items.as_ref()?.properties.get(key)?.default.clone();
            ListType::Map(keys.iter().map(|key| (key.clone(), default(key))).collect())
        }
    };
    List { items, list_type }
}

fn object(node: &Node, types: &mut Types) -> Object {
    let mut object = Object { preserve_unknown: node.preserve_unknown, atomic: node.map_atomic, ..Object::default() };
    for (name, child) in &node.properties {
        let field = Field { node: add(child, types), strategic: None, always: false };
        object.fields.insert(name.clone(), field);
    }
    object.additional = match &node.additional {
        Additional::None => None,
        Additional::Any => Some(push(Shape::Any, types)),
        Additional::Of(child) => Some(add(child, types)),
    };
    if node.embedded {
        whole(&mut object, types);
    }
    object
}

/// Gives an object what every whole object has, whatever its schema says of it.
fn whole(object: &mut Object, types: &mut Types) {
    for name in ["apiVersion", "kind"] {
        let node = push(Shape::Scalar(Scalar::String), types);
        object.fields.insert(name.into(), Field { node, strategic: None, always: false });
    }
    let meta = builtin::object_meta();
    let shape = graft(&meta, meta.root(), types, &mut HashMap::new());
    let node = push(shape, types);
    object.fields.insert("metadata".into(), Field { node, strategic: None, always: false });
}

/// Copies a node of another arena, and all that it refers to.
fn graft(from: &Schema, shape: &Shape, types: &mut Types, moved: &mut HashMap<NodeId, NodeId>) -> Shape {
    let mut shape = shape.clone();
    let mut follow = |id: &mut NodeId| {
        *id = match moved.get(id) {
            Some(known) => *known,
            None => {
                // The place is taken first, so that a type may refer to itself.
                let place = push(Shape::Any, types);
                moved.insert(*id, place);
                let copy = graft(from, from.node(*id), types, moved);
                if let Some(slot) = types.nodes.get_mut(place as usize) {
                    *slot = copy;
                }
                place
            }
        };
    };
    match &mut shape {
        Shape::Any | Shape::Scalar(_) => {}
        Shape::List(list) => follow(&mut list.items),
        Shape::Object(object) => {
            object.fields.values_mut().for_each(|field| follow(&mut field.node));
            object.additional.iter_mut().for_each(follow);
        }
    }
    shape
}

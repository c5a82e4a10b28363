//! The fields that a value sets, under its type.

use outrigger_schema::{List, NodeId, Schema};
use serde_json::{Map, Value};

use super::{
    element::PathElement,
    set::FieldSet,
    walk::{self, Elements, Form},
};

/// The set of fields in a value: its leaves, the elements of its lists and the entries of its maps.
/// Structs on the way are not members.
pub fn extract(schema: &Schema, value: &Value) -> FieldSet {
    below(schema, schema.root_id(), value)
}

/// The fields that an object sets.
pub(super) fn extract_object(schema: &Schema, object: &Map<String, Value>) -> FieldSet {
    fields(schema, walk::map_form(schema, schema.root_id()), object)
}

fn below(schema: &Schema, id: NodeId, value: &Value) -> FieldSet {
    match (walk::form(schema, id, value), value) {
        (form @ (Form::Map(_) | Form::AnyMap), Value::Object(map)) => fields(schema, form, map),
        (Form::List(list), Value::Array(items)) => elements(schema, list, items),
        _ => FieldSet::default(),
    }
}

fn fields(schema: &Schema, form: Form<'_>, map: &Map<String, Value>) -> FieldSet {
    let mut set = FieldSet::default();
    for (name, value) in map {
        let (id, named) = walk::field(&form, name);
        let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
        let member = !named || empty || matches!(walk::form(schema, id, value), Form::Leaf);
        set.add(PathElement::field(name), member, below(schema, id, value));
    }
    set.sort();
    set
}

fn elements(schema: &Schema, list: &List, items: &[Value]) -> FieldSet {
    let mut set = FieldSet::default();
    for (element, run) in Elements::new(list, items).groups() {
        // Elements of one name are owned as one.
        let fields = match run {
            [(_, _, item)] => below(schema, list.items, item),
            _ => FieldSet::default(),
        };
        set.add(element.clone(), true, fields);
    }
    set
}

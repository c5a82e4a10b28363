//! The fields that a value sets, under its type.

use outrigger_schema::{NodeId, Schema};
use serde_json::Value;

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

fn is_leaf(form: &Form<'_>) -> bool {
    matches!(form, Form::Leaf)
}

fn below(schema: &Schema, id: NodeId, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    let form = walk::form(schema, id, value);
    match (&form, value) {
        (Form::Map(_) | Form::AnyMap, Value::Object(map)) => {
            for (name, value) in map {
                let (id, named) = walk::field(&form, name);
                let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                let member = !named || empty || is_leaf(&walk::form(schema, id, value));
                set.add(PathElement::field(name), member, below(schema, id, value));
            }
        }
        (Form::List(list), Value::Array(items)) => {
            let elements = Elements::new(list, items);
            for (element, run) in elements.groups() {
                let fields = match run {
                    [(_, _, item)] => below(schema, list.items, item),
                    _ => FieldSet::default(),
                };
                set.add(element.clone(), true, fields);
            }
        }
        _ => {}
    }
    set.sort();
    set
}

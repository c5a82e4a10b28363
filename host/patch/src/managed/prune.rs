//! Fields taken out of a value.

use outrigger_schema::{NodeId, Schema};
use serde_json::Value;

use super::{
    element::PathElement,
    set::FieldSet,
    walk::{self, Form},
};

/// Removes fields, entries and elements from a value; what gets empty stays, empty. Atomic lists and
/// maps are removed whole or not at all.
pub(super) fn remove(schema: &Schema, value: &mut Value, fields: &FieldSet) {
    below(schema, schema.root_id(), value, fields);
}

fn below(schema: &Schema, id: NodeId, value: &mut Value, fields: &FieldSet) {
    match (walk::form(schema, id, value), value) {
        (form @ (Form::Map(_) | Form::AnyMap), Value::Object(map)) => {
            for (name, member, fields) in fields.fields() {
                if member {
                    map.remove(name);
                } else if let Some(value) = map.get_mut(name) {
                    below(schema, walk::field(&form, name).0, value, fields);
                }
            }
        }
        (Form::List(list), Value::Array(items)) => items.retain_mut(|item| {
            let named: Result<PathElement, _> = walk::element(list, item);
            match named.ok().and_then(|element| fields.get(&element)) {
                Some((true, _)) => false,
                Some((false, fields)) => {
                    below(schema, list.items, item, fields);
                    true
                }
                None => true,
            }
        }),
        _ => {}
    }
}

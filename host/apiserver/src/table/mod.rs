//! Tables: what `kubectl get` prints.
//!
//! Columns of custom resources come from their definition; those of built-in kinds that people look
//! at from `table/builtin`; all others have a name and an age.

mod age;
mod builtin;
mod path;
mod pod;

use jiff::Timestamp;
use outrigger_object::Object;
use serde_json::{Map, Value, json};

use crate::registry::{PrinterColumn, Resource};
use crate::reply;

/// A column and what it shows of an object.
pub(crate) struct Column {
    name: &'static str,
    type_name: &'static str,
    priority: i64,
    cell: fn(&Object, Timestamp) -> Value,
}

const NAME: &str = "The name, unique among the objects of its kind in one namespace.";
const AGE: &str = "How long ago the object was made.";

fn definition(name: &str, type_name: &str, format: &str, description: &str, priority: i64) -> Value {
    json!({"name": name, "type": type_name, "format": format, "description": description, "priority": priority})
}

fn name_definition() -> Value {
    definition("Name", "string", "name", NAME, 0)
}

/// A Table of objects. `include_object` is `None`, `Metadata` (the default) or `Object`.
pub(crate) fn render(resource: &Resource, objects: &[Object], include_object: &str, metadata: Value) -> Value {
    let now = Timestamp::now();
    let (definitions, cells): (Vec<Value>, Vec<Vec<Value>>) = match (&resource.custom, builtin::columns(resource)) {
        (Some(version), _) if !version.columns.is_empty() => custom(&version.columns, objects, now),
        (None, Some(columns)) => {
            let mut definitions = vec![name_definition()];
            definitions.extend(columns.iter().map(|column| {
                let description = if column.name == "Age" { AGE } else { "" };
                definition(column.name, column.type_name, "", description, column.priority)
            }));
            let rows = objects.iter().map(|object| {
                let mut row = vec![Value::from(object.name())];
                row.extend(columns.iter().map(|column| (column.cell)(object, now)));
                row
            });
            (definitions, rows.collect())
        }
        _ => {
            let definitions = match resource.custom {
                Some(_) => vec![name_definition(), definition("Age", "date", "", AGE, 0)],
                None => vec![name_definition(), definition("Age", "string", "", AGE, 0)],
            };
            let rows = objects.iter().map(|object| vec![object.name().into(), age::of(object, now)]);
            (definitions, rows.collect())
        }
    };
    let rows: Vec<Value> = objects
        .iter()
        .zip(cells)
        .map(|(object, cells)| {
            let mut row = Map::new();
            row.insert("cells".into(), Value::Array(cells));
            let shown = match include_object {
                "None" => None,
                "Object" => Some(Value::Object(object.0.clone())),
                _ => Some(reply::metadata_only(object)),
            };
            if let Some(shown) = shown {
                row.insert("object".into(), shown);
            }
            Value::Object(row)
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions, "rows": rows})
}

fn custom(columns: &[PrinterColumn], objects: &[Object], now: Timestamp) -> (Vec<Value>, Vec<Vec<Value>>) {
    let mut definitions = vec![name_definition()];
    definitions.extend(columns.iter().map(|column| {
        let description = match column.description.as_str() {
            "" => format!("Custom resource definition column (in JSONPath format): {}", column.json_path),
            text => text.to_owned(),
        };
        definition(&column.name, &column.type_name, &column.format, &description, column.priority)
    }));
    let paths: Vec<path::Path> = columns.iter().map(|column| path::Path::parse(&column.json_path)).collect();
    let rows = objects
        .iter()
        .map(|object| {
            let mut row = vec![Value::from(object.name())];
            row.extend(columns.iter().zip(&paths).map(|(column, path)| cell(column, path, object, now)));
            row
        })
        .collect();
    (definitions, rows)
}

fn cell(column: &PrinterColumn, path: &path::Path, object: &Object, now: Timestamp) -> Value {
    let found = path.find(&object.0);
    let Some(first) = found.first() else { return Value::Null };
    match column.type_name.as_str() {
        "date" => match first.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
            Some(time) => age::between(time, now).into(),
            None => "<unknown>".into(),
        },
        "integer" => first.as_i64().map_or(Value::Null, Value::from),
        "number" => first.as_f64().map_or(Value::Null, Value::from),
        "boolean" => first.as_bool().map_or(Value::Null, Value::from),
        _ => {
            let texts: Vec<String> = found
                .iter()
                .map(|value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                })
                .collect();
            texts.join(",").into()
        }
    }
}

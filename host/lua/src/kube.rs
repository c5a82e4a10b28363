//! The part of the `kube` library that knows pods.

use mlua::{Lua, Result, Table, Value};
use outrigger_interpreter::ReplicaRequirements;
use outrigger_object::{Cursor, PodResources, pod_references};

use crate::{limits::Clock, tables::Sources, values::Reader};

/// `accuratePodRequirements(template)`, or `getPodDependencies(template, namespace)`.
pub(crate) fn pods(
    lua: &Lua,
    sources: &Sources<'_>,
    clock: &Clock,
    memory: usize,
    dependencies: bool,
    template: &Table,
    namespace: Option<mlua::LuaString>,
) -> Result<Value> {
    let read;
    let template = match sources.behind(template)? {
        Some(object) => object,
        None => {
            read = Reader::new(sources, clock, &[], memory).object(template)?;
            &read
        }
    };
    let root = Cursor::of_map(template);
    let spec = root.at(&["spec"]).map_err(invalid)?;
    if dependencies {
        let namespace = namespace.map(|name| name.to_string_lossy()).unwrap_or_default();
        let found = pod_references(&spec).map_err(invalid)?;
        let list = lua.create_table_with_capacity(found.len(), 0)?;
        for (index, (kind, name)) in found.into_iter().enumerate() {
            let table = lua.create_table_with_capacity(0, 4)?;
            table.raw_set("apiVersion", "v1")?;
            table.raw_set("kind", kind)?;
            if !namespace.is_empty() {
                table.raw_set("namespace", namespace.as_str())?;
            }
            table.raw_set("name", name)?;
            list.raw_seti(index + 1, table)?;
        }
        return Ok(Value::Table(list));
    }
    let resources = PodResources::of_spec(&spec).map_err(invalid)?;
    let Some(requirements) = ReplicaRequirements::of_pod(resources) else { return Ok(Value::Nil) };
    if let Some(table) = sources.needs(lua, &requirements)? {
        return Ok(Value::Table(table));
    }
    whole(lua, &serde_json::to_value(requirements).map_err(mlua::Error::external)?)
}

/// A small value, converted at once.
fn whole(lua: &Lua, value: &serde_json::Value) -> Result<Value> {
    use serde_json::Value as Json;
    Ok(match value {
        Json::Null => Value::Nil,
        Json::Bool(bool) => Value::Boolean(*bool),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::String(lua.create_string(text)?),
        Json::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (index, item) in items.iter().filter(|item| !item.is_null()).enumerate() {
                table.raw_seti(index + 1, whole(lua, item)?)?;
            }
            Value::Table(table)
        }
        Json::Object(fields) => {
            let table = lua.create_table_with_capacity(0, fields.len())?;
            for (name, field) in fields {
                table.raw_set(name.as_str(), whole(lua, field)?)?;
            }
            Value::Table(table)
        }
    })
}

fn invalid(error: impl ToString) -> mlua::Error {
    mlua::Error::runtime(error.to_string())
}

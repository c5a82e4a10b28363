//! The functions that scripts call and that are written here: what Lua's own would do without a bound, and
//! what gopher-lua does otherwise than Lua.

mod format;
mod number;
mod pattern;
mod quantity;
mod text;
mod time;

pub(crate) use number::whole;

use std::sync::Arc;

use mlua::{Lua, Table};

use crate::{
    error,
    limits::{Clock, Exceeded},
};

/// Everything that `sandbox.lua` takes.
pub(crate) fn natives(lua: &Lua, clock: &Arc<Clock>) -> mlua::Result<Table> {
    let natives = lua.create_table()?;
    natives.set("huge", f64::MAX)?;
    natives.set("number_text", lua.create_function(|_, number: f64| Ok(number::text(number)))?)?;
    natives.set(
        "parse_number",
        lua.create_function(|_, (text, radix): (mlua::LuaString, Option<u32>)| {
            let valid = radix.is_none_or(|radix| (2..=36).contains(&radix));
            Ok(if valid { text.to_str().ok().and_then(|text| number::parse(&text, radix)) } else { None })
        })?,
    )?;
    let ticking = Arc::clone(clock);
    natives.set("tick", lua.create_function(move |_, _steps: f64| ticking.check().map_err(mlua::Error::external))?)?;
    natives.set("caught", lua.create_function(|_, problem: mlua::Value| caught(problem))?)?;
    natives.set("string_methods", lua.create_function(string_methods)?)?;
    text::install(lua, &natives, clock)?;
    time::install(lua, &natives)?;
    quantity::install(lua, &natives)?;
    Ok(natives)
}

/// The text of an error that a script may catch; any other is raised again.
fn caught(problem: mlua::Value) -> mlua::Result<String> {
    match problem {
        mlua::Value::Error(error) if error::is_limit(&error) => Err(*error),
        mlua::Value::Error(error) => Ok(error::Fault::from(*error).message),
        mlua::Value::String(_) => Err(mlua::Error::external(Exceeded::new("it used more memory than it may"))),
        other => other.to_string(),
    }
}

/// Makes a table what `("text"):method()` finds.
fn string_methods(lua: &Lua, methods: Table) -> mlua::Result<()> {
    let metatable = lua.create_table()?;
    metatable.set("__index", methods)?;
    lua.set_type_metatable::<mlua::LuaString>(Some(metatable));
    Ok(())
}

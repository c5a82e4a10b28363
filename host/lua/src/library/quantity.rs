//! The part of the `kube` library that knows quantities.

use mlua::{Error, Lua, MultiValue, Result, Table, Value};
use outrigger_object::Quantity;

pub(super) fn install(lua: &Lua, natives: &Table) -> Result<()> {
    natives.set("resource_add", lua.create_function(add)?)?;
    natives.set("resource_quantity", lua.create_function(quantity)?)
}

/// `resourceAdd(a, b, …)`: the sum, written as the first one that is not zero.
fn add(_: &Lua, args: MultiValue) -> Result<String> {
    let mut sum = Quantity::ZERO;
    for (index, value) in args.iter().enumerate() {
        sum += read(index + 1, "resourceAdd", value)?;
    }
    Ok(sum.to_string())
}

/// `getResourceQuantity(a)`: the value as a number.
fn quantity(_: &Lua, args: MultiValue) -> Result<f64> {
    if args.len() != 1 {
        return Err(Error::runtime("getResourceQuantity only accepts one argument"));
    }
    let quantity = read(1, "getResourceQuantity", args.front().unwrap_or(&Value::Nil))?;
    if quantity.is_negative() {
        return Err(Error::runtime(format!("int approximation unexpectedly returned a negative value: {quantity}")));
    }
    Ok(quantity.as_f64())
}

fn read(index: usize, function: &str, value: &Value) -> Result<Quantity> {
    match value {
        Value::Nil => Ok(Quantity::ZERO),
        Value::String(text) => {
            Quantity::parse(&text.to_string_lossy()).map_err(|error| Error::runtime(error.to_string()))
        }
        other => Err(Error::runtime(format!(
            "bad argument #{index} to {function} (string expected, got {})",
            other.type_name()
        ))),
    }
}

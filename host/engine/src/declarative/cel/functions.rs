//! Functions that are our own: the ones that every expression uses, and `get`, `number` and `javaMemory`.

use std::{borrow::Cow, rc::Rc};

use super::{
    Fault,
    evaluate::Machine,
    program::{self, Function},
    value::Value,
};

/// Longest regular expression that is made while an expression is evaluated.
const MAX_PATTERN: usize = 256;

/// A function that does not take such a value.
pub fn not_for(function: &str, value: &Value) -> Fault {
    Fault::Wrong(format!("{function} is not for {}", value.type_name()))
}

/// Calls a function.
pub fn call<'v>(machine: &mut Machine<'v>, function: Function, args: &[Value<'v>]) -> Result<Value<'v>, Fault> {
    match (function, args) {
        (Function::Get, [base, Value::Text(path), default]) => Ok(at(base, path).unwrap_or_else(|| default.clone())),
        (Function::Number, [base, Value::Text(path), default]) => match at(base, path) {
            Some(value) => number(&value, default),
            None => Ok(default.clone()),
        },
        (Function::JavaMemory, [Value::Text(text)]) => java_memory(text)
            .map(Value::Double)
            .ok_or_else(|| Fault::Wrong(format!("{text:?} is not an amount of memory"))),
        (Function::Size, [Value::Text(text)]) => {
            machine.spend(text.len() as u64 / 8)?;
            size(text.chars().count())
        }
        (Function::Size, [Value::List(list)]) => size(list.len()),
        (Function::Size, [Value::Map(map)]) => size(map.len()),
        (Function::Contains | Function::StartsWith | Function::EndsWith, [Value::Text(text), Value::Text(part)]) => {
            machine.spend((text.len() + part.len()) as u64 / 8)?;
            Ok(Value::Bool(match function {
                Function::Contains => text.contains(part.as_ref()),
                Function::StartsWith => text.starts_with(part.as_ref()),
                _ => text.ends_with(part.as_ref()),
            }))
        }
        (Function::Matches, [Value::Text(text), Value::Text(pattern)]) => {
            machine.spend(2000 + text.len() as u64 / 8)?;
            if pattern.len() > MAX_PATTERN {
                return Err(Fault::Wrong(format!("the regular expression is longer than {MAX_PATTERN} bytes")));
            }
            Ok(Value::Bool(program::regex(pattern).map_err(Fault::Wrong)?.is_match(text)))
        }
        (Function::ToInt, [value]) => to_int(value),
        (Function::ToDouble, [value]) => match value {
            Value::Text(text) => text.trim().parse().map(Value::Double).map_err(|_| no_number(text)),
            value => value.as_number().map(Value::Double).ok_or_else(|| not_for("double", value)),
        },
        (Function::ToText, [value]) => match value {
            Value::Text(_) => Ok(value.clone()),
            Value::Bool(value) => Ok(owned(value.to_string())),
            Value::Int(number) => Ok(owned(number.to_string())),
            Value::Uint(number) => Ok(owned(number.to_string())),
            Value::Double(number) => Ok(owned(number.to_string())),
            Value::Foreign(value) => match Value::Foreign(value.clone()).to_json() {
                Ok(serde_json::Value::String(text)) => Ok(owned(text)),
                _ => Err(not_for("string", &Value::Foreign(value.clone()))),
            },
            other => Err(not_for("string", other)),
        },
        (Function::HasValue, [Value::Optional(inner)]) => Ok(Value::Bool(inner.is_some())),
        (Function::Value, [Value::Optional(Some(inner))]) => Ok((**inner).clone()),
        (Function::Value, [Value::Optional(None)]) => Err(Fault::Missing("the value of an optional".to_owned())),
        (Function::OptionalOf, [value]) => Ok(Value::Optional(Some(Rc::new(value.clone())))),
        (Function::OptionalNone, []) => Ok(Value::Optional(None)),
        (_, [first, ..]) => Err(not_for(&format!("{function:?}").to_lowercase(), first)),
        _ => Err(Fault::Wrong("an argument is missing".to_owned())),
    }
}

fn owned<'v>(text: String) -> Value<'v> {
    Value::Text(Cow::Owned(text))
}

fn size<'v>(count: usize) -> Result<Value<'v>, Fault> {
    Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// The value at a path of names; `None` when it is missing or null.
fn at<'v>(base: &Value<'v>, path: &str) -> Option<Value<'v>> {
    let whole = match base {
        Value::Map(map) => map.field(path),
        _ => None,
    };
    let found = whole.or_else(|| {
        path.split('.').try_fold(base.clone(), |value, name| match value {
            Value::Map(map) => map.field(name),
            _ => None,
        })
    });
    found.filter(|value| !matches!(value, Value::Null))
}

/// A number, which may be written as text; an empty text is none.
fn number<'v>(value: &Value<'v>, default: &Value<'v>) -> Result<Value<'v>, Fault> {
    match value {
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => Ok(value.clone()),
        Value::Text(text) if text.is_empty() => Ok(default.clone()),
        Value::Text(text) => match (text.trim().parse(), text.trim().parse()) {
            (Ok(number), _) => Ok(Value::Int(number)),
            (_, Ok(number)) => Ok(Value::Double(number)),
            _ => Err(no_number(text)),
        },
        other => Err(not_for("number", other)),
    }
}

fn no_number(text: &str) -> Fault {
    Fault::Wrong(format!("{text:?} is not a number"))
}

fn to_int<'v>(value: &Value<'v>) -> Result<Value<'v>, Fault> {
    let too_large = || Fault::Wrong("a number is too large".to_owned());
    match value {
        Value::Int(number) => Ok(Value::Int(*number)),
        Value::Uint(number) => i64::try_from(*number).map(Value::Int).map_err(|_| too_large()),
        Value::Double(number) if number.abs() < 9.2e18 => Ok(Value::Int(*number as i64)),
        Value::Double(_) => Err(too_large()),
        Value::Text(text) => text.parse().map(Value::Int).map_err(|_| no_number(text)),
        other => Err(not_for("int", other)),
    }
}

/// Bytes of an amount as the JVM and Spark write it: `512m`, `2g`, `1.5gb`; without a unit, bytes.
fn java_memory(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let power = match unit {
        "" | "b" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        "t" | "tb" => 4,
        "p" | "pb" => 5,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * 1024_f64.powi(power))
}

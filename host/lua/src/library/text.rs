//! The string library.

use std::sync::Arc;

use mlua::{Error, IntoLua, Lua, LuaString, MultiValue, Result, Table, Value};

use super::{
    format::{self, Arg},
    number,
    pattern::{self, Capture, Match, Problem},
};
use crate::limits::{Clock, Exceeded};

pub(super) fn install(lua: &Lua, natives: &Table, clock: &Arc<Clock>) -> Result<()> {
    let clock_of = || Arc::clone(clock);
    let clock = clock_of();
    natives.set(
        "find",
        lua.create_function(move |lua, (text, pattern, from, plain): (LuaString, LuaString, Option<f64>, Value)| {
            checked(&clock, &[&text, &pattern])?;
            find(lua, &clock, &text.as_bytes(), &pattern.as_bytes(), from, truthy(&plain))
        })?,
    )?;
    let clock = clock_of();
    natives.set(
        "match",
        lua.create_function(move |lua, (text, pattern, from): (LuaString, LuaString, Option<f64>)| {
            checked(&clock, &[&text, &pattern])?;
            let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
            let Some(from) = start(text.len(), from) else { return Ok(MultiValue::new()) };
            match pattern::find(&text, &pattern, from, &clock).map_err(problem)? {
                None => Ok(MultiValue::from_iter([Value::Nil])),
                Some(found) => captures(lua, &text, &found),
            }
        })?,
    )?;
    // The next match, for loops: where to go on (nothing when this was the last), and what it captured.
    let clock = clock_of();
    natives.set(
        "scan",
        lua.create_function(move |lua, (text, pattern, from): (LuaString, LuaString, f64)| {
            checked(&clock, &[&text, &pattern])?;
            let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
            let Some(found) = next(&clock, &text, &pattern, from)? else { return Ok(MultiValue::new()) };
            let mut values = captures(lua, &text, &found)?;
            values.push_front(go_on(&found, &pattern));
            Ok(values)
        })?,
    )?;
    // The same with the place of the match between the two.
    let clock = clock_of();
    natives.set(
        "places",
        lua.create_function(move |lua, (text, pattern, from): (LuaString, LuaString, f64)| {
            checked(&clock, &[&text, &pattern])?;
            let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
            let Some(found) = next(&clock, &text, &pattern, from)? else { return Ok(MultiValue::new()) };
            let mut values = only_captures(lua, &text, &found)?;
            values.push_front(Value::Number((found.end + 1) as f64));
            values.push_front(Value::Number((found.start + 1) as f64));
            values.push_front(go_on(&found, &pattern));
            Ok(values)
        })?,
    )?;
    let clock = clock_of();
    natives.set(
        "format",
        lua.create_function(move |lua, args: MultiValue| {
            let mut args = args.into_iter();
            let first = args.next().unwrap_or(Value::Nil);
            let text = lua.coerce_string(first)?.ok_or_else(|| Error::runtime("bad argument #1 to format"))?;
            checked(&clock, &[&text])?;
            let args = args.map(|value| argument(&value)).collect::<Result<Vec<_>>>()?;
            let text = format::format(&text.as_bytes(), &args);
            if text.len() > 4096 {
                clock.check().map_err(Error::external)?;
            }
            lua.create_string(text)
        })?,
    )?;
    let clock = clock_of();
    natives.set(
        "rep",
        lua.create_function(move |lua, (text, count): (LuaString, f64)| {
            let text = text.as_bytes();
            let length = text.len() as f64 * count.max(0.0);
            clock.check_text(length as usize).map_err(Error::external)?;
            lua.create_string(text.repeat(count.max(0.0) as usize))
        })?,
    )?;
    natives.set("lower", lua.create_function(cased(clock_of(), u8::to_ascii_lowercase, char::to_lowercase))?)?;
    natives.set("upper", lua.create_function(cased(clock_of(), u8::to_ascii_uppercase, char::to_uppercase))?)?;
    natives.set("fill", lua.create_function(fill)?)
}

fn problem(problem: Problem) -> Error {
    match problem {
        Problem::Malformed(message) => Error::runtime(message),
        Problem::Exceeded(message) => Error::external(Exceeded::new(message)),
    }
}

fn checked(clock: &Clock, texts: &[&LuaString]) -> Result<()> {
    texts.iter().try_for_each(|text| clock.check_text(text.as_bytes().len())).map_err(Error::external)
}

fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Nil | Value::Boolean(false))
}

/// Where a search begins, from 0: from 1 in Lua, from the end when negative. Nothing past the end.
fn start(length: usize, from: Option<f64>) -> Option<usize> {
    let from = from.unwrap_or(1.0);
    let start = if from < 0.0 { (length as f64 + from).max(0.0) } else { (from - 1.0).max(0.0) };
    (start <= length as f64).then_some(start as usize)
}

fn find(lua: &Lua, clock: &Clock, text: &[u8], pattern: &[u8], from: Option<f64>, plain: bool) -> Result<MultiValue> {
    let none = || Ok(MultiValue::from_iter([Value::Nil]));
    if pattern.is_empty() {
        return Ok(MultiValue::from_iter([Value::Number(1.0), Value::Number(0.0)]));
    }
    let Some(from) = start(text.len(), from) else { return none() };
    let special = pattern.iter().any(|byte| b"^$*+?.([%-".contains(byte));
    if plain || !special {
        let rest = text.get(from..).unwrap_or_default();
        return match position(rest, pattern, clock)? {
            None => none(),
            Some(at) => {
                let begin = (from + at + 1) as f64;
                let end = begin + pattern.len() as f64 - 1.0;
                Ok(MultiValue::from_iter([Value::Number(begin), Value::Number(end)]))
            }
        };
    }
    let Some(found) = pattern::find(text, pattern, from, clock).map_err(problem)? else { return none() };
    let mut values = only_captures(lua, text, &found)?;
    values.push_front(Value::Number(found.end as f64));
    values.push_front(Value::Number((found.start + 1) as f64));
    Ok(values)
}

/// The first place of a text in another.
fn position(text: &[u8], part: &[u8], clock: &Clock) -> Result<Option<usize>> {
    let Some(&first) = part.first() else { return Ok(Some(0)) };
    let mut from = 0;
    let mut tries = 0_u32;
    while let Some(at) = text.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == first)) {
        let at = from + at;
        if text.get(at..).is_some_and(|rest| rest.starts_with(part)) {
            return Ok(Some(at));
        }
        from = at + 1;
        tries += 1;
        if tries.is_multiple_of(1024) {
            clock.check().map_err(Error::external)?;
        }
    }
    Ok(None)
}

fn next(clock: &Clock, text: &[u8], pattern: &[u8], from: f64) -> Result<Option<Match>> {
    let Some(from) = start(text.len(), Some(from)) else { return Ok(None) };
    pattern::find(text, pattern, from, clock).map_err(problem)
}

/// Where a loop over matches goes on, from 1; false when a pattern matches once at most.
fn go_on(found: &Match, pattern: &[u8]) -> Value {
    if pattern::is_anchored(pattern) {
        return Value::Boolean(false);
    }
    Value::Number((found.end.max(found.start + 1) + 1) as f64)
}

fn captures(lua: &Lua, text: &[u8], found: &Match) -> Result<MultiValue> {
    if found.captures.is_empty() {
        let whole = text.get(found.start..found.end).unwrap_or_default();
        return Ok(MultiValue::from_iter([Value::String(lua.create_string(whole)?)]));
    }
    only_captures(lua, text, found)
}

fn only_captures(lua: &Lua, text: &[u8], found: &Match) -> Result<MultiValue> {
    let values = found.captures.iter().map(|capture| match *capture {
        Capture::Position(at) => Ok(Value::Number((at + 1) as f64)),
        Capture::Text(from, to) => Ok(Value::String(lua.create_string(text.get(from..to).unwrap_or_default())?)),
    });
    values.collect()
}

fn argument(value: &Value) -> Result<Arg> {
    Ok(match value {
        Value::Integer(number) => Arg::Number(*number as f64),
        Value::Number(number) => Arg::Number(*number),
        Value::String(text) => Arg::Text(text.as_bytes().to_vec()),
        other => Arg::Other(other.to_string()?),
    })
}

fn cased<I>(
    clock: Arc<Clock>,
    ascii: fn(&u8) -> u8,
    other: fn(char) -> I,
) -> impl Fn(&Lua, LuaString) -> Result<LuaString> + Send + 'static
where
    I: ExactSizeIterator<Item = char> + 'static,
{
    move |lua, text| {
        checked(&clock, &[&text])?;
        let bytes = text.as_bytes();
        if bytes.is_ascii() {
            return lua.create_string(bytes.iter().map(ascii).collect::<Vec<u8>>());
        }
        // One character for one, as Go has it.
        let one = |c: char| {
            let mut mapped = other(c);
            if mapped.len() == 1 { mapped.next().unwrap_or(c) } else { c }
        };
        lua.create_string(String::from_utf8_lossy(&bytes).chars().map(one).collect::<String>())
    }
}

/// The text that a match is replaced with: `%0` is the match, `%1` to `%9` what it captured.
fn fill(lua: &Lua, mut args: MultiValue) -> Result<LuaString> {
    let pattern = args.pop_front().unwrap_or(Value::Nil);
    let pattern = lua.coerce_string(pattern)?.ok_or_else(|| Error::runtime("a text is expected"))?;
    let mut out = Vec::new();
    let mut bytes = pattern.as_bytes().to_vec().into_iter();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit @ b'0'..=b'9') => match args.get(usize::from(digit - b'0')) {
                Some(Value::String(text)) => out.extend_from_slice(&text.as_bytes()),
                Some(Value::Number(at)) => out.extend_from_slice(number::text(*at).as_bytes()),
                _ => return Err(Error::runtime("invalid capture index")),
            },
            Some(other) => {
                if other != b'%' {
                    out.push(b'%');
                }
                out.push(other);
            }
            None => out.push(b'%'),
        }
    }
    lua.create_string(out)?.into_lua(lua)?.as_string().cloned().ok_or_else(|| Error::runtime("a text is expected"))
}

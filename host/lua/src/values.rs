//! What a script gives, as JSON.
//!
//! A table is an object when its keys are texts and a list when they are 1 to n; anything else is refused. An
//! empty table may be either: Karmada's rule asks the objects that the script was given. What is an empty object
//! at the same path in one of them is an object, what is an empty list there is a list, and anything else is left
//! out. Positions in lists do not count in a path. Whole numbers are integers.

use std::{collections::HashMap, ffi::c_void, ptr};

use mlua::{Error, Result, Table};
use serde_json::{Map, Number, Value};

use crate::{
    library::whole,
    limits::{Clock, Exceeded},
    tables::{DEEPEST, Sources},
};

/// Turns tables into JSON for one answer.
pub(crate) struct Reader<'s, 'a> {
    sources: &'s Sources<'a>,
    clock: &'s Clock,
    references: &'s [&'s Map<String, Value>],
    empties: Option<HashMap<String, Empty>>,
    path: String,
    open: Vec<*const c_void>,
    /// Bytes that the answer may still have.
    left: usize,
    nodes: u32,
}

#[derive(Clone, Copy)]
enum Empty {
    Object,
    List,
}

impl<'s, 'a> Reader<'s, 'a> {
    pub(crate) fn new(
        sources: &'s Sources<'a>,
        clock: &'s Clock,
        references: &'s [&'s Map<String, Value>],
        most: usize,
    ) -> Self {
        Self { sources, clock, references, empties: None, path: String::new(), open: Vec::new(), left: most, nodes: 0 }
    }

    /// What tables stand for.
    pub(crate) fn sources(&self) -> &'s Sources<'a> {
        self.sources
    }

    /// A table that must be an object, made from `original`. `null` in it stands for what the original has at the
    /// same path; [`fill`] puts that in.
    pub(crate) fn changed(&mut self, table: &Table, original: &Map<String, Value>) -> Result<Value> {
        match self.part(table, Some(original))? {
            Some(Value::Array(_)) => Err(refused("an object was expected, a list came")),
            made => Ok(made.unwrap_or_else(|| Value::Object(Map::new()))),
        }
    }

    /// A table that must be an object. An empty one is.
    pub(crate) fn object(&mut self, table: &Table) -> Result<Map<String, Value>> {
        match self.table(table)? {
            Some(Value::Object(map)) => Ok(map),
            None => Ok(Map::new()),
            Some(_) => Err(refused("an object was expected, a list came")),
        }
    }

    /// A table that must be a list. An empty one is.
    pub(crate) fn list(&mut self, table: &Table) -> Result<Vec<Value>> {
        match self.table(table)? {
            Some(Value::Array(items)) => Ok(items),
            None => Ok(Vec::new()),
            Some(_) => Err(refused("a list was expected, an object came")),
        }
    }

    /// A table; nothing when it is empty.
    pub(crate) fn table(&mut self, table: &Table) -> Result<Option<Value>> {
        self.part(table, None)
    }

    /// A table; `original` is what was at its path, where that may be left in place.
    fn part(&mut self, table: &Table, original: Option<&Map<String, Value>>) -> Result<Option<Value>> {
        if let Some(object) = self.sources.behind(table)? {
            if original.is_some_and(|original| ptr::eq(original, object)) && self.stays(object)? {
                return Ok(Some(Value::Null));
            }
            let empty = object.values().all(Value::is_null);
            return Ok(if empty { None } else { Some(Value::Object(self.copy_object(object, 0)?)) });
        }
        let here = table.to_pointer();
        if self.open.contains(&here) {
            return Err(refused("cannot encode recursively nested tables to JSON"));
        }
        if self.open.len() >= DEEPEST {
            return Err(refused("the result is nested too deeply"));
        }
        self.open.push(here);
        let result = self.entries(table, original);
        self.open.pop();
        result
    }

    /// Texts, numbers and booleans first and tables afterwards, so that what Lua's stack and ours hold does not
    /// grow with the size of a table, and little with its depth.
    fn entries(&mut self, table: &Table, original: Option<&Map<String, Value>>) -> Result<Option<Value>> {
        let before = |name: &str| original.and_then(|original| original.get(name));
        let (mut fields, mut items) = (Map::new(), Vec::new());
        let (mut named, mut numbered) = (Vec::new(), Vec::new());
        let mut is_object = false;
        table.for_each(|key: mlua::Value, value: mlua::Value| {
            let position = match key {
                mlua::Value::String(name) => {
                    let name = name.to_string_lossy();
                    self.spend(name.len())?;
                    is_object = true;
                    match value {
                        mlua::Value::Table(_) => named.push(name),
                        mlua::Value::String(text) if is_text(before(&name), &text) => {
                            self.spend(16 + text.as_bytes().len())?;
                            fields.insert(name, Value::Null);
                        }
                        other => drop(fields.insert(name, self.scalar(&other)?)),
                    }
                    return Ok(());
                }
                mlua::Value::Number(position) => position,
                mlua::Value::Integer(position) => position as f64,
                _ => return Err(refused("cannot encode mixed or invalid key types")),
            };
            match value {
                mlua::Value::Table(_) => {
                    numbered.push(items.len());
                    items.push((position, None));
                }
                other => items.push((position, Some(self.scalar(&other)?))),
            }
            Ok(())
        })?;
        if is_object && !items.is_empty() {
            return Err(refused("cannot encode mixed or invalid key types"));
        }
        let length = self.path.len();
        for name in named {
            let child: Table = table.raw_get(name.as_str())?;
            self.enter(&name);
            let value = self.child(&child, before(&name).and_then(Value::as_object))?;
            self.path.truncate(length);
            fields.extend(value.map(|value| (name, value)));
        }
        if items.is_empty() {
            return Ok(is_object.then_some(Value::Object(fields)));
        }
        for index in numbered {
            if let Some((position, value)) = items.get_mut(index) {
                let child: Table = table.raw_get(*position)?;
                *value = self.child(&child, None)?;
            }
        }
        items.sort_by(|a, b| a.0.total_cmp(&b.0));
        if items.iter().enumerate().any(|(index, (position, _))| *position != (index + 1) as f64) {
            return Err(refused("cannot encode sparse array"));
        }
        Ok(Some(Value::Array(items.into_iter().filter_map(|(_, value)| value).collect())))
    }

    fn child(&mut self, table: &Table, original: Option<&Map<String, Value>>) -> Result<Option<Value>> {
        self.spend(16)?;
        match self.part(table, original)? {
            Some(value) => Ok(Some(value)),
            None => Ok(self.empty()),
        }
    }

    fn scalar(&mut self, value: &mlua::Value) -> Result<Value> {
        self.spend(16)?;
        Ok(match value {
            mlua::Value::Boolean(bool) => Value::Bool(*bool),
            mlua::Value::Number(number) => self.number(*number)?,
            mlua::Value::Integer(number) => self.number(*number as f64)?,
            mlua::Value::String(text) => {
                let text = text.to_string_lossy();
                self.spend(text.len())?;
                Value::String(text)
            }
            other => return Err(refused(&format!("cannot encode {} to JSON", other.type_name()))),
        })
    }

    fn number(&self, number: f64) -> Result<Value> {
        if let Some(exact) = self.sources.exact(number) {
            return Ok(Value::Number(exact));
        }
        match whole(number) {
            Some(whole) => Ok(Value::Number(whole.into())),
            None => Number::from_f64(number)
                .map(Value::Number)
                .ok_or_else(|| refused(&format!("cannot encode the number {number} to JSON"))),
        }
    }

    /// Whether a copy of an object, by the rules of [`copy`](Self::copy), would be the same and is not too large;
    /// nothing is spent when not.
    fn stays(&mut self, object: &Map<String, Value>) -> Result<bool> {
        let (left, nodes) = (self.left, self.nodes);
        let stays = !object.is_empty() && self.stay(object, 0)?;
        if !stays {
            (self.left, self.nodes) = (left, nodes);
        }
        Ok(stays)
    }

    fn stay(&mut self, object: &Map<String, Value>, depth: usize) -> Result<bool> {
        if depth > DEEPEST {
            return Ok(false);
        }
        for (name, value) in object {
            self.spend(name.len())?;
            if !self.stays_value(value, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn stays_value(&mut self, value: &Value, depth: usize) -> Result<bool> {
        self.spend(16)?;
        match value {
            Value::Null => Ok(false),
            Value::Bool(_) => Ok(true),
            Value::Number(number) => Ok(!number.is_f64()),
            Value::String(text) => self.spend(text.len()).map(|()| true),
            Value::Array(items) if items.is_empty() || depth > DEEPEST => Ok(false),
            Value::Array(items) => {
                for item in items {
                    if !self.stays_value(item, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Value::Object(fields) => Ok(!fields.is_empty() && self.stay(fields, depth + 1)?),
        }
    }

    /// What a script has not looked at, by the same rules.
    fn copy(&mut self, value: &Value, depth: usize) -> Result<Option<Value>> {
        self.spend(16)?;
        Ok(Some(match value {
            Value::Null => return Ok(None),
            Value::Bool(bool) => Value::Bool(*bool),
            Value::Number(number) if number.is_f64() => self.number(number.as_f64().unwrap_or_default())?,
            Value::Number(number) => Value::Number(number.clone()),
            Value::String(text) => {
                self.spend(text.len())?;
                Value::String(text.clone())
            }
            Value::Array(items) => {
                if depth > DEEPEST {
                    return Err(refused("the result is nested too deeply"));
                }
                if items.iter().all(Value::is_null) {
                    return Ok(self.empty());
                }
                let mut copies = Vec::with_capacity(items.len());
                for item in items {
                    copies.extend(self.copy(item, depth + 1)?);
                }
                Value::Array(copies)
            }
            Value::Object(fields) => {
                if fields.values().all(Value::is_null) {
                    return Ok(self.empty());
                }
                Value::Object(self.copy_object(fields, depth + 1)?)
            }
        }))
    }

    fn copy_object(&mut self, fields: &Map<String, Value>, depth: usize) -> Result<Map<String, Value>> {
        if depth > DEEPEST {
            return Err(refused("the result is nested too deeply"));
        }
        let length = self.path.len();
        let mut copies = Map::new();
        for (name, value) in fields {
            self.spend(name.len())?;
            self.enter(name);
            let copy = self.copy(value, depth)?;
            self.path.truncate(length);
            copies.extend(copy.map(|copy| (name.clone(), copy)));
        }
        Ok(copies)
    }

    fn enter(&mut self, name: &str) {
        self.path.push('\0');
        self.path.push_str(name);
    }

    /// What an empty table is at the current path.
    fn empty(&mut self) -> Option<Value> {
        if self.references.is_empty() {
            return None;
        }
        let empties = self.empties.get_or_insert_with(|| {
            let mut found = HashMap::new();
            for reference in self.references {
                note_fields(reference, &mut String::new(), 0, &mut found);
            }
            found
        });
        match empties.get(&self.path) {
            Some(Empty::Object) => Some(Value::Object(Map::new())),
            Some(Empty::List) => Some(Value::Array(Vec::new())),
            None => None,
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<()> {
        self.nodes += 1;
        if self.nodes.is_multiple_of(1024) {
            self.clock.check().map_err(Error::external)?;
        }
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Err(Error::external(Exceeded::new("its answer is too large"))),
        }
        Ok(())
    }
}

/// Moves into what [`Reader::changed`] gave the parts of the original that it left in place.
pub(crate) fn fill(made: &mut Map<String, Value>, original: &mut Map<String, Value>) {
    for (name, value) in made {
        match (value, original.get_mut(name)) {
            (value @ Value::Null, Some(part)) => *value = part.take(),
            (Value::Object(fields), Some(Value::Object(part))) => fill(fields, part),
            _ => {}
        }
    }
}

fn is_text(value: Option<&Value>, text: &mlua::LuaString) -> bool {
    matches!(value, Some(Value::String(known)) if *known.as_bytes() == *text.as_bytes())
}

#[cold]
fn refused(message: &str) -> Error {
    Error::runtime(message)
}

/// Notes the empty objects and lists below an object. At one path, an object goes before a list.
fn note_fields(fields: &Map<String, Value>, path: &mut String, depth: usize, found: &mut HashMap<String, Empty>) {
    let length = path.len();
    for (name, value) in fields {
        path.push('\0');
        path.push_str(name);
        note(value, path, depth, found);
        path.truncate(length);
    }
}

fn note(value: &Value, path: &mut String, depth: usize, found: &mut HashMap<String, Empty>) {
    match value {
        Value::Object(fields) if fields.is_empty() => {
            found.insert(path.clone(), Empty::Object);
        }
        Value::Array(items) if items.is_empty() => {
            found.entry(path.clone()).or_insert(Empty::List);
        }
        Value::Object(fields) if depth < DEEPEST => note_fields(fields, path, depth + 1, found),
        Value::Array(items) if depth < DEEPEST => items.iter().for_each(|item| note(item, path, depth + 1, found)),
        _ => {}
    }
}

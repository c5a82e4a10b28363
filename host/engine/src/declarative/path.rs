//! Paths, compiled.
//!
//! A [`Place`] is a path that can name only one value; it is walked directly, can be written to, and says so
//! when it meets something that it cannot step into. A [`Path`] may also be a query that finds several.

mod dialect;
mod pattern;
mod query;

use std::{fmt, panic::catch_unwind};

use jsonpath_rust::parser::{
    model::{Segment, Selector},
    parse_json_path,
};
use outrigger_interpreter::Error;
use outrigger_object::Object;
use serde_json::{Map, Value};

pub use self::pattern::Pattern;
use self::query::{Query, TooMuch};
use super::Result;

const MAX_LENGTH: usize = 1024;

/// Where a path begins: a whole object, a status, or an item of a list.
#[derive(Clone, Copy, Debug)]
pub enum Root<'v> {
    /// The fields of an object.
    Map(&'v Map<String, Value>),
    /// Any value.
    Value(&'v Value),
}

impl<'v> From<&'v Object> for Root<'v> {
    fn from(object: &'v Object) -> Self {
        Self::Map(&object.0)
    }
}

impl<'v> From<&'v Map<String, Value>> for Root<'v> {
    fn from(map: &'v Map<String, Value>) -> Self {
        Self::Map(map)
    }
}

impl<'v> From<&'v Value> for Root<'v> {
    fn from(value: &'v Value) -> Self {
        Self::Value(value)
    }
}

/// A path to one value.
#[derive(Clone, Debug)]
pub struct Place {
    steps: Vec<Step>,
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(usize),
}

/// A path to any number of values.
#[derive(Clone, Debug)]
pub enum Path {
    /// At most one.
    Place(Place),
    /// What a query finds.
    Query {
        /// The query.
        query: Query,
        /// As it was written.
        text: String,
    },
}

impl Path {
    /// Compiles a path; the leading `$.` may be left out.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let segments = segments(text)?;
        let steps: Option<Vec<Step>> = segments.iter().map(step).collect();
        let text = text.to_owned();
        match steps {
            Some(steps) if steps.is_empty() => Err(format!("{text:?} names the whole object")),
            Some(steps) => Ok(Self::Place(Place { steps, text })),
            None => match Query::new(&segments) {
                Ok(query) => Ok(Self::Query { query, text }),
                Err(reason) => Err(format!("{text:?} is not a path: {reason}")),
            },
        }
    }

    /// The values below a root; `null` counts as missing.
    pub fn find<'v>(&self, root: impl Into<Root<'v>>) -> Result<Vec<&'v Value>> {
        match self {
            Self::Place(place) => Ok(place.find(root)?.into_iter().collect()),
            Self::Query { query, text } => query
                .find(root.into())
                .map_err(|TooMuch| Error::limit(format_args!("{text}: the query takes too long on this object"))),
        }
    }

    /// The first text that is found. A place that holds something else is an error; a query passes over it.
    pub fn text<'v>(&self, root: impl Into<Root<'v>>) -> Result<Option<&'v str>> {
        match self {
            Self::Place(place) => place.str(root),
            Self::Query { .. } => Ok(self.find(root)?.into_iter().find_map(Value::as_str)),
        }
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        match self {
            Self::Place(place) => &place.text,
            Self::Query { text, .. } => text,
        }
    }
}

/// The fields of a root; `None` when it is null.
fn fields<'v>(root: Root<'v>, text: &str) -> Result<Option<&'v Map<String, Value>>> {
    match root {
        Root::Map(map) | Root::Value(Value::Object(map)) => Ok(Some(map)),
        Root::Value(Value::Null) => Ok(None),
        Root::Value(other) => Err(wrong(text, "an object on the way", other)),
    }
}

impl Place {
    /// Compiles a path that must be able to name only one value.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        match Path::parse(text)? {
            Path::Place(place) => Ok(place),
            Path::Query { .. } => Err(format!("{text:?} can find several values, and one is needed here")),
        }
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.text
    }

    /// The value below a root.
    pub fn find<'v>(&self, root: impl Into<Root<'v>>) -> Result<Option<&'v Value>> {
        match fields(root.into(), &self.text)? {
            Some(map) => self.walk_map(map),
            None => Ok(None),
        }
    }

    /// The integer, which may be written as text; an empty text is none.
    pub fn lenient_int<'v>(&self, root: impl Into<Root<'v>>) -> Result<Option<i64>> {
        match self.find(root)? {
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|_| Error::invalid(format_args!("{}: expected a whole number, found {text:?}", self.text))),
            Some(value) => as_int(value).map(Some).ok_or_else(|| self.wrong("an integer", value)),
            None => Ok(None),
        }
    }

    /// The string.
    pub fn str<'v>(&self, root: impl Into<Root<'v>>) -> Result<Option<&'v str>> {
        self.typed(root, "a string", Value::as_str)
    }

    fn typed<'v, T>(
        &self,
        root: impl Into<Root<'v>>,
        expected: &str,
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.find(root)? else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(expected, value))
    }

    fn walk_map<'v>(&self, map: &'v Map<String, Value>) -> Result<Option<&'v Value>> {
        let Some((Step::Field(first), rest)) = self.steps.split_first() else { return Ok(None) };
        let Some(mut value) = map.get(first) else { return Ok(None) };
        for step in rest {
            value = match (step, value) {
                (_, Value::Null) => return Ok(None),
                (Step::Field(name), Value::Object(map)) => match map.get(name) {
                    Some(next) => next,
                    None => return Ok(None),
                },
                (Step::Index(index), Value::Array(list)) => match list.get(*index) {
                    Some(next) => next,
                    None => return Ok(None),
                },
                (Step::Field(_), other) => return Err(self.wrong("an object on the way", other)),
                (Step::Index(_), other) => return Err(self.wrong("a list on the way", other)),
            };
        }
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    /// Writes a value, making the objects on the way; an item of a list that is not there is not made.
    pub fn put(&self, map: &mut Map<String, Value>, new: Value) {
        let Some((last, parents)) = self.steps.split_last() else { return };
        let Some(parent) = descend(map, parents, true) else { return };
        match (last, parent) {
            (Step::Field(name), Parent::Map(map)) => drop(map.insert(name.clone(), new)),
            (Step::Index(index), Parent::List(list)) => {
                if let Some(item) = list.get_mut(*index) {
                    *item = new;
                }
            }
            _ => {}
        }
    }

    /// Removes a field; items of lists stay.
    pub fn take(&self, map: &mut Map<String, Value>) {
        let Some((Step::Field(name), parents)) = self.steps.split_last() else { return };
        if let Some(Parent::Map(parent)) = descend(map, parents, false) {
            parent.remove(name);
        }
    }

    fn wrong(&self, expected: &str, found: &Value) -> Error {
        wrong(&self.text, expected, found)
    }
}

/// A value of another type than is needed.
pub fn wrong(path: &str, expected: &str, found: &Value) -> Error {
    Error::invalid(format_args!("{path}: expected {expected}, found {}", type_name(found)))
}

/// What a value is, for people.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The integer that a value is; a float without a fraction counts as one.
pub fn as_int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64))
}

enum Parent<'v> {
    Map(&'v mut Map<String, Value>),
    List(&'v mut Vec<Value>),
}

/// Follows steps; with `make`, what is missing or neither object nor list becomes an object.
fn descend<'v>(map: &'v mut Map<String, Value>, steps: &[Step], make: bool) -> Option<Parent<'v>> {
    let mut parent = Parent::Map(map);
    for step in steps {
        let value = match (step, parent) {
            (Step::Field(name), Parent::Map(map)) if make => map.entry(name.as_str()).or_insert(Value::Null),
            (Step::Field(name), Parent::Map(map)) => map.get_mut(name)?,
            (Step::Index(index), Parent::List(list)) => list.get_mut(*index)?,
            _ => return None,
        };
        if make && !value.is_object() && !value.is_array() {
            *value = Value::Object(Map::new());
        }
        parent = match value {
            Value::Object(map) => Parent::Map(map),
            Value::Array(list) => Parent::List(list),
            _ => return None,
        };
    }
    Some(parent)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}

/// Parses a path in either dialect; the leading `$.` may be left out.
pub(super) fn segments(text: &str) -> std::result::Result<Vec<Segment>, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("a path is longer than {MAX_LENGTH} bytes"));
    }
    let translated = dialect::translate(text).map_err(|reason| format!("{text:?} is not a path: {reason}"))?;
    let full = match translated.as_bytes().first() {
        Some(b'$') => translated,
        Some(b'.' | b'[') => format!("${translated}").into(),
        Some(_) => format!("$.{translated}").into(),
        None => return Err("a path is empty".to_owned()),
    };
    let parsed = catch_unwind(|| parse_json_path(&full)).map_err(|_| format!("{text:?} is not a path"))?;
    let query = parsed.map_err(|error| format!("{text:?} is not a path: {}", reason(&error.to_string())))?;
    Ok(query.segments)
}

fn step(segment: &Segment) -> Option<Step> {
    match segment {
        Segment::Selector(Selector::Name(name)) => Some(Step::Field(unquoted(name))),
        Segment::Selector(Selector::Index(index)) => usize::try_from(*index).ok().map(Step::Index),
        _ => None,
    }
}

/// The one line of a parser's drawing that says what it wanted.
fn reason(drawing: &str) -> String {
    let wanted = drawing.lines().find_map(|line| line.trim_start().strip_prefix("= "));
    wanted.map_or_else(|| drawing.split_whitespace().collect::<Vec<_>>().join(" "), str::to_owned)
}

/// A name as the parser gives it, without quotes and escapes.
pub(super) fn unquoted(name: &str) -> String {
    let inner = |quote| name.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let Some(inner) = inner('\'').or_else(|| inner('"')) else { return name.to_owned() };
    if !inner.contains('\\') {
        return inner.to_owned();
    }
    // Escapes are JSON's, and that of a single quote.
    let (mut json, mut chars) = (String::with_capacity(inner.len() + 2), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\'') => json.push('\''),
                next => json.extend(['\\'].into_iter().chain(next)),
            },
            '"' => json.push_str("\\\""),
            plain => json.push(plain),
        }
    }
    serde_json::from_str(&format!("\"{json}\"")).unwrap_or_else(|_| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        Object::from_value(json!({
            "metadata": {"labels": {"a.b/c": "x"}, "it's": 7},
            "spec": {"n": 3, "none": null, "list": [{"name": "a"}, {"name": "b", "on": true}], "text": "t"},
        }))
        .unwrap()
    }

    #[rstest]
    #[case("spec.n", json!([3]))]
    #[case(".spec.n", json!([3]))]
    #[case("$.spec.n", json!([3]))]
    #[case("spec.none", json!([]))]
    #[case("spec.none.deeper", json!([]))]
    #[case("spec.missing.deeper", json!([]))]
    #[case("spec.list[1].name", json!(["b"]))]
    #[case("spec.list[7].name", json!([]))]
    #[case("$.metadata.labels['a.b/c']", json!(["x"]))]
    #[case("$['metadata']['labels'][\"a.b/c\"]", json!(["x"]))]
    #[case("spec.list[*].name", json!(["a", "b"]))]
    #[case("spec.list[?@.on == true].name", json!(["b"]))]
    #[case("spec..name", json!(["a", "b"]))]
    #[case("$..on", json!([true]))]
    #[case("$[*].n", json!([3]))]
    #[case("spec.list[-1].name", json!(["b"]))]
    #[case("spec.list[1:].name", json!(["b"]))]
    #[case("spec.list[::-1].name", json!(["b", "a"]))]
    #[case("spec.list[5:1:-1]", json!([]))]
    #[case("spec['n','text']", json!([3, "t"]))]
    #[case("spec.list[?@.name == 'b' || @.name == \"x\"].on", json!([true]))]
    #[case("spec.list[?@.on].name", json!(["b"]))]
    #[case("spec.list[?!@.on && @.name < 'b'].name", json!(["a"]))]
    #[case("spec.list[?@.name != $.metadata.labels['a.b/c']].name", json!(["a", "b"]))]
    #[case("spec.list[?$.spec.n >= 3 && $.spec.n <= 3.0].name", json!(["a", "b"]))]
    #[case("spec.list[?length(@.name) == 1 && count(@.*) > 1].name", json!(["b"]))]
    #[case("spec.list[?match(@.name, '[a]') || search(@.name, '^x')].name", json!(["a"]))]
    #[case("spec.list[?@.missing == @.gone].name", json!(["a", "b"]))]
    #[case("spec.list[?value(@..name) == 'a'].name", json!(["a"]))]
    #[case("{.spec.list[?(@.name==\"b\")].on}", json!([true]))]
    #[case("{range .spec.list[*]}{.name}{end}", json!(["a", "b"]))]
    #[case(r"{.metadata.labels.a\.b/c}", json!(["x"]))]
    #[case(r"metadata['it\'s']", json!([7]))]
    fn finds(#[case] path: &str, #[case] expected: Value) {
        let object = object();
        let found: Vec<Value> = Path::parse(path).unwrap().find(&object).unwrap().into_iter().cloned().collect();
        assert_eq!(Value::Array(found), expected, "{path}");
    }

    #[rstest]
    #[case("", "empty")]
    #[case("spec.", "is not a path")]
    #[case("spec[", "is not a path")]
    #[case("$", "names the whole object")]
    #[case("spec.list[?nothing(@.a) == 1]", "is not a path")]
    #[case("spec.list[?match(@.a, '(')]", "is not a regular expression")]
    #[case("{.a}{.b}", "several paths at once")]
    fn refuses(#[case] path: &str, #[case] part: &str) {
        let message = Path::parse(path).unwrap_err();
        assert!(message.contains(part), "{path}: {message}");
    }

    #[rstest]
    #[case("spec.text.deeper", "spec.text.deeper: expected an object on the way, found a string")]
    #[case("spec.n[0]", "spec.n[0]: expected a list on the way, found a number")]
    fn fails_where_it_cannot_step(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(Place::parse(path).unwrap().find(&object()).unwrap_err().to_string(), expected);
    }

    #[rstest]
    #[case("spec.n", json!({"spec": {"n": 9, "list": [1]}}))]
    #[case("spec.a.b", json!({"spec": {"n": 1, "list": [1], "a": {"b": 9}}}))]
    #[case("spec.n.b", json!({"spec": {"n": {"b": 9}, "list": [1]}}))]
    #[case("spec.list[0]", json!({"spec": {"n": 1, "list": [9]}}))]
    #[case("spec.list[4]", json!({"spec": {"n": 1, "list": [1]}}))]
    #[case("spec.list.x", json!({"spec": {"n": 1, "list": [1]}}))]
    fn puts(#[case] path: &str, #[case] expected: Value) {
        let mut object = Object::from_value(json!({"spec": {"n": 1, "list": [1]}})).unwrap();
        Place::parse(path).unwrap().put(&mut object.0, 9.into());
        assert_eq!(object.into_value(), expected);
        assert!(Place::parse("spec.list[*]").unwrap_err().contains("several"));
    }
}

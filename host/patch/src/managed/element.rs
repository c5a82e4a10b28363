//! [`PathElement`]: one step of a path to a field, in the order and the notation of FieldsV1.

use std::{cmp::Ordering, fmt};

use serde_json::{Map, Number, Value};

/// One step from a value to a value in it.
#[derive(Clone, Debug)]
pub enum PathElement {
    /// A field of a struct or an entry of a map.
    Field(Box<str>),
    /// The element of a list whose key fields, sorted by name, have these values.
    Key(Box<[(Box<str>, Value)]>),
    /// The element of a set.
    Value(Box<Value>),
    /// The element at a position.
    Index(i64),
}

impl PathElement {
    /// A field.
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    /// Reads `f:name`, `k:{"name":"x"}`, `v:"x"` or `i:0`. `Ok(None)` for an unknown sort, which
    /// readers leave out.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, String> {
        let Some((sort, rest)) = text.split_once(':') else { return Err(format!("missing colon: {text}")) };
        let json = |error: serde_json::Error| format!("{text}: {error}");
        Ok(Some(match sort {
            "f" => Self::field(rest),
            "k" => {
                let fields: Map<String, Value> = serde_json::from_str(rest).map_err(json)?;
                let mut key: Vec<_> = fields.into_iter().map(|(name, value)| (name.into_boxed_str(), value)).collect();
                key.sort_by(|a, b| a.0.cmp(&b.0));
                Self::Key(key.into())
            }
            "v" => Self::Value(Box::new(serde_json::from_str(rest).map_err(json)?)),
            "i" => Self::Index(rest.parse().map_err(|error| format!("{text}: {error}"))?),
            _ if sort.len() == 1 => return Ok(None),
            _ => return Err(format!("missing colon: {text}")),
        }))
    }

    /// The notation that [`PathElement::parse`] reads.
    pub(crate) fn print(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(fields) => {
                let mut out = "k:{".to_owned();
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    push_json(&mut out, &Value::from(&**name));
                    out.push(':');
                    push_json(&mut out, value);
                }
                out.push('}');
                out
            }
            Self::Value(value) => {
                let mut out = "v:".to_owned();
                push_json(&mut out, value);
                out
            }
            Self::Index(index) => format!("i:{index}"),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

/// JSON as Go writes it: `<`, `>` and `&` are escaped. They occur in strings only.
fn push_json(out: &mut String, value: &Value) {
    let text = value.to_string();
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        out.push_str(&text);
        return;
    }
    for char in text.chars() {
        match char {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => {
                let mut pairs = a.iter().zip(b.iter());
                let differing = pairs.find_map(|((name_a, a), (name_b, b))| {
                    let order = name_a.cmp(name_b).then_with(|| compare_values(a, b));
                    order.is_ne().then_some(order)
                });
                differing.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Value(a), Self::Value(b)) => compare_values(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

/// As conflict messages have it: `.name`, `[name="x",port=80]`, `[="x"]`, `[0]`.
impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                f.write_str("[")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{name}={value}")?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A total order over JSON values: numbers, strings, booleans, lists, maps, null. Integers and floats
/// compare by magnitude.
pub(crate) fn compare_values(a: &Value, b: &Value) -> Ordering {
    fn rank(value: &Value) -> u8 {
        match value {
            Value::Number(_) => 0,
            Value::String(_) => 1,
            Value::Bool(_) => 2,
            Value::Array(_) => 3,
            Value::Object(_) => 4,
            Value::Null => 5,
        }
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let differing = a.iter().zip(b).map(|(a, b)| compare_values(a, b)).find(|order| order.is_ne());
            differing.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let differing = a.iter().zip(b).find_map(|((name_a, a), (name_b, b))| {
                let order = name_a.cmp(name_b).then_with(|| compare_values(a, b));
                order.is_ne().then_some(order)
            });
            differing.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().unwrap_or(f64::NAN).total_cmp(&b.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Whether two values are the same; 1 and 1.0 are.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(notation: &str, message: &str) {
        let element = PathElement::parse(notation).expect("parses").expect("is known");
        assert_eq!((element.print().as_str(), element.to_string().as_str()), (notation, message));
    }

    #[test]
    fn notations() {
        check("f:name", ".name");
        check("f:a:b.c/d", ".a:b.c/d");
        check(r#"k:{"containerPort":80,"protocol":"TCP"}"#, r#"[containerPort=80,protocol="TCP"]"#);
        check(r#"v:"x""#, r#"[="x"]"#);
        check("v:1", "[=1]");
        check("v:true", "[=true]");
        check("i:3", "[3]");
        // As Go writes JSON.
        check(r#"v:"\u003ca\u0026b\u003e""#, r#"[="<a&b>"]"#);
        assert_eq!(PathElement::parse("x:new"), Ok(None), "sorts of the future are left out");
        for wrong in ["", "f", "name", "k:[]", "k:{", "v:", "i:x"] {
            assert!(PathElement::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn order() {
        let sorted = [
            "f:a",
            "f:b",
            r#"k:{"a":1}"#,
            r#"k:{"a":1,"b":1}"#,
            r#"k:{"a":"1"}"#,
            "v:1",
            "v:1.5",
            "v:2",
            r#"v:"a""#,
            "v:false",
            "v:true",
            "i:0",
            "i:1",
        ];
        let elements: Vec<_> = sorted.iter().map(|text| PathElement::parse(text).unwrap().unwrap()).collect();
        assert!(elements.is_sorted_by(|a, b| a < b));
        assert!(same(&serde_json::json!({"a": [1]}), &serde_json::json!({"a": [1.0]})));
    }
}

//! Built-in objects that clients send as protobuf, as kubectl does where it knows their types.
//! Answers are JSON, which such clients take as well.
//!
//! Which field has which number and type stands in a table that `examples/protobuf_table` prints from
//! Kubernetes' Go sources: one message a line, numbered from 0, then one line for each kind.
//!
//! ```text
//! 1:metadata:m175 2:spec:?m176 3::m9 4:names:*s 5:data:%y     number, name (none when inline), type
//! s y b i d        string, bytes, boolean, integer, double
//! m9 lT            message 9; a list with a name, which is a message of its own
//! T U D Q X R      time, micro time, duration, quantity, integer or string, raw JSON
//! ? * %            optional (its zero is kept), repeated, map from string
//! @ apps/v1 Deployment 17
//! ```
//!
//! **Invariant:** what is decoded is the JSON that a Go client would have sent; bytes that are no such
//! message are an error, never a panic.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine;
use jiff::Timestamp;
use serde_json::{Map, Value};

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("protobuf/messages.table")));

/// What every message begins with.
const MAGIC: &[u8] = b"k8s\0";
/// How deep messages may lie in each other.
const DEEPEST: usize = 64;

#[derive(Debug, PartialEq)]
enum Type {
    Text,
    Bytes,
    Bool,
    Int,
    Double,
    Time,
    MicroTime,
    Duration,
    Quantity,
    IntOrString,
    Raw,
    Message(usize),
    List(Box<Type>),
    Optional(Box<Type>),
    Repeated(Box<Type>),
    Map(Box<Type>),
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    of: Type,
}

#[derive(Debug, Default)]
struct Table {
    messages: Vec<HashMap<u64, Field>>,
    kinds: HashMap<(&'static str, &'static str), usize>,
}

impl Type {
    fn parse(code: &str) -> Option<Self> {
        let rest = code.get(1..).unwrap_or_default();
        let inner = || Self::parse(rest).map(Box::new);
        Some(match code.as_bytes().first()? {
            b's' => Self::Text,
            b'y' => Self::Bytes,
            b'b' => Self::Bool,
            b'i' => Self::Int,
            b'd' => Self::Double,
            b'T' => Self::Time,
            b'U' => Self::MicroTime,
            b'D' => Self::Duration,
            b'Q' => Self::Quantity,
            b'X' => Self::IntOrString,
            b'R' => Self::Raw,
            b'm' => Self::Message(rest.parse().ok()?),
            b'l' => Self::List(inner()?),
            b'?' => Self::Optional(inner()?),
            b'*' => Self::Repeated(inner()?),
            b'%' => Self::Map(inner()?),
            _ => return None,
        })
    }
}

impl Table {
    fn parse(text: &'static str) -> Self {
        let mut table = Self::default();
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("@ ") {
                let mut words = kind.split(' ');
                if let (Some(api_version), Some(kind), Some(at)) =
                    (words.next(), words.next(), words.next().and_then(|at| at.parse().ok()))
                {
                    table.kinds.insert((api_version, kind), at);
                }
                continue;
            }
            let fields = line.split(' ').filter_map(|word| {
                let mut parts = word.splitn(3, ':');
                let (number, name, code) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
                Some((number, Field { name, of: Type::parse(code)? }))
            });
            table.messages.push(fields.collect());
        }
        table
    }
}

/// Why bytes are no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// The bytes end too early or are of no known wire type.
    #[error("the message is damaged")]
    Damaged,
    /// The kind is not one that can be sent in this way.
    #[error("{0} cannot be sent as protobuf")]
    Unknown(String),
}

type Result<T> = std::result::Result<T, Malformed>;

struct Reader<'a>(&'a [u8]);

enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed::Damaged)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Damaged)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next field, or nothing at the end.
    fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Malformed::Damaged)?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Damaged)?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Wire::Varint(0)
            }
            _ => return Err(Malformed::Damaged),
        };
        Ok(Some((tag >> 3, value)))
    }
}

fn text(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed::Damaged)
}

/// Decodes one object.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value> {
    let mut outer = Reader(bytes.strip_prefix(MAGIC).ok_or(Malformed::Damaged)?);
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    while let Some((number, value)) = outer.next()? {
        match (number, value) {
            (1, Wire::Bytes(meta)) => {
                let mut meta = Reader(meta);
                while let Some((number, value)) = meta.next()? {
                    match (number, value) {
                        (1, Wire::Bytes(bytes)) => api_version = text(bytes)?,
                        (2, Wire::Bytes(bytes)) => kind = text(bytes)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let table = &*TABLE;
    let message = match kind.as_str() {
        // Every group has these as its own.
        "DeleteOptions" => table.kinds.get(&("v1", "DeleteOptions")),
        _ => table.kinds.get(&(api_version.as_str(), kind.as_str())),
    };
    let message = *message.ok_or_else(|| Malformed::Unknown(format!("{api_version} {kind}")))?;
    let mut map = table.message(message, raw, 0)?;
    map.insert("apiVersion".into(), api_version.into());
    map.insert("kind".into(), kind.into());
    Ok(Value::Object(map))
}

impl Table {
    fn message(&self, at: usize, bytes: &[u8], depth: usize) -> Result<Map<String, Value>> {
        if depth > DEEPEST {
            return Err(Malformed::Damaged);
        }
        let fields = self.messages.get(at).ok_or(Malformed::Damaged)?;
        let mut map = Map::new();
        let mut reader = Reader(bytes);
        while let Some((number, wire)) = reader.next()? {
            let Some(field) = fields.get(&number) else { continue };
            match &field.of {
                Type::Repeated(of) => {
                    let value = self.value(of, &wire, depth)?;
                    if let Value::Array(list) = map.entry(field.name).or_insert_with(|| Value::Array(Vec::new())) {
                        list.push(value);
                    }
                }
                Type::Map(of) => {
                    let (name, value) = self.entry(of, &wire, depth)?;
                    if let Value::Object(inner) = map.entry(field.name).or_insert_with(|| Value::Object(Map::new())) {
                        inner.insert(name, value);
                    }
                }
                of => {
                    let (of, optional) = match of {
                        Type::Optional(of) => (&**of, true),
                        of => (of, false),
                    };
                    // A pointer to a list or map is one all the same.
                    let value = match of {
                        Type::Repeated(_) | Type::Map(_) => continue,
                        of => self.value(of, &wire, depth)?,
                    };
                    match value {
                        Value::Object(inner) if field.name.is_empty() => map.extend(inner),
                        // Go writes the zero of what is not a pointer, and leaves it out of JSON.
                        value if !optional && is_zero(&value) => {}
                        value => {
                            map.insert(field.name.to_owned(), value);
                        }
                    }
                }
            }
        }
        Ok(map)
    }

    fn entry(&self, of: &Type, wire: &Wire<'_>, depth: usize) -> Result<(String, Value)> {
        let Wire::Bytes(bytes) = wire else { return Err(Malformed::Damaged) };
        let mut reader = Reader(bytes);
        let (mut name, mut value) = (String::new(), None);
        while let Some((number, wire)) = reader.next()? {
            match (number, wire) {
                (1, Wire::Bytes(bytes)) => name = text(bytes)?,
                (2, wire) => value = Some(self.value(of, &wire, depth)?),
                _ => {}
            }
        }
        let empty = || match of {
            Type::Text | Type::Bytes | Type::Quantity => Value::from(""),
            _ => Value::Null,
        };
        Ok((name, value.unwrap_or_else(empty)))
    }

    fn value(&self, of: &Type, wire: &Wire<'_>, depth: usize) -> Result<Value> {
        Ok(match (of, wire) {
            (Type::Text, Wire::Bytes(bytes)) => text(bytes)?.into(),
            (Type::Bytes, Wire::Bytes(bytes)) => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
            (Type::Bool, Wire::Varint(value)) => (*value != 0).into(),
            // Negative numbers are their two's complement in 64 bits.
            (Type::Int, Wire::Varint(value)) => i64::from_le_bytes(value.to_le_bytes()).into(),
            (Type::Double, Wire::Fixed64(bits)) => f64::from_bits(*bits).into(),
            (Type::Time | Type::MicroTime, Wire::Bytes(bytes)) => time(bytes, *of == Type::MicroTime)?,
            (Type::Duration, Wire::Bytes(bytes)) => duration(bytes)?,
            (Type::Quantity, Wire::Bytes(bytes)) => first_text(bytes)?.into(),
            (Type::IntOrString, Wire::Bytes(bytes)) => int_or_string(bytes)?,
            (Type::Raw, Wire::Bytes(bytes)) => {
                let raw = first_text(bytes)?;
                if raw.is_empty() { Value::Null } else { serde_json::from_str(&raw).map_err(|_| Malformed::Damaged)? }
            }
            (Type::Message(at), Wire::Bytes(bytes)) => Value::Object(self.message(*at, bytes, depth + 1)?),
            (Type::List(of), Wire::Bytes(bytes)) => {
                let mut reader = Reader(bytes);
                let mut list = Vec::new();
                while let Some((number, wire)) = reader.next()? {
                    if number == 1 {
                        list.push(self.value(of, &wire, depth + 1)?);
                    }
                }
                Value::Array(list)
            }
            (Type::Optional(of), wire) => self.value(of, wire, depth)?,
            _ => return Err(Malformed::Damaged),
        })
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// The string in field 1 of a message.
fn first_text(bytes: &[u8]) -> Result<String> {
    let mut reader = Reader(bytes);
    let mut found = String::new();
    while let Some((number, wire)) = reader.next()? {
        if let (1, Wire::Bytes(bytes)) = (number, wire) {
            found = text(bytes)?;
        }
    }
    Ok(found)
}

fn numbers(bytes: &[u8]) -> Result<(i64, i64)> {
    let mut reader = Reader(bytes);
    let (mut first, mut second) = (0, 0);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Varint(value)) => first = i64::from_le_bytes(value.to_le_bytes()),
            (2, Wire::Varint(value)) => second = i64::from_le_bytes(value.to_le_bytes()),
            _ => {}
        }
    }
    Ok((first, second))
}

fn time(bytes: &[u8], micro: bool) -> Result<Value> {
    let (seconds, nanos) = numbers(bytes)?;
    if bytes.is_empty() || (seconds == 0 && nanos == 0) {
        return Ok(Value::Null);
    }
    let nanos = i32::try_from(nanos).map_err(|_| Malformed::Damaged)?;
    let time = Timestamp::new(seconds, nanos).map_err(|_| Malformed::Damaged)?;
    let format = if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(time.strftime(format).to_string().into())
}

fn duration(bytes: &[u8]) -> Result<Value> {
    let (nanos, _) = numbers(bytes)?;
    Ok(format!("{}s", nanos as f64 / 1e9).into())
}

fn int_or_string(bytes: &[u8]) -> Result<Value> {
    let mut reader = Reader(bytes);
    let (mut is_text, mut number, mut string) = (false, 0, String::new());
    while let Some((field, wire)) = reader.next()? {
        match (field, wire) {
            (1, Wire::Varint(kind)) => is_text = kind == 1,
            (2, Wire::Varint(value)) => number = i64::from_le_bytes(value.to_le_bytes()),
            (3, Wire::Bytes(bytes)) => string = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { string.into() } else { number.into() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What `kubectl create namespace foo` sends.
    #[test]
    fn namespace() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(b"\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x1b\x0a\x13\x0a\x03foo\x12\x00\x1a\x00\x22\x00\x2a\x00\x32\x00\x38\x00\x42\x00\x12\x00\x1a\x02\x0a\x00\x1a\x00\x22\x00");
        let expected = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "foo"}});
        assert_eq!(decode(&bytes), Ok(expected));
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).expect("shorter");
            assert!(decode(cut).is_err() || length > 20, "{length} bytes decode");
        }
    }

    #[track_caller]
    fn check(of: &str, bytes: &[u8], expected: Value) {
        let of = Type::parse(of).expect("a type");
        let wire = Wire::Bytes(bytes);
        assert_eq!(TABLE.value(&of, &wire, 0), Ok(expected));
    }

    #[test]
    fn special_types() {
        check("X", b"\x08\x01\x10\x00\x1a\x0325%", json!("25%"));
        check("X", b"\x08\x00\x10\x50\x1a\x00", json!(80));
        check("Q", b"\x0a\x04100m", json!("100m"));
        check("T", b"", Value::Null);
        check("T", b"\x08\x80\xa3\x05", json!("1970-01-02T00:00:00Z"));
        check("R", b"\x0a\x07{\"a\":1}", json!({"a": 1}));
        check("ls", b"\x0a\x01a\x0a\x01b", json!(["a", "b"]));
    }

    #[test]
    fn kinds_of_the_registry_can_be_sent() {
        let missing: Vec<String> = crate::registry::builtin::groups()
            .iter()
            .flat_map(|group| group.versions.iter().flat_map(|(_, resources)| resources))
            .map(|resource| (resource.api_version(), resource.kind.clone()))
            .filter(|(api_version, kind)| {
                !TABLE.kinds.keys().any(|(version, known)| version == api_version && known == kind)
            })
            .map(|(api_version, kind)| format!("{api_version} {kind}"))
            .collect();
        assert_eq!(missing, Vec::<String>::new());
    }
}

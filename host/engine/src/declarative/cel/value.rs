//! CEL values that borrow from the objects they come from.

use std::{borrow::Cow, cmp::Ordering, rc::Rc};

use kube_cel::cel;
use serde_json::{Map as JsonMap, Number, Value as Json};

/// A value while an expression is evaluated.
#[derive(Clone, Debug)]
pub enum Value<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Cow<'v, str>),
    List(List<'v>),
    Map(Map<'v>),
    Optional(Option<Rc<Value<'v>>>),
    /// A value of a library's own type: a quantity, a time, an address.
    Foreign(cel::Value),
}

/// A list, of an object or made by an expression.
#[derive(Clone, Debug)]
pub enum List<'v> {
    Json(&'v [Json]),
    Made(Rc<Vec<Value<'v>>>),
}

/// A map, of an object or made by an expression.
#[derive(Clone, Debug)]
pub enum Map<'v> {
    Json(&'v JsonMap<String, Json>),
    Made(Rc<Vec<(Value<'v>, Value<'v>)>>),
}

impl<'v> From<&'v Json> for Value<'v> {
    fn from(value: &'v Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Double(number.as_f64().unwrap_or(f64::MAX)),
            },
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(map) => Self::Map(Map::Json(map)),
        }
    }
}

impl<'v> Value<'v> {
    /// A text that borrows.
    pub fn text(text: &'v str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A list.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::Made(Rc::new(items)))
    }

    /// A map with names for keys.
    pub fn map(entries: impl IntoIterator<Item = (&'v str, Self)>) -> Self {
        Self::Map(Map::Made(Rc::new(entries.into_iter().map(|(name, value)| (Self::text(name), value)).collect())))
    }

    /// What sort of value it is, for people.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Uint(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
            Self::Optional(_) => "an optional",
            Self::Foreign(_) => "a value of a library",
        }
    }

    /// Equality as CEL has it: numbers by value, values of different types are different. `None` where a
    /// library has to say.
    pub fn equals(&self, other: &Self) -> Option<bool> {
        Some(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Optional(None), Self::Optional(None)) => true,
            (Self::Optional(Some(a)), Self::Optional(Some(b))) => return a.equals(b),
            (Self::List(a), Self::List(b)) => {
                if a.len() != b.len() {
                    return Some(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !a.equals(&b)? {
                        return Some(false);
                    }
                }
                true
            }
            (Self::Map(a), Self::Map(b)) => {
                if a.len() != b.len() {
                    return Some(false);
                }
                for (key, value) in a.iter() {
                    match b.get(&key) {
                        Some(other) if value.equals(&other)? => {}
                        _ => return Some(false),
                    }
                }
                true
            }
            (Self::Foreign(_), Self::Foreign(_)) => return None,
            _ => self.order(other) == Some(Ordering::Equal),
        })
    }

    /// The order of numbers, texts and booleans; `None` of anything else, and of what is not a number.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Uint(a), Self::Uint(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Self::Uint(a), Self::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            _ => self.as_number()?.partial_cmp(&other.as_number()?),
        }
    }

    /// A number of any type.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Uint(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// How much there is of it: entries and characters, counted through.
    pub fn weight(&self) -> u64 {
        match self {
            Self::Text(text) => 1 + text.len() as u64 / 8,
            Self::List(List::Json(items)) => 1 + items.iter().map(json_weight).sum::<u64>(),
            Self::List(List::Made(items)) => 1 + items.iter().map(Self::weight).sum::<u64>(),
            Self::Map(Map::Json(map)) => 1 + map.values().map(json_weight).sum::<u64>(),
            Self::Map(Map::Made(entries)) => {
                1 + entries.iter().map(|(key, value)| key.weight() + value.weight()).sum::<u64>()
            }
            Self::Optional(Some(value)) => 1 + value.weight(),
            _ => 1,
        }
    }

    /// As JSON; fails with what JSON does not have.
    pub fn to_json(&self) -> Result<Json, String> {
        Ok(match self {
            Self::Null | Self::Optional(None) => Json::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(number) => (*number).into(),
            Self::Uint(number) => (*number).into(),
            Self::Double(number) => {
                Json::Number(Number::from_f64(*number).ok_or_else(|| format!("{number} is not a number"))?)
            }
            Self::Text(text) => text.as_ref().into(),
            Self::List(List::Json(items)) => Json::Array(items.to_vec()),
            Self::List(List::Made(items)) => Json::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?),
            Self::Map(Map::Json(map)) => Json::Object((*map).clone()),
            Self::Map(Map::Made(entries)) => {
                let entry = |(key, value): &(Self, Self)| match key {
                    Self::Text(name) => Ok((name.clone().into_owned(), value.to_json()?)),
                    other => Err(format!("the key of an object is {}", other.type_name())),
                };
                Json::Object(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
            Self::Optional(Some(value)) => value.to_json()?,
            Self::Foreign(cel::Value::Timestamp(at)) => at.to_rfc3339().into(),
            Self::Foreign(other) => return Err(format!("{other:?} has no form in JSON")),
        })
    }

    /// For a function of a library.
    pub fn to_foreign(&self) -> Result<cel::Value, String> {
        Ok(match self {
            Self::Null => cel::Value::Null,
            Self::Bool(value) => cel::Value::Bool(*value),
            Self::Int(number) => cel::Value::Int(*number),
            Self::Uint(number) => cel::Value::UInt(*number),
            Self::Double(number) => cel::Value::Float(*number),
            Self::Text(text) => cel::Value::String(text.clone().into_owned().into()),
            Self::List(items) => {
                cel::Value::List(items.iter().map(|item| item.to_foreign()).collect::<Result<Vec<_>, _>>()?.into())
            }
            Self::Map(map) => {
                let entry = |(key, value): (Self, Self)| Ok::<_, String>((key.foreign_key()?, value.to_foreign()?));
                let map = map.iter().map(entry).collect::<Result<_, _>>()?;
                cel::Value::Map(cel::objects::Map { map: std::sync::Arc::new(map) })
            }
            Self::Foreign(value) => value.clone(),
            Self::Optional(_) => return Err("an optional is not taken here".to_owned()),
        })
    }

    fn foreign_key(&self) -> Result<cel::objects::Key, String> {
        Ok(match self {
            Self::Bool(value) => cel::objects::Key::Bool(*value),
            Self::Int(number) => cel::objects::Key::Int(*number),
            Self::Uint(number) => cel::objects::Key::Uint(*number),
            Self::Text(text) => cel::objects::Key::String(text.clone().into_owned().into()),
            other => return Err(format!("the key of a map is {}", other.type_name())),
        })
    }

    /// What a function of a library has given.
    pub fn from_foreign(value: cel::Value) -> Self {
        match value {
            cel::Value::Null => Self::Null,
            cel::Value::Bool(value) => Self::Bool(value),
            cel::Value::Int(number) => Self::Int(number),
            cel::Value::UInt(number) => Self::Uint(number),
            cel::Value::Float(number) => Self::Double(number),
            cel::Value::String(text) => Self::Text(Cow::Owned(text.as_ref().clone())),
            cel::Value::List(items) => Self::list(items.iter().cloned().map(Self::from_foreign).collect()),
            cel::Value::Map(map) => {
                let key = |key: &cel::objects::Key| match key {
                    cel::objects::Key::Bool(value) => Self::Bool(*value),
                    cel::objects::Key::Int(number) => Self::Int(*number),
                    cel::objects::Key::Uint(number) => Self::Uint(*number),
                    cel::objects::Key::String(text) => Self::Text(Cow::Owned(text.as_ref().clone())),
                };
                let entries = map.map.iter().map(|(name, value)| (key(name), Self::from_foreign(value.clone())));
                Self::Map(Map::Made(Rc::new(entries.collect())))
            }
            other => Self::Foreign(other),
        }
    }
}

fn json_weight(value: &Json) -> u64 {
    match value {
        Json::String(text) => 1 + text.len() as u64 / 8,
        Json::Array(items) => 1 + items.iter().map(json_weight).sum::<u64>(),
        Json::Object(map) => 1 + map.values().map(json_weight).sum::<u64>(),
        _ => 1,
    }
}

impl<'v> List<'v> {
    pub fn len(&self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub fn get(&self, index: usize) -> Option<Value<'v>> {
        match self {
            Self::Json(items) => items.get(index).map(Value::from),
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Value<'v>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'v> Map<'v> {
    pub fn len(&self) -> usize {
        match self {
            Self::Json(map) => map.len(),
            Self::Made(entries) => entries.len(),
        }
    }

    /// The value of a name.
    pub fn field(&self, name: &str) -> Option<Value<'v>> {
        match self {
            Self::Json(map) => map.get(name).map(Value::from),
            Self::Made(entries) => {
                entries.iter().find(|(key, _)| matches!(key, Value::Text(text) if text == name)).map(|(_, v)| v.clone())
            }
        }
    }

    /// The value of any key.
    pub fn get(&self, key: &Value<'v>) -> Option<Value<'v>> {
        match (self, key) {
            (_, Value::Text(name)) => self.field(name),
            (Self::Json(_), _) => None,
            (Self::Made(entries), _) => {
                entries.iter().find(|(known, _)| known.equals(key) == Some(true)).map(|(_, value)| value.clone())
            }
        }
    }

    pub fn iter(&self) -> Box<dyn Iterator<Item = (Value<'v>, Value<'v>)> + '_> {
        match self {
            Self::Json(map) => Box::new(map.iter().map(|(name, value)| (Value::text(name), Value::from(value)))),
            Self::Made(entries) => Box::new(entries.iter().cloned()),
        }
    }
}

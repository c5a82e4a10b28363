//! Objects that clients send: read from JSON or YAML, checked against the kind that the URL names,
//! and brought into the shape of their type.

use std::fmt;

use outrigger_object::Object;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::conform::conform;
use crate::negotiate::Content;
use crate::protobuf;
use crate::registry::Resource;
use crate::status::{Result, Status};

/// What becomes of fields that the type does not know, and of fields given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped with a warning.
    Warn,
    /// The request is refused.
    Strict,
}

impl FieldValidation {
    /// Reads the `fieldValidation` of a query; the default is to warn.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "Ignore" => Self::Ignore,
            "Strict" => Self::Strict,
            _ => Self::Warn,
        }
    }
}

/// Reads a body as JSON or YAML, noting the paths of fields that are given twice.
pub(crate) fn parse(body: &[u8], content: Content) -> Result<(Value, Vec<String>)> {
    let mut duplicates = Vec::new();
    let value = match content {
        Content::Json => {
            let mut reader = serde_json::Deserializer::from_slice(body);
            let seed = Seed { place: Place::Root, duplicates: &mut duplicates };
            let value = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
            value.map_err(|error| {
                Status::bad_request(format!("the object provided is unrecognized (must be of type Object): {error}"))
            })?
        }
        Content::Yaml => {
            let text = std::str::from_utf8(body)
                .map_err(|error| Status::bad_request(format!("the body is not UTF-8: {error}")))?;
            serde_saphyr::from_str(text)
                .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?
        }
        Content::Protobuf => protobuf::decode(body)
            .map_err(|error| Status::bad_request(format!("the object provided is unrecognized: {error}")))?,
    };
    Ok((value, duplicates))
}

/// Where in a document a value lies; written out only when something is to be said about it.
#[derive(Clone, Copy)]
enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

struct Seed<'a> {
    place: Place<'a>,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = Place::Item(&self.place, list.len());
            match access.next_element_seed(Seed { place, duplicates: self.duplicates })? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let place = Place::Field(&self.place, &name);
            if map.contains_key(&name) {
                self.duplicates.push(place.to_string());
            }
            let value = access.next_value_seed(Seed { place, duplicates: self.duplicates })?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// Checks that an object is of the kind that the URL names, and says so in it when it does not.
pub(crate) fn check_kind(resource: &Resource, value: Value) -> Result<Object> {
    let mut object = Object::from_value(value).map_err(|_| {
        Status::bad_request("the object provided is unrecognized (must be of type Object): expected a JSON object")
    })?;
    let (api_version, kind) = (resource.api_version(), resource.kind.clone());
    if object.kind().is_empty() && resource.custom.is_some() {
        return Err(Status::bad_request(format!(
            "error decoding object: Object 'Kind' is missing in '{}'",
            object.into_value()
        )));
    }
    if !object.api_version().is_empty() && object.api_version() != api_version {
        return Err(Status::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({api_version})",
            object.api_version()
        )));
    }
    if !object.kind().is_empty() && object.kind() != kind {
        return Err(Status::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {kind}: the kind in the data does not match the one of the resource",
            object.kind(),
            resource.version
        )));
    }
    object.set(&["apiVersion"], api_version);
    object.set(&["kind"], kind);
    Ok(object)
}

/// Brings an object into the shape of its type. What the type does not know is dropped, and gives a
/// warning or an error as the client asked for.
pub(crate) fn shape(
    resource: &Resource,
    object: Object,
    duplicates: Vec<String>,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Object> {
    let mut value = object.into_value();
    let found = match &resource.custom {
        None => conform(resource.schema(), &mut value, ""),
        Some(version) => {
            let mut found = match value.get_mut("metadata") {
                Some(metadata) => conform(&outrigger_schema::builtin::object_meta(), metadata, "metadata"),
                None => Default::default(),
            };
            found.unknown.extend(version.structural.prune(&mut value));
            found
        }
    };
    let handled = || match resource.custom {
        None => format!("{0} in version {1:?} cannot be handled as a {0}: ", resource.kind, resource.version),
        Some(_) => String::new(),
    };
    if let Some(wrong) = found.wrong {
        return Err(Status::bad_request(format!("{}{wrong}", handled())));
    }
    if validation != FieldValidation::Ignore {
        let complaints = duplicates
            .iter()
            .map(|path| format!("duplicate field {path:?}"))
            .chain(found.unknown.iter().map(|path| format!("unknown field {path:?}")));
        if validation == FieldValidation::Warn {
            warnings.extend(complaints);
        } else {
            let complaints: Vec<String> = complaints.collect();
            if !complaints.is_empty() {
                return Err(Status::bad_request(format!(
                    "{}strict decoding error: {}",
                    handled(),
                    complaints.join(", ")
                )));
            }
        }
    }
    Object::from_value(value).map_err(|_| Status::bad_request("expected a JSON object"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_given_twice_are_noted() {
        let (value, duplicates) = parse(br#"{"a": 1, "b": [{"c": 1, "c": 2}], "a": 3}"#, Content::Json).expect("JSON");
        assert_eq!(value, json!({"a": 3, "b": [{"c": 2}]}));
        assert_eq!(duplicates, ["b[0].c", "a"]);
    }

    #[test]
    fn yaml_is_read() {
        let (value, _) = parse(b"a: 1\nb:\n- x\n- 'y'\n", Content::Yaml).expect("YAML");
        assert_eq!(value, json!({"a": 1, "b": ["x", "y"]}));
        assert!(parse(b"{", Content::Json).is_err());
        assert!(parse(b"{} x", Content::Json).is_err());
        assert!(parse(b"a: [", Content::Yaml).is_err());
    }
}

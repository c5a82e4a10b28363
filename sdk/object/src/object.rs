//! [`Object`]: the JSON of one Kubernetes object.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Gvk, ObjectKey, ObjectRef};

/// One Kubernetes object of any kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(pub Map<String, Value>);

impl Object {
    /// Takes a JSON value that must be an object; anything else is given back.
    pub fn from_value(value: Value) -> Result<Self, Value> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            other => Err(other),
        }
    }

    /// The whole object as a JSON value.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// The value at a path of field names; `None` where any step is missing or not an object.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        let (last, parents) = path.split_last()?;
        let mut map = &self.0;
        for name in parents {
            map = map.get(*name)?.as_object()?;
        }
        map.get(*last)
    }

    /// The string at a path.
    pub fn str(&self, path: &[&str]) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The integer at a path.
    pub fn int(&self, path: &[&str]) -> Option<i64> {
        self.get(path)?.as_i64()
    }

    /// The boolean at a path.
    pub fn bool(&self, path: &[&str]) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// Sets the value at a path, making the objects on the way. A step that holds something other
    /// than an object is replaced by one.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut map = &mut self.0;
        for name in parents {
            let step = map.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            if !step.is_object() {
                *step = Value::Object(Map::new());
            }
            let Value::Object(next) = step else { return };
            map = next;
        }
        map.insert((*last).to_owned(), value.into());
    }

    /// Removes the value at a path and gives it.
    pub fn remove(&mut self, path: &[&str]) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        let mut map = &mut self.0;
        for name in parents {
            map = map.get_mut(*name)?.as_object_mut()?;
        }
        map.remove(*last)
    }

    /// `apiVersion`, or the empty string.
    pub fn api_version(&self) -> &str {
        self.str(&["apiVersion"]).unwrap_or_default()
    }

    /// `kind`, or the empty string.
    pub fn kind(&self) -> &str {
        self.str(&["kind"]).unwrap_or_default()
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk::from_api_version(self.api_version(), self.kind())
    }

    /// `metadata.name`, or the empty string.
    pub fn name(&self) -> &str {
        self.str(&["metadata", "name"]).unwrap_or_default()
    }

    /// `metadata.namespace`, or the empty string.
    pub fn namespace(&self) -> &str {
        self.str(&["metadata", "namespace"]).unwrap_or_default()
    }

    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.namespace(), self.name())
    }

    /// Kind, namespace and name.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef { gvk: self.gvk(), key: self.key() }
    }

    /// `metadata.uid`, or the empty string.
    pub fn uid(&self) -> &str {
        self.str(&["metadata", "uid"]).unwrap_or_default()
    }

    /// `metadata.resourceVersion`, or the empty string.
    pub fn resource_version(&self) -> &str {
        self.str(&["metadata", "resourceVersion"]).unwrap_or_default()
    }

    /// `metadata.generation`, or 0.
    pub fn generation(&self) -> i64 {
        self.int(&["metadata", "generation"]).unwrap_or_default()
    }

    /// Whether deletion has been asked for.
    pub fn is_deleting(&self) -> bool {
        self.get(&["metadata", "deletionTimestamp"]).is_some_and(|at| !at.is_null())
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.str(&["metadata", "labels", name])
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.str(&["metadata", "annotations", name])
    }

    /// All labels whose values are strings.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        strings(self.get(&["metadata", "labels"]))
    }

    /// All annotations whose values are strings.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        strings(self.get(&["metadata", "annotations"]))
    }

    /// The finalizers, in order.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.get(&["metadata", "finalizers"]).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// `status`, where there is one that is not null.
    pub fn status(&self) -> Option<&Value> {
        self.0.get("status").filter(|status| !status.is_null())
    }
}

fn strings(map: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    map.and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

impl<'a> From<&'a Object> for Cow<'a, Object> {
    fn from(object: &'a Object) -> Self {
        Cow::Borrowed(object)
    }
}

impl From<Object> for Cow<'_, Object> {
    fn from(object: Object) -> Self {
        Cow::Owned(object)
    }
}

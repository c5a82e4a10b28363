//! [`Cursor`]: reading fields with their types checked.
//!
//! [`Object::get`](crate::Object::get) and its kin give `None` both for a field that is missing and for one
//! of another type. A cursor tells the two apart: missing and `null` are `None`, another type is an
//! [`Error::Type`] that names the whole path. It borrows, and allocates only to word an error.
//!
//! ```
//! # use outrigger_object::{Object, Error};
//! # use serde_json::json;
//! let pod = Object::from_value(json!({"spec": {"containers": [{"name": "a"}, {"name": 3}]}})).unwrap();
//! let root = pod.cursor();
//! let names: Result<Vec<_>, Error> = root.items(&["spec", "containers"])?.map(|item| item.str(&["name"])).collect();
//! assert_eq!(names.unwrap_err().to_string(), "spec.containers[1].name: expected a string, found a number");
//! # Ok::<(), Error>(())
//! ```

use serde_json::{Map, Value};

use crate::Error;

/// A place in a JSON value that knows its path. `'v` is the value, `'p` the cursors and paths that led here.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'v, 'p> {
    node: Node<'v>,
    from: Option<(&'p Cursor<'v, 'p>, &'p [&'p str], Option<usize>)>,
}

#[derive(Clone, Copy, Debug)]
enum Node<'v> {
    Missing,
    Root(&'v Map<String, Value>),
    Value(&'v Value),
}

impl<'v, 'p> Cursor<'v, 'p> {
    /// Starts at a whole object.
    pub fn of_map(map: &'v Map<String, Value>) -> Self {
        Self { node: Node::Root(map), from: None }
    }

    /// Starts at any value; paths in errors are relative to it.
    pub fn of_value(value: &'v Value) -> Self {
        Self { node: Node::Value(value), from: None }
    }

    /// Whether there is something here that is not `null`.
    pub fn is_present(&self) -> bool {
        match self.node {
            Node::Missing => false,
            Node::Root(_) => true,
            Node::Value(value) => !value.is_null(),
        }
    }

    /// The value here; `None` when it is missing, `null`, or a whole [`Object`](crate::Object).
    pub fn here(&self) -> Option<&'v Value> {
        match self.node {
            Node::Value(value) if !value.is_null() => Some(value),
            _ => None,
        }
    }

    /// The cursor at a path of field names. Fails when a step on the way holds something other than an object.
    pub fn at(&'p self, path: &'p [&'p str]) -> Result<Self, Error> {
        let mut node = self.node;
        for (index, name) in path.iter().enumerate() {
            let map = match node {
                Node::Missing | Node::Value(Value::Null) => return Ok(self.child(Node::Missing, path, None)),
                Node::Root(map) | Node::Value(Value::Object(map)) => map,
                Node::Value(other) => {
                    return Err(self.wrong(path.get(..index).unwrap_or_default(), "an object", other));
                }
            };
            node = map.get(*name).map_or(Node::Missing, Node::Value);
        }
        Ok(self.child(node, path, None))
    }

    /// The value at a path, whatever it is.
    pub fn value(&self, path: &[&str]) -> Result<Option<&'v Value>, Error> {
        // Shortened lifetimes: the step in between is not kept.
        let here: &Cursor<'v, '_> = self;
        Ok(here.at(path)?.here())
    }

    /// The string at a path.
    pub fn str(&self, path: &[&str]) -> Result<Option<&'v str>, Error> {
        self.typed(path, "a string", Value::as_str)
    }

    /// The integer at a path; a float without a fraction counts as one.
    pub fn int(&self, path: &[&str]) -> Result<Option<i64>, Error> {
        self.typed(path, "an integer", as_int)
    }

    /// The boolean at a path.
    pub fn bool(&self, path: &[&str]) -> Result<Option<bool>, Error> {
        self.typed(path, "a boolean", Value::as_bool)
    }

    /// The object at a path.
    pub fn map(&self, path: &[&str]) -> Result<Option<&'v Map<String, Value>>, Error> {
        match (path, self.node) {
            ([], Node::Root(map)) => Ok(Some(map)),
            _ => self.typed(path, "an object", Value::as_object),
        }
    }

    /// The list at a path, empty when there is none.
    pub fn list(&self, path: &[&str]) -> Result<&'v [Value], Error> {
        Ok(self.typed(path, "a list", Value::as_array)?.map(Vec::as_slice).unwrap_or_default())
    }

    /// Cursors at the items of the list at a path; none when there is no list.
    pub fn items(&'p self, path: &'p [&'p str]) -> Result<impl Iterator<Item = Cursor<'v, 'p>>, Error> {
        let list = self.list(path)?;
        Ok(list.iter().enumerate().map(move |(index, item)| self.child(Node::Value(item), path, Some(index))))
    }

    /// The fields of the object at a path whose values must all be strings.
    pub fn strings(&self, path: &[&str]) -> Result<Vec<(&'v str, &'v str)>, Error> {
        let Some(map) = self.map(path)? else { return Ok(Vec::new()) };
        map.iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) => Ok((name.as_str(), text)),
                None => {
                    let full: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
                    Err(self.wrong(&full, "a string", value))
                }
            })
            .collect()
    }

    /// An error about the value at a path, for rules that types do not express.
    pub fn invalid(&self, path: &[&str], message: impl ToString) -> Error {
        Error::Value { path: self.path(path), message: message.to_string() }
    }

    fn child(&'p self, node: Node<'v>, path: &'p [&'p str], index: Option<usize>) -> Self {
        Self { node, from: Some((self, path, index)) }
    }

    fn typed<T: 'v>(
        &self,
        path: &[&str],
        expected: &'static str,
        read: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.value(path)? {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.wrong(path, expected, value)),
        }
    }

    fn wrong(&self, path: &[&str], expected: &'static str, found: &Value) -> Error {
        Error::Type { path: self.path(path), expected, found: type_name(found) }
    }

    /// The path to here and on, such as `spec.containers[0].image`.
    pub fn path(&self, on: &[&str]) -> String {
        let mut text = String::new();
        self.write_path(&mut text);
        for name in on {
            push_name(&mut text, name);
        }
        if text.is_empty() { "the object".to_owned() } else { text }
    }

    fn write_path(&self, text: &mut String) {
        let Some((parent, path, index)) = self.from else { return };
        parent.write_path(text);
        for name in path {
            push_name(text, name);
        }
        if let Some(index) = index {
            text.push_str(&format!("[{index}]"));
        }
    }
}

/// Adds a field name to a path: `.name`, or `['name']` when it has characters of the path's own.
pub(crate) fn push_name(text: &mut String, name: &str) {
    if name.contains(['.', '[', ']', '/', ' ']) || name.is_empty() {
        text.push_str(&format!("['{name}']"));
    } else {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(name);
    }
}

fn as_int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = value.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Object;

    #[test]
    fn missing_and_wrong_are_different() {
        let object = Object::from_value(json!({
            "spec": {"replicas": "3", "whole": 2.0, "none": null, "list": [{"a": 1}, 5], "odd": {"a.b": 1}},
        }))
        .unwrap();
        let root = object.cursor();
        assert_eq!(root.int(&["spec", "missing"]), Ok(None));
        assert_eq!(root.int(&["spec", "none"]), Ok(None));
        assert_eq!(root.int(&["spec", "none", "below"]), Ok(None));
        assert_eq!(root.int(&["spec", "whole"]), Ok(Some(2)));
        assert_eq!(root.map(&[]).unwrap(), Some(&object.0));
        let message = |result: Result<Option<i64>, Error>| result.unwrap_err().to_string();
        assert_eq!(message(root.int(&["spec", "replicas"])), "spec.replicas: expected an integer, found a string");
        assert_eq!(message(root.int(&["spec", "list", "x"])), "spec.list: expected an object, found a list");
        let spec = root.at(&["spec"]).unwrap();
        let items: Vec<_> = spec.items(&["list"]).unwrap().collect();
        assert_eq!(items[0].int(&["a"]), Ok(Some(1)));
        assert_eq!(message(items[1].int(&["a"])), "spec.list[1]: expected an object, found a number");
        assert_eq!(
            spec.strings(&["odd"]).unwrap_err().to_string(),
            "spec.odd['a.b']: expected a string, found a number"
        );
    }
}

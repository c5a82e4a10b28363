//! Where two JSON values differ.

use std::fmt;

use serde_json::Value;

use crate::cursor::push_name;

/// One place in which two values differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The path, such as `spec.ports[0].port`; `the object` at the root.
    pub path: String,
    /// What the left value has there.
    pub left: Option<Value>,
    /// What the right value has there.
    pub right: Option<Value>,
}

/// Decides whether the values at a path count as equal, whatever they hold. A side that is missing is `None`.
pub type Same<'a> = dyn FnMut(&str, Option<&Value>, Option<&Value>) -> bool + 'a;

/// All differences, in the order of paths. Lists are compared by position, object fields by name.
pub fn differences(left: &Value, right: &Value) -> Vec<Difference> {
    differences_unless(left, right, &mut |_, _, _| false)
}

/// The same, skipping the places that `same` calls equal. It is asked about every pair of values, from the
/// root down, with the path; a side that is missing is `None`.
pub fn differences_unless(left: &Value, right: &Value, same: &mut Same) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&mut String::new(), Some(left), Some(right), same, &mut found);
    found
}

fn walk(path: &mut String, left: Option<&Value>, right: Option<&Value>, same: &mut Same, found: &mut Vec<Difference>) {
    if left == right || same(path, left, right) {
        return;
    }
    let length = path.len();
    match (left, right) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))).collect();
            names.sort();
            for name in names {
                push_name(path, name);
                walk(path, a.get(name), b.get(name), same, found);
                path.truncate(length);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                path.push_str(&format!("[{index}]"));
                walk(path, a.get(index), b.get(index), same, found);
                path.truncate(length);
            }
        }
        _ => found.push(Difference {
            path: if path.is_empty() { "the object".to_owned() } else { path.clone() },
            left: left.cloned(),
            right: right.cloned(),
        }),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "{}: {} against {}", self.path, side(&self.left), side(&self.right))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_and_sides() {
        let left = json!({"a": {"b": 1, "same": [1, 2]}, "list": [1, 2], "x.y": true});
        let right = json!({"a": {"c": null, "same": [1, 2]}, "list": [1, 3, 4], "x.y": false});
        let printed: Vec<String> = differences(&left, &right).iter().map(Difference::to_string).collect();
        assert_eq!(
            printed,
            [
                "a.b: 1 against nothing",
                "a.c: nothing against null",
                "list[1]: 2 against 3",
                "list[2]: nothing against 4",
                "['x.y']: true against false",
            ]
        );
        assert_eq!(differences(&left, &left), []);
        assert_eq!(differences(&json!(1), &json!("1"))[0].path, "the object");
        assert!(differences_unless(&left, &right, &mut |path, _, _| path.is_empty()).is_empty());
    }
}

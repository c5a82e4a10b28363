//! Kubernetes' strategic merge patch.
//!
//! As a merge patch, but lists merge where the type says so: objects by a merge key, scalars as a set.
//! Directives in the patch say the rest:
//!
//! | Directive | Means |
//! |---|---|
//! | `$patch: replace`, `$patch: delete` | the object around it, or the list element, replaces or goes |
//! | `$retainKeys: [a, b]` | only these fields of the object stay |
//! | `$deleteFromPrimitiveList/field: [x]` | these values leave a set |
//! | `$setElementOrder/field: [..]` | the order of the list afterwards; what it does not name stays where it was |
//!
//! Merge keys come from `x-kubernetes-patch-merge-key`, which custom resources do not have: servers
//! refuse this patch for them.

mod lists;
mod order;

use outrigger_schema::{Field, Node, NodeId, Schema, Strategic};
use serde_json::{Map, Value};

use crate::Error;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

/// Applies a strategic merge patch in place. The target is left half patched when this fails.
///
/// Fails with [`Error::Malformed`] for directives that are not as they should be, and with
/// [`Error::Unprocessable`] for lists that cannot be merged: elements without their merge key, of
/// several sorts, or lists themselves.
pub fn apply(schema: &Schema, target: &mut Value, patch: Value) -> Result<(), Error> {
    let Value::Object(patch) = patch else {
        return Err(Error::Malformed("a strategic merge patch must be an object".to_owned()));
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return Ok(()) };
    let mut merge = Merge { schema, path: String::new() };
    merge.map(schema.root_id(), target, patch)
}

struct Merge<'a> {
    schema: &'a Schema,
    path: String,
}

impl<'a> Merge<'a> {
    fn malformed(&self, message: &str) -> Error {
        let path = if self.path.is_empty() { "" } else { &self.path };
        Error::Malformed(format!("{path}: {message}"))
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::at(self.path.clone(), message)
    }

    /// Does something one step further down the path.
    fn under<T>(&mut self, name: &str, inner: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        let result = inner(self);
        self.path.truncate(length);
        result
    }

    /// The type of a field and its strategy.
    fn field(&self, id: NodeId, name: &str) -> (NodeId, Option<&'a Strategic>) {
        let Node::Object(object) = self.schema.node(id) else { return (NodeId::MAX, None) };
        match object.fields.get(name) {
            Some(Field { node, strategic, .. }) => (*node, strategic.as_ref()),
            None => (object.additional.unwrap_or(NodeId::MAX), None),
        }
    }

    fn items_of(&self, id: NodeId) -> NodeId {
        match self.schema.node(id) {
            Node::List(list) => list.items,
            _ => NodeId::MAX,
        }
    }

    fn map(&mut self, id: NodeId, target: &mut Map<String, Value>, mut patch: Map<String, Value>) -> Result<(), Error> {
        if let Some(directive) = patch.remove(PATCH) {
            match directive.as_str() {
                Some("replace") => *target = patch,
                Some("delete") => target.clear(),
                _ => return Err(self.error(format!("unknown patch type found: {directive}"))),
            }
            return Ok(());
        }
        self.retain_keys(target, &mut patch)?;
        self.ordered_lists(id, target, &mut patch)?;
        for (key, value) in patch {
            let (name, deletes) = match key.strip_prefix(DELETE_FROM) {
                Some(name) => (name, true),
                None => (key.as_str(), false),
            };
            if value.is_null() {
                target.remove(name);
                continue;
            }
            let Some(existing) = target.get_mut(name).filter(|existing| same_type(existing, &value)) else {
                if !deletes {
                    match cleaned(value) {
                        Some(value) => target.insert(name.to_owned(), value),
                        None => target.remove(name),
                    };
                }
                continue;
            };
            let (child, strategy) = self.field(id, name);
            self.under(name, |merge| match (existing, value) {
                (Value::Object(target), Value::Object(patch)) => {
                    if strategy.is_some_and(|strategy| !strategy.merge && !strategy.retain_keys) {
                        *target = patch;
                        Ok(())
                    } else {
                        merge.map(child, target, patch)
                    }
                }
                (Value::Array(target), Value::Array(patch)) => {
                    let merged = merge.list(child, strategy, std::mem::take(target), patch, deletes)?;
                    *target = merged;
                    Ok(())
                }
                (existing, value) => {
                    *existing = value;
                    Ok(())
                }
            })?;
        }
        Ok(())
    }

    fn retain_keys(&self, target: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Result<(), Error> {
        let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
        let Value::Array(keys) = keys else {
            return Err(self.malformed("invalid patch format of retainKeys: must be a list"));
        };
        let kept = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
        let is_directive = |name: &str| name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER);
        if let Some((name, _)) =
            patch.iter().find(|(name, value)| !value.is_null() && !is_directive(name) && !kept(name))
        {
            return Err(self.malformed(&format!("invalid patch format of retainKeys: {name} is set but not retained")));
        }
        target.retain(|name, _| kept(name));
        Ok(())
    }

    /// Lists with `$setElementOrder`: merged and put in order together; they leave the patch.
    fn ordered_lists(
        &mut self,
        id: NodeId,
        target: &mut Map<String, Value>,
        patch: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let keys: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ORDER)).cloned().collect();
        for key in keys {
            let (Some(order), Some(name)) = (patch.remove(&key), key.strip_prefix(SET_ORDER)) else { continue };
            let Value::Array(order) = order else {
                return Err(self.malformed("invalid patch format of setElementOrder list"));
            };
            let (child, strategy) = self.field(id, name);
            let list = |value: Option<Value>| match value {
                None | Some(Value::Null) => Ok(None),
                Some(Value::Array(items)) => Ok(Some(items)),
                Some(_) => Err(()),
            };
            let removes = patch.get(name).is_some_and(Value::is_null);
            if removes {
                continue;
            }
            let (Ok(theirs), Ok(ours)) = (list(patch.remove(name)), list(target.get(name).cloned())) else {
                return Err(self.malformed(&format!("{name} is not a list, but has an order")));
            };
            if theirs.is_none() && ours.is_none() {
                continue;
            }
            let ordered = self.under(name, |merge| merge.ordered_list(child, strategy, ours, theirs, &order))?;
            target.insert(name.to_owned(), Value::Array(ordered));
        }
        Ok(())
    }
}

fn same_type(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// A value that is new to the object: without nulls and directives. `None` for one that is itself a
/// directive.
fn cleaned(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if map.contains_key(PATCH) {
                return None;
            }
            let is_directive =
                |name: &str| name == RETAIN_KEYS || name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER);
            let fields = map.into_iter().filter(|(name, value)| !value.is_null() && !is_directive(name));
            Some(Value::Object(fields.filter_map(|(name, value)| Some((name, cleaned(value)?))).collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(cleaned).collect())),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests;

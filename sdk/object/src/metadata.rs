//! Editing an object's metadata.
//!
//! **Invariant:** every helper says whether it changed something, and one that changes nothing leaves the
//! object as it was, so that callers write only what differs. Emptied maps and lists are removed.

use serde_json::{Map, Value};

use crate::{Cursor, Object};

/// An owner reference (`meta/v1` OwnerReference).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference {
    /// `apiVersion` of the owner.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner.
    pub name: String,
    /// UID of the owner.
    pub uid: String,
    /// Whether the owner manages the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Whether the owner must wait for the object when it is deleted in the foreground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

impl Object {
    /// A cursor at the whole object, for reading with types checked.
    pub fn cursor(&self) -> Cursor<'_, '_> {
        Cursor::of_map(&self.0)
    }

    /// Sets a label; gives whether that changed it.
    pub fn set_label(&mut self, name: &str, value: &str) -> bool {
        self.set_string("labels", name, value)
    }

    /// Removes a label; gives whether it was there.
    pub fn remove_label(&mut self, name: &str) -> bool {
        self.remove_string("labels", name)
    }

    /// Sets an annotation; gives whether that changed it.
    pub fn set_annotation(&mut self, name: &str, value: &str) -> bool {
        self.set_string("annotations", name, value)
    }

    /// Removes an annotation; gives whether it was there.
    pub fn remove_annotation(&mut self, name: &str) -> bool {
        self.remove_string("annotations", name)
    }

    /// Whether a finalizer is there.
    pub fn has_finalizer(&self, name: &str) -> bool {
        self.finalizers().any(|finalizer| finalizer == name)
    }

    /// Adds a finalizer at the end; gives whether it was missing.
    pub fn add_finalizer(&mut self, name: &str) -> bool {
        if self.has_finalizer(name) {
            return false;
        }
        self.list_mut("finalizers").push(name.into());
        true
    }

    /// Removes a finalizer; gives whether it was there.
    pub fn remove_finalizer(&mut self, name: &str) -> bool {
        self.retain_in("finalizers", |item| item.as_str() != Some(name))
    }

    /// The owner references that are well formed, in order.
    pub fn owner_references(&self) -> impl Iterator<Item = OwnerReference> {
        self.get(&["metadata", "ownerReferences"])
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|item| serde::Deserialize::deserialize(item).ok())
    }

    /// The owner that manages this object.
    pub fn controller(&self) -> Option<OwnerReference> {
        self.owner_references().find(|owner| owner.controller == Some(true))
    }

    /// Adds an owner reference, or replaces the one with its UID; gives whether that changed anything.
    pub fn set_owner_reference(&mut self, owner: &OwnerReference) -> bool {
        if self.owner_references().any(|known| known == *owner) {
            return false;
        }
        let Ok(value) = serde_json::to_value(owner) else { return false };
        let list = self.list_mut("ownerReferences");
        match list.iter_mut().find(|item| item.get("uid").and_then(Value::as_str) == Some(&owner.uid)) {
            Some(known) => *known = value,
            None => list.push(value),
        }
        true
    }

    /// Removes the owner reference with a UID; gives whether it was there.
    pub fn remove_owner_reference(&mut self, uid: &str) -> bool {
        self.retain_in("ownerReferences", |item| item.get("uid").and_then(Value::as_str) != Some(uid))
    }

    /// The reference that objects owned by this one carry; `controller` and `blockOwnerDeletion` as given.
    pub fn as_owner(&self, controller: bool, block_owner_deletion: bool) -> OwnerReference {
        OwnerReference {
            api_version: self.api_version().to_owned(),
            kind: self.kind().to_owned(),
            name: self.name().to_owned(),
            uid: self.uid().to_owned(),
            controller: Some(controller),
            block_owner_deletion: Some(block_owner_deletion),
        }
    }

    fn set_string(&mut self, field: &str, name: &str, value: &str) -> bool {
        if self.str(&["metadata", field, name]) == Some(value) {
            return false;
        }
        self.set(&["metadata", field, name], value);
        true
    }

    fn remove_string(&mut self, field: &str, name: &str) -> bool {
        let removed = self.remove(&["metadata", field, name]).is_some();
        if removed && self.get(&["metadata", field]).and_then(Value::as_object).is_some_and(Map::is_empty) {
            self.remove(&["metadata", field]);
        }
        removed
    }

    /// The list in a field of the metadata; anything else there is replaced by an empty one.
    fn list_mut(&mut self, field: &str) -> &mut Vec<Value> {
        let metadata = self.0.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if !metadata.is_object() {
            *metadata = Value::Object(Map::new());
        }
        let slot = &mut metadata[field];
        if !slot.is_array() {
            *slot = Value::Array(Vec::new());
        }
        match slot {
            Value::Array(list) => list,
            _ => unreachable!("the field was made a list just above"),
        }
    }

    fn retain_in(&mut self, field: &str, keep: impl Fn(&Value) -> bool) -> bool {
        let Some(metadata) = self.0.get_mut("metadata").and_then(Value::as_object_mut) else { return false };
        let Some(list) = metadata.get_mut(field).and_then(Value::as_array_mut) else { return false };
        let before = list.len();
        list.retain(keep);
        let changed = list.len() != before;
        if changed && list.is_empty() {
            metadata.remove(field);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn edits_say_whether_they_changed_something() {
        let mut object = Object::default();
        assert!(object.set_label("a", "1"));
        assert!(!object.set_label("a", "1"));
        assert!(object.set_label("a", "2"));
        assert!(object.set_annotation("example.com/x", "y"));
        assert!(object.add_finalizer("f/1"));
        assert!(object.add_finalizer("f/2"));
        assert!(!object.add_finalizer("f/1"));
        assert_eq!(object.finalizers().collect::<Vec<_>>(), ["f/1", "f/2"]);
        assert!(object.remove_finalizer("f/1") && !object.remove_finalizer("f/1"));
        assert!(object.remove_finalizer("f/2"));
        assert!(object.remove_label("a") && !object.remove_label("a"));
        assert!(object.remove_annotation("example.com/x"));
        assert_eq!(object.into_value(), json!({"metadata": {}}));
    }

    #[test]
    fn owners_are_kept_by_uid() {
        let owner = Object::from_value(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "o", "uid": "u1"},
        }))
        .unwrap()
        .as_owner(false, false);
        let mut object = Object::from_value(json!({"metadata": {"ownerReferences": "broken"}})).unwrap();
        assert!(object.set_owner_reference(&owner) && !object.set_owner_reference(&owner));
        assert_eq!(object.controller(), None);
        let manager = OwnerReference { controller: Some(true), ..owner };
        assert!(object.set_owner_reference(&manager));
        assert_eq!(object.owner_references().collect::<Vec<_>>(), std::slice::from_ref(&manager));
        assert_eq!(object.controller(), Some(manager));
        assert!(object.remove_owner_reference("u1") && !object.remove_owner_reference("u1"));
    }
}

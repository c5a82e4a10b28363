//! The objects of a [`TestHost`](super::TestHost), and the writes on them.
//!
//! Server-side apply is simplified: an object's maps are merged, lists and scalars replaced whole, and what the
//! last apply set and this one does not is removed. There is one field manager, there are no conflicts over
//! fields, no schemas, and no lists that are merged by key. A status that is applied is left out, as kinds with
//! a status subresource have it.
//!
//! **Invariant:** a write that changes nothing leaves the resource version as it is.

use std::collections::BTreeMap;

use outrigger_addon::{CallError, CallErrorKind, Place};
use outrigger_object::{Gvk, Object, ObjectKey, Selector};
use serde_json::{Map, Value, json};

/// Where an object is found.
pub(super) type Address = (Place, Gvk, ObjectKey);

#[derive(Default)]
pub(super) struct Objects {
    known: BTreeMap<Address, Stored>,
    version: u64,
    uids: u64,
}

struct Stored {
    object: Object,
    /// What was applied last.
    applied: Map<String, Value>,
}

fn failed<T>(kind: CallErrorKind, address: &Address, what: &str) -> Result<T, CallError> {
    let (place, gvk, key) = address;
    Err(CallError { kind, message: format!("{place}: {} {key}: {what}", gvk.kind) })
}

impl Objects {
    pub fn get(&self, address: &Address) -> Option<&Object> {
        self.known.get(address).map(|stored| &stored.object)
    }

    pub fn of<'a>(&'a self, place: &'a Place, gvk: &'a Gvk) -> impl Iterator<Item = &'a Object> {
        let of = move |((at, kind, _), stored): (&'a Address, &'a Stored)| {
            (at == place && kind == gvk).then_some(&stored.object)
        };
        self.known.iter().filter_map(of)
    }

    pub fn all(&self) -> impl Iterator<Item = (&Place, &Object)> {
        self.known.iter().map(|((place, ..), stored)| (place, &stored.object))
    }

    /// As if somebody else had written the whole object, its status included.
    pub fn put(&mut self, place: &Place, mut object: Object) -> Object {
        let address = (place.clone(), object.gvk(), object.key());
        let old = self.known.remove(&address);
        let applied = old.as_ref().map(|old| old.applied.clone()).unwrap_or_default();
        self.complete(&mut object, old.as_ref().map(|old| &old.object));
        self.known.insert(address, Stored { object: object.clone(), applied });
        object
    }

    pub fn remove(&mut self, address: &Address) -> Option<Object> {
        self.known.remove(address).map(|stored| stored.object)
    }

    pub fn apply(&mut self, place: &Place, wanted: &Object) -> Result<Object, CallError> {
        let address = (place.clone(), wanted.gvk(), wanted.key());
        if wanted.name().is_empty() || wanted.kind().is_empty() || wanted.api_version().is_empty() {
            return failed(CallErrorKind::Invalid, &address, "it has no apiVersion, kind or name");
        }
        if wanted.get(&["metadata", "managedFields"]).is_some() {
            return failed(CallErrorKind::Invalid, &address, "metadata.managedFields must be nil");
        }
        let mut wanted = wanted.clone();
        wanted.remove(&["status"]);
        let old = self.known.get(&address);
        if let Some(old) = old {
            let differs = |mine: &str, theirs: &str| !mine.is_empty() && mine != theirs;
            if differs(wanted.uid(), old.object.uid()) {
                return failed(CallErrorKind::Conflict, &address, "it has another UID");
            }
            if differs(wanted.resource_version(), old.object.resource_version()) {
                return failed(CallErrorKind::Conflict, &address, "it has changed meanwhile");
            }
        } else if !wanted.uid().is_empty() {
            return failed(CallErrorKind::Conflict, &address, "it is gone");
        }
        let mut object = old.map(|old| old.object.clone()).unwrap_or_default();
        if let Some(old) = old {
            drop_missing(&mut object.0, &old.applied, &wanted.0);
        }
        merge(&mut object.0, &wanted.0);
        if old.is_none_or(|old| old.object != object) {
            let before = self.known.get(&address).map(|old| old.object.clone());
            self.complete(&mut object, before.as_ref());
        }
        self.known.insert(address, Stored { object: object.clone(), applied: wanted.0 });
        Ok(object)
    }

    pub fn write_status(&mut self, place: &Place, wanted: &Object) -> Result<Object, CallError> {
        let address = (place.clone(), wanted.gvk(), wanted.key());
        let version = self.version + 1;
        let Some(stored) = self.known.get_mut(&address) else {
            return failed(CallErrorKind::NotFound, &address, "it is not there");
        };
        let expected = wanted.resource_version();
        if !expected.is_empty() && expected != stored.object.resource_version() {
            return failed(CallErrorKind::Conflict, &address, "it has changed meanwhile");
        }
        if stored.object.status() != wanted.status() {
            match wanted.status() {
                Some(status) => stored.object.set(&["status"], status.clone()),
                None => drop(stored.object.remove(&["status"])),
            }
            stored.object.set(&["metadata", "resourceVersion"], version.to_string());
            self.version = version;
        }
        Ok(stored.object.clone())
    }

    pub fn delete(&mut self, address: &Address, uid: &str, now: &str) -> Result<(), CallError> {
        let Some(stored) = self.known.get_mut(address) else { return Ok(()) };
        if stored.object.uid() != uid {
            return failed(CallErrorKind::Conflict, address, "it has another UID");
        }
        if stored.object.finalizers().next().is_none() {
            self.known.remove(address);
        } else if !stored.object.is_deleting() {
            self.version += 1;
            stored.object.set(&["metadata", "deletionTimestamp"], now);
            stored.object.set(&["metadata", "resourceVersion"], self.version.to_string());
        }
        Ok(())
    }

    /// Writes what the API server writes.
    fn complete(&mut self, object: &mut Object, old: Option<&Object>) {
        self.version += 1;
        object.set(&["metadata", "resourceVersion"], self.version.to_string());
        if object.uid().is_empty() {
            let uid = old.map(|old| old.uid().to_owned()).filter(|uid| !uid.is_empty()).unwrap_or_else(|| {
                self.uids += 1;
                format!("00000000-0000-4000-8000-{:012}", self.uids)
            });
            object.set(&["metadata", "uid"], uid);
        }
        let generation = match old {
            None => object.generation().max(1),
            Some(old) if old.get(&["spec"]) == object.get(&["spec"]) => old.generation(),
            Some(old) => old.generation() + 1,
        };
        object.set(&["metadata", "generation"], json!(generation));
    }
}

/// Removes what was applied last and is not wanted any more.
fn drop_missing(object: &mut Map<String, Value>, applied: &Map<String, Value>, wanted: &Map<String, Value>) {
    for (name, was) in applied {
        match (object.get_mut(name), was, wanted.get(name)) {
            (Some(Value::Object(now)), Value::Object(was), Some(Value::Object(wanted))) => {
                drop_missing(now, was, wanted);
            }
            (Some(Value::Object(now)), Value::Object(was), None) => {
                drop_missing(now, was, &Map::new());
                if now.is_empty() {
                    object.remove(name);
                }
            }
            (Some(_), _, None) => drop(object.remove(name)),
            _ => {}
        }
    }
}

fn merge(object: &mut Map<String, Value>, wanted: &Map<String, Value>) {
    for (name, value) in wanted {
        match (object.get_mut(name), value) {
            (Some(Value::Object(now)), Value::Object(value)) => merge(now, value),
            _ => drop(object.insert(name.clone(), value.clone())),
        }
    }
}

/// Reads a selector as a host does: an empty one means everything.
pub(super) fn selector(text: &str) -> Result<Selector, CallError> {
    Selector::parse(text).map_err(|error| CallError {
        kind: CallErrorKind::Invalid,
        message: format!("label selector {text:?}: {error}"),
    })
}

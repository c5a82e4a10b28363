//! What a simulated member's controllers know of each other's objects.

use std::{collections::HashMap, sync::Mutex};

use outrigger_object::{Object, ObjectKey};

use super::{Failure, SimulatorOptions};

/// Objects by kind, as last seen, and how the member behaves.
pub(crate) struct World {
    pub(super) items: i64,
    pub(super) failure: Option<Failure>,
    objects: Mutex<HashMap<(&'static str, ObjectKey), Object>>,
}

impl World {
    pub(super) fn new(options: &SimulatorOptions) -> Self {
        Self { items: options.items, failure: options.failure, objects: Mutex::default() }
    }

    pub(super) fn get(&self, kind: &'static str, namespace: &str, name: &str) -> Option<Object> {
        self.lock().get(&(kind, ObjectKey::new(namespace, name))).cloned()
    }

    pub(super) fn all(&self, kind: &'static str, namespace: &str) -> Vec<Object> {
        let objects = self.lock();
        let mut found: Vec<Object> = objects
            .iter()
            .filter(|((other, key), _)| *other == kind && key.namespace == namespace)
            .map(|(_, object)| object.clone())
            .collect();
        found.sort_by(|a, b| a.name().cmp(b.name()));
        found
    }

    pub(super) fn put(&self, kind: &'static str, object: Object) {
        self.lock().insert((kind, object.key()), object);
    }

    pub(super) fn remove(&self, kind: &'static str, object: &Object) {
        self.lock().remove(&(kind, object.key()));
    }

    /// All objects of a kind that wait for something else to change.
    pub(super) fn keys(&self, kind: &'static str) -> Vec<Object> {
        self.lock().iter().filter(|((other, _), _)| *other == kind).map(|(_, object)| object.clone()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(&'static str, ObjectKey), Object>> {
        self.objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

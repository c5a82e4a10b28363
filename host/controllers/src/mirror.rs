//! An informer that knows of our own writes before the watch tells of them.
//!
//! **Invariant:** a controller that has written an object reads at least that version afterwards, so
//! that it never decides, or writes, twice for one cause.

use std::collections::HashMap;
use std::sync::Arc;

use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::{Change, Informer};
use parking_lot::Mutex;

/// See the module. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Mirror {
    informer: Informer,
    written: Arc<Mutex<HashMap<ObjectKey, Arc<Object>>>>,
}

impl Mirror {
    /// Stands over an informer.
    pub(crate) fn new(informer: Informer) -> Self {
        Self { informer, written: Arc::default() }
    }

    /// The resource that it mirrors.
    pub(crate) fn resource(&self) -> &Resource {
        &self.informer.selection().resource
    }

    /// The informer beneath.
    pub(crate) fn informer(&self) -> &Informer {
        &self.informer
    }

    /// Whether everything that exists has been seen.
    pub(crate) fn synced(&self) -> bool {
        self.informer.synced()
    }

    /// An object in its newest known version.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        let seen = self.informer.get(key);
        let mut written = self.written.lock();
        let Some(ours) = written.get(key) else { return seen };
        match &seen {
            Some(seen) if version(seen) >= version(ours) => {
                written.remove(key);
            }
            _ => return Some(ours.clone()),
        }
        seen
    }

    /// The newest known version of what the informer has under an index.
    pub(crate) fn by_index(&self, index: &str, value: &str) -> Vec<Arc<Object>> {
        let seen = self.informer.by_index(index, value);
        seen.into_iter().map(|object| self.get(&object.key()).unwrap_or(object)).collect()
    }

    /// Takes what the server answered to a write.
    pub(crate) fn wrote(&self, object: Object) -> Arc<Object> {
        let object = Arc::new(object);
        let key = object.key();
        // The watch may have been faster.
        let newer = self.informer.get(&key).is_some_and(|seen| version(&seen) >= version(&object));
        if !newer {
            self.written.lock().insert(key, object.clone());
        }
        object
    }

    /// Takes word from the informer's handler; what it tells of deletions ends our own knowledge too.
    pub(crate) fn heard(&self, change: &Change) {
        match change {
            Change::Deleted(object) => {
                self.written.lock().remove(&object.key());
            }
            Change::Added(object) | Change::Updated { new: object, .. } => {
                let mut written = self.written.lock();
                if written.get(&object.key()).is_some_and(|ours| version(object) >= version(ours)) {
                    written.remove(&object.key());
                }
            }
            Change::Synced => {}
        }
    }

    /// Forgets what was written; for an object that a write found gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.written.lock().remove(key);
    }
}

/// Versions grow with every write of an API server.
fn version(object: &Object) -> u64 {
    object.resource_version().parse().unwrap_or(0)
}

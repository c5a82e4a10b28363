//! Lazy policies: a change of theirs waits until the template itself changes.
//!
//! What the template looked like is remembered in memory. After a restart the first look counts as no
//! change, so that restarting never activates what is waiting.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use outrigger_object::{Object, ObjectRef};
use parking_lot::Mutex;

use crate::policy::{CLAIM_ANNOTATIONS, CLAIM_LABELS};

/// See the module.
#[derive(Default)]
pub(crate) struct Lazy(Mutex<HashMap<ObjectRef, u64>>);

impl Lazy {
    /// Whether the template has changed since it was last asked about.
    pub(crate) fn is_due(&self, key: &ObjectRef, template: &Object) -> bool {
        let now = fingerprint(template);
        self.0.lock().insert(key.clone(), now).is_some_and(|before| before != now)
    }

    /// Forgets a template.
    pub(crate) fn forget(&self, key: &ObjectRef) {
        self.0.lock().remove(key);
    }
}

/// A hash of what users write: neither status, nor bookkeeping, nor claims.
fn fingerprint(template: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in template.0.iter().filter(|(name, _)| *name != "status" && *name != "metadata") {
        (name, value.to_string()).hash(&mut hasher);
    }
    for label in template.labels().filter(|(name, _)| !CLAIM_LABELS.contains(name)) {
        label.hash(&mut hasher);
    }
    for annotation in template.annotations().filter(|(name, _)| !CLAIM_ANNOTATIONS.contains(name)) {
        annotation.hash(&mut hasher);
    }
    hasher.finish()
}

//! What CRDs say of their kinds → the interpreters.
//!
//! In push mode one host works for many members, and its interpreters go by the hub's CRDs. An agent has one
//! member and nothing else, and goes by that member's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use outrigger_engine::{Engine, Kinds};
use outrigger_object::{Gvk, ObjectKey};
use outrigger_runtime::{Change, Informer, Queue};

use crate::session::{requeue, requeue_kinds};

/// Takes word of a CRD, and gives the kinds of which something else is known now.
pub fn learn(kinds: &Kinds, change: &Change) -> Vec<Gvk> {
    match change {
        Change::Added(crd) | Change::Updated { new: crd, .. } => kinds.learn(crd),
        Change::Deleted(crd) => kinds.forget(crd),
        Change::Synced => Vec::new(),
    }
}

/// Has an agent's interpreters know the CRDs of its member, and its Works looked at anew when that changes
/// what is known of a kind.
pub(crate) struct Learning {
    engine: Arc<Engine>,
    works: Informer,
    queue: Queue<ObjectKey>,
    /// Whether all CRDs have been read.
    complete: AtomicBool,
}

impl Learning {
    pub(crate) fn new(engine: Arc<Engine>, works: Informer, queue: Queue<ObjectKey>) -> Self {
        Self { engine, works, queue, complete: AtomicBool::new(false) }
    }

    pub(crate) fn heard(&self, change: &Change) {
        let changed = learn(self.engine.kinds(), change);
        if *change == Change::Synced {
            self.complete.store(true, Ordering::Relaxed);
            requeue(&self.works, &self.queue, |_| true);
        } else if !changed.is_empty() && self.complete.load(Ordering::Relaxed) {
            requeue_kinds(&self.works, &self.queue, &changed);
        }
    }
}

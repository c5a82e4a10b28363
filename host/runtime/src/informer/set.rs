//! [`InformerSet`]: informers that several users share, there as long as somebody needs them.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{Change, Informer, Selection};
use crate::Client;

struct Entry {
    informer: Informer,
    users: usize,
}

struct Shared {
    client: Client,
    cancel: CancellationToken,
    entries: Mutex<HashMap<Selection, Entry>>,
}

/// Informers of one API server by selection, counted by user. Cloning shares the set.
#[derive(Clone)]
pub struct InformerSet(Arc<Shared>);

impl InformerSet {
    /// An empty set; `parent` stops all its informers.
    pub fn new(client: Client, parent: &CancellationToken) -> Self {
        Self(Arc::new(Shared { client, cancel: parent.child_token(), entries: Mutex::default() }))
    }

    /// The client that the informers use.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The informer of a selection: the one that runs, or a new one. It is stopped when the last
    /// [`SharedInformer`] of it is dropped.
    pub fn get(&self, selection: &Selection) -> SharedInformer {
        let mut entries = self.0.entries.lock();
        let entry = entries.entry(selection.clone()).or_insert_with(|| Entry {
            informer: Informer::start(self.0.client.clone(), selection.clone(), &self.0.cancel),
            users: 0,
        });
        entry.users += 1;
        SharedInformer { informer: entry.informer.clone(), set: self.clone(), handlers: Mutex::default() }
    }

    /// What runs now.
    pub fn selections(&self) -> Vec<Selection> {
        self.0.entries.lock().keys().cloned().collect()
    }

    fn release(&self, selection: &Selection) {
        let mut entries = self.0.entries.lock();
        if let Some(entry) = entries.get_mut(selection) {
            entry.users -= 1;
            if entry.users == 0 {
                entry.informer.stop();
                entries.remove(selection);
            }
        }
    }
}

/// One user's hold on an informer of a set. Dropping it takes this user's handlers away, and stops
/// the informer if it was the last.
pub struct SharedInformer {
    informer: Informer,
    set: InformerSet,
    handlers: Mutex<Vec<u64>>,
}

impl SharedInformer {
    /// Adds a handler that goes with this hold; see [`Informer::on_change`].
    pub fn on_change(&self, handler: impl Fn(&Change) + Send + Sync + 'static) {
        let id = self.informer.on_change(handler);
        self.handlers.lock().push(id);
    }
}

impl Deref for SharedInformer {
    type Target = Informer;

    fn deref(&self) -> &Informer {
        &self.informer
    }
}

impl Drop for SharedInformer {
    fn drop(&mut self) {
        for id in self.handlers.get_mut().drain(..) {
            self.informer.remove_handler(id);
        }
        self.set.release(self.informer.selection());
    }
}

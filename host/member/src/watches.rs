//! Watches on the member: one for each kind that a Work of this cluster names, for as long as one does.
//!
//! Inputs: which Works name which kinds. Outputs: informers, and the keys of the Works that name an
//! object that changed, into the executor's queue.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::{Change, Client, Informer, Queue, Selection};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::execute::Memory;
use crate::{ownership, work};

/// How long an object waits for the first list of its kind before the member is asked for it alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Watches {
    member: Client,
    works: Informer,
    queue: Queue<ObjectKey>,
    memory: Arc<Mutex<Memory>>,
    cancel: CancellationToken,
    held: Mutex<HashMap<Resource, Held>>,
}

/// Which objects of a kind are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that bear our mark.
    Marked,
    /// All of them: ours bear no mark, or are the member's own.
    All,
}

struct Held {
    informer: Informer,
    works: BTreeSet<ObjectKey>,
}

impl Watches {
    pub(crate) fn new(
        member: Client,
        works: Informer,
        queue: Queue<ObjectKey>,
        memory: Arc<Mutex<Memory>>,
        cancel: &CancellationToken,
    ) -> Self {
        Self { member, works, queue, memory, cancel: cancel.child_token(), held: Mutex::default() }
    }

    /// The Work names exactly these kinds now: watches begin and end accordingly.
    pub(crate) fn hold(&self, work: &ObjectKey, kinds: &BTreeMap<Resource, Scope>) {
        let mut held = self.held.lock();
        for (resource, scope) in kinds {
            let held = held
                .entry(resource.clone())
                .or_insert_with(|| Held { informer: self.start(resource, *scope), works: BTreeSet::new() });
            held.works.insert(work.clone());
        }
        held.retain(|resource, held| {
            if !kinds.contains_key(resource) {
                held.works.remove(work);
            }
            if held.works.is_empty() {
                held.informer.stop();
            }
            !held.works.is_empty()
        });
    }

    /// The Work is gone.
    pub(crate) fn release(&self, work: &ObjectKey) {
        self.hold(work, &BTreeMap::new());
    }

    /// What is watched now.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        self.held.lock().keys().cloned().collect()
    }

    /// The object as the watch knows it; `None` where only the member itself can tell.
    pub(crate) async fn get(&self, resource: &Resource, key: &ObjectKey) -> Option<Arc<Object>> {
        let informer = self.held.lock().get(resource).map(|held| held.informer.clone())?;
        if !informer.synced() && informer.failure().is_none() {
            let _ = tokio::time::timeout(PATIENCE, informer.wait_synced()).await;
        }
        informer.get(key)
    }

    fn start(&self, resource: &Resource, scope: Scope) -> Informer {
        let mut selection = Selection::all(resource.clone()).with_managed_fields();
        if scope == Scope::Marked {
            selection = selection.labels(ownership::MANAGED_SELECTOR);
        }
        let informer = Informer::unstarted(selection, &self.cancel);
        let (works, queue, memory) = (self.works.clone(), self.queue.clone(), self.memory.clone());
        informer.on_change(move |change| {
            let Some(object) = change.object() else { return };
            let reference = object.reference();
            let version = (!matches!(change, Change::Deleted(_))).then(|| object.resource_version());
            memory.lock().told(&reference, version);
            for work in works.by_index(work::BY_OBJECT, &work::index_value(&reference)) {
                queue.add(work.key());
            }
        });
        informer.begin(self.member.clone());
        informer
    }
}

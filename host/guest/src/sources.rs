//! [`Source`]: the objects that an addon watches, in memory.
//!
//! Those of the control plane are watched as the addon, so that it sees what it may see. Those in members come
//! from the MemberObjects of their kind, which the host watches: that the manifest calls the kind observed is what
//! was agreed to.
//!
//! **Invariant:** what is kept is counted, and beyond the limit nothing is kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use outrigger_addon::member_object::KIND_LABEL;
use outrigger_addon::{MemberObject, Place, Request, Watch};
use outrigger_api::names::{cluster_of_execution_space, execution_space};
use outrigger_object::{Gvk, Object, ObjectKey, Resource, Selector};
use outrigger_runtime::{Change, Client, Informer, Selection};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// What is kept for an addon.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub objects: AtomicUsize,
    pub bytes: AtomicI64,
}

/// One watch.
pub(crate) struct Source {
    pub watch: Watch,
    pub selector: Selector,
    pub informer: Informer,
}

impl Source {
    /// Prepares a watch; [`Informer::begin`] starts it. `resource` is that of the kind on the control plane.
    pub fn new(watch: Watch, selector: Selector, resource: Resource, cancel: &CancellationToken) -> Self {
        let selection = if watch.members {
            let label = format!("{KIND_LABEL}={}", MemberObject::kind_label(&watch.gvk));
            Selection::all(MemberObject::resource()).labels(label)
        } else {
            let all = Selection::all(resource);
            if watch.label_selector.is_empty() { all } else { all.labels(watch.label_selector.clone()) }
        };
        Self { watch, selector, informer: Informer::unstarted(selection, cancel) }
    }

    /// Tells of each object that wants work, and counts what is kept.
    pub fn follow(&self, kept: Arc<Kept>, told: impl Fn(Request, bool) + Send + Sync + 'static) {
        let (watch, selector) = (self.watch.clone(), self.selector.clone());
        self.informer.on_change(move |change| {
            let (gone, new) = match change {
                Change::Added(new) => (None, Some(new)),
                Change::Updated { old, new } => (Some(old), Some(new)),
                Change::Deleted(old) => (Some(old), None),
                Change::Synced => return,
            };
            let size = |object: &Object| i64::try_from(weight_of(object)).unwrap_or(i64::MAX);
            kept.bytes.fetch_add(new.map_or(0, |new| size(new)) - gone.map_or(0, |old| size(old)), Ordering::Relaxed);
            match (gone, new) {
                (None, Some(_)) => drop(kept.objects.fetch_add(1, Ordering::Relaxed)),
                (Some(_), None) => drop(kept.objects.fetch_sub(1, Ordering::Relaxed)),
                _ => {}
            }
            let requests: HashSet<Request> =
                [gone, new].into_iter().flatten().filter_map(|object| request(&watch, &selector, object)).collect();
            for request in requests {
                told(request, new.is_some());
            }
        });
    }

    /// A request for each object.
    pub fn requests(&self) -> Vec<Request> {
        self.informer.list().iter().filter_map(|object| request(&self.watch, &self.selector, object)).collect()
    }

    /// Whether it keeps objects of this kind of this place.
    pub fn is_of(&self, place: &Place, gvk: &Gvk) -> bool {
        self.watch.gvk == *gvk && self.watch.members == matches!(place, Place::Member(_))
    }

    /// Whether it keeps all of them.
    pub fn is_whole(&self) -> bool {
        self.watch.members || self.watch.label_selector.is_empty()
    }

    /// One object.
    pub fn get(&self, place: &Place, key: &ObjectKey) -> Option<Arc<Object>> {
        match place {
            Place::Hub => self.informer.get(key),
            Place::Member(cluster) => {
                let name = MemberObject::name_of(&self.watch.gvk, key);
                let shown = self.informer.get(&ObjectKey::new(execution_space(cluster), name))?;
                MemberObject::read(&shown).map(|shown| Arc::new(shown.object()))
            }
        }
    }

    /// All objects of a place, or those in a namespace.
    pub fn list(&self, place: &Place, namespace: &str) -> Vec<Arc<Object>> {
        match place {
            Place::Hub if namespace.is_empty() => self.informer.list(),
            Place::Hub => self.informer.list_in(namespace),
            Place::Member(cluster) => {
                let shown = self.informer.list_in(&execution_space(cluster));
                let objects = shown.iter().filter_map(|shown| Some(MemberObject::read(shown)?.object()));
                objects.filter(|object| namespace.is_empty() || object.namespace() == namespace).map(Arc::new).collect()
            }
        }
    }
}

/// What an object asks of a controller that watches it.
fn request(watch: &Watch, selector: &Selector, object: &Object) -> Option<Request> {
    if !watch.members {
        return Some(Request { place: Place::Hub, gvk: watch.gvk.clone(), key: object.key() });
    }
    let cluster = cluster_of_execution_space(object.namespace())?;
    let shown = MemberObject::read(object)?.object();
    let wanted = shown.gvk() == watch.gvk && selector.matches_object(&shown);
    wanted.then(|| Request { place: Place::member(cluster), gvk: watch.gvk.clone(), key: shown.key() })
}

/// Starts a source with the client that it is read by.
pub(crate) fn begin(source: &Source, hub: &Client, own: &Client) {
    source.informer.begin(if source.watch.members { hub.clone() } else { own.clone() });
}

/// About how many bytes an object takes in memory: its texts, and a flat rate for every value.
fn weight_of(object: &Object) -> usize {
    object.0.iter().map(|(name, value)| 64 + name.len() + weight(value)).sum()
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        Value::String(text) => 32 + text.len(),
        Value::Array(items) => 32 + items.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => 32 + fields.iter().map(|(name, value)| 64 + name.len() + weight(value)).sum::<usize>(),
    }
}

//! Watches of templates: one per kind that a policy, a binding or a dependency names.
//!
//! ```text
//! policies ─┐
//! bindings ─┼─▶ wanted kinds ── discovery ──▶ informers ──▶ Event::Template
//! deps     ─┘
//! ```
//!
//! Watches start and stop as policies and discovery change. A kind that the hub does not serve yet is
//! waited for.
//!
//! **Invariant:** "the template is gone" is said only by the API server: an absent entry of a cache is
//! never taken for a deletion.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use outrigger_object::{Gvk, Object, ObjectKey, ObjectRef, Resource};
use outrigger_runtime::{Client, Discovery, Informer, InformerSet, Lookup, Result, Selection, SharedInformer};
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::detector::is_reserved_kind;
use crate::hub::{Event, Hub};
use crate::mirror::Mirror;

/// One kind that is watched.
struct Watched {
    mirror: Mirror,
    /// Holds the informer and its handler.
    _hold: SharedInformer,
}

/// See the module.
pub(crate) struct Templates {
    client: Client,
    discovery: Discovery,
    set: InformerSet,
    watched: RwLock<BTreeMap<Gvk, Arc<Watched>>>,
    changed: Notify,
}

impl Templates {
    /// Watches nothing yet.
    pub(crate) fn new(client: Client, discovery: Discovery, cancel: &CancellationToken) -> Self {
        let set = InformerSet::new(client.clone(), cancel);
        Self { client, discovery, set, watched: RwLock::default(), changed: Notify::new() }
    }

    /// Has the wanted kinds looked at again.
    pub(crate) fn look_again(&self) {
        self.changed.notify_one();
    }

    /// Starts and stops watches until cancelled.
    pub(crate) async fn run(&self, hub: Weak<Hub>, cancel: CancellationToken) {
        let mut served = self.discovery.changes();
        loop {
            let Some(strong) = hub.upgrade() else { return };
            let wanted = strong.wanted_kinds();
            drop(strong);
            self.watch(&hub, wanted).await;
            tokio::select! {
                () = cancel.cancelled() => return,
                () = self.changed.notified() => {}
                result = served.changed() => if result.is_err() { return },
            }
        }
    }

    async fn watch(&self, hub: &Weak<Hub>, wanted: BTreeSet<Gvk>) {
        self.watched.write().retain(|gvk, _| {
            let keep = wanted.contains(gvk);
            if !keep {
                info!(kind = %gvk, "templates of this kind are no longer watched");
            }
            keep
        });
        for gvk in wanted {
            if self.watched.read().contains_key(&gvk) || is_reserved_kind(&gvk.group, &gvk.kind) {
                continue;
            }
            match self.discovery.resolve(&gvk).await {
                Lookup::Found(resource) => self.begin(hub, gvk, resource),
                Lookup::Absent => debug!(kind = %gvk, "a kind that is named is not served yet"),
                Lookup::Unknown(why) => debug!(kind = %gvk, why, "a kind that is named is not known yet"),
            }
        }
    }

    fn begin(&self, hub: &Weak<Hub>, gvk: Gvk, resource: Resource) {
        let hold = self.set.get(&Selection::all(resource));
        let mirror = Mirror::new(Informer::clone(&hold));
        let watched = Arc::new(Watched { mirror: mirror.clone(), _hold: hold });
        self.watched.write().insert(gvk.clone(), watched.clone());
        info!(kind = %gvk, "templates of this kind are watched");
        let hub = hub.clone();
        watched._hold.on_change(move |change| {
            mirror.heard(change);
            if let Some(hub) = hub.upgrade() {
                hub.tell(&Event::Template { gvk: &gvk, change });
            }
        });
    }

    /// The mirror of a kind, if it is watched.
    pub(crate) fn mirror(&self, gvk: &Gvk) -> Option<Mirror> {
        Some(self.watched.read().get(gvk)?.mirror.clone())
    }

    /// A template: from the cache where it is there, else as the server says. Asking for a kind that
    /// the server does not serve is an error.
    pub(crate) async fn get(&self, reference: &ObjectRef) -> Result<Option<Arc<Object>>> {
        if let Some(found) = self.mirror(&reference.gvk).and_then(|mirror| mirror.get(&reference.key)) {
            return Ok(Some(found));
        }
        let resource = self.discovery.require(&reference.gvk).await?;
        Ok(self.client.get_opt(&resource, &reference.key).await?.map(Arc::new))
    }

    /// The resource of a kind.
    pub(crate) async fn resource(&self, gvk: &Gvk) -> Result<Resource> {
        match self.mirror(gvk) {
            Some(mirror) => Ok(mirror.resource().clone()),
            None => self.discovery.require(gvk).await,
        }
    }

    /// All known templates of a kind, in one namespace or all.
    pub(crate) fn list(&self, gvk: &Gvk, namespace: Option<&str>) -> Vec<Arc<Object>> {
        let Some(mirror) = self.mirror(gvk) else { return Vec::new() };
        match namespace {
            Some(namespace) => mirror.informer().list_in(namespace),
            None => mirror.informer().list(),
        }
    }

    /// Takes what the server answered to a write of a template.
    pub(crate) fn wrote(&self, gvk: &Gvk, object: Object) -> Arc<Object> {
        match self.mirror(gvk) {
            Some(mirror) => mirror.wrote(object),
            None => Arc::new(object),
        }
    }

    /// Forgets what was written about a template; a write found it gone.
    pub(crate) fn forget(&self, gvk: &Gvk, key: &ObjectKey) {
        if let Some(mirror) = self.mirror(gvk) {
            mirror.forget(key);
        }
    }
}

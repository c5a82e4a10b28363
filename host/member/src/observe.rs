//! What a member makes by itself, shown on the control plane: objects of observed kinds → MemberObjects.
//!
//! ```text
//! kinds that addons call observed ─▶ watches in the member ─▶ one MemberObject each, in karmada-es-<cluster>
//! ```
//!
//! Objects are judged here, beside the member, so that push and pull are the same on the control plane.
//!
//! **Invariant:** a MemberObject goes only when it is known that its object has gone: by the member's own word,
//! after a whole list, or because the member does not serve the kind. A member that is away changes nothing.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use outrigger_addon::MemberObject;
use outrigger_api::names::execution_space;
use outrigger_engine::Engine;
use outrigger_object::{Gvk, Object, ObjectKey};
use outrigger_runtime::{
    Change, Client, Controller, DeleteParams, Discovery, Informer, Lookup, Outcome, Queue, Reconciler, Result,
    Selection,
};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The kinds that are observed, as they are now.
pub type Observed = watch::Receiver<Arc<BTreeSet<Gvk>>>;

/// Objects that are shown at once.
const WORKERS: usize = 4;

/// One object in the member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    gvk: Gvk,
    object: ObjectKey,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.gvk, self.object)
    }
}

/// See the module.
pub(crate) struct Observer {
    hub: Client,
    member: Client,
    engine: Arc<Engine>,
    discovery: Discovery,
    space: String,
    /// The MemberObjects of this cluster.
    shown: Informer,
    watched: Mutex<HashMap<Gvk, Informer>>,
    /// Kinds that are no longer observed, or not served.
    ended: Mutex<BTreeSet<Gvk>>,
    queue: Queue<Key>,
    cancel: CancellationToken,
}

impl Observer {
    /// An observer that watches nothing yet.
    pub(crate) fn new(
        cluster: &str,
        hub: Client,
        member: Client,
        engine: Arc<Engine>,
        discovery: Discovery,
        cancel: &CancellationToken,
    ) -> Arc<Self> {
        let space = execution_space(cluster);
        let selection = Selection::all(MemberObject::resource()).namespace(space.as_str());
        Arc::new(Self {
            hub,
            member,
            engine,
            discovery,
            shown: Informer::unstarted(selection, cancel),
            space,
            watched: Mutex::default(),
            ended: Mutex::default(),
            queue: Queue::default(),
            cancel: cancel.clone(),
        })
    }

    /// Follows the kinds that are observed, until cancelled.
    pub(crate) async fn run(self: Arc<Self>, mut kinds: Observed) {
        let cancel = self.cancel.clone();
        // A control plane of an earlier version has no MemberObjects; nothing is read before they are needed.
        let first = kinds.wait_for(|kinds| !kinds.is_empty());
        if !matches!(cancel.run_until_cancelled(first).await, Some(Ok(_))) {
            return;
        }
        self.tell_of_shown();
        self.shown.begin(self.hub.clone());
        if cancel.run_until_cancelled(self.shown.wait_synced()).await.is_none() {
            return;
        }
        let controller = Controller::new(self.clone(), self.queue.clone()).workers(WORKERS);
        let working = tokio::spawn(controller.run(cancel.clone()));
        let mut served = self.discovery.changes();
        loop {
            let wanted = kinds.borrow_and_update().clone();
            served.borrow_and_update();
            self.follow(&wanted);
            let changed = async {
                tokio::select! {
                    changed = kinds.changed() => changed.is_ok(),
                    changed = served.changed() => changed.is_ok(),
                }
            };
            if cancel.run_until_cancelled(changed).await != Some(true) {
                break;
            }
        }
        if let Err(error) = working.await {
            warn!(error = %error, "showing a member's objects ended badly");
        }
    }

    /// What others do to MemberObjects is put right.
    fn tell_of_shown(self: &Arc<Self>) {
        let this = Arc::downgrade(self);
        self.shown.on_change(move |change| {
            let (Some(this), Some(object)) = (this.upgrade(), change.object()) else { return };
            if let Some(key) = key_of(object) {
                this.queue.add(key);
            }
        });
    }

    /// Starts and ends watches, so that those run that are wanted and served.
    fn follow(self: &Arc<Self>, wanted: &BTreeSet<Gvk>) {
        let mut ended = BTreeSet::new();
        for object in self.shown.list() {
            if let Some(key) = key_of(&object)
                && !wanted.contains(&key.gvk)
            {
                ended.insert(key.gvk);
            }
        }
        let mut watched = self.watched.lock();
        watched.retain(|gvk, informer| {
            let stays = wanted.contains(gvk) && !matches!(self.discovery.lookup(gvk), Lookup::Absent);
            if !stays {
                informer.stop();
                ended.insert(gvk.clone());
            }
            stays
        });
        for gvk in wanted.iter().filter(|gvk| is_shown(gvk)) {
            match self.discovery.lookup(gvk) {
                Lookup::Found(resource) => {
                    watched.entry(gvk.clone()).or_insert_with(|| self.watch(gvk, Selection::all(resource)));
                }
                Lookup::Absent => {
                    ended.insert(gvk.clone());
                }
                Lookup::Unknown(_) => {}
            }
        }
        drop(watched);
        *self.ended.lock() = ended;
        // Those that are shown and gone, and those whose kind has ended.
        for object in self.shown.list() {
            if let Some(key) = key_of(&object) {
                self.queue.add(key);
            }
        }
    }

    fn watch(self: &Arc<Self>, gvk: &Gvk, selection: Selection) -> Informer {
        let informer = Informer::unstarted(selection, &self.cancel);
        let (this, gvk) = (Arc::downgrade(self), gvk.clone());
        informer.on_change(move |change| {
            let Some(this) = this.upgrade() else { return };
            match change.object() {
                Some(object) => this.queue.add(Key { gvk: gvk.clone(), object: object.key() }),
                // What was shown before and is not in the list has gone.
                None if *change == Change::Synced => {
                    let shown = this.shown.list();
                    shown
                        .iter()
                        .filter_map(|object| key_of(object))
                        .filter(|key| key.gvk == gvk)
                        .for_each(|key| this.queue.add(key));
                }
                None => {}
            }
        });
        informer.begin(self.member.clone());
        informer
    }

    fn show(&self, object: &Object) -> Object {
        let reported = self.engine.reflect_status(object).into_result().ok().flatten();
        let health = self.engine.health(object).into_result().ok().flatten();
        MemberObject::of(object, reported, health.as_ref()).to_object(&self.space)
    }
}

/// Secrets stay where they are.
fn is_shown(gvk: &Gvk) -> bool {
    !(gvk.group.is_empty() && gvk.kind == "Secret")
}

fn key_of(shown: &Object) -> Option<Key> {
    let text = |field: &str| shown.str(&["spec", field]);
    let gvk = Gvk::from_api_version(text("apiVersion")?, text("kind")?);
    Some(Key { gvk, object: ObjectKey::new(text("namespace").unwrap_or_default(), text("name")?) })
}

impl Reconciler for Observer {
    const NAME: &'static str = "observe";
    type Key = Key;

    async fn reconcile(&self, key: &Key) -> Result<Outcome> {
        let name = ObjectKey::new(self.space.as_str(), MemberObject::name_of(&key.gvk, &key.object));
        let there = self.shown.get(&name);
        let informer = self.watched.lock().get(&key.gvk).cloned();
        let object = informer.as_ref().and_then(|informer| informer.get(&key.object));
        let resource = MemberObject::resource();
        if let Some(object) = object {
            let mut wanted = self.show(&object);
            let Some(there) = there else {
                self.hub.create(&resource, &wanted).await?;
                return Ok(Outcome::Applied);
            };
            if is_same(&there, &wanted) {
                return Ok(Outcome::Skipped("it is shown as it is"));
            }
            wanted.set(&["metadata", "resourceVersion"], there.resource_version());
            self.hub.update(&resource, &wanted).await?;
            return Ok(Outcome::Applied);
        }
        let gone = match informer {
            Some(informer) => informer.synced(),
            None => self.ended.lock().contains(&key.gvk),
        };
        match there {
            Some(there) if gone => {
                self.hub.delete(&resource, &name, &DeleteParams::of(&there)).await?;
                Ok(Outcome::Applied)
            }
            Some(_) => Ok(Outcome::Skipped("it is not known whether it is still there")),
            None => Ok(Outcome::Skipped("it is gone")),
        }
    }
}

fn is_same(there: &Object, wanted: &Object) -> bool {
    let label = outrigger_addon::member_object::KIND_LABEL;
    there.get(&["spec"]) == wanted.get(&["spec"])
        && there.get(&["status"]) == wanted.get(&["status"])
        && there.label(label) == wanted.label(label)
}

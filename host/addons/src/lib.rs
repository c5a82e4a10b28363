//! The life of addons: from an `Addon` object to what answers.
//!
//! ```text
//! Addon ─▶ resolve ─▶ permit ─▶ configure ─▶ stage ─▶ CRDs, identity, objects ─▶ swap ─▶ watch ─▶ keep
//!                                                                                          └▶ take back
//! ```
//!
//! The control plane [leads](Role::Lead): it plans, stages, swaps and reports in the Addon's status. Agents
//! [follow](Role::Follow) `status.active`.
//!
//! **Invariant:** `status.active` names what answers. What fails before the swap changes nothing but conditions;
//! what fails after it is taken back.

pub mod content;
mod follow;
pub mod kinds;
mod lead;
pub mod plan;
mod registry;
mod remove;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outrigger_addon::Addon as Linked;
use outrigger_controllers::{Tailor, Tailoring};
use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::Interpreter;
use outrigger_object::{Gvk, Object};
use outrigger_runtime::{
    Client, Clock, Controller, Discovery, ErrorKind, Informer, ListParams, Queue, Recorder, Selection, from_object,
};
use parking_lot::Mutex;
use semver::Version;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use content::Content;
use kinds::{Revision, Source};
use registry::{Active, Registry};

pub use kinds::{addon, crds};

/// The pause before a read that failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What one does with the objects.
#[derive(Clone)]
pub enum Role {
    /// Stage what changes, and report. Exactly one process of a control plane does.
    Lead {
        /// For Events.
        recorder: Recorder,
        /// For conditions.
        clock: Arc<dyn Clock>,
        /// How long a new version is watched before it is kept.
        trial: Duration,
    },
    /// Use what the leader uses.
    Follow,
}

/// Keeps an engine's layer of addons. Dropping it stops it; the engine stays as it is then.
pub struct Addons {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
    cancel: CancellationToken,
}

struct Shared {
    client: Client,
    engine: Arc<Engine>,
    discovery: Discovery,
    informer: Informer,
    linked: BTreeMap<String, Arc<Content>>,
    /// What the layer had before, such as what `--interpreters` names.
    base: Vec<Arc<dyn Interpreter>>,
    host: Version,
    registry: Mutex<Registry>,
    tailoring: watch::Sender<Arc<Tailoring>>,
    changed: watch::Sender<u64>,
    /// Addons that have been looked at once.
    seen: watch::Sender<std::collections::BTreeSet<String>>,
}

impl Addons {
    /// Starts to follow the Addons that `client` serves. `linked` are the addons of this binary, `host` its
    /// version.
    pub fn start(
        client: Client,
        engine: Arc<Engine>,
        linked: Vec<Arc<dyn Linked>>,
        host: Version,
        role: Role,
        parent: &CancellationToken,
    ) -> Self {
        let cancel = parent.child_token();
        let linked = linked.into_iter().map(Content::linked).map(|one| (one.manifest.name.clone(), Arc::new(one)));
        let shared = Arc::new(Shared {
            informer: Informer::unstarted(Selection::all(kinds::addons()), &cancel),
            base: engine.installed(Layer::Addon),
            discovery: Discovery::new(client.clone()),
            linked: linked.collect(),
            registry: Mutex::default(),
            tailoring: watch::Sender::default(),
            changed: watch::Sender::new(0),
            seen: watch::Sender::default(),
            client,
            engine,
            host,
        });
        let queue = Queue::default();
        let told = queue.clone();
        shared.informer.on_change(move |change| {
            if let Some(object) = change.object() {
                told.add(object.name().to_owned());
            }
        });
        shared.informer.begin(shared.client.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(run(shared.clone(), queue, role, cancel.clone()));
        Self { shared, _tasks: tasks, cancel }
    }

    /// Waits until the engine has what was in use at the start.
    pub async fn settled(&self) {
        // The sender is ours, so waiting cannot fail.
        let _ = self.shared.changed.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Waits until an Addon has been looked at once, whatever came of it.
    pub async fn looked_at(&self, name: &str) {
        let _ = self.shared.seen.subscribe().wait_for(|seen| seen.contains(name)).await;
    }

    /// Rises whenever the engine's interpreters have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// The per-cluster templates of the addons in use.
    pub fn tailoring(&self) -> watch::Receiver<Arc<Tailoring>> {
        self.shared.tailoring.subscribe()
    }
}

impl Drop for Addons {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn run(shared: Arc<Shared>, queue: Queue<String>, role: Role, cancel: CancellationToken) {
    if cancel.run_until_cancelled(until_read(&shared)).await.is_none() {
        return;
    }
    shared.begin();
    match role {
        Role::Lead { recorder, clock, trial } => {
            let lead = lead::Lead::new(shared, queue.clone(), recorder, clock, trial);
            Controller::new(Arc::new(lead), queue).run(cancel).await;
        }
        Role::Follow => Controller::new(Arc::new(follow::Follow(shared)), queue).run(cancel).await,
    }
}

/// Waits until all Addons have been read. A control plane of an earlier version has none.
async fn until_read(shared: &Shared) {
    let one = ListParams { limit: Some(1), ..ListParams::default() };
    loop {
        match shared.client.list_page(&kinds::addons(), None, &one, None).await {
            Ok(_) => {
                shared.informer.wait_synced().await;
                return;
            }
            Err(error) if error.is_not_found() || error.kind() == ErrorKind::Forbidden => {
                debug!(error = %error, "addons cannot be read");
                return;
            }
            Err(error) => {
                warn!(error = %error, "addons cannot be read yet");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

impl Shared {
    /// What a source brings.
    fn content(&self, name: &str, source: &Source) -> Result<Arc<Content>, String> {
        if source.built_in {
            return self.linked.get(name).cloned().ok_or_else(|| {
                let known: Vec<&str> = self.linked.keys().map(String::as_str).collect();
                format!("no addon {name} is built into this host; it has {}", known.join(", "))
            });
        }
        Err("this host reads built-in addons only".to_owned())
    }

    /// Uses a revision that somebody has staged already; `false` if that is no change.
    fn take(&self, registry: &mut Registry, object: &Object, revision: &Revision) -> Result<bool, String> {
        let name = object.name();
        if registry.get(name).is_some_and(|active| active.revision.is(revision)) {
            return Ok(false);
        }
        let content = self.content(name, &revision.source)?;
        let interpreters = content.compile(&revision.config)?.interpreters;
        let created = created(object);
        // A built-in addon is what this binary has, whatever the one before had.
        let version = content.manifest.versions.addon.to_string();
        let revision = Revision { version, ..revision.clone() };
        registry.insert(name, Active { created, revision, content, interpreters });
        Ok(true)
    }

    /// Uses at once what the last leader used.
    fn begin(&self) {
        let mut registry = self.registry.lock();
        for object in self.informer.list() {
            let Ok(addon) = from_object::<kinds::Addon>(Object::clone(&object)) else { continue };
            let Some(active) = &addon.status.active else { continue };
            if let Err(error) = self.take(&mut registry, &object, active) {
                warn!(addon = object.name(), error, "an addon that is in use cannot be used here");
            }
        }
        self.install(&mut registry);
    }

    /// Brings the engine and all who ask up to date after a change of the registry.
    fn install(&self, registry: &mut Registry) {
        registry.install(&self.engine, &self.base);
        let mut tailors = Vec::new();
        for (name, active) in registry.all() {
            let config = Arc::new(active.revision.config.clone());
            for template in &active.content.manifest.templates {
                match Tailor::compile(name, template, config.clone()) {
                    Ok(tailor) => tailors.push(Arc::new(tailor)),
                    Err(error) => warn!(addon = name, error = %error, "a template of an addon does not compile"),
                }
            }
        }
        self.tailoring.send_replace(Arc::new(Tailoring::new(tailors)));
        self.changed.send_modify(|count| *count += 1);
    }
}

fn created(object: &Object) -> String {
    object.str(&["metadata", "creationTimestamp"]).unwrap_or_default().to_owned()
}

fn gvks(content: &Content) -> Vec<Gvk> {
    content.manifest.kinds.iter().map(|kind| Gvk::from_api_version(&kind.api_version, &kind.kind)).collect()
}

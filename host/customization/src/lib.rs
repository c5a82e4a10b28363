//! Interpreters that users apply to the control plane: from object to answer.
//!
//! ```text
//! Interpreter, ResourceInterpreterCustomization, ResourceInterpreterWebhookConfiguration
//!      └─▶ compile ─▶ run its cases ─▶ compare on live objects ─▶ swap into the engine ─▶ report
//! ```
//!
//! A [`Customizations`] follows the objects of one control plane and keeps the user and webhook layers of
//! one engine. The control plane itself [leads](Role::Lead): it stages changes, and reports in the status of
//! an Interpreter or, for Karmada's two kinds, whose CRDs have no status, in an InterpreterReport. Agents
//! [follow](Role::Follow) what was reported, so that all judge alike.
//!
//! **Invariant:** a change that does not compile, fails its cases, or fails on a live object that is
//! answered without it, is not used; what was used before stays, across restarts too.

pub mod compile;
mod follow;
mod kinds;
mod lead;
pub mod metrics;
mod registry;
pub mod sample;
mod services;
mod source;
pub mod stage;

use std::{io, sync::Arc, time::Duration};

use outrigger_engine::Engine;
use outrigger_runtime::{Client, Clock, Controller, ErrorKind, Informer, ListParams, Queue, Recorder, Selection};
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub use compile::Compiled;
pub use kinds::{Interpreter, InterpreterReport, LastGood, Status, crds};
pub use source::{Key, Kind};

use outrigger_webhook::Webhooks;
use registry::Registry;
use services::Services;

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
    },
    /// Use what the leader uses.
    Follow,
}

/// Keeps an engine's user and webhook layers. Dropping it stops it; the engine stays as it is then.
pub struct Customizations {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
    cancel: CancellationToken,
}

struct Shared {
    client: Client,
    engine: Arc<Engine>,
    role: Role,
    informers: [Informer; 3],
    reports: Informer,
    registry: Mutex<Registry>,
    services: Arc<Services>,
    webhooks: Webhooks,
    changed: watch::Sender<u64>,
}

impl Customizations {
    /// Starts to follow the objects that `client` serves. Fails when no thread can be started.
    pub fn start(
        client: Client,
        engine: Arc<Engine>,
        role: Role,
        metrics: outrigger_webhook::Metrics,
        parent: &CancellationToken,
    ) -> io::Result<Self> {
        let cancel = parent.child_token();
        let services = Arc::new(Services::new(client.clone(), cancel.clone()));
        let options = outrigger_webhook::Options { services: services.clone(), ..Default::default() };
        let webhooks = Webhooks::new(options, metrics)?;
        let informer = |resource| Informer::unstarted(Selection::all(resource), &cancel);
        let shared = Arc::new(Shared {
            informers: Kind::ALL.map(|kind| informer(kind.resource())),
            reports: informer(kinds::report()),
            registry: Mutex::default(),
            services,
            webhooks,
            changed: watch::Sender::new(0),
            client,
            engine,
            role,
        });
        let queue = Queue::default();
        for (kind, informer) in Kind::ALL.into_iter().zip(&shared.informers) {
            let queue = queue.clone();
            informer.on_change(move |change| {
                if let Some(object) = change.object() {
                    queue.add(Key::new(kind, object.name()));
                }
            });
        }
        let told = queue.clone();
        shared.reports.on_change(move |change| {
            if let Some(key) = change.object().and_then(|report| kinds::reported(report)) {
                told.add(key);
            }
        });
        for informer in shared.informers.iter().chain([&shared.reports]) {
            informer.begin(shared.client.clone());
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(run(shared.clone(), queue, cancel.clone()));
        Ok(Self { shared, _tasks: tasks, cancel })
    }

    /// Waits until the engine has what was there at the start. Nobody should judge an object before.
    pub async fn settled(&self) {
        // The sender is ours, so waiting cannot fail.
        let _ = self.shared.changed.subscribe().wait_for(|count| *count > 0).await;
    }

    /// The objects that are not in use as they are, each with the reason. An earlier state of them may be.
    pub fn complaints(&self) -> Vec<(Key, String)> {
        let mut complaints = Vec::new();
        for kind in Kind::ALL {
            for object in self.shared.informer(kind).list() {
                let key = Key::new(kind, object.name());
                complaints.extend(follow::complaint(&self.shared, &key, &object).map(|complaint| (key, complaint)));
            }
        }
        complaints.sort();
        complaints
    }

    /// Rises whenever the engine's interpreters have changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }
}

impl Drop for Customizations {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn run(shared: Arc<Shared>, queue: Queue<Key>, cancel: CancellationToken) {
    for informer in shared.informers.iter().chain([&shared.reports]) {
        if cancel.run_until_cancelled(until_read(&shared.client, informer)).await.is_none() {
            return;
        }
    }
    shared.begin();
    match shared.role.clone() {
        Role::Lead { recorder, clock } => {
            let lead = lead::Lead::new(shared, queue.clone(), recorder, clock);
            Controller::new(Arc::new(lead), queue).run(cancel).await;
        }
        Role::Follow => Controller::new(Arc::new(follow::Follow(shared)), queue).run(cancel).await,
    }
}

/// Waits until all objects of a kind have been read. A control plane of an earlier version may not have the
/// kind, or not let agents read it: there are no interpreters of that kind then, until there are.
async fn until_read(client: &Client, informer: &Informer) {
    let resource = &informer.selection().resource;
    let one = ListParams { limit: Some(1), ..ListParams::default() };
    loop {
        match client.list_page(resource, None, &one, None).await {
            Ok(_) => {
                informer.wait_synced().await;
                return;
            }
            Err(error) if error.is_not_found() || error.kind() == ErrorKind::Forbidden => {
                debug!(kind = %resource.gvk, error = %error, "interpreters of this kind cannot be read");
                return;
            }
            Err(error) => {
                warn!(kind = %resource.gvk, error = %error, "interpreters cannot be read yet");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

impl Shared {
    fn informer(&self, kind: Kind) -> &Informer {
        let [interpreters, customizations, webhooks] = &self.informers;
        match kind {
            Kind::Interpreter => interpreters,
            Kind::Customization => customizations,
            Kind::Webhook => webhooks,
        }
    }

    /// Uses at once what the last leader used.
    fn begin(&self) {
        let mut registry = self.registry.lock();
        for kind in Kind::ALL {
            for object in self.informer(kind).list() {
                let key = Key::new(kind, object.name());
                follow::take(self, &mut registry, &key, &object);
            }
        }
        self.install(&mut registry);
    }

    /// Brings the engine up to date after a change of the registry.
    fn install(&self, registry: &mut Registry) {
        if registry.names_services() && matches!(self.role, Role::Lead { .. }) {
            self.services.watch();
        }
        registry.install(&self.engine, &self.webhooks);
        self.changed.send_modify(|count| *count += 1);
    }
}

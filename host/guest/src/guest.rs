//! [`Guest`]: one addon's controllers, from start to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outrigger_addon::manifest::Permissions;
use outrigger_addon::{Addon, Watch};
use outrigger_object::{Gvk, Resource, Selector};
use outrigger_runtime::{Backoff, Client, Clock, Discovery, Informer, Lookup, Queue, Recorder, Selection};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::bucket::Bucket;
use crate::connections::{self, Connect, Connections};
use crate::drive::{Part, Running, drive};
use crate::health::GuestHealth;
use crate::identity::impersonated;
use crate::meter::Meter;
use crate::sources::{Source, begin};
use crate::threads::Threads;

/// What an addon may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How long one call of a controller may take.
    pub deadline: Duration,
    /// How many calls may run at once, each on a thread.
    pub threads: usize,
    /// After so many late calls none is made any more.
    pub strikes: u32,
    /// After so many failures in a row an object is put aside.
    pub tries: u32,
    /// So many objects may be aside before the addon is.
    pub aside: usize,
    /// How objects that failed are tried again.
    pub backoff: Backoff,
    /// The shortest time after which a controller is asked again because it said that it waits.
    pub least_wait: Duration,
    /// Writes a second, on average.
    pub writes_per_second: f64,
    /// Writes at once.
    pub write_burst: u32,
    /// How long a write may wait for its turn before it fails.
    pub write_wait: Duration,
    /// Events a second, on average; twenty times as many at once.
    pub events_per_second: f64,
    /// Series of metrics.
    pub series: usize,
    /// Objects that are kept for its watches.
    pub objects: usize,
    /// Bytes of these objects, estimated.
    pub bytes: i64,
    /// How often what cannot be watched is looked at.
    pub look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            threads: 4,
            strikes: 3,
            tries: 10,
            aside: 100,
            backoff: Backoff::default(),
            least_wait: Duration::from_millis(100),
            writes_per_second: 20.0,
            write_burst: 100,
            write_wait: Duration::from_secs(1),
            events_per_second: 1.0,
            series: 1000,
            objects: 100_000,
            bytes: 256 << 20,
            look: Duration::from_secs(2),
        }
    }
}

/// What an addon runs with.
#[derive(Clone)]
pub struct Setup {
    /// The control plane, with the host's own rights: it must be allowed to impersonate ServiceAccounts and their
    /// groups.
    pub hub: Client,
    /// What the addon was granted.
    pub grants: Permissions,
    /// Its configuration. A change wakes everything.
    pub config: watch::Receiver<Arc<Value>>,
    /// How push members are connected to; see [`BySecret`](crate::BySecret).
    pub connect: Arc<dyn Connect>,
    /// Writes its events.
    pub recorder: Recorder,
    /// Counts.
    pub meter: Meter,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What it may use.
    pub limits: Limits,
    /// Stops it.
    pub cancel: CancellationToken,
}

/// The controllers of one addon, running. Dropping it stops them without waiting; [`stop`](Self::stop) waits.
pub struct Guest {
    running: Arc<Running>,
    tasks: JoinSet<()>,
    health: watch::Receiver<GuestHealth>,
}

impl Guest {
    /// Starts the controllers of an addon. Must be called within a tokio runtime, in the process that leads.
    /// What cannot be watched is tried again and again, and shows in [`health`](Self::health).
    pub fn start(addon: Arc<dyn Addon>, setup: Setup) -> Self {
        let manifest = addon.manifest();
        let (name, limits) = (manifest.name.clone(), setup.limits);
        let cancel = setup.cancel.child_token();
        let own = Client::new(impersonated(setup.hub.kube().clone(), &name), setup.hub.cluster())
            .with_manager(format!("outrigger-addon-{name}"))
            .with_metrics(setup.hub.metrics().clone());
        let observed = manifest.kinds.iter().filter(|kind| kind.observed);
        let observed = observed.map(|kind| Gvk::from_api_version(&kind.api_version, &kind.kind)).collect();
        let controllers = addon.controllers();
        let clusters = Informer::unstarted(Selection::all(connections::resource()), &cancel);
        if !controllers.is_empty() {
            clusters.begin(setup.hub.clone());
        }
        let parts = controllers.into_iter().map(|controller| {
            let name = controller.name().to_owned();
            let queue = Queue::new(limits.backoff, 0);
            Arc::new(Part {
                controller,
                name,
                queue,
                sources: Default::default(),
                aside: Default::default(),
                working: Default::default(),
            })
        });
        let (health, told) = watch::channel(GuestHealth::Healthy);
        let running = Arc::new(Running {
            connections: Connections {
                addon: name.clone(),
                hub: setup.hub.clone(),
                connect: setup.connect,
                clusters,
                made: Mutex::new(HashMap::new()),
            },
            discovery: Discovery::new(setup.hub.clone()),
            hub: setup.hub,
            own,
            grants: setup.grants,
            observed,
            config: setup.config,
            recorder: setup.recorder,
            meter: setup.meter,
            clock: setup.clock,
            limits,
            runtime: Handle::current(),
            writes: Bucket::new(limits.writes_per_second, limits.write_burst),
            events: Bucket::new(limits.events_per_second, (limits.events_per_second * 20.0) as u32),
            threads: Threads::new(&name, limits.threads),
            parts: parts.collect(),
            kept: Arc::default(),
            problems: Default::default(),
            health,
            cancel,
            name,
        });
        let mut tasks = JoinSet::new();
        for part in &running.parts {
            for _ in 0..limits.threads.max(1) {
                tasks.spawn(drive(running.clone(), part.clone()));
            }
            tasks.spawn(prepare(running.clone(), part.clone()));
        }
        tasks.spawn(follow(running.clone()));
        Self { running, tasks, health: told }
    }

    /// How it does.
    pub fn health(&self) -> watch::Receiver<GuestHealth> {
        self.health.clone()
    }

    /// Stops: running calls are told, and waited for. `false` if some had not ended when the time was over; their
    /// threads stay until they end.
    pub async fn stop(mut self, within: Duration) -> bool {
        self.running.cancel.cancel();
        let end = async {
            while self.tasks.join_next().await.is_some() {}
            self.running.threads.rest().await;
        };
        let ended = tokio::time::timeout(within, end).await.is_ok();
        if !ended {
            warn!(addon = self.running.name, running = self.running.threads.running(), "an addon does not stop");
        }
        self.running.meter.forget(&self.running.name);
        ended
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.running.cancel.cancel();
    }
}

/// Asks a controller what it watches, on a thread of the addon's own, and starts that.
async fn prepare(running: Arc<Running>, part: Arc<Part>) {
    let controller = part.controller.clone();
    let asked = tokio::select! {
        () = running.cancel.cancelled() => return,
        asked = running.threads.run(running.limits.deadline, move || controller.watches()) => asked,
    };
    let watches = match asked {
        Ok(watches) => watches,
        Err(failure) => {
            running.problem(
                &part.name,
                Some(format!("controller {} does not say what it watches: {failure:?}", part.name)),
            );
            running.look();
            return;
        }
    };
    for watch in watches {
        let work = start_watch(running.clone(), part.clone(), watch);
        let cancel = running.cancel.clone();
        tokio::spawn(async move { cancel.run_until_cancelled(work).await });
    }
}

async fn start_watch(running: Arc<Running>, part: Arc<Part>, watch: Watch) {
    let about = format!("{} {} {} {}", part.name, watch.gvk, watch.members, watch.label_selector);
    let selector = match Selector::parse(&watch.label_selector) {
        Ok(selector) => selector,
        Err(error) => {
            let why = format!("controller {} watches by {:?}: {error}", part.name, watch.label_selector);
            return running.problem(&about, Some(why));
        }
    };
    if watch.members && !running.observes(&watch.gvk) {
        let why = format!(
            "controller {} watches {} in members, and addon.yaml does not call that kind observed",
            part.name, watch.gvk
        );
        return running.problem(&about, Some(why));
    }
    let resource = served(&running, &about, &watch).await;
    let source = Arc::new(Source::new(watch, selector, resource, &running.cancel));
    let (weak, queued) = (Arc::downgrade(&running), part.clone());
    source.follow(running.kept.clone(), move |request, _| {
        let released = queued.changed(request);
        if let Some(running) = weak.upgrade() {
            if running.passes_memory() {
                running.sources().iter().for_each(|source| source.informer.stop());
                running.look();
            } else if released {
                running.look();
            }
        }
    });
    part.sources.lock().push(source.clone());
    begin(&source, &running.hub, &running.own);
    loop {
        let failure = source.informer.failure();
        let why = failure.map(|why| format!("controller {} cannot watch {}: {why}", part.name, source.watch.gvk));
        running.problem(&about, why);
        tokio::time::sleep(running.limits.look).await;
    }
}

/// Waits until what is to be watched is served.
async fn served(running: &Running, about: &str, watch: &Watch) -> Resource {
    let gvk = if watch.members { outrigger_addon::MemberObject::resource().gvk } else { watch.gvk.clone() };
    loop {
        match running.discovery.resolve(&gvk).await {
            Lookup::Found(resource) => return resource,
            lookup => {
                let why = lookup.into_result(running.hub.cluster(), &gvk).err().map(|error| error.to_string());
                running.problem(about, why);
            }
        }
        tokio::time::sleep(running.limits.look).await;
    }
}

/// Follows the configuration, and calls that are late.
async fn follow(running: Arc<Running>) {
    let (mut config, mut load) = (running.config.clone(), running.threads.load());
    config.mark_unchanged();
    let mut configured = true;
    loop {
        tokio::select! {
            () = running.cancel.cancelled() => return,
            changed = config.changed(), if configured => match changed {
                Ok(()) => running.start_over(),
                // Whoever gave the configuration is gone: it stays as it is.
                Err(_) => configured = false,
            },
            _ = load.changed() => running.look(),
        }
    }
}

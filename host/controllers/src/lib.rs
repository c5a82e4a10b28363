//! From template to binding to work to status; cluster life cycle.
//!
//! ```text
//! template ─ detector ─▶ binding ─ schedule ─▶ clusters ─ binding ─▶ Work × cluster
//!    ▲                      │ dependencies ─▶ attached bindings            │
//!    └──────── status ◀─────┴────────────────────────────────────── Work.status
//! ```
//!
//! Each controller is one module: what it decides is pure, what it does follows from that, and its
//! triggers say what wakes it. They are registered in one table; [`Controllers::start`] runs them
//! over any API server that serves Karmada's kinds.
//!
//! **Invariants.** Nothing is deleted because of a failure, an empty answer, or a cache that has not
//! been filled. A restart with nothing changed writes nothing. A binding, cluster or kind that cannot
//! be handled stops no other.

mod binding;
mod clusters;
mod dependencies;
mod detector;
mod enrolment;
mod hub;
mod kinds;
mod merge;
mod mirror;
mod namespaces;
mod overrides;
mod policy;
mod prune;
mod queues;
mod schedule;
mod status;
mod tailoring;
mod templates;
mod works;

use std::sync::Arc;
use std::time::Duration;

use outrigger_engine::Engine;
use outrigger_runtime::{Client, Clock, Controller, Queue, Reconciler, Recorder, RecorderConfig, SystemClock};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub use clusters::{BySecret, Connect};
pub use outrigger_member::{Observed, SessionConfig};
pub use tailoring::{Tailor, Tailoring};
pub use works::explain::{Explanation, Inputs, explain};
pub use works::trace::{By, FieldChange, TraceStep};

use hub::{Event, Hub};

/// How the controllers behave.
#[derive(Clone)]
pub struct Options {
    /// Namespaces with one of these prefixes are neither propagated nor looked into.
    pub skipped_namespaces: Vec<String>,
    /// How long a pull cluster may be silent before it counts as lost.
    pub cluster_grace: Duration,
    /// The same for one that has never been heard.
    pub cluster_startup_grace: Duration,
    /// Reconciles at once, per controller.
    pub workers: usize,
    /// How push clusters are connected to.
    pub connect: Arc<dyn Connect>,
    /// How sessions with push clusters work.
    pub session: SessionConfig,
    /// The clock for everything that goes into objects.
    pub clock: Arc<dyn Clock>,
    /// Changes whenever the engine's interpreters have: then all they have a say in is looked at anew.
    pub interpreters: Option<watch::Receiver<u64>>,
    /// The per-cluster templates of addons, as they are now.
    pub tailoring: Option<watch::Receiver<Arc<Tailoring>>>,
    /// The kinds whose objects in members are shown on the control plane.
    pub observed: Option<Observed>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            skipped_namespaces: vec!["kube-".to_owned()],
            cluster_grace: Duration::from_secs(40),
            cluster_startup_grace: Duration::from_secs(60),
            workers: 8,
            connect: Arc::new(BySecret),
            session: SessionConfig::default(),
            clock: Arc::new(SystemClock),
            interpreters: None,
            tailoring: None,
            observed: None,
        }
    }
}

/// One line of the table.
struct Entry {
    /// Which events enqueue which keys.
    triggers: fn(&Hub, &Event<'_>),
    /// Runs it until cancelled.
    run: fn(&Arc<Hub>, &mut JoinSet<()>),
}

/// All controllers.
const TABLE: &[Entry] = &[
    Entry {
        triggers: detector::policy_triggers,
        run: |hub, tasks| run(hub, tasks, detector::PolicyKeeper(hub.clone()), &hub.queues.policies),
    },
    Entry {
        triggers: detector::triggers,
        run: |hub, tasks| run(hub, tasks, detector::Detector(hub.clone()), &hub.queues.detector),
    },
    Entry {
        triggers: schedule::triggers,
        run: |hub, tasks| run(hub, tasks, schedule::Scheduler(hub.clone()), &hub.queues.schedule),
    },
    Entry {
        triggers: works::triggers,
        run: |hub, tasks| run(hub, tasks, works::Works(hub.clone()), &hub.queues.works),
    },
    Entry {
        triggers: dependencies::triggers,
        run: |hub, tasks| run(hub, tasks, dependencies::Dependencies(hub.clone()), &hub.queues.dependencies),
    },
    Entry {
        triggers: status::triggers,
        run: |hub, tasks| run(hub, tasks, status::Status::new(hub.clone()), &hub.queues.status),
    },
    Entry {
        triggers: namespaces::triggers,
        run: |hub, tasks| run(hub, tasks, namespaces::Namespaces(hub.clone()), &hub.queues.namespaces),
    },
    Entry {
        triggers: clusters::triggers,
        run: |hub, tasks| run(hub, tasks, clusters::Clusters(hub.clone()), &hub.queues.clusters),
    },
    Entry {
        triggers: clusters::health_triggers,
        run: |hub, tasks| run(hub, tasks, clusters::Health::new(hub.clone()), &hub.queues.health),
    },
    Entry {
        triggers: enrolment::triggers,
        run: |hub, tasks| run(hub, tasks, enrolment::Enrolment(hub.clone()), &hub.queues.enrolment),
    },
];

fn run<R: Reconciler>(hub: &Arc<Hub>, tasks: &mut JoinSet<()>, reconciler: R, queue: &Queue<R::Key>) {
    let controller = Controller::new(Arc::new(reconciler), queue.clone())
        .workers(hub.options.workers)
        .metrics(hub.client.metrics().clone());
    tasks.spawn(controller.run(hub.cancel.clone()));
}

/// The controllers, running.
pub struct Controllers {
    hub: Arc<Hub>,
    task: JoinHandle<()>,
    cancel: CancellationToken,
}

impl Controllers {
    /// Starts everything over the API server that `hub` speaks to. Controllers begin once the fixed
    /// kinds have been read; until the API server can be reached, that is waited for.
    pub fn start(hub: Client, engine: Arc<Engine>, options: Options, cancel: &CancellationToken) -> Self {
        let cancel = cancel.child_token();
        let recorder =
            Recorder::start(hub.clone(), "outrigger", options.clock.clone(), RecorderConfig::default(), cancel.clone());
        let hub = Hub::new(hub, engine, recorder, options, &cancel);
        let task = tokio::spawn(drive(hub.clone(), cancel.clone()));
        Self { hub, task, cancel }
    }

    /// Looks at everything anew that interpreters have a say in. Call it when interpreters were
    /// installed, replaced or removed.
    pub async fn interpreters_changed(&self) {
        self.hub.interpreters_changed().await;
    }

    /// Stops, and waits until what is being worked on is finished.
    pub async fn stop(self) {
        self.cancel.cancel();
        if let Err(error) = self.task.await {
            error!(error = %error, "the controllers ended badly");
        }
    }
}

async fn drive(hub: Arc<Hub>, cancel: CancellationToken) {
    if !hub.begin().await {
        return;
    }
    info!("the hub's objects have been read");
    let mut tasks = JoinSet::new();
    tasks.spawn({
        let (hub, cancel) = (hub.clone(), cancel.clone());
        async move { hub.discovery.follow_informer(hub.definitions.informer(), cancel).await }
    });
    tasks.spawn({
        let (hub, cancel) = (hub.clone(), cancel.clone());
        async move { cancel.run_until_cancelled(tell_sessions(&hub)).await.unwrap_or_default() }
    });
    tasks.spawn({
        let (hub, cancel) = (hub.clone(), cancel.clone());
        async move { hub.templates.run(Arc::downgrade(&hub), cancel).await }
    });
    tasks.spawn({
        let (hub, cancel) = (hub.clone(), cancel.clone());
        async move { cancel.run_until_cancelled(prepare(&hub)).await.unwrap_or_default() }
    });
    for entry in TABLE {
        (entry.run)(&hub, &mut tasks);
    }
    if let Some(mut changes) = hub.options.interpreters.clone() {
        let (hub, cancel) = (hub.clone(), cancel.clone());
        tasks.spawn(async move {
            while let Some(Ok(())) = cancel.run_until_cancelled(changes.changed()).await {
                hub.interpreters_changed().await;
            }
        });
    }
    if let Some(mut changes) = hub.options.tailoring.clone() {
        let (hub, cancel) = (hub.clone(), cancel.clone());
        tasks.spawn(async move {
            while let Some(Ok(())) = cancel.run_until_cancelled(changes.changed()).await {
                let now = changes.borrow_and_update().clone();
                hub.tailor(now);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            error!(error = %error, "a task of the controllers ended badly");
        }
    }
}

/// Has the members' objects judged anew whenever something else is known of a kind.
async fn tell_sessions(hub: &Hub) {
    loop {
        hub.learnt.notified().await;
        hub.sessions.look_again().await;
    }
}

/// Makes what the system itself needs, until that has worked.
async fn prepare(hub: &Hub) {
    while let Err(error) = clusters::prepare(hub).await {
        error!(error = %error, "the system's namespaces could not be made");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

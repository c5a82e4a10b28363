//! [`MemberSession`]: everything that runs for one member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outrigger_api::names::execution_space;
use outrigger_engine::Engine;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Backoff, Change, Client, Clock, Controller, Discovery, Informer, Queue, Recorder, Selection};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::apply::Writer;
use crate::breaker::{Breaker, Reach};
use crate::cluster::{self, StatusConfig, StatusKeeper};
use crate::execute::{self, Executor, Memory};
use crate::learn::Learning;
use crate::lease::{Lease, LeaseConfig};
use crate::observe::{Observed, Observer};
use crate::watches::Watches;
use crate::work;

/// A member, and how both sides are reached.
#[derive(Clone)]
pub struct Member {
    /// The cluster's name.
    pub name: String,
    /// The control plane.
    pub hub: Client,
    /// The member.
    pub member: Client,
    /// The interpreters.
    pub engine: Arc<Engine>,
    /// Works of all clusters, where this process knows them; else those of this cluster are watched.
    pub works: Option<Informer>,
    /// The kinds whose objects in the member are shown on the control plane.
    pub observed: Option<Observed>,
}

/// How a session works.
#[derive(Clone, Copy, Debug)]
pub struct SessionConfig {
    /// Works that are executed at once.
    pub workers: usize,
    /// How long one request to the member may take.
    pub deadline: Duration,
    /// How Works that failed are tried again.
    pub backoff: Backoff,
    /// How the Cluster's status is kept; `None` leaves it to somebody else.
    pub status: Option<StatusConfig>,
    /// The Lease of a pull cluster; `None` for a push cluster.
    pub lease: Option<LeaseConfig>,
    /// How long the word that a Work was applied waits for what the member's controllers are about to say
    /// of it, so that both are written at once. Under load it is longer.
    pub settle: Duration,
    /// Decides the jitter.
    pub seed: u64,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            workers: 16,
            deadline: Duration::from_secs(10),
            backoff: Backoff::default(),
            status: Some(StatusConfig::default()),
            lease: None,
            settle: Duration::from_millis(100),
            seed: 0,
        }
    }
}

impl SessionConfig {
    /// For an agent: with a Lease.
    pub fn pull() -> Self {
        Self { lease: Some(LeaseConfig::default()), ..Self::default() }
    }
}

/// What runs for one member. Dropping it stops everything without waiting; [`stop`](Self::stop) waits.
pub struct MemberSession {
    name: String,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
    executor: Arc<Executor>,
    queue: Queue<ObjectKey>,
}

impl MemberSession {
    /// Starts to work for a member. `parent` stops it.
    pub fn start(
        member: Member,
        config: SessionConfig,
        recorder: Recorder,
        clock: Arc<dyn Clock>,
        parent: &CancellationToken,
    ) -> Self {
        let Member { name, hub, member, engine, works: all_works, observed } = member;
        let cancel = parent.child_token();
        let member = member.with_deadline(config.deadline);
        let queue = Queue::new(config.backoff, config.seed);
        let breaker = Breaker::default();
        let discovery = Discovery::new(member.clone());
        let memory = Arc::new(Mutex::new(Memory::default()));

        let own = Selection::all(cluster::resource()).fields(format!("metadata.name={name}"));
        let this_cluster = Informer::start(hub.clone(), own, &cancel);
        let works = match &all_works {
            Some(all) => all.view(execution_space(&name), &cancel),
            None => Informer::unstarted(Selection::all(work::resource()).namespace(execution_space(&name)), &cancel),
        };
        works.add_index(work::BY_OBJECT, work::index_values);

        let executor = Arc::new(Executor {
            cluster: name.clone(),
            hub: hub.clone(),
            engine: engine.clone(),
            works: works.clone(),
            this_cluster: this_cluster.clone(),
            discovery: discovery.clone(),
            watches: Watches::new(member.clone(), works.clone(), queue.clone(), memory.clone(), &cancel),
            writer: Writer::new(member.clone(), breaker.clone()),
            breaker: breaker.clone(),
            memory,
            written: Mutex::new(BTreeMap::new()),
            queue: queue.clone(),
            settle: config.settle,
            recorder: recorder.clone(),
            clock: clock.clone(),
        });
        enqueue_changes(&works, &executor, &queue);
        match &all_works {
            Some(all) => works.begin_view(all),
            None => works.begin(hub.clone()),
        }

        let mut tasks = JoinSet::new();
        let controller =
            Controller::new(executor.clone(), queue.clone()).workers(config.workers).metrics(hub.metrics().clone());
        tasks.spawn(controller.run(cancel.clone()));
        tasks.spawn(breaker.clone().watch(member.clone(), cancel.clone()));
        tasks.spawn(again_on_change(works.clone(), queue.clone(), discovery.clone(), breaker.clone(), cancel.clone()));
        if let Some(kinds) = observed {
            let observer =
                Observer::new(&name, hub.clone(), member.clone(), engine.clone(), discovery.clone(), &cancel);
            tasks.spawn(observer.run(kinds));
        }
        let learning = config.lease.is_some().then(|| Learning::new(engine, works.clone(), queue.clone()));
        tasks.spawn({
            let (discovery, cancel) = (discovery.clone(), cancel.clone());
            async move {
                let told = move |change: &Change| learning.iter().for_each(|learning| learning.heard(change));
                cancel.clone().run_until_cancelled(discovery.follow_with(cancel, told)).await;
            }
        });
        if let Some(status) = config.status {
            let keeper = StatusKeeper {
                cluster: name.clone(),
                hub: hub.clone(),
                member,
                this_cluster: this_cluster.clone(),
                discovery,
                breaker,
                config: status,
                recorder: config.lease.is_none().then_some(recorder),
                clock: clock.clone(),
            };
            tasks.spawn(keeper.run(cancel.clone()));
        }
        if let Some(config) = config.lease {
            let lease = Lease { hub, cluster: name.clone(), this_cluster, config, clock };
            tasks.spawn(lease.run(cancel.clone()));
        }
        info!(cluster = name, "working for the member");
        Self { name, cancel, tasks, executor, queue }
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the member answers, as far as is known.
    pub fn reach(&self) -> Reach {
        self.executor.breaker.subscribe().borrow().clone()
    }

    /// What the member serves.
    pub fn discovery(&self) -> &Discovery {
        &self.executor.discovery
    }

    /// The kinds that are watched in the member now.
    pub fn watched(&self) -> Vec<Resource> {
        self.executor.watches.resources()
    }

    /// Looks at every Work anew: after interpreters have changed.
    pub fn requeue_all(&self) {
        requeue(&self.executor.works, &self.queue, |_| true);
    }

    /// What looks at every Work anew, for those who do not hold the session.
    pub fn again(&self) -> impl Fn() + Send + Sync + 'static {
        let (works, queue) = (self.executor.works.clone(), self.queue.clone());
        move || requeue(&works, &queue, |_| true)
    }

    /// Looks at the Works anew that name a kind: after its interpreters have changed.
    pub fn requeue_kind(&self, gvk: &Gvk) {
        requeue_kinds(&self.executor.works, &self.queue, std::slice::from_ref(gvk));
    }

    /// Stops, and waits until what was being worked on is finished.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for MemberSession {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn enqueue_changes(works: &Informer, executor: &Arc<Executor>, queue: &Queue<ObjectKey>) {
    // Weak, as the executor itself holds the informer that holds this handler.
    let (executor, queue) = (Arc::downgrade(executor), queue.clone());
    works.on_change(move |change| {
        let Some(object) = change.object() else { return };
        if let Some(executor) = executor.upgrade() {
            executor.told_of_work(object);
        }
        match change {
            Change::Updated { old, new } if !execute::matters(old, new) => {}
            _ => queue.add(object.key()),
        }
    });
}

/// Queues the Works that name one of the kinds.
pub(crate) fn requeue_kinds(works: &Informer, queue: &Queue<ObjectKey>, kinds: &[Gvk]) {
    requeue(works, queue, |work| {
        let manifests = work.get(&["spec", "workload", "manifests"]).and_then(|list| list.as_array());
        manifests.into_iter().flatten().any(|manifest| {
            let text = |name: &str| manifest.get(name).and_then(|value| value.as_str()).unwrap_or_default();
            kinds.contains(&Gvk::from_api_version(text("apiVersion"), text("kind")))
        })
    });
}

pub(crate) fn requeue(works: &Informer, queue: &Queue<ObjectKey>, which: impl Fn(&Object) -> bool) {
    works.list().iter().filter(|work| which(work)).for_each(|work| queue.add(work.key()));
}

/// What a change of the member itself asks for: every Work is looked at again when kinds come or go, and
/// when the member answers again.
async fn again_on_change(
    works: Informer,
    queue: Queue<ObjectKey>,
    discovery: Discovery,
    breaker: Breaker,
    cancel: CancellationToken,
) {
    let (mut served, mut reach) = (discovery.changes(), breaker.subscribe());
    served.mark_unchanged();
    let first = !discovery.is_known();
    let waiting = async {
        if first && served.changed().await.is_err() {
            return;
        }
        requeue(&works, &queue, |_| true);
        loop {
            let answered = tokio::select! {
                changed = served.changed() => changed.is_ok(),
                changed = reach.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    *reach.borrow_and_update() == Reach::Reachable
                }
            };
            if answered {
                requeue(&works, &queue, |_| true);
            }
        }
    };
    cancel.run_until_cancelled(waiting).await;
}

//! Keys in, calls of a controller out; and what follows from how they end.
//!
//! | how | next |
//! |---|---|
//! | Applied, Skipped | the key's failures are forgotten |
//! | Waiting(d) | the same, and again after `d` |
//! | Conflict | again within milliseconds, then with back-off |
//! | Transient, Cancelled | again with back-off |
//! | any other failure, a panic, a deadline | again with back-off, and aside after so many in a row |
//!
//! **Invariant:** a key that is aside is not called for until its object or the configuration changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use outrigger_addon::manifest::Permissions;
use outrigger_addon::{CallError, CallErrorKind, Controller, Outcome, Request};
use outrigger_object::Gvk;
use outrigger_runtime::{Client, Clock, Discovery, Queue, Recorder};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::bucket::Bucket;
use crate::connections::Connections;
use crate::guest::Limits;
use crate::health::{GuestHealth, PutAside};
use crate::lent::Lent;
use crate::meter::Meter;
use crate::sources::{Kept, Source};
use crate::threads::{Failure, Threads};

/// How often a conflict is met at once.
const EAGER: u32 = 5;

/// One controller, running.
pub(crate) struct Part {
    pub controller: Arc<dyn Controller>,
    pub name: String,
    pub queue: Queue<Request>,
    pub sources: Mutex<Vec<Arc<Source>>>,
    pub aside: Mutex<HashMap<Request, PutAside>>,
    /// What is being worked on, and whether it changed meanwhile.
    pub working: Mutex<HashMap<Request, bool>>,
}

/// One addon, running.
pub(crate) struct Running {
    pub name: String,
    pub hub: Client,
    /// The control plane, as the addon.
    pub own: Client,
    pub discovery: Discovery,
    pub connections: Connections,
    pub grants: Permissions,
    pub observed: Vec<Gvk>,
    pub config: watch::Receiver<Arc<Value>>,
    pub recorder: Recorder,
    pub meter: Meter,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    pub runtime: Handle,
    pub writes: Bucket,
    pub events: Bucket,
    pub threads: Threads,
    pub parts: Vec<Arc<Part>>,
    pub kept: Arc<Kept>,
    /// What is wrong beside the objects, by what it is about.
    pub problems: Mutex<BTreeMap<String, String>>,
    pub health: watch::Sender<GuestHealth>,
    pub cancel: CancellationToken,
}

impl Running {
    pub fn sources(&self) -> Vec<Arc<Source>> {
        self.parts.iter().flat_map(|part| part.sources.lock().clone()).collect()
    }

    pub fn observes(&self, gvk: &Gvk) -> bool {
        self.observed.contains(gvk)
    }

    pub fn told(&self, metric: &str, labels: &[(&str, &str)]) {
        self.meter.told(&self.name, metric, labels);
    }

    /// Says what is wrong about something, or with `None` that nothing is any more.
    pub fn problem(&self, about: &str, what: Option<String>) {
        let changed = {
            let mut problems = self.problems.lock();
            match what {
                Some(what) => problems.insert(about.to_owned(), what.clone()) != Some(what),
                None => problems.remove(about).is_some(),
            }
        };
        if changed {
            self.look();
        }
    }

    /// Sums up how the addon does.
    pub fn look(&self) {
        self.health.send_if_modified(|health| {
            // Within the lock, so that an older look never overwrites a newer one.
            let now = self.summary();
            let changed = *health != now;
            if changed && now.is_quarantined() {
                warn!(addon = self.name, health = %now, "an addon is in quarantine");
            }
            *health = now;
            changed
        });
    }

    fn summary(&self) -> GuestHealth {
        let (limits, load) = (&self.limits, *self.threads.load().borrow());
        let why = |why: String, for_good| GuestHealth::Quarantined { why, for_good };
        if load.strikes >= limits.strikes {
            let text = format!("{} of its calls took longer than {:?}", load.strikes, limits.deadline);
            return why(text, true);
        }
        if load.late > 0 {
            let text = format!("{} of its calls take longer than {:?} and have not ended", load.late, limits.deadline);
            return why(text, false);
        }
        if self.passes_memory() {
            let (objects, bytes) = self.kept();
            let text = format!(
                "it watches {objects} objects of about {bytes} bytes, and may keep {} of {} bytes",
                limits.objects, limits.bytes
            );
            return why(text, true);
        }
        let mut aside: Vec<PutAside> =
            self.parts.iter().flat_map(|part| part.aside.lock().values().cloned().collect::<Vec<_>>()).collect();
        aside.sort_by(|a, b| (&a.controller, &a.request).cmp(&(&b.controller, &b.request)));
        if aside.len() > limits.aside {
            let reason = aside.first().map(|first| first.reason.clone()).unwrap_or_default();
            let text = format!(
                "{} objects keep failing, such as: {reason}; it is called again when they or its configuration change",
                aside.len()
            );
            return why(text, false);
        }
        let problems: Vec<String> = self.problems.lock().values().cloned().collect();
        if aside.is_empty() && problems.is_empty() {
            return GuestHealth::Healthy;
        }
        GuestHealth::Degraded { aside, problems }
    }

    fn kept(&self) -> (usize, i64) {
        (self.kept.objects.load(Ordering::Relaxed), self.kept.bytes.load(Ordering::Relaxed))
    }

    /// Whether more is kept for it than may be.
    pub fn passes_memory(&self) -> bool {
        let (objects, bytes) = self.kept();
        objects > self.limits.objects || bytes > self.limits.bytes
    }

    /// A new configuration: everything is tried again.
    pub fn start_over(&self) {
        for part in &self.parts {
            part.aside.lock().clear();
            for source in part.sources.lock().iter() {
                for request in source.requests() {
                    part.queue.forget(&request);
                    part.queue.add(request);
                }
            }
        }
        self.look();
    }
}

impl Part {
    /// An object changed, or came, or went. `true` if it was aside.
    pub fn changed(&self, request: Request) -> bool {
        if let Some(changed) = self.working.lock().get_mut(&request) {
            *changed = true;
        }
        let was_aside = self.aside.lock().remove(&request).is_some();
        if was_aside {
            self.queue.forget(&request);
        }
        self.queue.add(request);
        was_aside
    }
}

/// Calls a controller for its keys until cancelled.
pub(crate) async fn drive(running: Arc<Running>, part: Arc<Part>) {
    let mut health = running.health.subscribe();
    loop {
        let next = async {
            // In quarantine keys wait.
            health.wait_for(|health| !health.is_quarantined()).await.ok()?;
            part.queue.next().await
        };
        let job = tokio::select! {
            biased;
            () = running.cancel.cancelled() => return,
            job = next => job,
        };
        let Some(job) = job else { return };
        if part.aside.lock().contains_key(&*job) {
            continue;
        }
        if running.health.borrow().is_quarantined() {
            part.queue.add((*job).clone());
            continue;
        }
        call(&running, &part, &job).await;
    }
}

async fn call(running: &Arc<Running>, part: &Arc<Part>, request: &Request) {
    let over = running.cancel.child_token();
    let lent = Lent { running: running.clone(), over: over.clone() };
    let (controller, asked) = (part.controller.clone(), request.clone());
    let started = tokio::time::Instant::now();
    part.working.lock().insert(request.clone(), false);
    let result = running.threads.run(running.limits.deadline, move || controller.reconcile(&asked, &lent)).await;
    over.cancel();
    let word = match &result {
        Ok(Ok(Outcome::Applied)) => "applied",
        Ok(Ok(Outcome::Waiting(_))) => "waiting",
        Ok(Ok(Outcome::Skipped(_))) => "skipped",
        Ok(Err(_)) => "failed",
        Err(Failure::Panicked(_)) => "panic",
        Err(Failure::Late) => "late",
        Err(Failure::NoThread(_)) => "no_thread",
    };
    running.told("reconciles", &[("controller", &part.name), ("result", word)]);
    debug!(addon = running.name, controller = part.name, key = %request.key, word, took = ?started.elapsed(), "reconciled");
    match result {
        Ok(Ok(outcome)) => {
            part.queue.forget(request);
            if let Outcome::Waiting(after) = outcome {
                part.queue.add_after(request.clone(), after.max(running.limits.least_wait));
            }
        }
        Ok(Err(error)) => failed(running, part, request, error),
        Err(Failure::Panicked(text)) => blamed(running, part, request, format!("panicked: {text}")),
        Err(Failure::Late) => {
            blamed(running, part, request, format!("took longer than {:?}", running.limits.deadline));
            running.look();
        }
        Err(Failure::NoThread(why)) => {
            part.queue.retry(request.clone());
            warn!(addon = running.name, error = why, "no thread for an addon");
        }
    }
    part.working.lock().remove(request);
}

fn failed(running: &Running, part: &Part, request: &Request, error: CallError) {
    match error.kind {
        CallErrorKind::Conflict if part.queue.failures(request) < EAGER => {
            part.queue.retry_eagerly(request.clone());
        }
        // The world's fault, or ours.
        CallErrorKind::Conflict | CallErrorKind::Transient | CallErrorKind::Cancelled => {
            part.queue.retry(request.clone());
        }
        CallErrorKind::Invalid | CallErrorKind::NotFound | CallErrorKind::Forbidden | CallErrorKind::Internal => {
            blamed(running, part, request, error.message);
        }
    }
}

/// A failure that the controller has to answer for.
fn blamed(running: &Running, part: &Part, request: &Request, reason: String) {
    let after = part.queue.retry(request.clone());
    let tries = part.queue.failures(request);
    warn!(addon = running.name, controller = part.name, key = %request.key, place = %request.place, error = reason, ?after, "an addon failed on an object");
    // What failed is not what is there now, if that changed meanwhile.
    let changed = part.working.lock().get(request).copied().unwrap_or_default();
    if changed || tries < running.limits.tries {
        return;
    }
    let put =
        PutAside { controller: part.name.clone(), request: request.clone(), since: running.clock.now(), tries, reason };
    part.aside.lock().insert(request.clone(), put);
    running.told("put_aside", &[("controller", &part.name)]);
    running.look();
}

//! The executor: Works of one cluster → objects in the member, and back → `Work.status`.
//!
//! Inputs: Works in `karmada-es-<cluster>`, the member's objects, the interpreters. Outputs: writes to the
//! member, and at most one write of a Work's status for each time it is looked at: what was applied and
//! what the member says of it go together.
//!
//! **Invariant:** nothing is deleted in the member but what is ours, by its UID, because its Work is being
//! deleted. **Invariant:** nothing is written where nothing differs.

mod delete;
mod memory;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outrigger_api::labels::event;
use outrigger_api::work::WorkStatus;
use outrigger_engine::Engine;
use outrigger_interpreter::{Answer, LifeCycle, Operation};
use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::{
    Client, Clock, Discovery, Error, ErrorKind, Informer, Lookup, Outcome, Patch, Queue, Reconciler, Recorder, Result,
    Subresource,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::{debug, info};

pub use memory::Memory;

use crate::apply::Writer;
use crate::breaker::Breaker;
use crate::plan::{self, Inputs, Step};
use crate::reflect;
use crate::watches::{Scope, Watches};
use crate::work::{self, Work};
use crate::{fields, ownership};
use status::{Settled, Verdict};

/// When something that is not ours, or a kind that is not there, is looked at again.
const RECHECK: Duration = Duration::from_secs(30);
/// When an object that is being deleted is looked at again; the watch mostly tells before.
const DELETION: Duration = Duration::from_secs(5);
/// How long a status that was written is believed without word from the watch.
const TRUST: Duration = Duration::from_secs(30);
/// How much longer [`Executor::settle`] is for each Work that waits as well: a busy member answers late.
const SETTLE_EACH: Duration = Duration::from_millis(1);
/// How much longer it is at most.
const SETTLE_MOST: Duration = Duration::from_millis(500);

/// Executes the Works of one cluster.
pub struct Executor {
    pub(crate) cluster: String,
    pub(crate) hub: Client,
    pub(crate) engine: Arc<Engine>,
    pub(crate) works: Informer,
    pub(crate) this_cluster: Informer,
    pub(crate) discovery: Discovery,
    pub(crate) watches: Watches,
    pub(crate) writer: Writer,
    pub(crate) breaker: Breaker,
    pub(crate) memory: Arc<Mutex<Memory>>,
    pub(crate) written: Mutex<BTreeMap<ObjectKey, (String, WorkStatus, Instant)>>,
    pub(crate) queue: Queue<ObjectKey>,
    /// How long the word that a Work was applied waits for the first that the member's controllers say of it.
    pub(crate) settle: Duration,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What came of one manifest, and what to do next about it.
struct Done {
    verdict: Verdict,
    next: Next,
    /// Since when it is in the member, where its controllers have not looked at it since.
    unseen: Option<Duration>,
}

enum Next {
    /// Nothing.
    Rest,
    /// Look again after this long.
    After(Duration),
    /// It failed.
    Failed(Error),
}

impl Reconciler for Executor {
    const NAME: &'static str = "execution";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let Some(object) = self.works.get(key) else {
            self.forget(key);
            return Ok(Outcome::Skipped("the Work is gone"));
        };
        let mut work = Work::read(object);
        work.status = self.newest_status(&work);
        if work.object.is_deleting() {
            return self.delete(&work).await;
        }
        if work.is_suspended() {
            let status = status::of_suspension(&work.status, self.clock.now());
            self.write_status(&work, status).await?;
            return Ok(Outcome::Skipped("dispatching is suspended"));
        }
        if let Some(why) = self.breaker.is_open() {
            return self.unreachable(&work, &why).await;
        }
        let done = self.execute(&work).await;
        let verdicts: Vec<Verdict> = done.iter().map(|done| done.verdict.clone()).collect();
        if let Some(why) = self.breaker.is_open() {
            // It went away meanwhile: what is known of the Work stays.
            return self.unreachable(&work, &why).await;
        }
        if let Some(wait) = self.settling(&work, &done) {
            return Ok(Outcome::Waiting(wait));
        }
        let generation = work.object.generation();
        let status = status::of_verdicts(&work.status, &verdicts, generation, self.clock.now());
        self.write_status(&work, status).await?;
        outcome(done)
    }
}

/// Whether the member's controllers have still to look at an object: nothing but they write its status,
/// and it has none, or one of an older generation.
fn is_unseen(resource: &Resource, observed: &Object) -> bool {
    let is_empty = |status: &Value| status.as_object().is_none_or(serde_json::Map::is_empty);
    (resource.has_status && observed.status().is_none_or(is_empty))
        || observed.int(&["status", "observedGeneration"]).is_some_and(|seen| seen < observed.generation())
}

/// What the queue is told: the error that is retried soonest, else the shortest wait.
fn outcome(done: Vec<Done>) -> Result<Outcome> {
    let (mut after, mut failure): (Option<Duration>, Option<Error>) = (None, None);
    for done in done {
        match done.next {
            Next::Rest => {}
            Next::After(wait) => after = Some(after.map_or(wait, |known| known.min(wait))),
            Next::Failed(error) => {
                if failure.as_ref().is_none_or(|known| urgency(known.kind()) < urgency(error.kind())) {
                    failure = Some(error);
                }
            }
        }
    }
    match (failure, after) {
        (Some(error), _) => Err(error),
        (None, Some(wait)) => Ok(Outcome::Waiting(wait)),
        (None, None) => Ok(Outcome::Applied),
    }
}

fn urgency(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Conflict | ErrorKind::AlreadyExists => 3,
        ErrorKind::Transient | ErrorKind::Internal | ErrorKind::NotFound | ErrorKind::Expired => 2,
        ErrorKind::Forbidden => 1,
        ErrorKind::Invalid | ErrorKind::Terminal => 0,
    }
}

impl Executor {
    /// How long to wait with word that all was applied: the member's controllers are about to say
    /// something of it, and both go together. What failed, and what was known before, does not wait.
    fn settling(&self, work: &Work, done: &[Done]) -> Option<Duration> {
        if work.is_applied() || done.iter().any(|done| done.verdict.result.is_err()) {
            return None;
        }
        let waiting = u32::try_from(self.queue.pending(SETTLE_MOST)).unwrap_or(u32::MAX);
        let most = self.settle + SETTLE_EACH.saturating_mul(waiting).min(SETTLE_MOST);
        let left = done.iter().filter_map(|done| most.checked_sub(done.unseen?)).max()?;
        (!left.is_zero()).then_some(left)
    }

    async fn unreachable(&self, work: &Work, why: &str) -> Result<Outcome> {
        if !work.is_applied() {
            let why = format!("cluster {} does not answer: {why}", self.cluster);
            let (count, generation) = (work.manifests.len(), work.object.generation());
            let status = status::of_failure(&work.status, count, &why, generation, self.clock.now());
            self.write_status(work, status).await?;
        }
        // Every Work is looked at again when the member answers.
        Ok(Outcome::Skipped("the member does not answer"))
    }

    async fn execute(&self, work: &Work) -> Vec<Done> {
        let mut resources = Vec::with_capacity(work.manifests.len());
        let mut kinds = BTreeMap::new();
        for manifest in &work.manifests {
            let resource = match manifest {
                Ok(manifest) => Some(self.discovery.resolve(&manifest.gvk()).await),
                Err(_) => None,
            };
            if let Some(Lookup::Found(resource)) = &resource {
                let gvk = &resource.gvk;
                let marked = self.engine.life_cycle(gvk) != LifeCycle::MemberOwned && !self.engine.is_unmarked(gvk);
                let scope = if marked { Scope::Marked } else { Scope::All };
                kinds.insert(resource.clone(), scope);
            }
            resources.push(resource);
        }
        self.watches.hold(&work.key(), &kinds);
        let mut done = Vec::with_capacity(work.manifests.len());
        for (ordinal, (manifest, resource)) in work.manifests.iter().zip(resources).enumerate() {
            done.push(match (manifest, resource) {
                (Ok(manifest), Some(Lookup::Found(resource))) => {
                    self.execute_one(work, ordinal, manifest, &resource).await
                }
                (Ok(manifest), resource) => self.no_kind(ordinal, manifest, resource),
                (Err(why), _) => {
                    let error = Error::invalid(format!("manifest {ordinal}: {why}"));
                    failed(ordinal, &Object::default(), "", error)
                }
            });
        }
        done
    }

    fn no_kind(&self, ordinal: usize, manifest: &Object, lookup: Option<Lookup>) -> Done {
        let gvk = manifest.gvk();
        match lookup {
            Some(Lookup::Unknown(why)) => {
                let cluster = &self.cluster;
                let error = Error::transient(format!("not known whether cluster {cluster} serves {gvk}: {why}"));
                failed(ordinal, manifest, "", error)
            }
            _ => {
                let message = format!("no such kind {gvk} in cluster {}: install its CRD there", self.cluster);
                let verdict = verdict(ordinal, manifest, "", Err(message));
                Done { verdict, next: Next::After(RECHECK), unseen: None }
            }
        }
    }

    async fn execute_one(&self, work: &Work, ordinal: usize, manifest: &Object, resource: &Resource) -> Done {
        match self.try_one(work, ordinal, manifest, resource).await {
            Ok(done) => done,
            Err(error) => failed(ordinal, manifest, &resource.plural, error),
        }
    }

    async fn try_one(&self, work: &Work, ordinal: usize, manifest: &Object, resource: &Resource) -> Result<Done> {
        let (work_key, reference) = (work.key(), manifest.reference());
        let identifier = work::identifier(ordinal, manifest, &resource.plural);
        let observed = self.observe(resource, manifest).await?;
        let life_cycle = self.engine.life_cycle(&reference.gvk);
        let retained = self.retained(manifest, observed.as_deref(), life_cycle)?;
        let inputs = Inputs {
            cluster: &self.cluster,
            work: &work_key,
            manifest,
            observed: observed.as_deref(),
            life_cycle,
            started: observed.as_deref().is_some_and(|observed| self.engine.has_started(observed)),
            was_applied: work.was_applied(&identifier),
            retained: retained.as_ref(),
        };
        let mut step = plan::plan(&inputs);
        let done = |result, next| {
            Ok(Done { verdict: verdict(ordinal, manifest, &resource.plural, result), next, unseen: None })
        };
        match &step {
            Step::Over(why) => return done(Ok(Settled::Over(why)), Next::Rest),
            Step::Refuse(why) => return done(Err(why.clone()), Next::After(RECHECK)),
            Step::AwaitDeletion => {
                let why = format!("{reference} is being deleted in cluster {}; waiting until it is gone", self.cluster);
                return done(Err(why), Next::After(DELETION));
            }
            Step::Observe if observed.is_none() => return done(Ok(Settled::Present(None)), Next::Rest),
            _ => {}
        }

        let (mut next, mut contested) = (Next::Rest, None);
        if let (Step::Apply { object, .. }, Some(observed)) = (&step, &observed) {
            let mut memory = self.memory.lock();
            if memory.is_settled(&reference, object, observed) {
                step = Step::Keep;
            } else if memory.is_drift(&reference, object) {
                let pause = memory.correction_pause(&reference);
                if memory.is_contested(&reference) {
                    contested = Some(contest(&reference.to_string(), object, observed));
                }
                if pause.is_zero() {
                    memory.corrected(&reference);
                } else {
                    next = Next::After(pause);
                    step = Step::Keep;
                }
            }
        }
        let written = self.writer.apply(resource, &reference.key, &step, !inputs.was_applied).await?;
        if let Some(written) = &written {
            let sent = match &step {
                Step::Create(object) | Step::Apply { object, .. } => Some(object),
                _ => None,
            };
            debug!(object = %reference, version = written.resource_version(), "written to the member");
            self.memory.lock().wrote(&reference, sent, written);
        }
        if matches!(next, Next::Rest) && self.memory.lock().latest(&reference).is_some() {
            // Should the watch have told of its deletion before, nothing else would look again.
            next = Next::After(memory::TRUST);
        }
        let mut verdict = verdict(ordinal, manifest, &resource.plural, Ok(Settled::Present(None)));
        verdict.contested = contested;
        let mut unseen = None;
        if let Some(newest) = written.or(observed) {
            if is_unseen(resource, &newest) {
                unseen = self.memory.lock().since_write(&reference);
            }
            let reflection = reflect::reflect(&self.engine, resource, &identifier, &newest);
            for failure in &reflection.failures {
                self.recorder.warn(&work.object, event::REFLECT_STATUS_FAILED, failure.as_str());
            }
            verdict.result = Ok(Settled::Present(reflection.status));
        }
        Ok(Done { verdict, next, unseen })
    }

    /// The object in the member: as our last write left it, as the watch knows it, or else as the
    /// member says when asked. `None` only when the member says so.
    async fn observe(&self, resource: &Resource, manifest: &Object) -> Result<Option<Arc<Object>>> {
        let key = manifest.key();
        let known = self.watches.get(resource, &key).await;
        let latest = self.memory.lock().latest(&manifest.reference());
        match memory::newest(latest, known) {
            Some(object) => Ok(Some(object)),
            None => match self.writer.get(resource, &key).await {
                Err(error @ Error::NoKind { .. }) => {
                    // What is served has changed since discovery was asked.
                    let _ = self.discovery.refresh().await;
                    Err(error)
                }
                result => result,
            },
        }
    }

    fn retained(&self, manifest: &Object, observed: Option<&Object>, life_cycle: LifeCycle) -> Result<Option<Object>> {
        let Some(observed) = observed.filter(|_| matches!(life_cycle, LifeCycle::Declarative | LifeCycle::RunOnce))
        else {
            return Ok(None);
        };
        if !self.engine.handles(&manifest.gvk(), Operation::Retain) {
            return Ok(None);
        }
        match self.engine.retain(plan::desired(manifest), observed).answer {
            Answer::Value(object) => Ok(Some(object)),
            Answer::NotHandled => Ok(None),
            Answer::Failed(error) => {
                let what = manifest.reference();
                Err(Error::invalid(format!("what the member keeps of {what} cannot be told: {error}")))
            }
        }
    }

    /// The Work's status as last written, where the watch has not told of it yet.
    fn newest_status(&self, work: &Work) -> WorkStatus {
        let mut written = self.written.lock();
        match written.get(&work.key()) {
            Some((version, status, at)) if version != work.object.resource_version() && at.elapsed() < TRUST => {
                status.clone()
            }
            Some(_) => {
                written.remove(&work.key());
                work.status.clone()
            }
            None => work.status.clone(),
        }
    }

    /// Writes a status if it differs from the one that is there.
    async fn write_status(&self, work: &Work, status: WorkStatus) -> Result<()> {
        if status == work.status {
            return Ok(());
        }
        let key = work.key();
        let patch = Patch::Merge(json!({"status": status}));
        let result = self.hub.patch(&work::resource(), &key, &patch, Subresource::Status).await;
        let written = match result {
            Err(error) if error.is_not_found() => return Ok(()),
            result => result?,
        };
        self.tell(work, &status);
        let version = written.resource_version().to_owned();
        self.written.lock().insert(key, (version, status, Instant::now()));
        Ok(())
    }

    /// Events for what a person may want to look at: failures, and only when they are new.
    fn tell(&self, work: &Work, status: &WorkStatus) {
        for (type_, bad, reason) in [("Applied", "False", event::SYNC_FAILED), ("Degraded", "True", status::CONTESTED)]
        {
            let find = |status: &WorkStatus| {
                let condition = status.conditions.iter().find(|condition| condition.type_ == type_);
                condition.filter(|condition| condition.status == bad).map(|condition| condition.message.clone())
            };
            if let Some(message) = find(status)
                && find(&work.status).as_ref() != Some(&message)
            {
                info!(work = %work.key(), reason, message, "a Work needs attention");
                self.recorder.warn(&work.object, reason, message);
            }
        }
    }

    /// The watch told of this version of a Work: our own write of its status needs no more believing.
    pub(crate) fn told_of_work(&self, object: &Object) {
        let mut written = self.written.lock();
        if written.get(&object.key()).is_some_and(|(version, ..)| memory::covers(object.resource_version(), version)) {
            written.remove(&object.key());
        }
    }

    fn forget(&self, key: &ObjectKey) {
        self.watches.release(key);
        self.written.lock().remove(key);
    }
}

fn verdict(ordinal: usize, manifest: &Object, plural: &str, result: Result<Settled, String>) -> Verdict {
    Verdict { identifier: work::identifier(ordinal, manifest, plural), result, contested: None }
}

fn failed(ordinal: usize, manifest: &Object, plural: &str, error: Error) -> Done {
    let verdict = verdict(ordinal, manifest, plural, Err(error.to_string()));
    Done { verdict, next: Next::Failed(error), unseen: None }
}

fn contest(what: &str, desired: &Object, observed: &Object) -> String {
    let rivals: Vec<String> = fields::rivals(desired, observed).into_iter().collect();
    let who = if rivals.is_empty() { "somebody in the member".to_owned() } else { rivals.join(", ") };
    format!("{who} keeps changing fields of {what} that the template sets; corrections are made ever more seldom")
}

/// Whether a change of a Work asks for work: a change of its status, which is ours, does not.
pub(crate) fn matters(old: &Object, new: &Object) -> bool {
    old.uid() != new.uid()
        || old.is_deleting() != new.is_deleting()
        || old.get(&["spec"]) != new.get(&["spec"])
        || old.get(&["metadata", "annotations"]) != new.get(&["metadata", "annotations"])
        || old.get(&["metadata", "finalizers"]) != new.get(&["metadata", "finalizers"])
}

/// Whether an object may be deleted, or released, for a Work.
fn is_ours(observed: &Object, work: &ObjectKey) -> bool {
    ownership::owner(observed, work) == ownership::Owner::Us
}

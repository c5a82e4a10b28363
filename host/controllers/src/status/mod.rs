//! Status: Works of a binding in; the binding's aggregated status and the template's own status out.
//!
//! Clusters answer within moments of each other, and each answer would be a write. So the first
//! status waits a little for the clusters that have not answered yet, and writes for one binding keep
//! a small distance, which grows with the number of bindings that wait; a change that comes alone is
//! written at once.
//!
//! **Invariant:** the template's status is written alone, by a patch that holds for the version that
//! was read. Without a status subresource that patch goes to the main resource, and still changes
//! nothing but `status`.

mod plan;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outrigger_api::labels::event;
use outrigger_api::work::Work;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Change, Outcome, Reconciler, Result, Subresource, from_object};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::binding::{self, Binding};
use crate::hub::{Event, Hub};

/// How long the first status of a binding waits for clusters that have not answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for each binding that waits as well: under load clusters answer late.
const PATIENCE_EACH: Duration = Duration::from_millis(10);
/// At most.
const PATIENCE_MOST: Duration = Duration::from_secs(3);
/// The least distance between two writes for one binding.
const DISTANCE: Duration = Duration::from_millis(10);
/// The same for each binding that waits as well: under load writes go together.
const DISTANCE_EACH: Duration = Duration::from_millis(1);
/// At most.
const DISTANCE_MOST: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Status {
    hub: Arc<Hub>,
    pace: Mutex<HashMap<ObjectKey, Pace>>,
}

#[derive(Clone, Copy)]
struct Pace {
    /// Since when clusters are waited for.
    waiting: Option<Instant>,
    written: Option<Instant>,
}

impl Status {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, pace: Mutex::default() }
    }

    /// How long to hold back, if at all.
    fn hold(&self, key: &ObjectKey, complete: bool, now: Instant) -> Option<Duration> {
        let under_load = |least: Duration, each: Duration, most: Duration| {
            let waiting = u32::try_from(self.hub.queues.status.pending(most)).unwrap_or(u32::MAX);
            least.saturating_add(each.saturating_mul(waiting)).min(most)
        };
        let mut pace = self.pace.lock();
        let pace = pace.entry(key.clone()).or_insert(Pace { waiting: None, written: None });
        if complete {
            pace.waiting = None;
        } else {
            let since = *pace.waiting.get_or_insert(now);
            let left = under_load(PATIENCE, PATIENCE_EACH, PATIENCE_MOST).saturating_sub(now - since);
            if !left.is_zero() {
                return Some(left);
            }
        }
        let left = under_load(DISTANCE, DISTANCE_EACH, DISTANCE_MOST).saturating_sub(now - pace.written?);
        (!left.is_zero()).then_some(left)
    }

    fn wrote(&self, key: &ObjectKey, now: Instant) {
        if let Some(pace) = self.pace.lock().get_mut(key) {
            pace.written = Some(now);
        }
    }
}

impl Reconciler for Status {
    const NAME: &'static str = "status";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.hub;
        let Some(binding) = hub.binding(key)?.filter(|binding| !binding.object.is_deleting()) else {
            self.pace.lock().remove(key);
            return Ok(Outcome::Skipped("it is gone, or going"));
        };
        if binding.status.last_scheduled_time.is_none() && binding.spec.required_by.is_empty() {
            return Ok(Outcome::Skipped("it is not scheduled yet"));
        }
        let Some(problems) = hub.problems.read().get(key).cloned() else {
            return Ok(Outcome::Skipped("its Works have not been looked at yet"));
        };
        let works = hub.works_of(binding.id());
        let works =
            works.into_iter().map(|work| from_object::<Work>(Object::clone(&work))).collect::<Result<Vec<_>>>()?;
        if let Some(left) = self.hold(key, plan::all_reported(&binding, &works, &problems), Instant::now()) {
            return Ok(Outcome::Waiting(left));
        }
        let items = plan::items(&binding, &works, &problems);
        if let Some(patch) = plan::binding_patch(&binding, &items, hub.clock.now()) {
            hub.patch(hub.binding_mirror(key), key, patch, Subresource::Status).await?;
            self.wrote(key, Instant::now());
        }
        if !items.is_empty() {
            self.aggregate(&binding, &items).await?;
        }
        Ok(Outcome::Applied)
    }
}

impl Status {
    async fn aggregate(&self, binding: &Binding, items: &[outrigger_api::work::AggregatedStatusItem]) -> Result<()> {
        let hub = &*self.hub;
        let reference = binding.template();
        if !hub.engine.handles(&reference.gvk, outrigger_interpreter::Operation::AggregateStatus) {
            return Ok(());
        }
        let Some(template) = hub.templates.get(&reference).await? else { return Ok(()) };
        if template.is_deleting() || template.uid() != binding.spec.resource.uid {
            return Ok(());
        }
        let items = plan::for_interpreters(items);
        let aggregated = match hub.engine.aggregate_status(&*template, &items).into_result() {
            Ok(Some(aggregated)) => aggregated,
            Ok(None) => return Ok(()),
            Err(error) => {
                // What it last said stands.
                hub.recorder.warn(&template, event::AGGREGATE_STATUS_FAILED, error.to_string());
                return Ok(());
            }
        };
        let Some(patch) = plan::template_patch(&template, &aggregated) else { return Ok(()) };
        let resource = hub.templates.resource(&reference.gvk).await?;
        let subresource = if resource.has_status { Subresource::Status } else { Subresource::None };
        let patch = outrigger_runtime::Patch::Merge(patch);
        match hub.client.patch(&resource, &reference.key, &patch, subresource).await {
            Ok(written) => {
                hub.templates.wrote(&reference.gvk, written);
                self.wrote(&binding.key(), Instant::now());
                Ok(())
            }
            Err(error) => {
                hub.templates.forget(&reference.gvk, &reference.key);
                if error.is_not_found() { Ok(()) } else { Err(error) }
            }
        }
    }
}

/// Works wake the status of their binding, as do the binding itself and its template.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    let queue = &hub.queues.status;
    match event {
        Event::Work { change: Change::Updated { old, new } }
            if old.status() == new.status() && old.is_deleting() == new.is_deleting() => {}
        Event::Work { change } => {
            if let Some(key) = change.object().and_then(|work| binding::key_of_work(work)) {
                queue.add(key);
            }
        }
        Event::Binding {
            change: Change::Added(object) | Change::Updated { new: object, .. } | Change::Deleted(object),
        } => {
            queue.add(object.key());
        }
        Event::Template { change: Change::Added(object) | Change::Updated { new: object, .. }, .. } => {
            let key = binding::key_of(&object.reference());
            if hub.binding_object(&key).is_some() {
                queue.add(key);
            }
        }
        _ => {}
    }
}

//! Binding controller: bindings, templates, clusters and overrides in; one Work per cluster out.
//!
//! A cluster for which no manifest can be made keeps the Work that it has, and the reason stands in
//! the binding's status; the other clusters go on. Works of clusters that the binding no longer goes
//! to are deleted.
//!
//! A binding that is deleted stays until its Works are gone, but does not wait for clusters that are
//! out of reach: their Works go when the clusters come back or are removed.

pub(crate) mod explain;
mod manifest;
mod plan;
pub(crate) mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use outrigger_api::labels::{condition, event};
use outrigger_api::names;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{
    Change, DeleteParams, ErrorKind, Lookup, Outcome, Reconciler, Result, Subresource, conditions,
};
use serde_json::json;
use uuid::Uuid;

use crate::binding::{self, Binding, works_finalizer};
use crate::detector::same_content;
use crate::hub::{Event, Hub};
use manifest::Maker;
use plan::Step;
use trace::Untraced;

pub(crate) use plan::work_key;

/// See the module.
pub(crate) struct Works(pub(crate) Arc<Hub>);

/// Writes to so many clusters at once.
const AT_ONCE: usize = 32;

impl Reconciler for Works {
    const NAME: &'static str = "binding";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.0;
        let Some(binding) = hub.binding(key)? else {
            hub.problems.write().remove(key);
            return Ok(Outcome::Skipped("it is gone"));
        };
        if binding.object.is_deleting() {
            return finish(hub, &binding).await;
        }
        let orphans = plan::orphans(&binding, &hub.works_of(binding.id()));
        remove(hub, &binding, &orphans).await?;
        if plan::must_wait(&binding, &orphans) {
            return Ok(Outcome::Skipped("what is purged directly goes first"));
        }
        let Some(template) = hub.templates.get(&binding.template()).await? else {
            return Ok(Outcome::Skipped("its template is gone"));
        };
        if template.uid() != binding.spec.resource.uid {
            return Ok(Outcome::Skipped("it is of an earlier template"));
        }
        if template.is_deleting() {
            return Ok(Outcome::Skipped("its template is being deleted"));
        }
        let problems = ensure(hub, &binding, &template).await?;
        let text: Vec<_> = problems.iter().map(|(cluster, why)| format!("cluster {cluster}: {why}")).collect();
        let before = hub.problems.write().insert(key.clone(), problems.clone());
        if before.as_ref() != Some(&problems) {
            hub.queues.status.add(key.clone());
            if !text.is_empty() {
                hub.recorder.warn(&binding.object, event::SYNC_WORK_FAILED, text.join("; "));
                hub.recorder.warn(&template, event::SYNC_WORK_FAILED, text.join("; "));
            }
        }
        Ok(Outcome::Applied)
    }
}

/// Brings the Works of all targets up to date; gives what stands in the way of each cluster. Failures
/// of the hub itself are given as the error, after everything else was tried.
async fn ensure(hub: &Hub, binding: &Binding, template: &Arc<Object>) -> Result<BTreeMap<String, String>> {
    let targets = binding.targets();
    let counts_spec = matches!(hub.discovery.lookup(&template.gvk()), Lookup::Found(kind) if kind.has_status);
    let mut problems = BTreeMap::new();
    let mut steps = Vec::new();
    {
        let overrides = hub.overrides.read();
        let tailoring = hub.tailoring();
        let maker = Maker {
            engine: &hub.engine,
            overrides: &overrides,
            tailoring: &tailoring,
            template,
            binding,
            counts_spec,
            settled: manifest::is_settled(&hub.engine, template, binding),
            completions: manifest::completions(template, binding, &targets),
        };
        for target in &targets {
            let name = &target.name;
            let Some(cluster) = hub.cluster(name) else {
                problems.insert(name.clone(), "the cluster does not exist".to_owned());
                continue;
            };
            if cluster.metadata.deletion_timestamp.is_some() {
                problems.insert(name.clone(), "the cluster is being removed".to_owned());
                continue;
            }
            let key = work_key(&binding.template(), name);
            let existing = hub.works.get(&key);
            let before = existing.as_deref().and_then(plan::manifest);
            match maker.make(target, &cluster, &key, before, &mut Untraced) {
                Err(why) => {
                    problems.insert(name.clone(), why);
                }
                Ok(manifest) => {
                    let id = Uuid::new_v4().to_string();
                    let step = plan::step(binding, &key, name, manifest, existing.as_deref(), &id);
                    steps.push((key, step));
                }
            }
        }
    }
    let writes = futures::stream::iter(steps).map(|(key, step)| write(hub, key, step)).buffer_unordered(AT_ONCE);
    let results: Vec<Result<()>> = writes.collect().await;
    results.into_iter().collect::<Result<()>>().map(|()| problems)
}

async fn write(hub: &Hub, key: ObjectKey, step: Step) -> Result<()> {
    match step {
        // Its deletion wakes us.
        Step::Keep | Step::Wait => {}
        Step::Create(work) => {
            let created = hub.client.create(hub.works.resource(), &work).await?;
            hub.works.wrote(created);
        }
        Step::Patch(patch) => {
            hub.patch(&hub.works, &key, patch, Subresource::None).await?;
        }
    }
    Ok(())
}

async fn remove(hub: &Hub, binding: &Binding, works: &[Arc<Object>]) -> Result<()> {
    for work in works.iter().filter(|work| !work.is_deleting()) {
        let deleted = hub.client.delete(hub.works.resource(), &work.key(), &DeleteParams::of(work)).await;
        if let Err(error) = deleted
            && error.kind() != ErrorKind::Conflict
        {
            hub.recorder.warn(&binding.object, event::CLEANUP_WORK_FAILED, error.to_string());
            return Err(error);
        }
    }
    Ok(())
}

/// The binding is being deleted: so are its Works, and then nothing holds it.
async fn finish(hub: &Hub, binding: &Binding) -> Result<Outcome> {
    let finalizer = works_finalizer(binding.is_cluster());
    if !binding.object.finalizers().any(|one| one == finalizer) {
        return Ok(Outcome::Skipped("its Works are gone"));
    }
    let mut works = hub.works_of(binding.id());
    for cluster in binding.clusters() {
        // The index does not know yet what was written a moment ago.
        let key = work_key(&binding.template(), cluster);
        let ours = |work: &Arc<Object>| binding::key_of_work(work).as_ref() == Some(&binding.key());
        if let Some(work) = hub.works.get(&key).filter(ours)
            && !works.iter().any(|known| known.key() == key)
        {
            works.push(work);
        }
    }
    remove(hub, binding, &works).await?;
    let awaited = |work: &Arc<Object>| {
        let cluster = names::cluster_of_execution_space(work.namespace()).and_then(|name| hub.cluster(name));
        cluster.is_some_and(|cluster| {
            let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            conditions::is_true(conditions, condition::CLUSTER_READY)
        })
    };
    if works.iter().any(awaited) {
        // The going of Works wakes us; so does a cluster that is no longer ready.
        return Ok(Outcome::Waiting(Duration::from_secs(30)));
    }
    let left: Vec<_> = binding.object.finalizers().filter(|one| *one != finalizer).collect();
    let patch = json!({"metadata": {"finalizers": left, "resourceVersion": binding.object.resource_version()}});
    let key = binding.key();
    match hub.patch(hub.binding_mirror(&key), &key, patch, Subresource::None).await {
        // The answer to the write that lets go of an object is its last state, not one to come back to.
        Ok(_) => hub.binding_mirror(&key).forget(&key),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    hub.problems.write().remove(&key);
    Ok(Outcome::Applied)
}

/// Bindings, templates, override policies, clusters and Works wake the binding controller.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    let queue = &hub.queues.works;
    match event {
        Event::Binding { change: Change::Updated { old, new } }
            if old.generation() == new.generation()
                && old.is_deleting() == new.is_deleting()
                && old.get(&["metadata", "labels"]) == new.get(&["metadata", "labels"])
                && old.get(&["metadata", "finalizers"]) == new.get(&["metadata", "finalizers"]) => {}
        Event::Binding { change } => {
            if let Some(object) = change.object() {
                queue.add(object.key());
            }
        }
        Event::Template { change: Change::Updated { old, new }, .. } if same_content(old, new) => {}
        Event::Template { change, .. } => {
            let Some(object) = change.object() else { return };
            let key = binding::key_of(&object.reference());
            if hub.binding_object(&key).is_some() {
                queue.add(key);
            }
        }
        Event::Override { old, new } => {
            let policies: Vec<_> = [old, new].into_iter().copied().flatten().collect();
            let namespace = policies.first().map(|policy| policy.namespace().to_owned()).unwrap_or_default();
            for binding in hub.binding_objects_in(&namespace) {
                let Some(reference) = binding::template_of_object(&binding) else { continue };
                let template = hub.templates.mirror(&reference.gvk).and_then(|mirror| mirror.get(&reference.key));
                let concerned =
                    template.is_none_or(|template| policies.iter().any(|policy| policy.fit(&template).is_some()));
                if concerned {
                    queue.add(binding.key());
                }
            }
        }
        Event::Cluster { change, scheduling } => {
            let Some(cluster) = change.object() else { return };
            let same = matches!(scheduling, outrigger_scheduler::Change::None);
            if same && !matches!(change, Change::Updated { old, new } if readiness(old) != readiness(new)) {
                return;
            }
            let name = cluster.name();
            for binding in hub.binding_objects() {
                // While only its health changes, nothing but the end of bindings hangs on a cluster.
                if (!same || binding.is_deleting()) && goes_to(&binding, name) {
                    queue.add(binding.key());
                }
            }
        }
        Event::Work { change: Change::Updated { old, new } }
            if old.generation() == new.generation() && old.is_deleting() == new.is_deleting() => {}
        Event::Work { change } => {
            if let Some(key) = change.object().and_then(|work| binding::key_of_work(work)) {
                queue.add(key);
            }
        }
        _ => {}
    }
}

fn readiness(cluster: &Object) -> Option<&str> {
    conditions::of(cluster, condition::CLUSTER_READY).map(|(status, ..)| status)
}

/// Whether a cluster is among those that a binding names anywhere.
fn goes_to(binding: &Object, cluster: &str) -> bool {
    let named = |list: Option<&serde_json::Value>, field: &str| {
        list.and_then(serde_json::Value::as_array)
            .is_some_and(|list| list.iter().any(|one| one[field].as_str() == Some(cluster)))
    };
    named(binding.get(&["spec", "clusters"]), "name")
        || named(binding.get(&["spec", "gracefulEvictionTasks"]), "fromCluster")
        || binding
            .get(&["spec", "requiredBy"])
            .and_then(serde_json::Value::as_array)
            .is_some_and(|list| list.iter().any(|one| named(one.get("clusters"), "name")))
}

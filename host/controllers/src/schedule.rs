//! Scheduler controller: bindings and clusters in; `spec.clusters` and the Scheduled condition out.
//!
//! A binding is scheduled when its placement or its replicas differ from what was last scheduled,
//! when a fresh decision is asked for, when a chosen cluster is leaving, and, while its replicas are
//! not divided, whenever clusters change. Divided replicas stay where they are otherwise. These are
//! Karmada's rules.
//!
//! **Invariant:** only a decision that no cluster fits takes clusters away; a placement that is not
//! understood or not supported leaves them as they are.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use outrigger_api::labels::condition::{BINDING_SCHEDULED, reason};
use outrigger_api::labels::{annotation, event, label};
use outrigger_api::names::DEFAULT_SCHEDULER;
use outrigger_api::policy::{Placement, ReplicaSchedulingType};
use outrigger_api::work::TargetCluster;
use outrigger_object::ObjectKey;
use outrigger_runtime::{Change, Outcome, Reconciler, Result, Subresource, conditions};
use outrigger_scheduler::{ClusterSelector, Request, Snapshot, Unschedulable, affinity_group, is_workload, schedule};
use serde::Serialize;
use serde_json::{Value, json};

use crate::binding::Binding;
use crate::hub::{Event, Hub};
use crate::merge;

/// See the module.
pub(crate) struct Scheduler(pub(crate) Arc<Hub>);

/// What to write, and what came of it.
#[derive(Debug, PartialEq, Serialize)]
struct Plan {
    /// Merge patch of the binding, if anything changes.
    binding: Option<Value>,
    /// The condition.
    condition: Condition,
    /// The affinity group that was used.
    affinity: Option<String>,
    /// Whether a decision was made, and not only found unnecessary.
    decided: bool,
}

const SUCCESS: &str = "Binding has been scheduled successfully.";

/// Whether this scheduler is to place the binding at all.
fn skipped(binding: &Binding) -> Option<&'static str> {
    let labels = [
        label::PROPAGATION_POLICY_PERMANENT_ID,
        label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID,
        label::BINDING_MANAGED_BY,
    ];
    if binding.object.is_deleting() {
        return Some("it is being deleted");
    }
    if binding.spec.placement.is_none() {
        return Some("it has no placement");
    }
    if !labels.iter().any(|name| binding.object.label(name).is_some_and(|id| !id.is_empty())) {
        return Some("no policy stands behind it");
    }
    if !matches!(binding.spec.scheduler_name.as_str(), "" | DEFAULT_SCHEDULER) {
        return Some("another scheduler places it");
    }
    if binding.spec.suspension.as_ref().is_some_and(|suspension| suspension.scheduling == Some(true)) {
        return Some("its scheduling is suspended");
    }
    None
}

fn plan(binding: &Binding, placement: &Placement, snapshot: &Snapshot, now: Timestamp) -> Plan {
    let fresh = fresh_wanted(binding);
    let success = |message: String| conditions::condition(BINDING_SCHEDULED, true, reason::SUCCESS, message, now);
    if !is_due(binding, placement, snapshot, fresh) {
        let kept = conditions::find(&binding.status.conditions, BINDING_SCHEDULED).cloned();
        let condition = kept.unwrap_or_else(|| success(SUCCESS.to_owned()));
        return Plan { binding: None, condition, affinity: None, decided: false };
    }
    let observed_affinity = &binding.status.scheduler_observed_affinity_name;
    let decision = schedule(snapshot, &Request { spec: &binding.spec, observed_affinity, fresh });
    match decision {
        Ok(placed) => {
            let mut message = SUCCESS.to_owned();
            if !placed.missing.is_empty() {
                message +=
                    &format!(" Clusters named in the placement that do not exist: {}.", placed.missing.join(", "));
            }
            let patch = result_patch(binding, placement, &placed.clusters);
            Plan { binding: patch, condition: success(message), affinity: placed.affinity, decided: true }
        }
        Err(error) => {
            let (word, patch) = match &error {
                Unschedulable::NoClusterFit(_) => (reason::NO_CLUSTER_FIT, result_patch(binding, placement, &[])),
                _ => (reason::SCHEDULER_ERROR, None),
            };
            let condition = conditions::condition(BINDING_SCHEDULED, false, word, error.to_string(), now);
            Plan { binding: patch, condition, affinity: None, decided: true }
        }
    }
}

fn is_due(binding: &Binding, placement: &Placement, snapshot: &Snapshot, fresh: bool) -> bool {
    let leaving = |target: &TargetCluster| snapshot.get(&target.name).is_none_or(|cluster| cluster.is_deleting());
    fresh
        || placement_changed(binding, placement)
        || replicas_changed(binding, placement)
        || !is_workload(&binding.spec)
        || kind_of(placement) == ReplicaSchedulingType::Duplicated
        || binding.spec.clusters.iter().any(leaving)
}

fn kind_of(placement: &Placement) -> ReplicaSchedulingType {
    match &placement.replica_scheduling {
        None => ReplicaSchedulingType::Duplicated,
        Some(strategy) => strategy.replica_scheduling_type.unwrap_or(ReplicaSchedulingType::Divided),
    }
}

/// Whether a fresh decision was asked for after the last one.
fn fresh_wanted(binding: &Binding) -> bool {
    match (&binding.spec.reschedule_triggered_at, &binding.status.last_scheduled_time) {
        (Some(asked), Some(last)) => asked.0 > last.0,
        _ => false,
    }
}

/// Whether the placement differs from the one last scheduled. Of affinity groups the observed one
/// counts alone.
fn placement_changed(binding: &Binding, placement: &Placement) -> bool {
    let Some(applied) = binding.object.annotation(annotation::APPLIED_PLACEMENT) else { return true };
    let Ok(applied) = serde_json::from_str::<Placement>(applied) else { return true };
    if applied == *placement {
        return false;
    }
    let same_rest = applied.cluster_affinity == placement.cluster_affinity
        && applied.cluster_tolerations == placement.cluster_tolerations
        && applied.spread_constraints == placement.spread_constraints
        && applied.replica_scheduling == placement.replica_scheduling;
    let observed = &binding.status.scheduler_observed_affinity_name;
    let group = |placement: &Placement| {
        placement.cluster_affinities.iter().find(|group| group.affinity_name == *observed).cloned()
    };
    !same_rest || observed.is_empty() || group(placement).is_none() || group(placement) != group(&applied)
}

fn replicas_changed(binding: &Binding, placement: &Placement) -> bool {
    placement.replica_scheduling.is_some() && !shares_add_up(binding, placement)
}

/// Whether the clusters' replicas are those that the binding asks for now.
pub(crate) fn shares_add_up(binding: &Binding, placement: &Placement) -> bool {
    let spec = &binding.spec;
    match kind_of(placement) {
        ReplicaSchedulingType::Duplicated => spec.clusters.iter().all(|target| target.replicas == spec.replicas),
        ReplicaSchedulingType::Divided => {
            spec.clusters.iter().map(|target| i64::from(target.replicas)).sum::<i64>() == i64::from(spec.replicas)
        }
    }
}

fn result_patch(binding: &Binding, placement: &Placement, clusters: &[TargetCluster]) -> Option<Value> {
    let mut patch = json!({});
    if !same_clusters(&binding.spec.clusters, clusters) {
        patch["spec"]["clusters"] = if clusters.is_empty() { Value::Null } else { json!(clusters) };
    }
    let known = binding.object.annotation(annotation::APPLIED_PLACEMENT);
    if known.and_then(|text| serde_json::from_str::<Placement>(text).ok()).as_ref() != Some(placement) {
        let text = serde_json::to_string(placement).unwrap_or_default();
        patch["metadata"]["annotations"][annotation::APPLIED_PLACEMENT] = json!(text);
    }
    (patch != json!({})).then_some(patch)
}

/// The order of clusters says nothing that is worth a write.
fn same_clusters(old: &[TargetCluster], new: &[TargetCluster]) -> bool {
    old.len() == new.len() && new.iter().all(|one| old.contains(one))
}

/// The status as it follows from a decision; `generation` is that of the binding with the result in it.
fn status_patch(binding: &Binding, plan: &Plan, generation: i64, now: Timestamp) -> Option<Value> {
    let old = serde_json::to_value(&binding.status).unwrap_or_default();
    let mut status = binding.status.clone();
    conditions::set(&mut status.conditions, plan.condition.clone());
    if plan.condition.status == "True" {
        status.scheduler_observed_generation = generation;
        if let Some(affinity) = &plan.affinity {
            status.scheduler_observed_affinity_name.clone_from(affinity);
        }
        let changed = status != binding.status || plan.binding.is_some();
        if plan.decided && (changed || fresh_wanted(binding)) {
            let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
            status.last_scheduled_time = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(second));
        }
    }
    let patch = merge::diff(&old, &serde_json::to_value(&status).unwrap_or_default())?;
    Some(json!({"status": patch}))
}

impl Reconciler for Scheduler {
    const NAME: &'static str = "schedule";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.0;
        let Some(binding) = hub.binding(key)? else { return Ok(Outcome::Skipped("it is gone")) };
        if let Some(why) = skipped(&binding) {
            return Ok(Outcome::Skipped(why));
        }
        let Some(placement) = &binding.spec.placement else { return Ok(Outcome::Skipped("it has no placement")) };
        let now = hub.clock.now();
        let plan = plan(&binding, placement, &hub.snapshot.read().clone(), now);
        let mirror = hub.binding_mirror(key);
        let mut generation = binding.object.generation();
        if let Some(patch) = plan.binding.clone() {
            generation = hub.patch(mirror, key, patch, Subresource::None).await?.generation();
        }
        if let Some(patch) = status_patch(&binding, &plan, generation, now) {
            hub.patch(mirror, key, patch, Subresource::Status).await?;
            if plan.condition.status != "True" {
                hub.recorder.warn(&binding.object, event::SCHEDULE_BINDING_FAILED, plan.condition.message.clone());
            } else if plan.condition.message != SUCCESS {
                hub.recorder.warn(&binding.object, event::SCHEDULE_BINDING_SUCCEED, plan.condition.message.clone());
            }
        }
        Ok(Outcome::Applied)
    }
}

/// Bindings wake the scheduler when their spec or labels change, clusters when a decision may turn
/// out differently.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    let queue = &hub.queues.schedule;
    match event {
        Event::Binding { change: Change::Added(object) } => queue.add(object.key()),
        Event::Binding { change: Change::Updated { old, new } }
            if old.generation() != new.generation()
                || old.get(&["metadata", "labels"]) != new.get(&["metadata", "labels"]) =>
        {
            queue.add(new.key());
        }
        Event::Cluster { scheduling, .. } => {
            use outrigger_scheduler::Change::{Added, None, Removed, Updated};
            let clusters = match scheduling {
                None => return,
                Added(one) | Removed(one) => vec![one],
                Updated(old, new) => vec![old, new],
            };
            for binding in hub.binding_objects().into_iter().filter_map(|object| Binding::read(object).ok()) {
                let concerned = affinity(&binding)
                    .is_none_or(|affinity| clusters.iter().any(|cluster| affinity.matches(&***cluster)));
                if concerned && skipped(&binding).is_none() {
                    queue.add(binding.key());
                }
            }
        }
        _ => {}
    }
}

/// The affinity by which the binding's clusters are chosen; `None` for all clusters, or when it is
/// not known which.
fn affinity(binding: &Binding) -> Option<ClusterSelector> {
    let placement = binding.spec.placement.as_ref()?;
    if let Some(affinity) = &placement.cluster_affinity {
        return Some(ClusterSelector::new(affinity));
    }
    if binding.status.scheduler_observed_generation != binding.object.generation() {
        return None;
    }
    let observed = &binding.status.scheduler_observed_affinity_name;
    let group = placement.cluster_affinities.get(affinity_group(&placement.cluster_affinities, observed))?;
    Some(ClusterSelector::new(&group.affinity))
}

#[cfg(test)]
mod tests;

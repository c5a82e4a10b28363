//! What a binding's Works say together: pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use outrigger_api::labels::condition::{BINDING_FULLY_APPLIED, WORK_APPLIED, reason};
use outrigger_api::names;
use outrigger_api::work::{AggregatedStatusItem, ResourceHealth, Work};
use outrigger_interpreter::{Health, StatusItem};
use outrigger_object::{Gvk, Object, ObjectRef};
use outrigger_runtime::conditions;
use serde_json::{Value, json};

use crate::binding::Binding;
use crate::merge;

const ALL_APPLIED: &str = "All works have been successfully applied";
const NOT_ALL_APPLIED: &str = "Failed to apply all works, see status.aggregatedStatus for details";

/// One item per Work, in order of cluster; `problems` are clusters for which no manifest could be made.
pub(super) fn items(
    binding: &Binding,
    works: &[Work],
    problems: &BTreeMap<String, String>,
) -> Vec<AggregatedStatusItem> {
    let template = binding.template();
    let mut items = BTreeMap::new();
    for work in works.iter().filter(|work| work.metadata.deletion_timestamp.is_none()) {
        let namespace = work.metadata.namespace.as_deref().unwrap_or_default();
        let Some(cluster) = names::cluster_of_execution_space(namespace) else { continue };
        items.insert(cluster.to_owned(), item(cluster, work, &template));
    }
    for (cluster, why) in problems {
        let item = items.entry(cluster.clone()).or_insert_with(|| AggregatedStatusItem {
            cluster_name: cluster.clone(),
            health: Some(ResourceHealth::Unknown),
            ..AggregatedStatusItem::default()
        });
        item.applied = false;
        item.applied_message.clone_from(why);
    }
    items.into_values().collect()
}

fn item(cluster: &str, work: &Work, template: &ObjectRef) -> AggregatedStatusItem {
    let status = work.status.clone().unwrap_or_default();
    let applied = conditions::find(&status.conditions, WORK_APPLIED);
    let mut item = AggregatedStatusItem {
        cluster_name: cluster.to_owned(),
        health: Some(ResourceHealth::Unknown),
        ..AggregatedStatusItem::default()
    };
    match applied {
        Some(condition) if condition.status == "True" => item.applied = true,
        Some(condition) => {
            item.applied_message.clone_from(&condition.message);
            return item;
        }
        None => return item,
    }
    let reported = status.manifest_statuses.into_iter().find(|one| {
        let id = &one.identifier;
        Gvk::new(&id.group, &id.version, &id.kind) == template.gvk
            && id.namespace == template.key.namespace
            && id.name == template.key.name
    });
    if let Some(reported) = reported {
        item.status = reported.status;
        item.health = reported.health.or(item.health);
    }
    item
}

/// Whether every Work has been reported on, well or badly.
pub(super) fn all_reported(binding: &Binding, works: &[Work], problems: &BTreeMap<String, String>) -> bool {
    binding.clusters().into_iter().all(|cluster| {
        problems.contains_key(cluster)
            || works.iter().any(|work| {
                work.metadata.namespace.as_deref() == Some(names::execution_space(cluster).as_str())
                    && work
                        .status
                        .as_ref()
                        .is_some_and(|status| conditions::find(&status.conditions, WORK_APPLIED).is_some())
            })
    })
}

/// The patch that makes the binding's status say what the items say; `None` when it does.
pub(super) fn binding_patch(binding: &Binding, items: &[AggregatedStatusItem], now: Timestamp) -> Option<Value> {
    let clusters = binding.clusters();
    let complete = !clusters.is_empty()
        && items.len() == clusters.len()
        && items.iter().all(|item| item.applied && clusters.contains(item.cluster_name.as_str()));
    let (word, message) = if complete {
        (reason::FULLY_APPLIED_SUCCESS, ALL_APPLIED)
    } else {
        (reason::FULLY_APPLIED_FAILED, NOT_ALL_APPLIED)
    };
    let mut status = binding.status.clone();
    conditions::set(&mut status.conditions, conditions::condition(BINDING_FULLY_APPLIED, complete, word, message, now));
    status.aggregated_status = items.to_vec();
    if status == binding.status {
        return None;
    }
    let to_value = |status| serde_json::to_value(status).unwrap_or_default();
    let patch = merge::diff(&to_value(&binding.status), &to_value(&status))?;
    let mut patch = json!({"status": patch});
    // Conditions are a list, which a patch replaces whole: not over a newer one.
    if patch.pointer("/status/conditions").is_some() {
        patch["metadata"]["resourceVersion"] = json!(binding.object.resource_version());
    }
    Some(patch)
}

/// The items as interpreters take them.
pub(super) fn for_interpreters(items: &[AggregatedStatusItem]) -> Vec<StatusItem> {
    items
        .iter()
        .map(|item| StatusItem {
            cluster_name: item.cluster_name.clone(),
            status: item.status.clone().map(|status| status.0),
            applied: item.applied,
            applied_message: item.applied_message.clone(),
            health: match item.health {
                Some(ResourceHealth::Healthy) => Health::Healthy,
                Some(ResourceHealth::Unhealthy) => Health::Unhealthy,
                _ => Health::Unknown,
            },
        })
        .collect()
}

/// The patch that gives the template the aggregated status and nothing else; `None` when it has it.
/// It holds for the very version that the status was made from.
pub(super) fn template_patch(template: &Object, aggregated: &Object) -> Option<Value> {
    let null = Value::Null;
    let (old, new) = (template.0.get("status").unwrap_or(&null), aggregated.0.get("status")?);
    if new.is_null() || old == new {
        return None;
    }
    let patch = if old.is_object() { merge::diff(old, new)? } else { new.clone() };
    Some(json!({"metadata": {"resourceVersion": template.resource_version()}, "status": patch}))
}

#[cfg(test)]
mod tests;

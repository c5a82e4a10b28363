//! One status out of many, for kinds with phases and for PodDisruptionBudgets.
//!
//! A phase is the worst that any cluster reports, in an order that each kind has. Where a cluster has not
//! reported yet, Pods and PersistentVolumes count it as pending.

use outrigger_interpreter::StatusItem;
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value, json};

use super::{
    Result,
    counts::{int, of_cluster, statuses},
};

/// The numbers in the status of a PodDisruptionBudget.
pub const BUDGET: [&str; 4] = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];

/// Replaces the status, unless it is the same.
fn with_status(mut template: Object, status: Value) -> Object {
    if template.0.get("status") != Some(&status) {
        template.0.insert("status".to_owned(), status);
    }
    template
}

fn phase<'v>(status: &'v Value, cluster: &str) -> Result<&'v str> {
    let phase = Cursor::of_value(status).str(&["phase"]).map_err(|error| of_cluster(cluster, error))?;
    Ok(phase.unwrap_or_default())
}

/// The first phase of `order` that some cluster is in; empty when none is.
fn worst(items: &[StatusItem], order: &[&'static str]) -> Result<&'static str> {
    let mut rank = order.len();
    for item in items {
        let phase = match &item.status {
            None | Some(Value::Null) => "Pending",
            Some(status) => phase(status, &item.cluster_name)?,
        };
        if let Some(place) = order.iter().position(|known| *known == phase) {
            rank = rank.min(place);
        }
    }
    Ok(order.get(rank).copied().unwrap_or_default())
}

/// The containers of all clusters' Pods, with their states, and the worst phase: Failed, Pending, Running,
/// Succeeded. Without clusters the template is left alone.
pub fn pod(template: Object, items: &[StatusItem]) -> Result<Object> {
    if items.is_empty() {
        return Ok(template);
    }
    let (mut containers, mut init_containers) = (Vec::new(), Vec::new());
    for (cluster, status) in statuses(items) {
        let status = Cursor::of_value(status);
        let wrong = |error| of_cluster(cluster, error);
        for (field, all) in [("containerStatuses", &mut containers), ("initContainerStatuses", &mut init_containers)] {
            for container in status.items(&[field]).map_err(wrong)? {
                let ready = container.bool(&["ready"]).map_err(wrong)?.unwrap_or_default();
                let state = container.map(&["state"]).map_err(wrong)?.cloned().unwrap_or_default();
                all.push(json!({
                    "name": "", "image": "", "imageID": "", "restartCount": 0, "lastState": {},
                    "ready": ready, "state": state,
                }));
            }
        }
    }
    let mut status = Map::new();
    let phase = worst(items, &["Failed", "Pending", "Running", "Succeeded"])?;
    if !phase.is_empty() {
        status.insert("phase".to_owned(), phase.into());
    }
    for (field, all) in [("containerStatuses", containers), ("initContainerStatuses", init_containers)] {
        if !all.is_empty() {
            status.insert(field.to_owned(), Value::Array(all));
        }
    }
    Ok(with_status(template, Value::Object(status)))
}

/// The worst phase: Failed, Pending, Available, Bound, Released.
pub fn volume(template: Object, items: &[StatusItem]) -> Result<Object> {
    let phase = worst(items, &["Failed", "Pending", "Available", "Bound", "Released"])?;
    Ok(with_status(template, if phase.is_empty() { json!({}) } else { json!({"phase": phase}) }))
}

/// Lost when any is, otherwise the last phase that is not Bound, otherwise Bound.
pub fn volume_claim(template: Object, items: &[StatusItem]) -> Result<Object> {
    let mut result = "Bound";
    for (cluster, status) in statuses(items) {
        match phase(status, cluster)? {
            "Lost" => {
                result = "Lost";
                break;
            }
            "Bound" => {}
            other => result = other,
        }
    }
    let status = if result.is_empty() { json!({}) } else { json!({"phase": result}) };
    Ok(with_status(template, status))
}

/// The sums of the numbers, and the disrupted pods under `<cluster>/<pod>`.
pub fn disruption_budget(template: Object, items: &[StatusItem]) -> Result<Object> {
    let mut sums = [0_i64; BUDGET.len()];
    let mut disrupted = Map::new();
    for (cluster, status) in statuses(items) {
        let member = Cursor::of_value(status);
        for (field, sum) in BUDGET.iter().zip(&mut sums) {
            *sum = sum.saturating_add(int(&member, field, cluster)?);
        }
        for (pod, at) in member.strings(&["disruptedPods"]).map_err(|error| of_cluster(cluster, error))? {
            disrupted.insert(format!("{cluster}/{pod}"), at.into());
        }
    }
    let mut status: Map<String, Value> =
        BUDGET.iter().zip(sums).map(|(field, sum)| ((*field).to_owned(), sum.into())).collect();
    if !disrupted.is_empty() {
        status.insert("disruptedPods".to_owned(), Value::Object(disrupted));
    }
    Ok(with_status(template, Value::Object(status)))
}

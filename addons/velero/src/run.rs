//! Backup and Restore: kinds that run once.

use std::collections::BTreeMap;

use outrigger_interpreter::{Answer, Dependency, Error, HealthReport, Interpreter, StatusItem, Support};
use outrigger_object::Object;
use serde_json::{Map, Value};

use crate::{
    merge::Statuses,
    phase::{Stage, by_cluster, combine, health},
};

/// Teaches a kind that runs once.
pub struct Run {
    name: &'static str,
    support: Vec<Support>,
    /// Integers that are summed.
    sums: &'static [&'static [&'static str]],
    /// The reference to a ConfigMap that must be beside it.
    config_map: &'static [&'static str],
}

impl Run {
    /// Backup.
    pub fn backup(support: Vec<Support>) -> Self {
        Self {
            name: "velero/Backup",
            support,
            sums: &[
                &["warnings"],
                &["errors"],
                &["progress", "totalItems"],
                &["progress", "itemsBackedUp"],
                &["volumeSnapshotsAttempted"],
                &["volumeSnapshotsCompleted"],
                &["csiVolumeSnapshotsAttempted"],
                &["csiVolumeSnapshotsCompleted"],
                &["backupItemOperationsAttempted"],
                &["backupItemOperationsCompleted"],
                &["backupItemOperationsFailed"],
                &["hookStatus", "hooksAttempted"],
                &["hookStatus", "hooksFailed"],
            ],
            config_map: &["spec", "resourcePolicy"],
        }
    }

    /// Restore.
    pub fn restore(support: Vec<Support>) -> Self {
        Self {
            name: "velero/Restore",
            support,
            sums: &[
                &["warnings"],
                &["errors"],
                &["progress", "totalItems"],
                &["progress", "itemsRestored"],
                &["restoreItemOperationsAttempted"],
                &["restoreItemOperationsCompleted"],
                &["restoreItemOperationsFailed"],
                &["hookStatus", "hooksAttempted"],
                &["hookStatus", "hooksFailed"],
            ],
            config_map: &["spec", "resourceModifier"],
        }
    }

    fn aggregate(&self, mut template: Object, items: &[StatusItem]) -> Result<Object, Error> {
        let statuses = Statuses::read(items)?;
        let before = template.str(&["status", "phase"]).unwrap_or_default().to_owned();
        let stages = stages(items)?;
        let Some(phase) = combine(&stages, &before) else { return Ok(template) };

        let mut status = Object::default();
        status.set(&["phase"], phase);
        for path in self.sums {
            if let Some(sum) = statuses.sum(path)? {
                status.set(path, sum);
            }
        }
        if let Some(time) = statuses.earliest(&["startTimestamp"])? {
            status.set(&["startTimestamp"], time);
        }
        if let Some(time) = statuses.earliest(&["expiration"])? {
            status.set(&["expiration"], time);
        }
        if stages.iter().all(|stage| stage.is_terminal())
            && let Some(time) = statuses.latest(&["completionTimestamp"])?
        {
            status.set(&["completionTimestamp"], time);
        }
        let problems = statuses.prefixed(&["validationErrors"])?;
        if !problems.is_empty() {
            status.set(&["validationErrors"], problems);
        }
        let reasons: BTreeMap<&str, String> = statuses
            .strings(&["failureReason"])?
            .into_iter()
            .map(|(cluster, text)| (cluster, text.to_owned()))
            .collect();
        if !reasons.is_empty() {
            status.set(&["failureReason"], by_cluster(&reasons));
        }
        for path in [&["version"], &["formatVersion"]] {
            if let Some(value) = same(items, path) {
                status.set(path, value);
            }
        }
        if Stage::of(&before).is_some_and(Stage::is_terminal) && before == phase {
            keep_what_is_known(&mut status.0, template.status());
        }
        template.set(&["status"], status.into_value());
        Ok(template)
    }
}

/// The stage of every item; those without a status have not been heard of.
fn stages(items: &[StatusItem]) -> Result<Vec<Stage>, Error> {
    let stage = |item: &StatusItem| match item.status.as_ref().and_then(|status| status.get("phase")) {
        None | Some(Value::Null) => Ok(Stage::Unreported),
        Some(phase) => phase.as_str().and_then(Stage::of).ok_or_else(|| {
            Error::invalid(format!("cluster {}: status.phase {phase} is not a phase of Velero's", item.cluster_name))
        }),
    };
    items.iter().map(stage).collect()
}

/// The value at a path of the status, when all members that have one agree.
fn same(items: &[StatusItem], path: &[&str]) -> Option<Value> {
    let mut values = items.iter().filter_map(|item| {
        path.iter().try_fold(item.status.as_ref()?, |value, name| value.get(*name)).filter(|value| !value.is_null())
    });
    let first = values.next()?;
    values.all(|value| value == first).then(|| first.clone())
}

/// After the end, a member that fell silent takes nothing away from what was shown.
fn keep_what_is_known(status: &mut Map<String, Value>, before: Option<&Value>) {
    for (name, value) in before.and_then(Value::as_object).into_iter().flatten() {
        match (status.get_mut(name), value) {
            (None, _) => {
                status.insert(name.clone(), value.clone());
            }
            (Some(Value::Number(new)), Value::Number(old)) if new.as_i64() < old.as_i64() => *new = old.clone(),
            (Some(Value::Object(new)), Value::Object(_)) => keep_what_is_known(new, Some(value)),
            _ => {}
        }
    }
}

impl Interpreter for Run {
    fn name(&self) -> &str {
        self.name
    }

    fn supports(&self) -> Vec<Support> {
        self.support.clone()
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        self.aggregate(template, items).into()
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        Answer::Value(config_map(object, self.config_map).into_iter().collect())
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        object.status().map_or(Answer::NotHandled, |status| Answer::Value(status.clone()))
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        match object.get(&["status", "phase"]) {
            None | Some(Value::Null) => Answer::Value(health("")),
            Some(Value::String(phase)) => Answer::Value(health(phase)),
            Some(other) => Answer::Failed(Error::invalid(format!("status.phase should be a string and is {other}"))),
        }
    }
}

/// The ConfigMap that a reference at `path` names.
pub fn config_map(object: &Object, path: &[&str]) -> Option<Dependency> {
    let reference = object.get(path)?;
    let kind = reference.get("kind").and_then(Value::as_str)?;
    let name = reference.get("name").and_then(Value::as_str).filter(|name| !name.is_empty())?;
    kind.eq_ignore_ascii_case("configmap").then(|| Dependency {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: object.namespace().to_owned(),
        name: name.to_owned(),
        label_selector: None,
    })
}

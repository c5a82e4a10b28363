//! How a manifest came about, step by step.

use outrigger_engine::declarative::Change;
use outrigger_object::{Object, diff};
use serde::Serialize;
use serde_json::Value;

/// What has made a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "by")]
pub enum By {
    /// The scheduler's number of replicas.
    #[serde(rename_all = "camelCase")]
    Replicas {
        /// How many this cluster has.
        replicas: i64,
        /// The interpreter that wrote them.
        interpreter: String,
    },
    /// The share of a Job's completions.
    Completions,
    /// An interpreter's own fitting to the cluster.
    #[serde(rename_all = "camelCase")]
    Interpreter {
        /// Its name.
        interpreter: String,
    },
    /// An addon's template.
    Addon {
        /// Its name.
        addon: String,
        /// The expressions, by the field that they gave.
        expressions: Vec<(String, String)>,
    },
    /// An override policy.
    Override {
        /// Its kind: OverridePolicy or ClusterOverridePolicy.
        kind: String,
        /// Its namespace and name, or name.
        policy: String,
        /// The rule in it, from 0.
        rule: usize,
    },
    /// The marks that lead back to the control plane; fields that belong to it are left out.
    Marks,
}

/// One step, and what it changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceStep {
    /// What has made it.
    #[serde(flatten)]
    pub by: By,
    /// The fields that it changed; none where it came to what was there.
    pub changes: Vec<FieldChange>,
}

/// A field that has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its path.
    pub path: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Hears of every step.
pub(crate) trait Trace {
    /// A step was made, and this is the object now.
    fn step(&mut self, by: By, object: &Object);

    /// An addon's template was applied.
    fn tailored(&mut self, addon: &str, changes: &[Change], object: &Object) {
        let expressions =
            changes.iter().filter_map(|change| Some((change.path.clone(), change.expression.clone()?))).collect();
        self.step(By::Addon { addon: addon.to_owned(), expressions }, object);
    }
}

/// Nobody asks.
pub(crate) struct Untraced;

impl Trace for Untraced {
    fn step(&mut self, _: By, _: &Object) {}

    fn tailored(&mut self, _: &str, _: &[Change], _: &Object) {}
}

/// Keeps all steps.
pub(crate) struct Recorded {
    before: Object,
    pub(crate) steps: Vec<TraceStep>,
}

impl Recorded {
    /// Begins with the template.
    pub(crate) fn new(template: &Object) -> Self {
        Self { before: template.clone(), steps: Vec::new() }
    }
}

impl Trace for Recorded {
    fn step(&mut self, by: By, object: &Object) {
        let (before, after) = (self.before.clone().into_value(), object.clone().into_value());
        self.steps.push(TraceStep { by, changes: changes(&before, &after) });
        self.before = object.clone();
    }
}

/// The fields in which two objects differ.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let change = |one: diff::Difference| FieldChange { path: one.path, before: one.left, after: one.right };
    diff::differences(before, after).into_iter().map(change).collect()
}

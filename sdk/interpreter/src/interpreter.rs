//! The [`Interpreter`] trait.

use std::borrow::Cow;

use outrigger_object::{Gvk, Object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Answer, ClusterFacts, Component, Dependency, HealthReport, LifeCycle, Question, ReplicaInfo, StatusItem};

/// The questions that can be asked of a kind. The first eight are Karmada's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[repr(u8)]
pub enum Operation {
    /// How many replicas does it ask for, and what does each need?
    InterpretReplica,
    /// The same for objects with several pod templates.
    InterpretComponent,
    /// Write a number of replicas into it.
    ReviseReplica,
    /// Keep what the member may change.
    Retain,
    /// One status out of those of all clusters.
    AggregateStatus,
    /// What must be beside it?
    InterpretDependency,
    /// Which part of its status is worth reporting?
    InterpretStatus,
    /// Does it do what it is for?
    InterpretHealth,
    /// Fit it to one cluster (Outrigger's own): applied before overrides.
    Localize,
}

impl Operation {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::InterpretReplica,
        Self::InterpretComponent,
        Self::ReviseReplica,
        Self::Retain,
        Self::AggregateStatus,
        Self::InterpretDependency,
        Self::InterpretStatus,
        Self::InterpretHealth,
        Self::Localize,
    ];
}

/// A set of operations; in JSON, the list of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Operation>", into = "Vec<Operation>")]
pub struct Operations(u16);

impl Operations {
    /// Whether an operation is in the set.
    pub fn contains(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u8) != 0
    }

    /// Whether there is no operation in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with one more operation.
    #[must_use]
    pub fn with(self, operation: Operation) -> Self {
        Self(self.0 | 1 << operation as u8)
    }

    /// The set with one operation less.
    #[must_use]
    pub fn without(self, operation: Operation) -> Self {
        Self(self.0 & !(1 << operation as u8))
    }
}

impl From<Vec<Operation>> for Operations {
    fn from(operations: Vec<Operation>) -> Self {
        operations.into_iter().collect()
    }
}

impl From<Operations> for Vec<Operation> {
    fn from(operations: Operations) -> Self {
        Operation::ALL.into_iter().filter(|operation| operations.contains(*operation)).collect()
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations.into_iter().fold(Self::default(), Self::with)
    }
}

/// A kind that an interpreter supports, and how far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Support {
    /// The kind.
    pub gvk: Gvk,
    /// The operations that it may answer. The host asks it nothing else.
    pub operations: Operations,
    /// The life cycle of the kind, where this interpreter knows it.
    #[serde(default)]
    pub life_cycle: Option<LifeCycle>,
    /// The kind's controllers copy labels and annotations onto what they make or store, so the host
    /// writes none of its own onto objects in members. (A Velero Schedule copies them onto Backups,
    /// and those carry them through the bucket into other clusters.)
    #[serde(default)]
    pub unmarked: bool,
}

/// Teaches the host one or more kinds. Every method may be called from any thread; none may block.
///
/// Objects that are changed are taken and given back by value, so that an implementation edits in
/// place. A method for an operation that [`supports`](Self::supports) does not list is never called.
#[allow(unused_variables)]
pub trait Interpreter: Send + Sync + 'static {
    /// A name for people, such as `native/Deployment` or `velero/Backup`.
    fn name(&self) -> &str;

    /// Kinds and operations, asked once when the interpreter is installed.
    fn supports(&self) -> Vec<Support>;

    /// Whether the interpreter knows kinds by a rule as well as by a list, such as a webhook for all
    /// kinds of a group: then [`supports_kind`](Self::supports_kind) is asked.
    fn is_open(&self) -> bool {
        false
    }

    /// The operations that an open interpreter may answer for a kind that [`supports`](Self::supports)
    /// does not list. Asked once per kind; install the interpreter again when the rule changes.
    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        Operations::default()
    }

    /// The rule by which it answers a question, for people and tools, where it goes by several rules. Asked
    /// after the question itself, so it may work the answer out anew.
    fn rule(&self, question: &Question<'_>) -> Option<Cow<'static, str>> {
        None
    }

    /// [`Operation::InterpretReplica`].
    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        Answer::NotHandled
    }

    /// [`Operation::InterpretComponent`].
    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        Answer::NotHandled
    }

    /// [`Operation::ReviseReplica`].
    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        Answer::NotHandled
    }

    /// [`Operation::Retain`]: `desired` with what `observed`, the object in the member, keeps.
    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        Answer::NotHandled
    }

    /// [`Operation::AggregateStatus`]: `template` with its status made from those of the clusters.
    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        Answer::NotHandled
    }

    /// [`Operation::InterpretDependency`].
    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        Answer::NotHandled
    }

    /// [`Operation::InterpretStatus`]: what of the member's object is reported to the hub.
    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        Answer::NotHandled
    }

    /// [`Operation::InterpretHealth`].
    fn health(&self, object: &Object) -> Answer<HealthReport> {
        Answer::NotHandled
    }

    /// [`Operation::Localize`]: the template as it should be in one cluster.
    fn localize(&self, object: Object, cluster: &ClusterFacts) -> Answer<Object> {
        Answer::NotHandled
    }

    /// Whether a RunOnce object has started in its member: from then on its spec is left alone.
    fn has_started(&self, observed: &Object) -> bool {
        observed.status().and_then(Value::as_object).is_some_and(|status| !status.is_empty())
    }
}

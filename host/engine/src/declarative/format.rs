//! The form of a declarative interpreter, as it is written.
//!
//! Keys that are not listed here are errors, except in `metadata` and `status`, which belong to the API
//! server when the interpreter is an object there.

mod aggregate;
mod localize;
mod replicas;
mod rules;

use outrigger_interpreter::LifeCycle;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

pub use self::{
    aggregate::{AggregateStatus, Field, Op, Part},
    localize::Assignment,
    replicas::{Claim, Component, Replicas, Resource, ReviseReplica},
    rules::{ConditionMatch, Dependency, HealthRule, Merge, Retain, RetainRule, Status, StatusField},
};

/// `apiVersion` of an interpreter.
pub const API_VERSION: &str = "interpreters.outrigger.io/v1alpha1";
/// `kind` of an interpreter.
pub const KIND: &str = "Interpreter";

/// A path or an expression, with its place in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Text(pub Spanned<String>);

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

/// An interpreter for one kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Interpreter {
    /// `interpreters.outrigger.io/v1alpha1`.
    pub api_version: Text,
    /// `Interpreter`.
    pub kind: Text,
    /// Name and what else an API server keeps there.
    pub metadata: Metadata,
    /// The rules.
    pub spec: Spec,
    /// Written by the host; not read.
    #[serde(default)]
    pub status: Option<Map<String, Value>>,
}

/// Metadata; only the name is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Metadata {
    /// Name of the interpreter.
    pub name: String,
}

/// The rules for a kind: one block per operation, and none for an operation that is not handled.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The kind.
    pub target: Target,
    /// How objects of the kind live on members.
    #[serde(default)]
    pub life_cycle: Option<LifeCycle>,
    /// CEL: whether an object of life cycle RunOnce has started. Without it, that is whether it has a status.
    #[serde(default)]
    pub started: Option<Text>,
    /// InterpretReplica.
    #[serde(default)]
    pub replicas: Option<Replicas>,
    /// InterpretComponent: the components of an object that has several, in order.
    #[serde(default)]
    pub components: Option<Vec<Component>>,
    /// ReviseReplica.
    #[serde(default)]
    pub revise_replica: Option<ReviseReplica>,
    /// Retain.
    #[serde(default)]
    pub retain: Option<Retain>,
    /// AggregateStatus.
    #[serde(default)]
    pub aggregate_status: Option<AggregateStatus>,
    /// InterpretDependency.
    #[serde(default)]
    pub dependencies: Option<Vec<Dependency>>,
    /// InterpretStatus.
    #[serde(default)]
    pub status: Option<Status>,
    /// InterpretHealth: the first rule that holds decides; when none does, health is Unknown.
    #[serde(default)]
    pub health: Option<Vec<HealthRule>>,
    /// Localize, which Karmada has not: what is different in each cluster, in order. It comes after the number of
    /// replicas and before override policies.
    #[serde(default)]
    pub localize: Option<Vec<Assignment>>,
    /// Cases that the interpreter must pass before it is used, in the form of case files.
    #[serde(default)]
    pub cases: Option<Vec<Map<String, Value>>>,
}

/// A kind, and others that live by the same rules. An interpreter that lists a kind goes before one that
/// knows it by a `*`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Other groups with the same rules; `*.example.com` is every group below that name.
    #[serde(default)]
    pub also_groups: Vec<String>,
    /// Other versions in which objects have the same form; `*` is any.
    #[serde(default)]
    pub also_versions: Vec<String>,
    /// Other kinds with the same rules, in each of the versions; `*` is any.
    #[serde(default)]
    pub also_kinds: Vec<String>,
}

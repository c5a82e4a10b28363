//! The form of a declarative interpreter, as it is written.
//!
//! Keys that are not listed here are errors, except in `metadata` and `status`, which belong to the API
//! server when the interpreter is an object there.

use outrigger_interpreter::{Health, LifeCycle};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

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
    /// InterpretHealth: the first rule whose condition holds decides; when none does, health is Unknown.
    #[serde(default)]
    pub health: Option<Vec<HealthRule>>,
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

/// How many replicas, and what each needs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replicas {
    /// The field with the number.
    pub path: Text,
    /// The number when the field is missing; 0 without it.
    #[serde(default)]
    pub default: i64,
    /// The field with the pod template.
    #[serde(default)]
    pub pod_template: Option<Text>,
    /// The field with the pod spec, for kinds that have no template around it.
    #[serde(default)]
    pub pod_spec: Option<Text>,
}

/// Where a number of replicas is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviseReplica {
    /// The field.
    pub path: Text,
}

/// Fields that the member's object keeps, where it has them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retain {
    /// The fields.
    pub paths: Vec<Text>,
}

/// One status out of those of all clusters. Fields that are not named are left alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AggregateStatus {
    /// The fields.
    pub fields: Vec<Field>,
}

/// One field of the aggregated status.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// The field in the template's status, without `status` itself.
    pub path: Text,
    /// Where the value is in a member's status; the same field without it. May find several values.
    #[serde(default)]
    pub from: Option<Text>,
    /// How values become one.
    pub op: Op,
    /// For `worst`: the values, worst first. Others do not count.
    #[serde(default)]
    pub order: Option<Vec<String>>,
    /// For `worst`: the value of a cluster that has not reported a status.
    #[serde(default)]
    pub unreported: Option<String>,
    /// For `count`: count only this value.
    #[serde(default)]
    pub equal: Option<Value>,
    /// For `mergeConditions`: types of conditions that are bad when True.
    #[serde(default)]
    pub negative: Option<Vec<String>>,
    /// The value when clusters report, but none has the field.
    #[serde(default)]
    pub default: Option<Value>,
    /// The value while no cluster reports.
    #[serde(default)]
    pub initial: Option<Value>,
}

/// How the values of clusters become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Op {
    /// Their sum; 0 without any.
    Sum,
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
    /// The earliest time.
    Earliest,
    /// The latest time.
    Latest,
    /// The first, in the order of the clusters.
    First,
    /// The last, in the order of the clusters.
    Last,
    /// The value that all have; nothing when they differ.
    AllEqual,
    /// How many there are.
    Count,
    /// The first of `order` that any has.
    Worst,
    /// Conditions by type: good where it is good everywhere, with the reasons and messages of those that
    /// make it bad.
    MergeConditions,
    /// A list of all different ones; lists are taken apart.
    Union,
    /// A list of all; lists are taken apart.
    Concat,
    /// The template's generation, once every cluster's controller has seen an object made from it; until
    /// then what the template has. Reads `generation`, `observedGeneration` and `resourceTemplateGeneration` of the
    /// members' statuses.
    ObservedGeneration,
}

/// Objects that must be beside this one. Either a kind with a name, or all that a pod needs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependency {
    /// `apiVersion` of the objects.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Kind of the objects.
    #[serde(default)]
    pub kind: Option<String>,
    /// The field, or fields, with their names.
    #[serde(default)]
    pub name: Option<Text>,
    /// The field with their namespace; the object's own without it, or where it is missing.
    #[serde(default)]
    pub namespace: Option<Text>,
    /// Whether the kind has no namespaces.
    #[serde(default)]
    pub cluster_scoped: bool,
    /// Whether the field may be missing; true without it.
    #[serde(default)]
    pub optional: Option<bool>,
    /// The field with a pod template: its ConfigMaps, Secrets, claims and ServiceAccount.
    #[serde(default)]
    pub pod_template: Option<Text>,
    /// The same for a pod spec.
    #[serde(default)]
    pub pod_spec: Option<Text>,
}

/// What of a member's status is reported.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Fields of the status, without `status` itself.
    pub paths: Vec<Text>,
    /// Also report the object's generation, and that of the template it was made from, as `generation` and
    /// `resourceTemplateGeneration`.
    #[serde(default)]
    pub generations: bool,
}

/// One rule of health.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthRule {
    /// CEL over `object`, `metadata`, `spec` and `status`; true without it. A field that is missing makes it
    /// false.
    #[serde(default)]
    pub when: Option<Text>,
    /// The verdict.
    pub health: Health,
    /// CamelCase word.
    #[serde(default)]
    pub reason: String,
    /// The field with the word, if it is there.
    #[serde(default)]
    pub reason_from: Option<Text>,
    /// A sentence.
    #[serde(default)]
    pub message: String,
    /// The field with the sentence, if it is there.
    #[serde(default)]
    pub message_from: Option<Text>,
}

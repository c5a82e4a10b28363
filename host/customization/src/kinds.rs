//! The kinds Interpreter and InterpreterReport, and their CustomResourceDefinitions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use outrigger_addon::Crd;
use outrigger_engine::declarative::format;
use outrigger_object::{Gvk, Object, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::source::{Key, Kind};

/// Condition: the object compiles.
pub const COMPILED: &str = "Compiled";
/// Condition: the cases that it brings pass.
pub const CASES_PASSED: &str = "CasesPassed";
/// Condition: this generation answers.
pub const IN_USE: &str = "InUse";
/// Condition: another one of its layer answers some questions in its place.
pub const CONFLICTS: &str = "Conflicts";

const GROUP: &str = "interpreters.outrigger.io";
const VERSION: &str = "v1alpha1";

/// A declarative interpreter as an object of the control plane.
#[derive(Clone, Debug, JsonSchema)]
pub struct Interpreter {
    /// The rules for one kind.
    #[allow(dead_code)]
    pub spec: format::Spec,
    /// What became of them.
    #[allow(dead_code)]
    pub status: Option<Status>,
}

/// What became of an object whose own kind has no status.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct InterpreterReport {
    /// What is reported on.
    pub spec: ReportSpec,
    /// What became of it.
    #[serde(default)]
    pub status: Status,
}

/// What is reported on.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct ReportSpec {
    /// The object.
    pub source: Source,
}

/// Names an object.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What became of an interpreter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation that the conditions are about.
    pub observed_generation: i64,
    /// Compiled, CasesPassed, InUse, Conflicts.
    #[schemars(with = "Vec<ConditionForm>")]
    pub conditions: Vec<Condition>,
    /// The kinds that it answers for, as `group/version/Kind`.
    pub kinds: Vec<String>,
    /// The operations that it answers.
    pub operations: Vec<String>,
    /// How often it was asked by this control plane, since its start.
    pub calls: i64,
    /// How often it failed.
    pub failures: i64,
    /// Microseconds that an answer took, on average.
    pub average_micros: i64,
    /// Its last failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_failure: String,
    /// What is used while the newest generation is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
}

/// An earlier state of an object.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct LastGood {
    /// Its generation.
    pub generation: i64,
    /// Its `spec`, or its `webhooks`.
    #[schemars(schema_with = "anything")]
    pub body: Value,
}

/// The form of a `meta/v1` Condition.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct ConditionForm {
    /// Type.
    r#type: String,
    /// True, False or Unknown.
    status: String,
    /// CamelCase word.
    reason: String,
    /// Sentence.
    message: String,
    /// When the status last changed.
    #[schemars(extend("format" = "date-time"))]
    last_transition_time: String,
    /// The generation that it is about.
    observed_generation: Option<i64>,
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// The resource of reports.
pub fn report() -> Resource {
    Resource {
        gvk: Gvk::new(GROUP, VERSION, "InterpreterReport"),
        plural: "interpreterreports".to_owned(),
        namespaced: false,
        has_status: true,
        has_scale: false,
    }
}

/// The name of the report on an object.
pub fn report_name(key: &Key) -> String {
    let short = if key.kind == Kind::Webhook { "webhook" } else { "customization" };
    format!("{short}.{}", key.name)
}

/// The report on an object, without status. It goes when the object goes.
pub fn new_report(key: &Key, object: &Object) -> Object {
    let mut report = Object::default();
    report.set(&["apiVersion"], format!("{GROUP}/{VERSION}"));
    report.set(&["kind"], "InterpreterReport");
    report.set(&["metadata", "name"], report_name(key));
    report.set_owner_reference(&object.as_owner(false, false));
    let source = json!({"apiVersion": object.api_version(), "kind": object.kind(), "name": object.name()});
    report.set(&["spec", "source"], source);
    report
}

/// What a report is about.
pub fn reported(report: &Object) -> Option<Key> {
    let kind = report.str(&["spec", "source", "kind"])?;
    let kind = Kind::ALL.into_iter().find(|one| one.resource().gvk.kind == kind)?;
    Some(Key::new(kind, report.str(&["spec", "source", "name"])?))
}

type Column = (&'static str, &'static str, &'static str);

const USED: Column = ("InUse", "string", ".status.conditions[?(@.type==\"InUse\")].status");
const CALLS: Column = ("Calls", "integer", ".status.calls");
const FAILURES: Column = ("Failures", "integer", ".status.failures");
const AGE: Column = ("Age", "date", ".metadata.creationTimestamp");

/// The CustomResourceDefinitions of this group.
pub fn crds() -> Vec<Object> {
    let base = Crd {
        group: GROUP,
        version: VERSION,
        kind: "",
        plural: "",
        namespaced: false,
        short_names: &[],
        status_subresource: true,
        columns: &[],
    };
    let interpreter = Crd {
        kind: "Interpreter",
        plural: "interpreters",
        columns: &[
            ("Api-Version", "string", ".spec.target.apiVersion"),
            ("Kind", "string", ".spec.target.kind"),
            USED,
            CALLS,
            FAILURES,
            AGE,
        ],
        ..base.clone()
    };
    let report = Crd {
        kind: "InterpreterReport",
        plural: "interpreterreports",
        columns: &[
            ("Source-Kind", "string", ".spec.source.kind"),
            ("Source", "string", ".spec.source.name"),
            USED,
            CALLS,
            FAILURES,
            AGE,
        ],
        ..base
    };
    vec![interpreter.build::<Interpreter>(), report.build::<InterpreterReport>()]
}

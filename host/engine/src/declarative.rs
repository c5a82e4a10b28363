//! Interpreters written as data: paths and CEL in YAML, and Lua where those are not enough.
//!
//! ```yaml
//! apiVersion: interpreters.outrigger.io/v1alpha1
//! kind: Interpreter
//! metadata: {name: widgets.example.com}
//! spec:
//!   target: {apiVersion: example.com/v1, kind: Widget}
//!   replicas: {path: spec.replicas, podTemplate: spec.template}
//!   reviseReplica: {path: spec.replicas}
//!   aggregateStatus:
//!     fields:
//!     - {path: replicas, op: sum}
//!     - {path: phase, op: worst, order: [Failed, Pending, Ready]}
//!   health:
//!   - {when: 'status.phase == "Ready"', health: Healthy}
//!   - {health: Unhealthy, reason: Progressing}
//! ```
//!
//! [`format`] is the form of the YAML, and says what each block means. Everything in it is compiled once,
//! by [`Declarative::parse`], which gives an error with line and column for a key that is unknown, a path or
//! an expression that does not parse, and a combination that means nothing.
//!
//! Paths are JSONPath (RFC 9535); the leading `$.` may be left out. One that can name only one place becomes
//! a plain walk, and fails where it meets a value of another type than it needs.
//!
//! **Invariant:** an operation without a block is not handled.

mod aggregate;
mod cel;
mod compile;
mod dependencies;
pub mod format;
mod health;
mod localize;
pub mod mentions;
mod path;
mod replicas;
mod retain;
mod scripts;
mod status;
mod target;

#[cfg(test)]
mod tests;

pub use self::{
    cel::reads as cel_reads,
    localize::{Assignments, Change},
};

use std::sync::Arc;

use outrigger_interpreter::{
    Answer, ClusterFacts, Component, Dependency, Error, ErrorKind, HealthReport, Interpreter, LifeCycle, Operation,
    Operations, ReplicaInfo, StatusItem, Support,
};
use outrigger_object::{Gvk, Object};
use serde::Deserialize;
use serde_json::{Value, json};

use self::cel::Expression;
pub(crate) use self::target::Targets;
use crate::{LoadError, cases::Case, error::yaml_options};

/// An interpreter compiled from YAML.
#[derive(Debug)]
pub struct Declarative {
    name: String,
    targets: Targets,
    life_cycle: Option<LifeCycle>,
    started: Option<Expression>,
    replicas: Option<replicas::Replicas>,
    components: Option<Vec<replicas::Entry>>,
    revise: Option<replicas::Revise>,
    retain: Option<Vec<retain::Keep>>,
    aggregate: Option<aggregate::Aggregate>,
    dependencies: Option<Vec<dependencies::Entry>>,
    status: Option<status::Reflect>,
    health: Option<Vec<health::Rule>>,
    localize: Option<Assignments>,
    scripts: scripts::Scripts,
}

type Result<T> = std::result::Result<T, Error>;

impl Declarative {
    /// Compiles an interpreter. `source` names where the text comes from, in errors.
    pub fn parse(source: &str, yaml: &str) -> std::result::Result<Arc<dyn Interpreter>, LoadError> {
        let read: format::Interpreter = serde_saphyr::from_str_with_options(yaml, yaml_options())
            .map_err(|error| LoadError::of_yaml(source, &error))?;
        Ok(Arc::new(compile::interpreter(source, read)?))
    }

    /// Compiles an interpreter that is an object in an API server. `source` names it in errors, which have no
    /// line then.
    pub fn from_object(source: &str, object: &Object) -> std::result::Result<Arc<dyn Interpreter>, LoadError> {
        let kept: serde_json::Map<String, Value> = ["apiVersion", "kind", "spec"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), object.0.get(name)?.clone())))
            .chain([("metadata".to_owned(), json!({"name": object.name()}))])
            .collect();
        Self::parse(source, &Value::Object(kept).to_string())
            .map_err(|error| LoadError::at(source, (0, 0), error.message()))
    }

    fn operations(&self) -> Operations {
        let operations = [
            (self.replicas.is_some(), Operation::InterpretReplica),
            (self.components.is_some(), Operation::InterpretComponent),
            (self.revise.is_some(), Operation::ReviseReplica),
            (self.retain.is_some(), Operation::Retain),
            (self.aggregate.is_some(), Operation::AggregateStatus),
            (self.dependencies.is_some(), Operation::InterpretDependency),
            (self.status.is_some(), Operation::InterpretStatus),
            (self.health.is_some(), Operation::InterpretHealth),
            (self.localize.is_some(), Operation::Localize),
        ];
        operations
            .into_iter()
            .filter_map(|(has, operation)| has.then_some(operation))
            .fold(self.scripts.operations(), Operations::with)
    }
}

/// An error with the path in front at which its own begins.
fn within(path: &str, error: &Error) -> Error {
    let message = format!("{path}: {error}");
    match error.kind() {
        ErrorKind::Limit => Error::limit(message),
        ErrorKind::Internal => Error::internal(message),
        ErrorKind::Invalid => Error::invalid(message),
    }
}

/// The cases that an interpreter in an API server carries in `spec.cases`.
pub fn cases_of(source: &str, object: &Object) -> std::result::Result<Vec<Case>, LoadError> {
    let cases = match object.get(&["spec", "cases"]) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(cases) => cases.as_array(),
    };
    let cases = cases.ok_or_else(|| LoadError::at(source, (0, 0), "spec.cases is not a list"))?;
    let read = |(index, case)| {
        Case::deserialize(case)
            .map_err(|error| LoadError::at(source, (0, 0), format_args!("spec.cases[{index}]: {error}")))
    };
    cases.iter().enumerate().map(read).collect()
}

/// The JSON Schema of the format, for editors.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(format::Interpreter).to_value();
    if let Some(map) = schema.as_object_mut() {
        map.insert("$id".to_owned(), "https://outrigger.io/schemas/interpreter-v1alpha1.json".into());
    }
    schema
}

impl Interpreter for Declarative {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self) -> Vec<Support> {
        let (operations, life_cycle) = (self.operations(), self.life_cycle);
        self.targets.listed().map(|gvk| Support { gvk, operations, life_cycle, unmarked: false }).collect()
    }

    fn is_open(&self) -> bool {
        self.targets.is_open()
    }

    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        if self.targets.contain(gvk) { self.operations() } else { Operations::default() }
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        if let Some(answer) = self.scripts.replicas(object) {
            return answer;
        }
        answer(self.replicas.as_ref().map(|rule| rule.info(object, self.components.as_deref())))
    }

    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        if let Some(answer) = self.scripts.components(object) {
            return answer;
        }
        answer(self.components.as_ref().map(|entries| replicas::components(entries, object)))
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        if let Some(script) = self.scripts.of(Operation::ReviseReplica) {
            return script.revise_replicas(object, replicas).into();
        }
        answer(self.revise.as_ref().map(|rule| rule.apply(object, replicas)))
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        if let Some(script) = self.scripts.of(Operation::Retain) {
            return script.retain(desired, observed).into();
        }
        answer(self.retain.as_ref().map(|rules| retain::apply(rules, desired, observed)))
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        if let Some(script) = self.scripts.of(Operation::AggregateStatus) {
            return script.aggregate_status(template, (!items.is_empty()).then_some(items)).into();
        }
        answer(self.aggregate.as_ref().map(|rule| rule.template(template, items)))
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        if let Some(answer) = self.scripts.dependencies(object) {
            return answer;
        }
        answer(self.dependencies.as_ref().map(|entries| dependencies::all(entries, object)))
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        if let Some(answer) = self.scripts.reflect_status(object) {
            return answer;
        }
        answer(self.status.as_ref().map(|rule| rule.of(object)))
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        if let Some(answer) = self.scripts.health(object) {
            return answer;
        }
        answer(self.health.as_ref().map(|rules| health::report(rules, object)))
    }

    fn localize(&self, object: Object, cluster: &ClusterFacts) -> Answer<Object> {
        answer(self.localize.as_ref().map(|entries| entries.apply(object, cluster, &Value::Null)))
    }

    fn has_started(&self, observed: &Object) -> bool {
        match &self.started {
            // An expression that cannot be evaluated must not let a started object be rewritten.
            Some(when) => cel::Scope::new(observed).holds(when).unwrap_or(true),
            None => observed.status().and_then(Value::as_object).is_some_and(|status| !status.is_empty()),
        }
    }
}

fn answer<T>(result: Option<Result<T>>) -> Answer<T> {
    result.map_or(Answer::NotHandled, Answer::from)
}

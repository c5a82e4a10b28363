//! Interpreters written as data: paths and CEL conditions in YAML.
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
pub mod format;
mod path;
mod target;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use outrigger_interpreter::{
    Answer, Dependency, Error, Health, HealthReport, Interpreter, LifeCycle, Operation, Operations, ReplicaInfo,
    ReplicaRequirements, StatusItem, Support,
};
use outrigger_object::{Gvk, Object, PodResources};
use serde_json::{Map, Value};

use self::{
    aggregate::Field,
    cel::Condition,
    path::{Path, Place},
    target::Targets,
};
use crate::{
    LoadError,
    error::yaml_options,
    native::{self, TEMPLATE_GENERATION},
};

/// An interpreter compiled from YAML.
#[derive(Debug)]
pub struct Declarative {
    name: String,
    targets: Targets,
    life_cycle: Option<LifeCycle>,
    started: Option<Condition>,
    replicas: Option<Replicas>,
    revise: Option<Place>,
    retain: Option<Vec<Place>>,
    aggregate: Option<Vec<Field>>,
    dependencies: Option<Vec<Needs>>,
    status: Option<Reflect>,
    health: Option<Vec<Rule>>,
}

#[derive(Debug)]
struct Replicas {
    path: Place,
    default: i64,
    pod_spec: Option<Vec<String>>,
}

/// One entry of `dependencies`.
#[derive(Debug)]
enum Needs {
    /// Everything that the pod spec at a path needs.
    Pod(Vec<String>),
    /// Objects of a kind, by the names that a path finds.
    Named {
        api_version: String,
        kind: String,
        name: Path,
        namespace: Option<Place>,
        cluster_scoped: bool,
        optional: bool,
    },
}

#[derive(Debug)]
struct Reflect {
    places: Vec<Place>,
    generations: bool,
}

#[derive(Debug)]
struct Rule {
    when: Option<Condition>,
    health: Health,
    reason: String,
    reason_from: Option<Place>,
    message: String,
    message_from: Option<Place>,
}

type Result<T> = std::result::Result<T, Error>;

impl Declarative {
    /// Compiles an interpreter. `source` names where the text comes from, in errors.
    pub fn parse(source: &str, yaml: &str) -> std::result::Result<Arc<dyn Interpreter>, LoadError> {
        let read: format::Interpreter = serde_saphyr::from_str_with_options(yaml, yaml_options())
            .map_err(|error| LoadError::of_yaml(source, &error))?;
        Ok(Arc::new(compile::interpreter(source, read)?))
    }

    fn operations(&self) -> Operations {
        let operations = [
            (self.replicas.is_some(), Operation::InterpretReplica),
            (self.revise.is_some(), Operation::ReviseReplica),
            (self.retain.is_some(), Operation::Retain),
            (self.aggregate.is_some(), Operation::AggregateStatus),
            (self.dependencies.is_some(), Operation::InterpretDependency),
            (self.status.is_some(), Operation::InterpretStatus),
            (self.health.is_some(), Operation::InterpretHealth),
        ];
        operations.into_iter().filter_map(|(has, operation)| has.then_some(operation)).collect()
    }

    fn replica_info(&self, rule: &Replicas, object: &Object) -> Result<ReplicaInfo> {
        let replicas = rule.path.int(object)?.unwrap_or(rule.default);
        let requirements = match &rule.pod_spec {
            None => None,
            Some(path) => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                ReplicaRequirements::of_pod(PodResources::of_spec(&object.cursor().at(&path)?)?)
            }
        };
        Ok(ReplicaInfo { replicas, requirements })
    }

    fn dependency_list(&self, all: &[Needs], object: &Object) -> Result<Vec<Dependency>> {
        let mut found = Vec::new();
        for needs in all {
            match needs {
                Needs::Pod(path) => {
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    found.extend(native::pod_dependencies(object, &path)?);
                }
                Needs::Named { api_version, kind, name, namespace, cluster_scoped, optional } => {
                    let names = name.find(object)?;
                    if names.is_empty() && !optional {
                        return Err(Error::invalid(format_args!("{name}: no name of a {kind}")));
                    }
                    let namespace = match namespace {
                        _ if *cluster_scoped => "",
                        None => object.namespace(),
                        Some(place) => place.str(object)?.unwrap_or(object.namespace()),
                    };
                    for value in names {
                        let text = value.as_str().ok_or_else(|| {
                            Error::invalid(format_args!("{name}: the name of a {kind} is not a string"))
                        })?;
                        found.push(Dependency {
                            api_version: api_version.clone(),
                            kind: kind.clone(),
                            namespace: namespace.to_owned(),
                            name: text.to_owned(),
                            label_selector: None,
                        });
                    }
                }
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn status_of(&self, rule: &Reflect, object: &Object) -> Result<Value> {
        let root = object.cursor();
        let mut reflected = Map::new();
        let Some(status) = object.0.get("status").filter(|status| !status.is_null()) else {
            return Ok(Value::Object(reflected));
        };
        root.map(&["status"])?;
        for place in &rule.places {
            if let Some(value) = place.find(status)? {
                place.put(&mut reflected, value.clone());
            }
        }
        if rule.generations {
            if let Some(generation) = root.int(&["metadata", "generation"])? {
                reflected.insert("generation".to_owned(), generation.into());
            }
            let annotation = root.str(&["metadata", "annotations", TEMPLATE_GENERATION])?;
            if let Some(generation) = annotation.and_then(|text| text.parse::<i64>().ok()) {
                reflected.insert("resourceTemplateGeneration".to_owned(), generation.into());
            }
        }
        Ok(Value::Object(reflected))
    }

    fn report(&self, rules: &[Rule], object: &Object) -> Result<HealthReport> {
        let conditions = rules.iter().filter_map(|rule| rule.when.as_ref());
        let scope = cel::Scope::new(conditions, object)?;
        for rule in rules {
            if let Some(when) = &rule.when
                && !scope.holds(when)?
            {
                continue;
            }
            let text = |fixed: &str, from: &Option<Place>| -> Result<String> {
                let found = from.as_ref().map(|place| place.str(object)).transpose()?.flatten();
                Ok(found.unwrap_or(fixed).to_owned())
            };
            return Ok(HealthReport {
                health: rule.health,
                reason: text(&rule.reason, &rule.reason_from)?,
                message: text(&rule.message, &rule.message_from)?,
                rule: std::borrow::Cow::Borrowed(""),
            });
        }
        Ok(Health::Unknown.into())
    }
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
        answer(self.replicas.as_ref().map(|rule| self.replica_info(rule, object)))
    }

    fn revise_replicas(&self, mut object: Object, replicas: i64) -> Answer<Object> {
        answer(self.revise.as_ref().map(|place| {
            place.put(&mut object.0, replicas.into());
            Ok(object)
        }))
    }

    fn retain(&self, mut desired: Object, observed: &Object) -> Answer<Object> {
        answer(self.retain.as_ref().map(|places| {
            for place in places {
                if let Some(value) = place.find_in(observed)? {
                    place.put(&mut desired.0, value.clone());
                }
            }
            Ok(desired)
        }))
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        answer(self.aggregate.as_ref().map(|fields| aggregate::template(fields, template, items)))
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        answer(self.dependencies.as_ref().map(|all| self.dependency_list(all, object)))
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        answer(self.status.as_ref().map(|rule| self.status_of(rule, object)))
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        answer(self.health.as_ref().map(|rules| self.report(rules, object)))
    }

    fn has_started(&self, observed: &Object) -> bool {
        match &self.started {
            // An expression that cannot be evaluated must not let a started object be rewritten.
            Some(when) => cel::Scope::new([when], observed).and_then(|scope| scope.holds(when)).unwrap_or(true),
            None => observed.status().and_then(Value::as_object).is_some_and(|status| !status.is_empty()),
        }
    }
}

fn answer<T>(result: Option<Result<T>>) -> Answer<T> {
    result.map_or(Answer::NotHandled, Answer::from)
}

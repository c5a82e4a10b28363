//! [`Customization`]: Karmada's `ResourceInterpreterCustomization` as an interpreter.

use std::sync::Arc;

use outrigger_api::config::ResourceInterpreterCustomization;
use outrigger_interpreter::{
    Answer, Component, Dependency, Error, HealthReport, Interpreter, Operation, Operations, ReplicaInfo, StatusItem,
    Support,
};
use outrigger_object::{Gvk, Object};
use serde_json::Value;

use crate::{Limits, LoadError, Script};

/// The scripts of one customization, compiled. An operation without a script is not handled.
#[derive(Clone, Debug)]
pub struct Customization {
    name: String,
    gvk: Gvk,
    scripts: Vec<Script>,
}

impl Customization {
    /// Compiles every script. Fails at the first that does not compile, with its operation and line, and when the
    /// target names no kind.
    pub fn new(source: &ResourceInterpreterCustomization) -> Result<Self, LoadError> {
        Self::with_limits(source, Limits::default())
    }

    /// The same, with limits of its own.
    pub fn with_limits(source: &ResourceInterpreterCustomization, limits: Limits) -> Result<Self, LoadError> {
        let name = format!("customization/{}", source.metadata.name.as_deref().unwrap_or_default());
        let target = &source.spec.target;
        if target.kind.is_empty() || target.api_version.is_empty() {
            return Err(LoadError::without_place(&name, "spec.target: a kind and its apiVersion are required"));
        }
        let rules = &source.spec.customizations;
        let scripts = [
            (Operation::InterpretReplica, &rules.replica_resource),
            (Operation::InterpretComponent, &rules.component_resource),
            (Operation::ReviseReplica, &rules.replica_revision),
            (Operation::Retain, &rules.retention),
            (Operation::AggregateStatus, &rules.status_aggregation),
            (Operation::InterpretDependency, &rules.dependency_interpretation),
            (Operation::InterpretStatus, &rules.status_reflection),
            (Operation::InterpretHealth, &rules.health_interpretation),
        ]
        .into_iter()
        .filter_map(|(operation, rule)| Some((operation, &rule.as_ref()?.lua_script)))
        .filter(|(_, script)| !script.is_empty())
        .map(|(operation, script)| {
            Script::with_limits(script, operation, &name, limits)
                .map_err(|error| error.within(&format!("{name}: {operation:?}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { gvk: Gvk::from_api_version(&target.api_version, &target.kind), name, scripts })
    }

    /// As an interpreter, to install in an engine.
    pub fn interpreter(self) -> Arc<dyn Interpreter> {
        Arc::new(self)
    }

    fn ask<T>(&self, operation: Operation, ask: impl FnOnce(&Script) -> Result<T, Error>) -> Answer<T> {
        match self.scripts.iter().find(|script| script.operation() == operation) {
            None => Answer::NotHandled,
            Some(script) => ask(script).into(),
        }
    }
}

impl Interpreter for Customization {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self) -> Vec<Support> {
        let operations: Operations = self.scripts.iter().map(Script::operation).collect();
        vec![Support { gvk: self.gvk.clone(), operations, life_cycle: None, unmarked: false }]
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        self.ask(Operation::InterpretReplica, |script| script.replicas(object))
    }

    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        self.ask(Operation::InterpretComponent, |script| script.components(object))
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        self.ask(Operation::ReviseReplica, |script| script.revise_replicas(object, replicas))
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        self.ask(Operation::Retain, |script| script.retain(desired, observed))
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        let items = (!items.is_empty()).then_some(items);
        self.ask(Operation::AggregateStatus, |script| script.aggregate_status(template, items))
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        self.ask(Operation::InterpretDependency, |script| script.dependencies(object))
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        self.ask(Operation::InterpretStatus, |script| script.reflect_status(object))
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        self.ask(Operation::InterpretHealth, |script| script.health(object))
    }
}

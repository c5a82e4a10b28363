//! The interpreters that ship with the binary: the folder `interpreters/` of the repository, as it was when
//! the binary was built.
//!
//! There are many, and one process meets few of their kinds. So each is compiled when it is first asked;
//! what the dispatch table needs of it was read when the binary was built. That all of them compile, and
//! that what was read is what they support, tests say.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use outrigger_interpreter::{
    Answer, ClusterFacts, Component, Dependency, Error, HealthReport, Interpreter, LifeCycle, Operation, Operations,
    Question, ReplicaInfo, StatusItem, Support,
};
use outrigger_object::{Gvk, Object};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    LoadError,
    declarative::{Declarative, Targets, format},
};

/// One bundled interpreter.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its folder, `<group>/<version>/<Kind>`.
    pub path: &'static str,
    /// The interpreter, as YAML.
    pub yaml: &'static str,
    /// Its name, target, life cycle and the names of its blocks, as JSON.
    head: &'static str,
}

/// All bundled interpreters, sorted by path.
pub const ENTRIES: &[Entry] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

impl Entry {
    /// Compiles the interpreter.
    pub fn load(&self) -> Result<Arc<dyn Interpreter>, LoadError> {
        Declarative::parse(&format!("{}/interpreter.yaml", self.path), self.yaml)
    }

    /// The interpreter, to be compiled when it is first asked.
    fn prepare(&'static self) -> Result<Bundled, String> {
        let head: Head = serde_json::from_str(self.head).map_err(|error| error.to_string())?;
        let operation = |block: &String| BLOCKS.iter().find(|(name, _)| name == block).map(|(_, operation)| *operation);
        Ok(Bundled {
            entry: self,
            name: head.name,
            targets: Targets::parse(&head.target)?,
            operations: head.blocks.iter().filter_map(operation).collect(),
            life_cycle: head.life_cycle,
            compiled: OnceLock::new(),
        })
    }
}

/// The bundled interpreters. One that does not name its kind is left out, with a message in the log.
pub fn interpreters() -> Vec<Arc<dyn Interpreter>> {
    let prepared = ENTRIES.iter().filter_map(|entry| match entry.prepare() {
        Ok(bundled) => Some(Arc::new(bundled) as Arc<dyn Interpreter>),
        Err(error) => {
            tracing::error!(path = entry.path, error, "a bundled interpreter does not load");
            None
        }
    });
    prepared.collect()
}

const BLOCKS: [(&str, Operation); 8] = [
    ("replicas", Operation::InterpretReplica),
    ("components", Operation::InterpretComponent),
    ("reviseReplica", Operation::ReviseReplica),
    ("retain", Operation::Retain),
    ("aggregateStatus", Operation::AggregateStatus),
    ("dependencies", Operation::InterpretDependency),
    ("status", Operation::InterpretStatus),
    ("health", Operation::InterpretHealth),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    name: String,
    target: format::Target,
    life_cycle: Option<LifeCycle>,
    blocks: Vec<String>,
}

/// A bundled interpreter that is compiled when it is first asked.
struct Bundled {
    entry: &'static Entry,
    name: String,
    targets: Targets,
    operations: Operations,
    life_cycle: Option<LifeCycle>,
    compiled: OnceLock<Result<Arc<dyn Interpreter>, Error>>,
}

impl Bundled {
    fn compiled(&self) -> Result<&dyn Interpreter, Error> {
        let compile = || self.entry.load().map_err(Error::internal);
        self.compiled.get_or_init(compile).as_ref().map(|interpreter| &**interpreter).map_err(Error::clone)
    }

    fn ask<T>(&self, question: impl FnOnce(&dyn Interpreter) -> Answer<T>) -> Answer<T> {
        self.compiled().map_or_else(Answer::Failed, question)
    }
}

impl Interpreter for Bundled {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self) -> Vec<Support> {
        let (operations, life_cycle) = (self.operations, self.life_cycle);
        self.targets.listed().map(|gvk| Support { gvk, operations, life_cycle, unmarked: false }).collect()
    }

    fn is_open(&self) -> bool {
        self.targets.is_open()
    }

    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        if self.targets.contain(gvk) { self.operations } else { Operations::default() }
    }

    fn rule(&self, question: &Question<'_>) -> Option<Cow<'static, str>> {
        self.compiled().ok()?.rule(question)
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        self.ask(|compiled| compiled.replicas(object))
    }

    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        self.ask(|compiled| compiled.components(object))
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        self.ask(|compiled| compiled.revise_replicas(object, replicas))
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        self.ask(|compiled| compiled.retain(desired, observed))
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        self.ask(|compiled| compiled.aggregate_status(template, items))
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        self.ask(|compiled| compiled.dependencies(object))
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        self.ask(|compiled| compiled.reflect_status(object))
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        self.ask(|compiled| compiled.health(object))
    }

    fn localize(&self, object: Object, cluster: &ClusterFacts) -> Answer<Object> {
        self.ask(|compiled| compiled.localize(object, cluster))
    }

    fn has_started(&self, observed: &Object) -> bool {
        // One that does not compile must not let a started object be rewritten.
        self.compiled().map_or(true, |compiled| compiled.has_started(observed))
    }
}

//! What is in use, by addon, and who answers when two claim the same.
//!
//! **Invariant:** of two addons that claim an operation of a kind the older one answers, and of two that are
//! equally old the one whose name sorts first.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::{
    Answer, ClusterFacts, Component, Dependency, HealthReport, Interpreter, Operation, Question, ReplicaInfo,
    StatusItem, Support,
};
use outrigger_object::{Gvk, Object};
use serde_json::Value;

use crate::{content::Content, kinds::Revision};

/// An addon that is in use.
#[derive(Clone)]
pub struct Active {
    /// When its Addon was made.
    pub created: String,
    /// What is in use.
    pub revision: Revision,
    /// What it brings.
    pub content: Arc<Content>,
    /// Its interpreters.
    pub interpreters: Vec<Arc<dyn Interpreter>>,
}

/// All addons that are in use.
#[derive(Default)]
pub struct Registry {
    active: BTreeMap<String, Active>,
    conflicts: Vec<Conflict>,
}

/// Two addons that claim the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who answers.
    pub winner: String,
    /// Who does not.
    pub loser: String,
    /// What it is about.
    pub what: String,
}

impl Registry {
    /// One that is in use.
    pub fn get(&self, name: &str) -> Option<&Active> {
        self.active.get(name)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Active)> {
        self.active.iter()
    }

    /// Takes one up, in place of what it was before.
    pub fn insert(&mut self, name: &str, active: Active) {
        self.active.insert(name.to_owned(), active);
    }

    /// Lets one go; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.active.remove(name).is_some()
    }

    /// The conflicts that an addon has a part in.
    pub fn conflicts(&self, name: &str) -> Vec<Conflict> {
        self.conflicts.iter().filter(|one| one.winner == name || one.loser == name).cloned().collect()
    }

    /// Makes the layer of addons have what is in use, and `base`, and nothing else; at once.
    pub fn install(&mut self, engine: &Engine, base: &[Arc<dyn Interpreter>]) {
        let mut order: Vec<(&String, &Active)> = self.active.iter().collect();
        order.sort_by(|a, b| (&a.1.created, a.0).cmp(&(&b.1.created, b.0)));
        let mut claimed: BTreeMap<(Gvk, Operation), &str> = BTreeMap::new();
        let mut conflicts = Vec::new();
        let mut all: Vec<Arc<dyn Interpreter>> = base.to_vec();
        for (name, active) in order {
            let mut own: Vec<(Gvk, Operation)> = Vec::new();
            for interpreter in &active.interpreters {
                let mut supports = interpreter.supports();
                for support in &mut supports {
                    let listed = support.operations;
                    for operation in Operation::ALL.into_iter().filter(|one| listed.contains(*one)) {
                        let key = (support.gvk.clone(), operation);
                        match claimed.get(&key) {
                            Some(winner) => {
                                conflicts.push(Conflict {
                                    winner: (*winner).to_owned(),
                                    loser: name.clone(),
                                    what: format!("{operation:?} of {}", key.0),
                                });
                            }
                            None => {
                                own.push(key);
                                continue;
                            }
                        }
                        support.operations = support.operations.without(operation);
                    }
                }
                let inner = interpreter.clone();
                let full = inner.name();
                let name = if is_of(name, full) { full.to_owned() } else { format!("{name}/{full}") };
                all.push(Arc::new(Within { name, supports, inner }));
            }
            claimed.extend(own.into_iter().map(|key| (key, name.as_str())));
        }
        engine.install(Layer::Addon, all);
        self.conflicts = conflicts;
    }
}

/// Whether an interpreter is an addon's, by the name under which it is counted: `<addon>/<interpreter>`.
pub fn is_of(addon: &str, interpreter: &str) -> bool {
    interpreter.strip_prefix(addon).is_some_and(|rest| rest.starts_with('/'))
}

/// An interpreter of an addon, without what another addon answers.
struct Within {
    name: String,
    supports: Vec<Support>,
    inner: Arc<dyn Interpreter>,
}

impl Interpreter for Within {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self) -> Vec<Support> {
        self.supports.clone()
    }

    fn rule(&self, question: &Question<'_>) -> Option<Cow<'static, str>> {
        self.inner.rule(question)
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        self.inner.replicas(object)
    }

    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        self.inner.components(object)
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        self.inner.revise_replicas(object, replicas)
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        self.inner.retain(desired, observed)
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        self.inner.aggregate_status(template, items)
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        self.inner.dependencies(object)
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        self.inner.reflect_status(object)
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        self.inner.health(object)
    }

    fn localize(&self, object: Object, cluster: &ClusterFacts) -> Answer<Object> {
        self.inner.localize(object, cluster)
    }

    fn has_started(&self, observed: &Object) -> bool {
        self.inner.has_started(observed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addons_are_not_charged_with_each_others_failures() {
        assert!(is_of("velero", "velero/Backup"));
        assert!(!is_of("velero", "velero-extras/Backup"));
        assert!(!is_of("velero", "velerox"));
    }
}

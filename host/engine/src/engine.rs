//! [`Engine`]: asks the right interpreter.
//!
//! ```text
//! question ──▶ table (kind, operation) ──▶ user ▷ webhook ▷ addon ▷ bundled ▷ native ▷ generic ──▶ reply
//! ```
//!
//! **Invariant:** a failure ends the search. No lower layer answers in the place of one that should have
//! and could not, and a panic inside an interpreter is such a failure.

use std::{
    any::Any,
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use outrigger_interpreter::{
    Answer, ClusterFacts, Component, Dependency, Error, Given, HealthReport, Interpreter, LifeCycle, Operation,
    Question, ReplicaInfo, StatusItem,
};
use outrigger_object::{Gvk, Object};
use parking_lot::Mutex;
use serde_json::Value;

use crate::{
    catalogue,
    generic::{Generic, Kinds},
    layer::{Conflict, Layer},
    native,
    statistics::Statistics,
    table::{Installed, Table},
};

#[cfg(test)]
mod tests;

/// All interpreters, and the table that says which of them answers what. Cheap to share in an `Arc`; every
/// method may be called from any thread while interpreters are being replaced.
#[derive(Default)]
pub struct Engine {
    table: ArcSwap<Table>,
    installed: Mutex<Vec<Installed>>,
    kinds: Arc<Kinds>,
}

/// An answer, and who gave it.
#[derive(Clone)]
#[must_use]
pub struct Reply<T> {
    /// The answer.
    pub answer: Answer<T>,
    by: Option<Installed>,
}

impl<T> Reply<T> {
    const NOT_HANDLED: Self = Self { answer: Answer::NotHandled, by: None };

    /// The layer that answered; `None` when nobody did, or when the engine's own fallback did.
    pub fn layer(&self) -> Option<Layer> {
        self.by.as_ref().map(|by| by.layer)
    }

    /// Name of the interpreter that answered.
    pub fn interpreter(&self) -> Option<&str> {
        self.by.as_ref().map(|by| by.interpreter.name())
    }

    /// The value, if there is one; a failure stays an error.
    pub fn into_result(self) -> Result<Option<T>, Error> {
        self.answer.into_result()
    }
}

/// What came of asking one interpreter, in [`Engine::explain`].
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its layer.
    pub layer: Layer,
    /// Its name.
    pub interpreter: String,
    /// What it said.
    pub answer: Answer<Given>,
    /// The rule by which it said so, where it goes by rules.
    pub rule: Option<Cow<'static, str>>,
    /// How long it took.
    pub time: Duration,
}

/// One line of the dispatch table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The kind.
    pub gvk: Gvk,
    /// The question.
    pub operation: Operation,
    /// The layer that is asked first.
    pub layer: Layer,
    /// The interpreter that is asked first.
    pub interpreter: String,
}

impl Engine {
    /// An engine without any interpreter.
    pub fn empty() -> Self {
        Self::default()
    }

    /// An engine with the native kinds, the bundled interpreters, and the generic layer for all other kinds.
    pub fn standard() -> Self {
        let engine = Self::empty();
        engine.install(Layer::Generic, vec![Arc::new(Generic::new(engine.kinds.clone()))]);
        engine.install(Layer::Native, native::interpreters());
        engine.install(Layer::Bundled, catalogue::interpreters());
        engine
    }

    /// Makes these the interpreters of a layer, in place of all that it had. Questions that are being
    /// answered finish with the interpreters that they began with.
    pub fn install(&self, layer: Layer, interpreters: Vec<Arc<dyn Interpreter>>) {
        let mut installed = self.installed.lock();
        let before: Vec<Installed> = installed.extract_if(.., |one| one.layer == layer).collect();
        installed.extend(interpreters.into_iter().map(|interpreter| {
            let known = before.iter().find(|one| one.interpreter.name() == interpreter.name());
            let counters = known.map(|one| one.counters.clone()).unwrap_or_default();
            Installed { layer, interpreter, counters }
        }));
        self.table.store(Arc::new(Table::build(&installed)));
    }

    /// What is known of kinds from their CustomResourceDefinitions. The generic layer works from it; the host
    /// tells it of every definition.
    pub fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    /// The interpreters of a layer.
    pub fn installed(&self, layer: Layer) -> Vec<Arc<dyn Interpreter>> {
        let installed = self.installed.lock();
        installed.iter().filter(|one| one.layer == layer).map(|one| one.interpreter.clone()).collect()
    }

    /// How every interpreter has done so far.
    pub fn statistics(&self) -> Vec<Statistics> {
        let installed = self.installed.lock();
        installed.iter().map(|one| one.counters.read(one.layer, one.interpreter.name())).collect()
    }

    /// Interpreters of one layer that want to answer the same questions.
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.table.load().conflicts.clone()
    }

    /// Who is asked first, for every question about a kind that somebody lists; sorted.
    pub fn routes(&self) -> Vec<Route> {
        let table = self.table.load();
        let mut routes: Vec<Route> = table
            .entries()
            .flat_map(|entry| {
                Operation::ALL.into_iter().filter_map(|operation| {
                    let first = entry.chain(operation).first()?;
                    Some(Route {
                        gvk: entry.gvk.clone(),
                        operation,
                        layer: first.layer,
                        interpreter: first.interpreter.name().to_owned(),
                    })
                })
            })
            .collect();
        routes.sort_by(|a, b| (&a.gvk, a.operation).cmp(&(&b.gvk, b.operation)));
        routes
    }

    /// Whether anybody may answer a question about a kind.
    pub fn handles(&self, gvk: &Gvk, operation: Operation) -> bool {
        self.table.load().entry_of(gvk).is_some_and(|entry| !entry.chain(operation).is_empty())
    }

    /// The life cycle of a kind; [`LifeCycle::Declarative`] where nobody names another.
    pub fn life_cycle(&self, gvk: &Gvk) -> LifeCycle {
        self.table.load().entry_of(gvk).and_then(|entry| entry.life_cycle).unwrap_or_default()
    }

    /// Whether the host leaves its labels and annotations off objects of a kind in members.
    pub fn is_unmarked(&self, gvk: &Gvk) -> bool {
        self.table.load().entry_of(gvk).is_some_and(|entry| entry.unmarked)
    }

    /// Whether a RunOnce object has started in its member. For kinds that nobody knows, and when the
    /// interpreter panics, that is whether it has a status that is not empty.
    pub fn has_started(&self, observed: &Object) -> bool {
        let table = self.table.load();
        let told = table
            .entry(observed.api_version(), observed.kind())
            .and_then(|entry| entry.owner.clone())
            .and_then(|owner| catch_unwind(AssertUnwindSafe(|| owner.has_started(observed))).ok());
        told.unwrap_or_else(|| observed.status().and_then(Value::as_object).is_some_and(|status| !status.is_empty()))
    }

    /// [`Operation::InterpretReplica`].
    pub fn replicas(&self, object: &Object) -> Reply<ReplicaInfo> {
        self.ask(Operation::InterpretReplica, object, |interpreter| interpreter.replicas(object))
    }

    /// [`Operation::InterpretComponent`].
    pub fn components(&self, object: &Object) -> Reply<Vec<Component>> {
        self.ask(Operation::InterpretComponent, object, |interpreter| interpreter.components(object))
    }

    /// [`Operation::InterpretDependency`].
    pub fn dependencies(&self, object: &Object) -> Reply<Vec<Dependency>> {
        self.ask(Operation::InterpretDependency, object, |interpreter| interpreter.dependencies(object))
    }

    /// [`Operation::InterpretHealth`]. Nobody handling it means that the health is not known.
    pub fn health(&self, object: &Object) -> Reply<HealthReport> {
        self.ask(Operation::InterpretHealth, object, |interpreter| interpreter.health(object))
    }

    /// [`Operation::InterpretStatus`]. Where nobody handles it, the whole `status` is the answer, from no
    /// layer. `null` means that there is nothing to report.
    pub fn reflect_status(&self, object: &Object) -> Reply<Value> {
        let reply = self.ask(Operation::InterpretStatus, object, |interpreter| interpreter.reflect_status(object));
        match reply.answer {
            Answer::NotHandled => {
                Reply { answer: Answer::Value(object.status().cloned().unwrap_or_default()), by: None }
            }
            _ => reply,
        }
    }

    /// [`Operation::ReviseReplica`]. Lend the object to keep it for the case that nobody handles it; give it
    /// to spare a copy.
    pub fn revise_replicas<'a>(&self, object: impl Into<Cow<'a, Object>>, replicas: i64) -> Reply<Object> {
        self.change(Operation::ReviseReplica, object.into(), |interpreter, object| {
            interpreter.revise_replicas(object, replicas)
        })
    }

    /// [`Operation::Retain`]: `desired` with what `observed` keeps. Not handled means that nothing is kept
    /// beyond what server-side apply keeps by itself.
    pub fn retain<'a>(&self, desired: impl Into<Cow<'a, Object>>, observed: &Object) -> Reply<Object> {
        self.change(Operation::Retain, desired.into(), |interpreter, desired| interpreter.retain(desired, observed))
    }

    /// [`Operation::AggregateStatus`]: the template with a status made from those of the clusters. Not
    /// handled means that the template's status is left alone.
    pub fn aggregate_status<'a>(&self, template: impl Into<Cow<'a, Object>>, items: &[StatusItem]) -> Reply<Object> {
        self.change(Operation::AggregateStatus, template.into(), |interpreter, template| {
            interpreter.aggregate_status(template, items)
        })
    }

    /// [`Operation::Localize`]: the template as it should be in one cluster.
    pub fn localize<'a>(&self, object: impl Into<Cow<'a, Object>>, cluster: &ClusterFacts) -> Reply<Object> {
        self.change(Operation::Localize, object.into(), |interpreter, object| interpreter.localize(object, cluster))
    }

    /// Any operation, as data.
    pub fn answer(&self, question: Question<'_>) -> Reply<Given> {
        let object = question.object();
        let table = self.table.load();
        let Some(entry) = table.entry(object.api_version(), object.kind()) else { return Reply::NOT_HANDLED };
        for one in entry.chain(question.operation()) {
            match guarded(one, || question.clone().put_to(&*one.interpreter)) {
                Answer::NotHandled => {}
                answer => return Reply { answer, by: Some(one.clone()) },
            }
        }
        Reply::NOT_HANDLED
    }

    /// What each interpreter that may answer a question says to it, in the order in which they are asked, up
    /// to the first that answers; of one layer alone, if one is given. For people: nothing is counted.
    pub fn explain(&self, question: &Question<'_>, layer: Option<Layer>) -> Vec<Step> {
        let object = question.object();
        let Some(entry) = self.table.load().entry(object.api_version(), object.kind()) else { return Vec::new() };
        let mut steps = Vec::new();
        let chain = entry.chain(question.operation()).iter();
        for one in chain.filter(|one| layer.is_none_or(|layer| layer == one.layer)) {
            let started = Instant::now();
            let answer = caught(one, || question.clone().put_to(&*one.interpreter));
            let time = started.elapsed();
            let answered = answer != Answer::NotHandled;
            let rule = answered.then(|| catch_unwind(AssertUnwindSafe(|| one.interpreter.rule(question))).ok()?);
            let interpreter = one.interpreter.name().to_owned();
            steps.push(Step { layer: one.layer, interpreter, answer, rule: rule.flatten(), time });
            if answered {
                break;
            }
        }
        steps
    }

    fn ask<T>(
        &self,
        operation: Operation,
        object: &Object,
        question: impl Fn(&dyn Interpreter) -> Answer<T>,
    ) -> Reply<T> {
        let table = self.table.load();
        let Some(entry) = table.entry(object.api_version(), object.kind()) else { return Reply::NOT_HANDLED };
        for one in entry.chain(operation) {
            match guarded(one, || question(&*one.interpreter)) {
                Answer::NotHandled => {}
                answer => return Reply { answer, by: Some(one.clone()) },
            }
        }
        Reply::NOT_HANDLED
    }

    fn change(
        &self,
        operation: Operation,
        object: Cow<'_, Object>,
        question: impl Fn(&dyn Interpreter, Object) -> Answer<Object>,
    ) -> Reply<Object> {
        let table = self.table.load();
        let Some(entry) = table.entry(object.api_version(), object.kind()) else { return Reply::NOT_HANDLED };
        let Some((last, others)) = entry.chain(operation).split_last() else { return Reply::NOT_HANDLED };
        for one in others {
            match guarded(one, || question(&*one.interpreter, (*object).clone())) {
                Answer::NotHandled => {}
                answer => return Reply { answer, by: Some(one.clone()) },
            }
        }
        match guarded(last, || question(&*last.interpreter, object.into_owned())) {
            Answer::NotHandled => Reply::NOT_HANDLED,
            answer => Reply { answer, by: Some(last.clone()) },
        }
    }
}

/// Asks and counts.
fn guarded<T>(one: &Installed, question: impl FnOnce() -> Answer<T>) -> Answer<T> {
    let started = Instant::now();
    let answer = caught(one, question);
    one.counters.count(&answer, started.elapsed());
    answer
}

fn caught<T>(one: &Installed, question: impl FnOnce() -> Answer<T>) -> Answer<T> {
    catch_unwind(AssertUnwindSafe(question)).unwrap_or_else(|panic| {
        let name = one.interpreter.name();
        Answer::Failed(Error::internal(format_args!("{name} panicked: {}", panic_message(&*panic))))
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

//! The dispatch table: (kind, operation) → the interpreters to ask, in order.
//!
//! It is built whenever the set of interpreters changes and never edited, so that a lookup is one hash of
//! the object's kind and a comparison of its `apiVersion`, without allocation. Kinds that no interpreter
//! lists, but open ones may know by a rule, are resolved when they are first asked for, and remembered.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use outrigger_interpreter::{Interpreter, LifeCycle, Operation, Operations, Support};
use outrigger_object::Gvk;
use parking_lot::RwLock;

use crate::{
    layer::{Conflict, Layer},
    statistics::Counters,
};

/// Kinds that are remembered though nobody lists them; more are resolved anew each time.
const MOST_OPEN_KINDS: usize = 4096;

/// Operations that belong together: somebody who describes one of them describes how a kind is scheduled,
/// and the generic layer leaves them all alone.
const REPLICAS: [Operation; 3] = [Operation::InterpretReplica, Operation::InterpretComponent, Operation::ReviseReplica];

/// One interpreter and the layer that it is in.
#[derive(Clone)]
pub(crate) struct Installed {
    pub layer: Layer,
    pub interpreter: Arc<dyn Interpreter>,
    pub counters: Arc<Counters>,
}

#[derive(Default)]
pub(crate) struct Table {
    kinds: Kinds,
    /// Interpreters that know kinds by a rule, in order.
    open: Vec<Installed>,
    met: RwLock<Kinds>,
    pub conflicts: Vec<Conflict>,
}

type Kinds = HashMap<String, Vec<Arc<Entry>>>;

/// What is known of one kind.
#[derive(Clone)]
pub(crate) struct Entry {
    api_version: String,
    pub gvk: Gvk,
    operations: [Vec<Installed>; Operation::ALL.len()],
    pub life_cycle: Option<LifeCycle>,
    pub unmarked: bool,
    /// The first interpreter that knows the kind, or the one that names its life cycle.
    pub owner: Option<Arc<dyn Interpreter>>,
}

impl Entry {
    fn new(gvk: Gvk) -> Self {
        Self {
            api_version: gvk.api_version(),
            gvk,
            operations: Default::default(),
            life_cycle: None,
            unmarked: false,
            owner: None,
        }
    }

    /// Whom to ask, in order.
    pub fn chain(&self, operation: Operation) -> &[Installed] {
        self.operations.get(operation as usize).map(Vec::as_slice).unwrap_or_default()
    }

    fn knows(&self, one: &Installed) -> bool {
        self.operations.iter().flatten().any(|other| Arc::ptr_eq(&other.counters, &one.counters))
    }

    fn add(&mut self, one: &Installed, operations: Operations, conflicts: &mut Vec<Conflict>) {
        for operation in Operation::ALL.into_iter().filter(|operation| operations.contains(*operation)) {
            let Some(chain) = self.operations.get_mut(operation as usize) else { continue };
            match chain.iter().find(|other| other.layer == one.layer) {
                None => {
                    let place = chain.partition_point(|other| other.layer <= one.layer);
                    chain.insert(place, one.clone());
                }
                Some(winner) => conflicts.push(Conflict {
                    layer: one.layer,
                    gvk: self.gvk.clone(),
                    operation,
                    winner: winner.interpreter.name().to_owned(),
                    loser: one.interpreter.name().to_owned(),
                }),
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.operations.iter().all(Vec::is_empty)
    }
}

impl Table {
    /// Resolves interpreters. One that panics when asked what it supports supports nothing.
    pub fn build(installed: &[Installed]) -> Self {
        let mut table = Self::default();
        let mut sorted: Vec<&Installed> = installed.iter().collect();
        sorted.sort_by(|a, b| (a.layer, a.interpreter.name()).cmp(&(b.layer, b.interpreter.name())));
        for one in &sorted {
            for support in guarded(one, |interpreter| interpreter.supports()) {
                table.add(one, support);
            }
        }
        table.open =
            sorted.into_iter().filter(|one| guarded(one, |interpreter| interpreter.is_open())).cloned().collect();
        for entry in table.kinds.values_mut().flatten() {
            with_open(Arc::make_mut(entry), &table.open, &mut table.conflicts);
        }
        table
    }

    fn add(&mut self, one: &Installed, support: Support) {
        let api_version = support.gvk.api_version();
        let entries = self.kinds.entry(support.gvk.kind.clone()).or_default();
        let index = entries.iter().position(|entry| entry.api_version == api_version).unwrap_or_else(|| {
            entries.push(Arc::new(Entry::new(support.gvk.clone())));
            entries.len() - 1
        });
        let Some(entry) = entries.get_mut(index).map(Arc::make_mut) else { return };
        if entry.owner.is_none() || (entry.life_cycle.is_none() && support.life_cycle.is_some()) {
            entry.owner = Some(one.interpreter.clone());
        }
        entry.life_cycle = entry.life_cycle.or(support.life_cycle);
        entry.unmarked |= support.unmarked;
        entry.add(one, support.operations, &mut self.conflicts);
    }

    /// The entry of a kind, by what its objects carry.
    pub fn entry(&self, api_version: &str, kind: &str) -> Option<Arc<Entry>> {
        find(&self.kinds, api_version, kind).or_else(|| self.meet(api_version, kind))
    }

    /// The entry of a kind, by its name.
    pub fn entry_of(&self, gvk: &Gvk) -> Option<Arc<Entry>> {
        let known = self.kinds.get(&gvk.kind).and_then(|entries| entries.iter().find(|entry| entry.gvk == *gvk));
        match known {
            Some(entry) => Some(entry.clone()),
            None if self.open.is_empty() => None,
            None => self.meet(&gvk.api_version(), &gvk.kind),
        }
    }

    /// Resolves a kind that nobody lists.
    fn meet(&self, api_version: &str, kind: &str) -> Option<Arc<Entry>> {
        if self.open.is_empty() {
            return None;
        }
        let usable = |entry: Arc<Entry>| (!entry.is_empty()).then_some(entry);
        if let Some(entry) = find(&self.met.read(), api_version, kind) {
            return usable(entry);
        }
        let mut entry = Entry::new(Gvk::from_api_version(api_version, kind));
        with_open(&mut entry, &self.open, &mut Vec::new());
        let entry = Arc::new(entry);
        let mut met = self.met.write();
        if met.len() < MOST_OPEN_KINDS && find(&met, api_version, kind).is_none() {
            met.entry(kind.to_owned()).or_default().push(entry.clone());
        }
        usable(entry)
    }

    /// All kinds that are listed, in no particular order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.kinds.values().flatten().map(|entry| &**entry)
    }
}

fn find(kinds: &Kinds, api_version: &str, kind: &str) -> Option<Arc<Entry>> {
    kinds.get(kind)?.iter().find(|entry| entry.api_version == api_version).cloned()
}

/// Adds open interpreters, which give way to those of their layer that list the kind. Among the bundled ones
/// that is how an exception to a rule is written, and no conflict.
fn with_open(entry: &mut Entry, open: &[Installed], conflicts: &mut Vec<Conflict>) {
    let listed = entry.operations.clone();
    let excepted = |one: &Installed, operation: Operation| {
        one.layer == Layer::Bundled
            && listed.get(operation as usize).is_some_and(|chain| chain.iter().any(|other| other.layer == one.layer))
    };
    for one in open {
        if !entry.knows(one) {
            let mut operations = guarded(one, |interpreter| interpreter.supports_kind(&entry.gvk));
            if one.layer == Layer::Generic && REPLICAS.iter().any(|one| !entry.chain(*one).is_empty()) {
                operations = REPLICAS.into_iter().fold(operations, Operations::without);
            }
            let free = Operation::ALL.into_iter().filter(|operation| !excepted(one, *operation));
            entry.add(one, free.filter(|operation| operations.contains(*operation)).collect(), conflicts);
        }
    }
}

fn guarded<T: Default>(one: &Installed, question: impl FnOnce(&dyn Interpreter) -> T) -> T {
    catch_unwind(AssertUnwindSafe(|| question(&*one.interpreter))).unwrap_or_else(|_| {
        tracing::error!(interpreter = one.interpreter.name(), "panicked when asked what it supports");
        T::default()
    })
}

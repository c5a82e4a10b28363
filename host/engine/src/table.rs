//! The dispatch table: (kind, operation) → the interpreters to ask, in order.
//!
//! It is built whenever the set of interpreters changes and never edited, so that a lookup is one hash of
//! the object's kind and a comparison of its `apiVersion`, without allocation.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use outrigger_interpreter::{Interpreter, LifeCycle, Operation, Support};
use outrigger_object::Gvk;

use crate::layer::{Conflict, Layer};

/// One interpreter and the layer that it is in.
#[derive(Clone)]
pub(crate) struct Installed {
    pub layer: Layer,
    pub interpreter: Arc<dyn Interpreter>,
}

#[derive(Default)]
pub(crate) struct Table {
    kinds: HashMap<String, Vec<Entry>>,
    pub conflicts: Vec<Conflict>,
}

/// What is known of one kind.
pub(crate) struct Entry {
    api_version: String,
    pub gvk: Gvk,
    operations: [Vec<Installed>; Operation::ALL.len()],
    pub life_cycle: Option<LifeCycle>,
    pub unmarked: bool,
    /// The first interpreter that knows the kind, or the one that names its life cycle.
    pub owner: Arc<dyn Interpreter>,
}

impl Entry {
    /// Whom to ask, in order.
    pub fn chain(&self, operation: Operation) -> &[Installed] {
        self.operations.get(operation as usize).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Table {
    /// Resolves interpreters, which must come in the order of their layers. An interpreter that panics when
    /// asked what it supports supports nothing.
    pub fn build(installed: &[Installed]) -> Self {
        let mut table = Self::default();
        let mut sorted: Vec<&Installed> = installed.iter().collect();
        sorted.sort_by(|a, b| (a.layer, a.interpreter.name()).cmp(&(b.layer, b.interpreter.name())));
        for one in sorted {
            let supports = catch_unwind(AssertUnwindSafe(|| one.interpreter.supports())).unwrap_or_else(|_| {
                tracing::error!(interpreter = one.interpreter.name(), "panicked when asked what it supports");
                Vec::new()
            });
            for support in supports {
                table.add(one, support);
            }
        }
        table
    }

    fn add(&mut self, one: &Installed, support: Support) {
        let api_version = support.gvk.api_version();
        let entries = self.kinds.entry(support.gvk.kind.clone()).or_default();
        let index = entries.iter().position(|entry| entry.api_version == api_version).unwrap_or_else(|| {
            entries.push(Entry {
                api_version,
                gvk: support.gvk.clone(),
                operations: Default::default(),
                life_cycle: None,
                unmarked: false,
                owner: one.interpreter.clone(),
            });
            entries.len() - 1
        });
        let Some(entry) = entries.get_mut(index) else { return };
        if entry.life_cycle.is_none() && support.life_cycle.is_some() {
            entry.life_cycle = support.life_cycle;
            entry.owner = one.interpreter.clone();
        }
        entry.unmarked |= support.unmarked;
        for operation in Operation::ALL {
            if !support.operations.contains(operation) {
                continue;
            }
            let Some(chain) = entry.operations.get_mut(operation as usize) else { continue };
            match chain.iter().find(|other| other.layer == one.layer) {
                None => chain.push(one.clone()),
                Some(winner) => self.conflicts.push(Conflict {
                    layer: one.layer,
                    gvk: support.gvk.clone(),
                    operation,
                    winner: winner.interpreter.name().to_owned(),
                    loser: one.interpreter.name().to_owned(),
                }),
            }
        }
    }

    /// The entry of a kind, by what its objects carry.
    pub fn entry(&self, api_version: &str, kind: &str) -> Option<&Entry> {
        self.kinds.get(kind)?.iter().find(|entry| entry.api_version == api_version)
    }

    /// The entry of a kind, by its name.
    pub fn entry_of(&self, gvk: &Gvk) -> Option<&Entry> {
        self.kinds.get(&gvk.kind)?.iter().find(|entry| entry.gvk == *gvk)
    }

    /// All entries, in no particular order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.kinds.values().flatten()
    }
}

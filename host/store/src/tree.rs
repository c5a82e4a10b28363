//! What every key holds now, as a persistent tree: a snapshot costs one counter.
//!
//! **Invariant.** A snapshot never changes; reading one holds up no writer.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::{Entry, Event, Page, Range, Revision};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    entries: OrdMap<Arc<str>, Entry>,
    revision: Revision,
}

impl Tree {
    /// A tree that holds these entries as of a revision.
    pub(crate) fn new(entries: impl IntoIterator<Item = Entry>, revision: Revision) -> Self {
        Self { entries: entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect(), revision }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// All entries in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Carries out a write that has been decided.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.revision = event.revision;
        match &event.value {
            Some(value) => self.put(Entry { key: event.key.clone(), value: value.clone(), revision: event.revision }),
            None => {
                self.entries.remove(&*event.key);
            }
        }
    }

    /// Takes back the writes after `revision`, given oldest first.
    pub(crate) fn undo(&mut self, later: &[Arc<Event>], revision: Revision) {
        // The first later write of a key knows what the key held before all of them.
        let mut before: HashMap<&Arc<str>, Option<&Entry>> = HashMap::new();
        for event in later {
            before.entry(&event.key).or_insert(event.previous.as_ref());
        }
        for (key, entry) in before {
            match entry {
                Some(entry) => self.put(entry.clone()),
                None => {
                    self.entries.remove(&**key);
                }
            }
        }
        self.revision = revision;
    }

    fn put(&mut self, entry: Entry) {
        self.entries.insert(entry.key.clone(), entry);
    }

    /// A part of a range, whose `at` has been seen to.
    pub(crate) fn page(&self, range: &Range) -> Page {
        let prefix = range.prefix.as_str();
        let start = match range.after.as_deref() {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut below = self
            .entries
            .range::<_, str>((start, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .take_while(|entry| entry.key.starts_with(prefix));
        let limit = match range.limit {
            0 => usize::MAX,
            limit => limit,
        };
        Page {
            entries: below.by_ref().take(limit).cloned().collect(),
            revision: self.revision,
            remaining: below.count(),
        }
    }
}

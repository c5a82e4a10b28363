//! Who watches what: carries each write to the watchers of its prefixes, and to no other.
//!
//! A watcher is given revisions, not events: it takes the events out of the history itself. So a
//! watcher that does not keep up holds on to no memory but a short list of numbers, and past its
//! length not even that: it then reads on in the history from where it stood.
//!
//! **Invariant.** Publishing takes time in proportion to the watchers that receive, and waits for
//! none of them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Event, Revision};

/// As many revisions wait for a watcher as numbers; beyond, it reads the history.
const QUEUED: usize = 1024;

/// Where a watcher stands.
#[derive(Debug)]
pub(crate) enum Position {
    /// All that is to come below the prefix is in the queue, and all up to here was given or is
    /// in the queue.
    Following {
        /// The newest revision that was given or looked at.
        seen: Revision,
        /// What is to be given.
        queue: VecDeque<Revision>,
    },
    /// What comes after this revision has to be looked for in the history.
    Behind(Revision),
}

/// One watcher's letter box.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) prefix: Box<str>,
    pub(crate) position: Mutex<Position>,
    pub(crate) wake: Notify,
}

impl Slot {
    pub(crate) fn new(prefix: &str, position: Position) -> Arc<Self> {
        Arc::new(Self { prefix: prefix.into(), position: Mutex::new(position), wake: Notify::new() })
    }

    fn push(&self, revision: Revision) {
        let mut position = self.position.lock();
        if let Position::Following { seen, queue } = &mut *position {
            // Between entering the hub and here, the watcher may have looked further by itself.
            if revision <= *seen {
                return;
            }
            queue.push_back(revision);
            if queue.len() > QUEUED {
                let given = queue.front().map_or(*seen, |first| first - 1);
                *position = Position::Behind(given);
            }
        }
        drop(position);
        self.wake.notify_one();
    }
}

#[derive(Debug, Default)]
struct Slots {
    by_prefix: HashMap<Box<str>, Vec<Arc<Slot>>>,
    /// How many prefixes there are of each length: only these are tried on a key.
    lengths: BTreeMap<usize, usize>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    slots: Mutex<Slots>,
    published: AtomicU64,
}

impl Hub {
    pub(crate) fn new(revision: Revision) -> Self {
        Self { slots: Mutex::default(), published: AtomicU64::new(revision) }
    }

    /// Every slot has been told of all writes up to this revision.
    pub(crate) fn published(&self) -> Revision {
        self.published.load(Ordering::Acquire)
    }

    /// Enters a slot that `make` makes once no write can pass unseen: it reads the revision.
    pub(crate) fn enter<E>(&self, make: impl FnOnce() -> Result<Arc<Slot>, E>) -> Result<Arc<Slot>, E> {
        let mut slots = self.slots.lock();
        let slot = make()?;
        let length = slot.prefix.len();
        match slots.by_prefix.get_mut(&slot.prefix) {
            Some(same) => same.push(slot.clone()),
            None => {
                slots.by_prefix.insert(slot.prefix.clone(), vec![slot.clone()]);
                *slots.lengths.entry(length).or_default() += 1;
            }
        }
        Ok(slot)
    }

    pub(crate) fn leave(&self, slot: &Arc<Slot>) {
        let mut slots = self.slots.lock();
        let Some(same) = slots.by_prefix.get_mut(&slot.prefix) else {
            return;
        };
        if let Some(index) = same.iter().position(|other| Arc::ptr_eq(other, slot)) {
            same.swap_remove(index);
        }
        if same.is_empty() {
            slots.by_prefix.remove(&slot.prefix);
            let length = slot.prefix.len();
            if let Some(count) = slots.lengths.get_mut(&length) {
                *count -= 1;
                if *count == 0 {
                    slots.lengths.remove(&length);
                }
            }
        }
    }

    pub(crate) fn watchers(&self) -> usize {
        self.slots.lock().by_prefix.values().map(Vec::len).sum()
    }

    /// Tells the watchers concerned. The events are in the history already; one caller at a time.
    pub(crate) fn publish(&self, events: &[Arc<Event>]) {
        let slots = self.slots.lock();
        for event in events {
            for length in slots.lengths.keys() {
                if *length > event.key.len() {
                    break;
                }
                let same = event.key.get(..*length).and_then(|prefix| slots.by_prefix.get(prefix));
                for slot in same.into_iter().flatten() {
                    slot.push(event.revision);
                }
            }
        }
        if let Some(last) = events.last() {
            self.published.store(last.revision, Ordering::Release);
        }
    }

    /// Wakes every watcher, to see that the store has been closed.
    pub(crate) fn wake_all(&self) {
        for slot in self.slots.lock().by_prefix.values().flatten() {
            slot.wake.notify_one();
        }
    }
}

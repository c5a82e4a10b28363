//! The store in memory: what both implementations have in common.
//!
//! ```text
//!  Plan ──events──▶ Core::apply ──▶ Tree, History ──▶ Hub ──▶ watchers
//! ```
//!
//! **Invariant.** Tree and history are of the same revision whenever they are looked at, and the
//! hub hears of a write only when both show it. One writer at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::RwLock;

use crate::history::{History, Limits};
use crate::hub::{Hub, Position, Slot};
use crate::tree::Tree;
use crate::watch::Watcher;
use crate::{Entry, Error, Event, Page, Range, Result, Revision};

#[derive(Debug)]
struct State {
    tree: Tree,
    history: History,
}

/// How large a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The newest revision.
    pub revision: Revision,
    /// The oldest revision that can be read, or watched from.
    pub oldest: Revision,
    /// How many keys there are.
    pub keys: usize,
    /// How many writes are remembered.
    pub events: usize,
    /// The memory that only they hold on to.
    pub event_bytes: usize,
    /// How many watches are open.
    pub watchers: usize,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Core {
    state: RwLock<State>,
    hub: Hub,
    closed: AtomicBool,
}

/// How many events are looked at before other work is let in.
const STRIDE: usize = 4096;
/// How many events a watcher is given at a time.
const GIVEN: usize = 512;

/// What a watcher found.
pub(crate) enum Taken {
    /// These, at least one.
    Events(Vec<Arc<Event>>),
    /// Nothing yet, and there is more of the history to look at.
    More,
    /// Nothing until it is woken.
    Nothing,
}

impl Core {
    pub(crate) fn new(tree: Tree, limits: Limits) -> Arc<Self> {
        let revision = tree.revision();
        Arc::new(Self {
            state: RwLock::new(State { tree, history: History::new(revision, limits) }),
            hub: Hub::new(revision),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.hub.wake_all();
    }

    pub(crate) fn revision(&self) -> Revision {
        self.state.read().tree.revision()
    }

    pub(crate) fn snapshot(&self) -> Tree {
        self.state.read().tree.clone()
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Entry>> {
        self.check_open()?;
        Ok(self.state.read().tree.get(key).cloned())
    }

    pub(crate) fn range(&self, range: &Range) -> Result<Page> {
        self.check_open()?;
        let (mut tree, later) = {
            let state = self.state.read();
            let later: Vec<_> = match range.at {
                0 => Vec::new(),
                at => state.history.after(at)?.filter(|event| event.key.starts_with(&range.prefix)).cloned().collect(),
            };
            (state.tree.clone(), later)
        };
        if range.at != 0 {
            tree.undo(&later, range.at);
        }
        Ok(tree.page(range))
    }

    /// Carries out writes that were planned on the newest state.
    pub(crate) fn apply(&self, events: &[Arc<Event>]) {
        let now = Instant::now();
        {
            let mut state = self.state.write();
            for event in events {
                state.tree.apply(event);
                state.history.append(event.clone(), now);
            }
        }
        self.hub.publish(events);
    }

    pub(crate) fn compact(&self, revision: Revision) -> Result<()> {
        self.check_open()?;
        self.state.write().history.compact(revision)
    }

    pub(crate) fn stats(&self) -> Stats {
        let watchers = self.hub.watchers();
        let state = self.state.read();
        Stats {
            revision: state.tree.revision(),
            oldest: state.history.floor(),
            keys: state.tree.len(),
            events: state.history.len(),
            event_bytes: state.history.bytes(),
            watchers,
        }
    }

    pub(crate) fn watch(self: &Arc<Self>, prefix: &str, after: Revision) -> Result<Watcher> {
        self.check_open()?;
        let slot = self.hub.enter(|| {
            let state = self.state.read();
            let head = state.history.head();
            let position = if after == 0 || after == head {
                Position::Following { seen: head, queue: Default::default() }
            } else {
                state.history.check(after)?;
                Position::Behind(after)
            };
            Ok::<_, Error>(Slot::new(prefix, position))
        })?;
        Ok(Watcher::new(self.clone(), slot))
    }

    pub(crate) fn leave(&self, slot: &Arc<Slot>) {
        self.hub.leave(slot);
    }

    /// What a watcher can be given now.
    pub(crate) fn take(&self, slot: &Slot) -> Result<Taken> {
        let mut position = slot.position.lock();
        let state = self.state.read();
        let history = &state.history;
        let mut events = Vec::new();
        match &mut *position {
            Position::Following { seen, queue } => {
                while let Some(revision) = queue.front().copied() {
                    if events.len() == GIVEN {
                        break;
                    }
                    let Some(event) = history.get(revision) else {
                        return Err(Error::Compacted { asked: revision - 1, oldest: history.floor() });
                    };
                    events.push(event.clone());
                    queue.pop_front();
                    *seen = revision;
                }
            }
            Position::Behind(given) => {
                for event in history.after(*given)?.take(STRIDE) {
                    if events.len() == GIVEN {
                        break;
                    }
                    if event.key.starts_with(&*slot.prefix) {
                        events.push(event.clone());
                    }
                    *given = event.revision;
                }
                if *given == history.head() {
                    *position = Position::Following { seen: history.head(), queue: Default::default() };
                } else if events.is_empty() {
                    return Ok(Taken::More);
                }
            }
        }
        Ok(match events.is_empty() {
            true => Taken::Nothing,
            false => Taken::Events(events),
        })
    }

    /// Everything that concerns the watcher has been given up to here.
    pub(crate) fn progress(&self, slot: &Slot) -> Revision {
        // Read before the queue: all that is published by now is in the queue by then.
        let published = self.hub.published();
        match &*slot.position.lock() {
            Position::Following { seen, queue } => match queue.front() {
                Some(next) => next - 1,
                None => published.max(*seen),
            },
            Position::Behind(given) => *given,
        }
    }
}

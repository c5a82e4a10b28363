//! The log of recent writes, from which watches resume and older revisions are rebuilt.
//!
//! **Invariant.** The log is a suffix of history without holes: it holds every write after its
//! `floor` and none up to it. Forgetting only moves the floor up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Error, Event, Result, Revision};

/// How much of the past a store remembers. A write beyond any of these is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// No more writes than this.
    pub events: usize,
    /// No more memory than about this, counting what only the past holds on to: the values that
    /// were replaced, and a fixed cost for each write.
    pub bytes: usize,
    /// No write older than this, looked at when the next one comes. Without it a store that is
    /// written to slowly fills its memory up to the other limits all the same.
    pub age: Duration,
}

impl Default for Limits {
    /// Ten minutes, which is twice what an API server over etcd keeps, in 32 MiB at most.
    fn default() -> Self {
        Self { events: 100_000, bytes: 32 << 20, age: Duration::from_secs(600) }
    }
}

/// What one write costs beside the value it replaced: the event, its counters and its place.
const OVERHEAD: usize = 192;

#[derive(Debug)]
struct Held {
    since: Instant,
    event: Arc<Event>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct History {
    floor: Revision,
    events: VecDeque<Held>,
    bytes: usize,
    limits: Limits,
}

fn cost(event: &Event) -> usize {
    OVERHEAD + event.previous.as_ref().map_or(0, |entry| entry.value.len())
}

impl History {
    /// An empty log of a store whose newest revision is `floor`.
    pub(crate) fn new(floor: Revision, limits: Limits) -> Self {
        Self { floor, events: VecDeque::new(), bytes: 0, limits }
    }

    /// The oldest revision that can be read, or watched from.
    pub(crate) fn floor(&self) -> Revision {
        self.floor
    }

    /// The newest revision.
    pub(crate) fn head(&self) -> Revision {
        self.floor + self.events.len() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the next write and forgets what is over the limits.
    pub(crate) fn append(&mut self, event: Arc<Event>, now: Instant) {
        debug_assert_eq!(event.revision, self.head() + 1, "a hole in the history");
        self.bytes += cost(&event);
        self.events.push_back(Held { since: now, event });
        while self.over(now) {
            self.forget_oldest();
        }
    }

    fn over(&self, now: Instant) -> bool {
        self.events.len() > self.limits.events
            || self.bytes > self.limits.bytes
            || self.events.front().is_some_and(|held| now.saturating_duration_since(held.since) > self.limits.age)
    }

    fn forget_oldest(&mut self) {
        if let Some(held) = self.events.pop_front() {
            self.bytes -= cost(&held.event);
            self.floor += 1;
        }
    }

    /// Forgets everything up to and including `revision`.
    pub(crate) fn compact(&mut self, revision: Revision) -> Result<()> {
        if revision > self.head() {
            return Err(Error::Future { asked: revision, current: self.head() });
        }
        while self.floor < revision {
            self.forget_oldest();
        }
        self.events.shrink_to(self.events.len() * 2);
        Ok(())
    }

    /// Whether everything after `revision` is still known.
    pub(crate) fn check(&self, revision: Revision) -> Result<()> {
        if revision > self.head() {
            return Err(Error::Future { asked: revision, current: self.head() });
        }
        if revision < self.floor {
            return Err(Error::Compacted { asked: revision, oldest: self.floor });
        }
        Ok(())
    }

    /// The write that made `revision`, unless it was forgotten or has not happened.
    pub(crate) fn get(&self, revision: Revision) -> Option<&Arc<Event>> {
        let index = revision.checked_sub(self.floor + 1)?;
        Some(&self.events.get(usize::try_from(index).ok()?)?.event)
    }

    /// The writes after `revision`, oldest first.
    pub(crate) fn after(&self, revision: Revision) -> Result<impl Iterator<Item = &Arc<Event>> + '_> {
        self.check(revision)?;
        let skip = usize::try_from(revision - self.floor).unwrap_or(usize::MAX);
        Ok(self.events.range(skip.min(self.events.len())..).map(|held| &held.event))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Entry;

    fn event(revision: Revision, replaced: usize) -> Arc<Event> {
        let key: Arc<str> = "/k".into();
        Arc::new(Event {
            revision,
            key: key.clone(),
            value: Some(Bytes::new()),
            previous: Some(Entry { key, value: Bytes::from(vec![0; replaced]), revision: revision - 1 }),
        })
    }

    const WIDE: Limits = Limits { events: usize::MAX, bytes: usize::MAX, age: Duration::MAX };

    /// Appends writes 11.. of the given sizes, one a second, and looks at the floor.
    #[track_caller]
    fn check(limits: Limits, sizes: &[usize], floor: Revision) {
        let mut history = History::new(10, limits);
        let start = Instant::now();
        for (index, size) in sizes.iter().enumerate() {
            let now = start + Duration::from_secs(index as u64);
            history.append(event(11 + index as u64, *size), now);
        }
        assert_eq!(history.floor(), floor);
        assert_eq!(history.head(), 10 + sizes.len() as u64);
        assert!(history.get(floor).is_none());
        let kept: Vec<_> =
            history.after(floor).expect("the floor can be read from").map(|event| event.revision).collect();
        assert_eq!(kept, (floor + 1..=history.head()).collect::<Vec<_>>());
        assert_eq!(kept.len(), history.len());
    }

    #[test]
    fn forgets_what_is_over_the_limits() {
        check(WIDE, &[0; 5], 10);
        check(Limits { events: 3, ..WIDE }, &[0; 5], 12);
        check(Limits { events: 0, ..WIDE }, &[0; 5], 15);
        let bytes = 2 * OVERHEAD + 100;
        check(Limits { bytes, ..WIDE }, &[100, 0, 0, 0, 0], 13);
        check(Limits { bytes, ..WIDE }, &[0, 0, 100, 0], 12);
        check(Limits { bytes, ..WIDE }, &[0, 0, 5000], 13);
        let age = Duration::from_secs(2);
        check(Limits { age, ..WIDE }, &[0; 5], 12);
    }

    #[test]
    fn bytes_return_to_nothing() {
        let mut history = History::new(0, WIDE);
        for revision in 1..=100 {
            history.append(event(revision, 10), Instant::now());
        }
        assert_eq!(history.bytes(), 100 * (OVERHEAD + 10));
        history.compact(100).expect("compacts");
        assert_eq!((history.bytes(), history.len()), (0, 0));
        assert!(matches!(history.compact(101), Err(Error::Future { asked: 101, current: 100 })));
    }
}

//! Decides writes: what is expected against what is there, without changing anything.
//!
//! **Invariant.** The events of a plan are numbered on from the revision of the tree without a
//! hole, and each one was decided on the tree as all before it will have left it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::tree::Tree;
use crate::{Entry, Error, Event, Expect, Op, Result, Revision};

/// Writes that have been decided and not yet carried out.
#[derive(Debug)]
pub(crate) struct Plan {
    tree: Tree,
    touched: HashMap<Arc<str>, Option<Entry>>,
    events: Vec<Arc<Event>>,
}

impl Plan {
    /// A plan upon a snapshot.
    pub(crate) fn new(tree: Tree) -> Self {
        Self { tree, touched: HashMap::new(), events: Vec::new() }
    }

    /// Decides one write and gives the revision it will have.
    pub(crate) fn add(&mut self, key: &str, expect: Expect, op: Op) -> Result<Revision> {
        let previous = self.current(key).cloned();
        let current = previous.as_ref().map(|entry| entry.revision);
        let met = match expect {
            Expect::Anything => true,
            Expect::Absent => current.is_none(),
            Expect::Revision(revision) => current == Some(revision),
        };
        if !met || (op == Op::Delete && current.is_none()) {
            return Err(Error::Conflict { current });
        }

        let revision = self.tree.revision() + self.events.len() as u64 + 1;
        // All versions of a key share one copy of its name.
        let key = match &previous {
            Some(entry) => entry.key.clone(),
            None => Arc::from(key),
        };
        let value = match op {
            Op::Put(value) => Some(value),
            Op::Delete => None,
        };
        let entry = value.clone().map(|value| Entry { key: key.clone(), value, revision });
        self.touched.insert(key.clone(), entry);
        self.events.push(Arc::new(Event { revision, key, value, previous }));
        Ok(revision)
    }

    fn current(&self, key: &str) -> Option<&Entry> {
        match self.touched.get(key) {
            Some(touched) => touched.as_ref(),
            None => self.tree.get(key),
        }
    }

    /// Whether an answer about this key rests on a write of this plan.
    pub(crate) fn touches(&self, key: &str) -> bool {
        self.touched.contains_key(key)
    }

    /// What has been decided. The snapshot is let go, so that it need not be copied to change it.
    pub(crate) fn into_events(self) -> Vec<Arc<Event>> {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn put() -> Op {
        Op::Put(Bytes::from_static(b"v"))
    }

    /// Decides one write on a tree at revision 9 where `/there` was written at 7.
    #[track_caller]
    fn check(key: &str, expect: Expect, op: Op, expected: Result<Revision, Option<Revision>>) {
        let there = Entry { key: "/there".into(), value: Bytes::new(), revision: 7 };
        let mut plan = Plan::new(Tree::new([there], 9));
        let got = match plan.add(key, expect, op) {
            Ok(revision) => Ok(revision),
            Err(Error::Conflict { current }) => Err(current),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(got, expected);
        assert_eq!(plan.into_events().len(), usize::from(expected.is_ok()));
    }

    #[test]
    fn expectations() {
        use Expect::{Absent, Anything, Revision};
        check("/there", Anything, put(), Ok(10));
        check("/there", Absent, put(), Err(Some(7)));
        check("/there", Revision(7), put(), Ok(10));
        check("/there", Revision(6), put(), Err(Some(7)));
        check("/there", Revision(9), put(), Err(Some(7)));
        check("/there", Anything, Op::Delete, Ok(10));
        check("/there", Absent, Op::Delete, Err(Some(7)));
        check("/there", Revision(7), Op::Delete, Ok(10));
        check("/there", Revision(8), Op::Delete, Err(Some(7)));
        check("/not", Anything, put(), Ok(10));
        check("/not", Absent, put(), Ok(10));
        check("/not", Revision(7), put(), Err(None));
        check("/not", Revision(0), put(), Err(None));
        check("/not", Anything, Op::Delete, Err(None));
        check("/not", Absent, Op::Delete, Err(None));
    }

    #[test]
    fn sees_its_own_writes() {
        let mut plan = Plan::new(Tree::new([], 0));
        assert!(!plan.touches("/a"));
        assert!(matches!(plan.add("/a", Expect::Absent, put()), Ok(1)));
        assert!(plan.touches("/a"));
        assert!(matches!(plan.add("/a", Expect::Absent, put()), Err(Error::Conflict { current: Some(1) })));
        assert!(matches!(plan.add("/a", Expect::Revision(1), Op::Delete), Ok(2)));
        assert!(matches!(plan.add("/a", Expect::Absent, put()), Ok(3)));
        let events = plan.into_events();
        let previous: Vec<_> = events.iter().map(|event| event.previous.as_ref().map(|entry| entry.revision)).collect();
        assert_eq!(previous, [None, Some(1), None]);
    }
}

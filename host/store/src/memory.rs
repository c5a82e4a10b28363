//! A store that lives and dies with the process, for tests and for trying things out.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::core::{Core, Stats};
use crate::plan::Plan;
use crate::tree::Tree;
use crate::{Entry, Expect, Limits, Op, Page, Range, Result, Revision, Store, Watch};

/// See the module. Dropping it closes it.
#[derive(Debug)]
pub struct MemoryStore {
    core: Arc<Core>,
    writer: Mutex<()>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self { core: Core::new(Tree::default(), limits), writer: Mutex::new(()) }
    }

    /// Ends all watches; from now on everything fails with [`crate::Error::Closed`].
    pub fn close(&self) {
        let _writer = self.writer.lock();
        self.core.close();
    }

    /// How large it is.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn revision(&self) -> Revision {
        self.core.revision()
    }

    fn get(&self, key: &str) -> Result<Option<Entry>> {
        self.core.get(key)
    }

    fn range(&self, range: &Range) -> Result<Page> {
        self.core.range(range)
    }

    async fn write(&self, key: &str, expect: Expect, op: Op) -> Result<Revision> {
        let _writer = self.writer.lock();
        self.core.check_open()?;
        let mut plan = Plan::new(self.core.snapshot());
        let revision = plan.add(key, expect, op)?;
        self.core.apply(&plan.into_events());
        Ok(revision)
    }

    fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>> {
        Ok(Box::new(self.core.watch(prefix, after)?))
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.core.compact(revision)
    }
}

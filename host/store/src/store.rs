//! The [`Store`] contract and its values.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// A point in the history of a store. The first write is 1.
pub type Revision = u64;

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, such as `/registry/core/pods/default/web`.
    pub key: Arc<str>,
    /// The value.
    pub value: Bytes,
    /// Revision of the write that put this value there.
    pub revision: Revision,
}

/// What a writer believes a key to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It does not matter.
    Anything,
    /// The key does not exist.
    Absent,
    /// The key was last written at this revision.
    Revision(Revision),
}

/// One conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Puts a value. The value is made by the caller before the revision of the write is known.
    Put(Bytes),
    /// Deletes the key; deleting one that does not exist is a conflict with `current: None`.
    Delete,
}

/// A query over the keys below a prefix, in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// All keys that start with this.
    pub prefix: String,
    /// Leave out keys up to and including this one.
    pub after: Option<String>,
    /// No more entries than this; 0 means all.
    pub limit: usize,
    /// As of this revision; 0 means now. An older one must not have been compacted.
    pub at: Revision,
}

/// A part of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The revision that they are of.
    pub revision: Revision,
    /// How many more keys the range holds beyond these.
    pub remaining: usize,
}

/// One write, as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The revision of the write.
    pub revision: Revision,
    /// The key.
    pub key: Arc<str>,
    /// What it holds now; `None` after a delete.
    pub value: Option<Bytes>,
    /// What it held before, with the revision of that; `None` before a create.
    pub previous: Option<Entry>,
}

/// A stream of events below a prefix. Dropping it ends the watch.
#[async_trait]
pub trait Watch: Send {
    /// Waits for the next events, in order and at least one of them. [`crate::Error::Compacted`] says that
    /// the watcher fell behind what the store remembers and has to list again.
    async fn next(&mut self) -> Result<Vec<Arc<Event>>>;

    /// Everything below the prefix up to this revision has been given by [`Watch::next`].
    fn progress(&self) -> Revision;
}

/// A durable, revisioned, watchable key-value store.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The newest revision; 0 before the first write.
    fn revision(&self) -> Revision;

    /// What a key holds now.
    fn get(&self, key: &str) -> Result<Option<Entry>>;

    /// Entries below a prefix.
    fn range(&self, range: &Range) -> Result<Page>;

    /// Carries out one write and gives its revision, after it is durable.
    async fn write(&self, key: &str, expect: Expect, op: Op) -> Result<Revision>;

    /// Events below a prefix after a revision; 0 means from now on.
    fn watch(&self, prefix: &str, after: Revision) -> Result<Box<dyn Watch>>;

    /// Forgets the history up to and including a revision. What keys hold now stays.
    async fn compact(&self, revision: Revision) -> Result<()>;
}

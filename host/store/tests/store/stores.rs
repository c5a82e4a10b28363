//! The implementations under test, and what the tests have in common.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outrigger_store::{
    Event, Expect, Limits, MemoryStore, Op, Options, Page, Range, RedbStore, Revision, Stats, Store, Watch,
};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Memory,
    Redb,
}

enum Inner {
    Memory(Arc<MemoryStore>),
    Redb { store: Arc<RedbStore>, _directory: TempDir },
}

/// A fresh store and, if it has one, its directory.
pub struct Subject(Inner);

impl Subject {
    pub fn new(kind: Kind) -> Self {
        Self::with(kind, Limits::default())
    }

    pub fn with(kind: Kind, history: Limits) -> Self {
        Self(match kind {
            Kind::Memory => Inner::Memory(Arc::new(MemoryStore::new(history))),
            Kind::Redb => {
                let directory = tempfile::tempdir().expect("a directory");
                let options = Options { history, ..Options::default() };
                let store = RedbStore::open(directory.path(), options).expect("opens");
                Inner::Redb { store: Arc::new(store), _directory: directory }
            }
        })
    }

    pub fn store(&self) -> Arc<dyn Store> {
        match &self.0 {
            Inner::Memory(store) => store.clone(),
            Inner::Redb { store, .. } => store.clone(),
        }
    }

    pub fn close(&self) {
        match &self.0 {
            Inner::Memory(store) => store.close(),
            Inner::Redb { store, .. } => store.close(),
        }
    }

    pub fn stats(&self) -> Stats {
        match &self.0 {
            Inner::Memory(store) => store.stats(),
            Inner::Redb { store, .. } => store.stats(),
        }
    }
}

/// Runs a test on several threads; one that hangs fails.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test hangs") })
}

pub fn put(value: &str) -> Op {
    Op::Put(Bytes::copy_from_slice(value.as_bytes()))
}

pub async fn set(store: &Arc<dyn Store>, key: &str, value: &str) -> Revision {
    store.write(key, Expect::Anything, put(value)).await.expect("writes")
}

pub async fn delete(store: &Arc<dyn Store>, key: &str) -> Revision {
    store.write(key, Expect::Anything, Op::Delete).await.expect("deletes")
}

pub fn below(prefix: &str) -> Range {
    Range { prefix: prefix.into(), ..Range::default() }
}

/// A page in one line: `/a=1@3 /b=2@4 (+0) @4`.
pub fn page(page: &Page) -> String {
    let mut text = String::new();
    for entry in &page.entries {
        let value = String::from_utf8_lossy(&entry.value);
        text += &format!("{}={value}@{} ", entry.key, entry.revision);
    }
    text + &format!("(+{}) @{}", page.remaining, page.revision)
}

/// An event in one line: `3 /a=new was old@1`, with `-` for nothing.
pub fn event(event: &Event) -> String {
    let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
    let value = event.value.as_ref().map_or("-".into(), text);
    let previous = event.previous.as_ref().map_or("-".into(), |previous| {
        assert_eq!(previous.key, event.key);
        format!("{}@{}", text(&previous.value), previous.revision)
    });
    format!("{} {}={value} was {previous}", event.revision, event.key)
}

/// Waits for `count` events.
pub async fn collect(watch: &mut Box<dyn Watch>, count: usize) -> Vec<Arc<Event>> {
    let mut events = Vec::new();
    while events.len() < count {
        let next = watch.next().await.expect("events");
        assert!(!next.is_empty(), "an answer without events");
        events.extend(next);
    }
    events
}

pub async fn lines(watch: &mut Box<dyn Watch>, count: usize) -> Vec<String> {
    let events = collect(watch, count).await;
    events.iter().map(|one| event(one)).collect()
}

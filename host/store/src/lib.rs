//! A durable, revisioned, watchable key-value store: what etcd is to a Kubernetes API server.
//!
//! One global revision counts every write. A write is conditional on what the writer believes the
//! key to hold, is acknowledged after it is durable, and is published to watchers after that.
//!
//! ```
//! use outrigger_store::{Expect, MemoryStore, Op, Range, Store};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = MemoryStore::default();
//! let mut watch = store.watch("/pods/", 0)?;
//! let first = store.write("/pods/web", Expect::Absent, Op::Put("blue".into())).await?;
//! store.write("/pods/web", Expect::Revision(first), Op::Put("green".into())).await?;
//!
//! assert_eq!(watch.next().await?.len(), 2);
//! let then = store.range(&Range { prefix: "/pods/".into(), at: first, ..Range::default() })?;
//! assert_eq!(then.entries[0].value, "blue");
//! # Ok::<_, outrigger_store::Error>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! **Invariants.** A revision names one write and is never used twice, across restarts included.
//! Nothing acknowledged is lost. Watchers of a prefix see every write below it once, in order of
//! revision, or are told that they must start again.

mod core;
mod disk;
mod error;
mod history;
mod hub;
mod memory;
mod plan;
mod store;
mod tree;
mod watch;

pub use crate::core::Stats;
pub use disk::{Options, RedbStore};
pub use error::{Error, ErrorKind, Result};
pub use history::Limits;
pub use memory::MemoryStore;
pub use store::{Entry, Event, Expect, Op, Page, Range, Revision, Store, Watch};

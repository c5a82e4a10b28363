//! A durable, revisioned, watchable key-value store: what etcd is to a Kubernetes API server.
//!
//! One global revision counts every write. A write is conditional on what the writer believes the
//! key to hold, is acknowledged after it is durable, and is published to watchers after that.
//!
//! **Invariants.** A revision names one write and is never used twice, across restarts included.
//! Nothing acknowledged is lost. Watchers of a prefix see every write below it once, in order of
//! revision, or are told that they must start again.

mod error;
mod store;

pub use error::{Error, ErrorKind, Result};
pub use store::{Entry, Event, Expect, Op, Page, Range, Revision, Store, Watch};

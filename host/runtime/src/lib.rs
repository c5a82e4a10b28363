//! What every controller stands on: dynamic client, discovery, informers, queues, the reconcile loop.
//!
//! ```text
//! API server ──list+watch──▶ Informer ──handlers──▶ Queue ──▶ Controller ──▶ Reconciler
//!     ▲                                                                         │
//!     └────────────────────────────── Client ◀──────────────────────────────────┘
//! ```
//!
//! **Invariant:** nothing here knows which API server it talks to: a [`Client`] stands over any
//! `kube::Client`, be it a service in this process or HTTPS to somewhere else.
//!
//! **Invariant:** a failed read is never an empty one. An informer deletes from its cache only on a
//! deletion it was told of or on a complete list; [`Discovery`] tells "absent" from "not known".
//!
//! Delays use tokio's clock, so that paused time works; timestamps that go into objects come from
//! the [`Clock`] that is handed in.

pub mod conditions;
pub mod informer;

mod client;
mod clock;
mod controller;
mod discovery;
mod error;
mod events;
mod leader;
mod metrics;
mod queue;

pub use client::{
    ApplyOptions, Client, DeleteParams, List, ListParams, Patch, Propagation, Subresource, WatchEvent, WatchParams,
    WatchStream, from_object, to_object,
};
pub use clock::{Clock, FixedClock, SystemClock};
pub use controller::{Controller, Outcome, Reconciler};
pub use discovery::{Discovery, Lookup};
pub use error::{Error, ErrorKind, Result};
pub use events::{EventType, Recorder, RecorderConfig};
pub use informer::{Change, Informer, InformerSet, Keep, Selection, SharedInformer};
pub use leader::{LeaderConfig, LeaderElection};
pub use metrics::Metrics;
pub use queue::{Backoff, Job, Queue};

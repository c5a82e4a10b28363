//! A Kubernetes API server as one tower Service over a store.
//!
//! [`ApiServer::start`] takes a [`Store`](outrigger_store::Store) and gives a server that can be used
//! in two ways at once: in process, through [`ApiServer::service_as`] and `kube::Client::new`, without
//! a socket; and over HTTPS, through [`ApiServer::serve`], by kubectl and everybody else.
//!
//! ```text
//! service ─▶ request (what is asked) ─▶ access (who, may they) ─▶ handlers ─▶ objects (the rules) ─▶ store
//!                                                                   │             │
//!                             registry (what is served) ◀───────────┴─────────────┤
//!                             housekeeping (what follows from writes) ◀── watch ──┘
//! ```
//!
//! **Invariant:** every write goes through `objects`, whoever makes it; everything that follows from a
//! write is learnt from the store's watch, but for the kinds that a definition adds, which are served
//! before its write is answered.

mod access;
mod body;
mod bootstrap;
mod conform;
mod defaults;
mod discovery;
mod error;
mod fields;
mod handlers;
mod housekeeping;
mod incoming;
mod meta;
mod metrics;
mod negotiate;
mod objects;
mod openapi;
mod protobuf;
mod registry;
mod reply;
mod request;
mod reviews;
mod serve;
mod server;
mod service;
mod status;
mod storage;
mod table;
mod validate;

pub use body::{Body, BodyError};
pub use error::{Error, ErrorKind, Result};
pub use outrigger_auth::User;
pub use serve::listen;
pub use server::{ApiServer, Clock, Options};
pub use service::ApiService;
pub use status::{Status, StatusCause, StatusDetails};

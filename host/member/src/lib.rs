//! One connection per member: executor, reflection, health; for push hosts and the agent alike.
//!
//! ```text
//!            hub                                   member
//!  Works in karmada-es-<cluster> ──▶ execute ──▶ server-side apply
//!  Work.status ◀──────────────────── reflect ◀── watches on the kinds that Works name
//!  MemberObjects ◀────────────────── observe ◀── watches on the kinds that addons observe
//!  Cluster.status, Lease ◀────────── cluster ◀── /readyz, /version, discovery, nodes, pods
//! ```
//!
//! [`MemberSession`] runs all of it for one member. The host starts one for each push cluster (with
//! [`connect`]), the agent one for its own (after [`enroll`]).
//!
//! **Invariant:** a member's own fields are the member's. What is applied goes by server-side apply under
//! one field manager and never with a status, and an object that is not ours is left alone.
//!
//! **Invariant:** nothing is deleted because of an error, an empty answer, or a cache that has not synced.

pub mod connect;
pub mod enroll;
pub mod fields;
pub mod ownership;
pub mod plan;
pub mod reflect;

mod apply;
mod breaker;
mod cluster;
mod error;
mod execute;
mod learn;
mod lease;
mod observe;
mod session;
mod watches;
mod work;

pub use apply::Writer;
pub use breaker::{Breaker, Reach};
pub use cluster::{StatusConfig, Thresholds};
pub use error::{Error, Result};
pub use execute::{Executor, Memory};
pub use learn::learn;
pub use lease::LeaseConfig;
pub use observe::Observed;
pub use session::{Member, MemberSession, SessionConfig};
pub use work::{Work, resource as work_resource};

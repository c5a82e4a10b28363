//! The scheduler: clusters and a binding in, a placement out.
//!
//! ```text
//! Snapshot ─┬─ filter ──▶ feasible ── score, select ──▶ candidates ── assign ──▶ Placement
//! Request ──┘     └────────────── reason per cluster ─────────────────────────▶ Unschedulable
//! ```
//!
//! A [`Snapshot`] is kept up to date cluster by cluster, so that one decision compiles the binding's
//! placement once and then reads prepared values. The rules are those of Karmada's scheduler:
//! filters by affinity, taints, API enablement, spread fields and evictions; clusters that already
//! hold the object come first; replicas are duplicated or divided by Webster's method.
//!
//! **Invariants.** Nothing here does I/O, reads a clock or draws a random number: the same input
//! gives the same placement. Divided replicas add up to what the template asks for. A cluster that
//! failed a filter is never in a placement.
//!
//! Deliberately absent: estimates of free room. Placements that need one (dynamic weights,
//! `Aggregated`, overflow tiers, spreading by region) answer [`Unschedulable::Unsupported`].

mod assign;
mod candidate;
mod error;
mod filter;
mod schedule;
mod select;
mod selector;
mod snapshot;
mod webster;

pub use candidate::Candidate;
pub use error::{Diagnosis, Reason, Unschedulable};
pub use schedule::{Placement, Request, affinity_group, is_workload, schedule};
pub use selector::{ClusterLike, ClusterSelector, label_selector};
pub use snapshot::{Change, Snapshot};
pub use webster::divide_by_weight;

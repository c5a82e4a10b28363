//! What Kubernetes types look like, and what that means for a value.
//!
//! A [`Schema`] is the shape of one type: its fields, how its lists are keyed, what merges and what
//! is replaced whole. Built-in kinds get theirs from a compact table ([`builtin`]); custom resources
//! get theirs, with defaults and validation, from their CRD's structural schema ([`structural`]).
//!
//! **Invariant:** a shape never changes a value. Pruning and defaulting do, and only as the CRD says.

pub mod builtin;
pub mod shape;
pub mod structural;
mod unknown;

pub use shape::{Field, List, ListType, Node, NodeId, Object, Scalar, Schema, Strategic, Types};
pub use unknown::{unknown_fields, wrong_types};

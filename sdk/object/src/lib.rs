//! Dynamic Kubernetes objects, and the arithmetic that every room needs on them.
//!
//! An [`Object`] is the JSON of one Kubernetes object of any kind. Nothing in it is interpreted
//! until somebody asks, so fields that this project has never heard of pass through unharmed.
//!
//! **Invariant:** reading and writing an object back changes nothing that was not asked for.

mod cursor;
pub mod diff;
mod error;
mod metadata;
mod object;
mod pod;
mod pod_references;
mod quantity;
mod reference;
pub mod selector;

pub use cursor::Cursor;
pub use error::{Error, ErrorKind};
pub use metadata::OwnerReference;
pub use object::Object;
pub use pod::PodResources;
pub use pod_references::pod_references;
pub use quantity::{Format, Quantity};
pub use reference::{Gvk, ObjectKey, ObjectRef, Resource};
pub use selector::{FieldSelector, Selector};

//! Dynamic Kubernetes objects, and the arithmetic that every room needs on them.
//!
//! An [`Object`] is the JSON of one Kubernetes object of any kind. Nothing in it is interpreted
//! until somebody asks, so fields that this project has never heard of pass through unharmed.
//!
//! **Invariant:** reading and writing an object back changes nothing that was not asked for.

mod error;
mod object;
mod quantity;
mod reference;
pub mod selector;

pub use error::{Error, ErrorKind};
pub use object::Object;
pub use quantity::{Format, Quantity};
pub use reference::{Gvk, ObjectKey, ObjectRef, Resource};
pub use selector::{FieldSelector, Selector};

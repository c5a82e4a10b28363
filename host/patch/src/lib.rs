//! What a write does to an object: JSON, merge, strategic-merge and apply patches, and the record of
//! who owns which field.
//!
//! - [`json`]: RFC 6902, [`merge`]: RFC 7386, [`strategic`]: Kubernetes' strategic merge patch.
//! - [`managed`]: `metadata.managedFields`: [`managed::update`] after every other write,
//!   [`managed::apply`] for server-side apply.
//!
//! **Invariant:** everything here is a pure function of its arguments; the clock is an argument.

mod error;
pub mod json;
pub mod managed;
pub mod merge;
pub mod strategic;

pub use error::{Error, ErrorKind};

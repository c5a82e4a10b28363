//! The interpreter engine: which interpreter answers which question about which kind.
//!
//! [`Engine`] holds interpreters in [`Layer`]s and resolves them into one dispatch table whenever they
//! change. [`native`] has Kubernetes' own kinds, [`declarative`] reads interpreters from YAML, [`catalogue`]
//! lists those that ship with the binary, and [`cases`] runs interpreter cases against an engine.
//!
//! **Invariant:** interpreters are asked in the order of their layers, a failure ends the search, and an
//! interpreter that panics has failed.

pub mod cases;
pub mod catalogue;
pub mod declarative;
mod engine;
mod error;
pub mod generic;
mod layer;
pub mod native;
mod statistics;
mod table;

pub use declarative::Declarative;
pub use engine::{Engine, Reply, Route, Step};
pub use error::{ErrorKind, LoadError};
pub use generic::{Generic, KindFacts, Kinds};
pub use layer::{Conflict, Layer};
pub use statistics::Statistics;

//! What an interpreter's author works with: `outrigger interpreter …` without the printing.
//!
//! [`files`] finds and sorts what directories hold, [`load`] compiles the interpreters among it,
//! [`suite`] runs cases against them, [`lint`] looks for what cannot be right, and [`scaffold`] writes a first
//! interpreter out of a definition. [`ask`] puts single questions about [`objects`], and [`bench`] measures them.
//!
//! **Invariant:** a file that cannot be read or does not compile is a [`Fault`] with its place, and never
//! silently left out.

pub mod ask;
pub mod bench;
mod customization;
pub mod definitions;
mod fault;
pub mod fields;
pub mod files;
pub mod lint;
pub mod load;
pub mod objects;
pub mod reference;
pub mod scaffold;
pub mod suite;

pub use fault::{Error, ErrorKind, Fault};

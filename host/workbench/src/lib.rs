//! What an interpreter's author works with: `outrigger interpreter …` without the printing.
//!
//! [`files`] finds and sorts what directories hold, [`load`] compiles the interpreters among it, and
//! [`suite`] runs cases against them.
//!
//! **Invariant:** a file that cannot be read or does not compile is a [`Fault`] with its place, and never
//! silently left out.

mod fault;
pub mod files;
pub mod load;
pub mod suite;

pub use fault::{Error, ErrorKind, Fault};

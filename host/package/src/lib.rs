//! Addon packages: what an addon is outside of a control plane.
//!
//! ```text
//! directory ─┐
//! archive ───┴─▶ Package ───────────┬─▶ PackagedAddon (an Addon: CRDs, interpreters, cases, objects)
//!                   │               └─▶ archive
//!                   └ digest ◀── signatures
//! ```
//!
//! A [`Package`] is a manifest with its files and the digest of the archive that holds them. [`trust`] says who
//! signed it, and a [`PackagedAddon`] makes it an addon that the host can run.
//!
//! **Invariant:** nothing here writes to a disk or knows a control plane. What is read from outside is bounded
//! before it is read, and an error tells what is wrong and where.

mod addon;
mod archive;
mod directory;
mod error;
mod limits;
mod package;
pub mod trust;

pub use addon::{PackagedAddon, Part};
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use package::{MANIFEST, Package, sha256};

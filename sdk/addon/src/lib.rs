//! What an integration brings: an [`Addon`] says who it is, which kinds it teaches and how, and
//! which CRDs come with it.
//!
//! **Invariant:** an addon sees the SDK and nothing of the host.

mod addon;
mod crd;
mod manifest;

pub use addon::{Addon, Error};
pub use crd::Crd;
pub use manifest::{KindSupport, Manifest, Stability, UninstallPolicy, Versions};

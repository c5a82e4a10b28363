//! What an integration brings: an [`Addon`] says who it is, which kinds it teaches and how, and
//! which CRDs come with it.
//!
//! **Invariant:** an addon sees the SDK and nothing of the host.

pub mod abi;
mod addon;
mod controller;
mod crd;
pub mod manifest;
pub mod member_object;
pub mod rule;

pub use addon::{Addon, Error};
pub use controller::{CallError, CallErrorKind, Cluster, Controller, EventKind, Host, Outcome, Place, Request, Watch};
pub use crd::Crd;
pub use manifest::{KindSupport, Manifest, Requirement, Stability, UninstallPolicy, Versions};
pub use member_object::MemberObject;

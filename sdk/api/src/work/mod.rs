//! `work.karmada.io`: bindings of templates to clusters (`v1alpha2`) and manifests for one cluster (`v1alpha1`).

mod binding;
mod manifest;
mod requirements;

pub use binding::*;
pub use manifest::*;
pub use requirements::*;

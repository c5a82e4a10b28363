//! `config.karmada.io/v1alpha1`: how kinds are interpreted.

mod customization;
mod webhook;

pub use customization::*;
pub use webhook::*;

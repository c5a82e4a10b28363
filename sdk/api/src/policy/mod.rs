//! `policy.karmada.io/v1alpha1`: what is propagated where, and what is changed on the way.

mod failover;
mod overrides;
mod placement;
mod propagation;

pub use failover::*;
pub use overrides::*;
pub use placement::*;
pub use propagation::*;

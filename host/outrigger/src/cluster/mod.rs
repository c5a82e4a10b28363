//! The life of a cluster under the control plane: it joins or registers, and it is let go.
//!
//! | Command | Changes the member | Changes the control plane |
//! |---|---|---|
//! | [`join`] | an identity for the control plane | its credentials, the Cluster |
//! | [`register`] | the agent | nothing: the agent does |
//! | [`token`] | nothing | a bootstrap token |
//! | [`unjoin`] | removes the identity | removes the Cluster and what hangs on it |
//!
//! **Invariant:** what can be refused is refused before anything is changed, and what was cut short can
//! be repeated.

pub mod access;
pub mod bootstrap;
pub mod join;
pub mod kinds;
pub mod manifest;
pub mod progress;
pub mod register;
pub mod token;
pub mod unjoin;
pub mod wait;

//! What an addon's author tests with.
//!
//! [`SimulatedMember`] plays the controllers of a member cluster against a real API server: it makes
//! Deployments ready and takes Velero's objects through their phases, with Velero's own writes to
//! spec, labels, annotations and status. It runs no pods and copies no data, and says so wherever a
//! person looks.
//!
//! [`TestHost`] plays the host of a controller, in memory.
//!
//! **Invariant:** everything that a simulated controller writes, the real one would write too, by
//! the same kind of request.

mod crds;
mod host;
mod simulator;

pub use crds::install_crds;
pub use host::{Event, HostCall, Ran, TestHost, Write};
pub use simulator::{Failure, SimulatedMember, SimulatorOptions};

//! What it takes to teach Outrigger a kind.
//!
//! An [`Interpreter`] answers questions about objects of the kinds that it supports: the eight
//! operations of Karmada's resource interpreter, under Karmada's names, and two of Outrigger's own,
//! [`Operation::Localize`] and the kind's [`LifeCycle`]. Interpreters are pure: the same input gives
//! the same answer, and nothing is read from or written to a cluster.
//!
//! **Invariant:** an [`Answer`] is a value, "not handled", or a failure, and the three are never
//! confused. The host keeps its last good result on a failure and destroys nothing.

pub mod abi;
mod answer;
mod interpreter;
mod question;
mod values;

pub use answer::{Answer, Error, ErrorKind};
pub use interpreter::{Interpreter, Operation, Operations, Support};
pub use question::{Given, Question};
pub use values::{
    Assignment, ClusterFacts, Component, Dependency, Health, HealthReport, LabelSelector, LabelSelectorRequirement,
    LifeCycle, NodeClaim, ReplicaInfo, ReplicaRequirements, StatusItem,
};

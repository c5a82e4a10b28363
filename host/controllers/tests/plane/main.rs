//! The controllers over a hub and members that are real API servers in this process.

mod dependencies;
mod economy;
mod enrolment;
mod failure;
mod generic;
mod propagation;
mod world;

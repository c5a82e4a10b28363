//! The controllers over a hub and members that are real API servers in this process.

mod propagation;
mod world;

//! What every store keeps to, and what the durable one survives.

#![allow(missing_docs)]

mod contract;
mod crash;
mod directory;
mod model;
mod stores;
mod watch;

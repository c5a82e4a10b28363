//! Clusters come and go: the binary itself, over real API servers on loopback.
//!
//! Each test starts what it needs: control planes as processes, members in this process. Nothing is
//! simulated, but no member has pods.

#[allow(dead_code, missing_docs)]
#[path = "../../src/cluster/wait.rs"]
mod wait;

mod deploy;
mod pull;
mod push;
mod servers;

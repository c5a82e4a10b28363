//! End to end: the binary itself, `kubectl`, and API servers on loopback with TLS.
//!
//! Control planes and agents are processes, killed with SIGKILL where a test says so. Members are API
//! servers in this process, with simulated controllers. With `OUTRIGGER_E2E_HUB=FILE` the control plane
//! works over the API server of that kubeconfig, and `OUTRIGGER_E2E_MEMBERS=east=FILE,west=FILE,edge=FILE`
//! puts real clusters in the place of members of those names; tests then take turns, and each begins by
//! removing what the one before has left there.
//!
//! `OUTRIGGER_BIN` names the binary; without it the one of this workspace is used, and built if it is
//! older than its sources.

mod api;
mod bad_input;
mod binary;
mod clients;
mod demo;
mod disk;
mod documentation;
mod durability;
mod explain;
mod interpreters;
mod isolation;
#[path = "../engines/library.rs"]
mod library;
mod member;
mod propagation;
mod sweep;
#[path = "../../../host/webhook/tests/hooks/server.rs"]
#[allow(dead_code)]
mod webhook;
mod wipe;
mod world;

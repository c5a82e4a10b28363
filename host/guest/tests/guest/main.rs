//! Addons at work against real API servers in this process, well behaved and not.

#[path = "../../../../sdk/addon/examples/probe/probe.rs"]
#[allow(missing_docs)]
mod probe;

mod contain;
mod permit;
mod work;
mod world;

//! The Velero addon, through the SDK's traits as a host uses it.

mod crds;
mod kinds;

//! The scheduler: clusters and bindings in, placements out; pure.

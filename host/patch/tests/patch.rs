//! Tests of the crate from outside.

mod golden;
mod properties;
mod recorded;

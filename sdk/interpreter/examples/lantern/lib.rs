//! An interpreter in a shared library. Build it, and install the file as an interpreter:
//!
//! ```text
//! cargo build --release --example lantern      # in a crate of your own: crate-type = ["cdylib"]
//! ```

mod lantern;

outrigger_interpreter::export_interpreter!(lantern::Lantern);

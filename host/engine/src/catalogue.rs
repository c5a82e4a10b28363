//! The interpreters that ship with the binary: the folder `interpreters/` of the repository, as it was when
//! the binary was built.

use std::sync::Arc;

use outrigger_interpreter::Interpreter;

use crate::{LoadError, declarative::Declarative};

/// One bundled interpreter.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its folder, `<group>/<version>/<Kind>`.
    pub path: &'static str,
    /// The interpreter, as YAML.
    pub yaml: &'static str,
}

/// All bundled interpreters, sorted by path.
pub const ENTRIES: &[Entry] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

impl Entry {
    /// Compiles the interpreter.
    pub fn load(&self) -> Result<Arc<dyn Interpreter>, LoadError> {
        Declarative::parse(&format!("{}/interpreter.yaml", self.path), self.yaml)
    }
}

/// The bundled interpreters, compiled. One that does not load is left out, with a message in the log.
pub fn interpreters() -> Vec<Arc<dyn Interpreter>> {
    ENTRIES
        .iter()
        .filter_map(|entry| {
            entry.load().inspect_err(|error| tracing::error!(%error, "a bundled interpreter does not load")).ok()
        })
        .collect()
}

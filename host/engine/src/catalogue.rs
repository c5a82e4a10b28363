//! The interpreters that ship with the binary.

use std::sync::Arc;

use outrigger_interpreter::Interpreter;

/// The bundled interpreters, compiled.
pub fn interpreters() -> Vec<Arc<dyn Interpreter>> {
    Vec::new()
}

//! A first interpreter for a kind, out of its CustomResourceDefinition.
//!
//! [`infer`] reads what the schema says by convention, `write` puts it into words, and `example` makes
//! objects of the kind for the cases. What the cases expect is what the interpreter gives: they run at once,
//! and are for the author to check and to fill in.

mod example;
pub mod infer;
mod write;

use std::path::PathBuf;

use outrigger_engine::declarative::format;

use crate::{
    Fault,
    definitions::{Definition, Version},
};

/// Files for a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaffold {
    /// Their directory: `<group>/<version>/<Kind>`.
    pub directory: PathBuf,
    /// `interpreter.yaml`.
    pub interpreter: String,
    /// `cases.yaml`.
    pub cases: String,
}

/// Writes an interpreter and its cases; for the stored version, unless another is named.
pub fn scaffold(definition: &Definition, version: Option<&str>) -> Result<Scaffold, Fault> {
    let fault = |message: String| Fault::new(definition.file.clone(), message);
    let named = |wanted: &str| definition.versions.iter().find(|version| version.name == wanted);
    let chosen: Option<&Version> = match version {
        None => definition.main_version(),
        Some(wanted) => Some(named(wanted).ok_or_else(|| {
            let names: Vec<&str> = definition.versions.iter().map(|version| version.name.as_str()).collect();
            fault(format!("{} has no version {wanted}: it has {}", definition.kind, names.join(", ")))
        })?),
    };
    let Some(version) = chosen else { return Err(fault(format!("{} has no version", definition.kind))) };
    let inferred = infer::infer(definition, version);
    let interpreter = write::interpreter(definition, version, &inferred);
    let cases = example::cases(definition, version, &inferred, &interpreter)?;
    let directory = [&definition.group, &version.name, &definition.kind].iter().collect();
    Ok(Scaffold { directory, interpreter, cases })
}

/// The name of an interpreter for a kind: plural and group.
fn name(definition: &Definition) -> String {
    format!("{}.{}", definition.plural, definition.group)
}

/// `apiVersion` and `kind` of an interpreter.
fn head() -> [(&'static str, &'static str); 2] {
    [("apiVersion", format::API_VERSION), ("kind", format::KIND)]
}

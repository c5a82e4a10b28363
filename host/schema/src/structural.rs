//! [`Structural`]: the structural schema of a custom resource, compiled once and used at every write.
//!
//! Owns the meaning of `openAPIV3Schema`: which schemas are structural, which fields are kept,
//! which are filled in, which values are refused and with which words. The words and the field
//! paths are those of kube-apiserver, because people and tests read them.
//!
//! **Invariant:** no schema and no value makes this module panic, recurse without bound or run
//! without bound. What cannot be decided within bounds is refused.

mod bound;
mod cel;
mod check;
mod complete;
mod error;
mod fill;
mod format;
mod lists;
mod node;
mod optional;
mod outline;
mod parse;
mod path;
mod pattern;
mod prune;
mod rules;
mod scope;

use serde_json::Value;

pub use error::{Cause, FieldError, SchemaError};
use node::Node;

use crate::Schema;

/// A compiled structural schema.
#[derive(Debug)]
pub struct Structural {
    root: Node,
}

impl Structural {
    /// Compiles `openAPIV3Schema`, or says everything that is wrong with it. The paths of the errors
    /// begin below `openAPIV3Schema`.
    pub fn parse(schema: &Value) -> Result<Self, Vec<SchemaError>> {
        parse::parse(schema).map(|root| Self { root })
    }

    /// A schema that keeps everything and refuses nothing.
    pub fn open() -> Self {
        Self { root: Node { preserve_unknown: true, ..Node::default() } }
    }

    /// Drops the fields that the schema does not name and gives their paths, sorted.
    /// `apiVersion`, `kind` and `metadata` stay at the root and in embedded resources.
    pub fn prune(&self, value: &mut Value) -> Vec<String> {
        prune::prune(&self.root, value)
    }

    /// Drops nulls where null is not allowed, then fills in defaults.
    pub fn default(&self, value: &mut Value) {
        fill::drop_nulls(&self.root, value);
        fill::fill(&self.root, value);
    }

    /// Everything that is wrong with a value. With the value that it replaces, transition rules run,
    /// and what was wrong before and has not been touched is let through.
    pub fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = check::check(&self.root, new, None);
        if let (false, Some(old)) = (errors.is_empty(), old) {
            errors = check::check(&self.root, new, Some(old));
        }
        lists::check(&self.root, new, old, &mut errors);
        if !self.root.below.rules {
            return errors;
        }
        // Rules rely on what the schema promises, so they are not asked about a value that breaks it.
        if errors.iter().any(|error| error.cause.blocks_rules()) {
            let detail = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            errors.push(FieldError::new(Cause::Invalid, String::new(), Some(&Value::Null), detail));
        } else {
            rules::check(&self.root, new, old, &mut errors);
        }
        errors
    }

    /// The shape that apply and strategic merge walk.
    pub fn shape(&self) -> Schema {
        outline::outline(&self.root)
    }
}

#[cfg(test)]
mod tests;

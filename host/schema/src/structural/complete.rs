//! Completeness: every field that a junctor at the root restricts is also described outside of it.

use super::{
    error::{Cause, SchemaError, words},
    node::{Checks, Node},
    parse::{join, key},
};

/// Reports the fields of value validations that have no structural counterpart.
pub(super) fn check(root: &Node, errors: &mut Vec<SchemaError>) {
    if let Some(checks) = &root.checks {
        junctors(checks, root, "", "", errors);
    }
}

fn junctors(checks: &Checks, node: &Node, at: &str, from: &str, errors: &mut Vec<SchemaError>) {
    if let Some(not) = &checks.not {
        nested(not, node, at, &join(from, "not"), errors);
    }
    for (name, branches) in [("allOf", &checks.all_of), ("anyOf", &checks.any_of), ("oneOf", &checks.one_of)] {
        for (index, branch) in branches.iter().enumerate() {
            nested(branch, node, at, &format!("{}[{index}]", join(from, name)), errors);
        }
    }
}

fn nested(branch: &Node, node: &Node, at: &str, from: &str, errors: &mut Vec<SchemaError>) {
    if let Some(checks) = &branch.checks {
        junctors(checks, node, at, from, errors);
    }
    if let Some(items) = &branch.items {
        let (at, from) = (join(at, "items"), join(from, "items"));
        match &node.items {
            Some(node) => nested(items, node, &at, &from, errors),
            None => missing(at, &from, errors),
        }
    }
    for (name, property) in &branch.properties {
        let (at, from) = (key(at, "properties", name), key(from, "properties", name));
        match node.properties.get(name) {
            Some(node) => nested(property, node, &at, &from, errors),
            None => missing(at, &from, errors),
        }
    }
}

fn missing(at: String, from: &str, errors: &mut Vec<SchemaError>) {
    let message = words(Cause::Required, None, &format!("because it is defined in {from}"));
    errors.push(SchemaError { path: at, message });
}

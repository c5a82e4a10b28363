//! A status that its kind's schema keeps and accepts.
//!
//! What the schema does not name is dropped. A field that it refuses is left out, together with the field of
//! the status that it stands in: clusters still tell of it, each for itself. Only where the schema cannot do
//! without such a field is there no status to be written.

use outrigger_interpreter::Error;
use outrigger_object::Object;
use outrigger_schema::structural::FieldError;
use serde_json::{Map, Value};

use super::{KindFacts, Result};

/// The status without what the schema drops or refuses; `None` when the kind keeps no status at all.
pub fn conform(template: &Object, status: Map<String, Value>, facts: &KindFacts) -> Result<Option<Map<String, Value>>> {
    let Some(structural) = facts.structural() else { return Ok(Some(status)) };
    let old = Value::Object(template.0.clone());
    let mut new = template.clone();
    new.0.insert("status".to_owned(), Value::Object(status));
    let mut new = new.into_value();
    structural.prune(&mut new);
    loop {
        if !new.get("status").is_some_and(Value::is_object) {
            return Ok(None);
        }
        let errors = structural.validate(&new, Some(&old));
        let mut wrong = errors.iter().filter(|error| below_status(error).is_some()).peekable();
        if wrong.peek().is_none() {
            let status = new.get_mut("status").map(Value::take);
            return Ok(status.and_then(|status| match status {
                Value::Object(status) => Some(status),
                _ => None,
            }));
        }
        let mut fields: Vec<String> = Vec::new();
        for error in wrong {
            let field = below_status(error).unwrap_or_default();
            if new.get("status").is_none_or(|status| status.get(field).is_none()) {
                return Err(Error::invalid(format_args!(
                    "{error}; what the clusters report does not make one status, describe the kind with an interpreter"
                )));
            }
            fields.push(field.to_owned());
        }
        if let Some(status) = new.get_mut("status").and_then(Value::as_object_mut) {
            status.retain(|name, _| !fields.contains(name));
        }
    }
}

/// The field of the status that an error is about: empty for the status itself, `None` for anything else.
fn below_status(error: &FieldError) -> Option<&str> {
    let rest = error.field.strip_prefix("status")?;
    match rest.strip_prefix(['.', '[']) {
        Some(rest) => rest.split(['.', '[', ']']).next(),
        None => rest.is_empty().then_some(""),
    }
}

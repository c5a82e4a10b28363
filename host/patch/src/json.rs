//! RFC 6902, JSON patch.

use json_patch::{Patch, PatchErrorKind, PatchOperation};
use serde_json::Value;

use crate::Error;

/// How many operations one patch may have, as in kube-apiserver.
pub const MAX_OPERATIONS: usize = 10_000;

/// Applies a JSON patch, given as its JSON. Nothing changes when any operation fails.
///
/// Fails with [`Error::Malformed`] for a patch that is none, [`Error::TooManyOperations`],
/// [`Error::TestFailed`] and [`Error::MissingPath`].
pub fn apply(target: &mut Value, patch: Value) -> Result<(), Error> {
    if let Some(operations) = patch.as_array()
        && operations.len() > MAX_OPERATIONS
    {
        return Err(Error::TooManyOperations { limit: MAX_OPERATIONS, got: operations.len() });
    }
    let patch: Patch =
        serde_json::from_value(patch).map_err(|error| Error::Malformed(format!("error decoding patch: {error}")))?;
    json_patch::patch(target, &patch).map_err(|error| {
        let operation = patch.0.get(error.operation).map_or("unknown", name);
        let path = match (&error.kind, patch.0.get(error.operation)) {
            (PatchErrorKind::InvalidFromPointer, Some(PatchOperation::Move(inner))) => &inner.from,
            (PatchErrorKind::InvalidFromPointer, Some(PatchOperation::Copy(inner))) => &inner.from,
            _ => &error.path,
        };
        match error.kind {
            PatchErrorKind::TestFailed => Error::TestFailed { path: path.to_string() },
            PatchErrorKind::CannotMoveInsideItself => Error::at(path.to_string(), "cannot be moved into itself"),
            _ => Error::MissingPath { operation, path: path.to_string() },
        }
    })
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn target() -> Value {
        json!({"metadata": {"labels": {"a/b": "1"}}, "spec": {"list": [1, 2]}})
    }

    fn check(patch: Value, expected: Value) {
        let mut result = target();
        apply(&mut result, patch).expect("applies");
        assert_eq!(result, expected);
    }

    fn check_error(patch: Value, kind: ErrorKind, message: &str) {
        let mut result = target();
        let error = apply(&mut result, patch).expect_err("is refused");
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
        assert_eq!(result, target(), "a refused patch changes nothing");
    }

    #[test]
    fn operations() {
        check(
            json!([
                {"op": "test", "path": "/metadata/labels/a~1b", "value": "1"},
                {"op": "replace", "path": "/metadata/labels/a~1b", "value": "2"},
                {"op": "add", "path": "/spec/list/-", "value": 3},
                {"op": "remove", "path": "/spec/list/0"},
                {"op": "copy", "from": "/spec/list", "path": "/spec/other"},
                {"op": "move", "from": "/spec/list", "path": "/spec/moved"},
            ]),
            json!({"metadata": {"labels": {"a/b": "2"}}, "spec": {"moved": [2, 3], "other": [2, 3]}}),
        );
    }

    #[test]
    fn refusals() {
        check_error(
            json!([{"op": "add", "path": "/spec/x", "value": 1}, {"op": "test", "path": "/spec/list/0", "value": 9}]),
            ErrorKind::Conflict,
            "testing value /spec/list/0 failed",
        );
        check_error(
            json!([{"op": "remove", "path": "/spec/nothing"}]),
            ErrorKind::NotFound,
            "remove operation does not apply: doc is missing path: /spec/nothing",
        );
        check_error(
            json!([{"op": "add", "path": "/no/such/parent", "value": 1}]),
            ErrorKind::NotFound,
            "add operation does not apply: doc is missing path: /no/such/parent",
        );
        check_error(
            json!([{"op": "move", "from": "/spec/gone", "path": "/spec/x"}]),
            ErrorKind::NotFound,
            "move operation does not apply: doc is missing path: /spec/gone",
        );
        let many: Vec<Value> =
            (0..=MAX_OPERATIONS).map(|_| json!({"op": "test", "path": "/spec/list/0", "value": 1})).collect();
        check_error(
            Value::Array(many),
            ErrorKind::Invalid,
            "The allowed maximum operations in a JSON patch is 10000, got 10001",
        );
        let mut result = target();
        let error = apply(&mut result, json!({"op": "add"})).expect_err("no list");
        assert_eq!(error.code(), 400);
    }
}

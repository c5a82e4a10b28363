//! Changes at JSON pointers: in the object itself, or in a document inside one of its strings.

use outrigger_api::policy::{FieldOverrider, OverriderOperator};
use serde_json::{Value, json};

/// Applies operations in order, all or none.
pub(super) fn patch<'a>(
    document: &mut Value,
    operations: impl Iterator<Item = (OverriderOperator, &'a str, Option<&'a Value>)>,
) -> Result<(), String> {
    let operations: Vec<_> = operations
        .map(|(operator, path, value)| match operator {
            OverriderOperator::Remove => json!({"op": "remove", "path": path}),
            _ => json!({"op": operator.as_str(), "path": path, "value": value}),
        })
        .collect();
    if operations.is_empty() {
        return Ok(());
    }
    let patch: json_patch::Patch =
        serde_json::from_value(Value::from(operations)).map_err(|error| format!("not a JSON patch: {error}"))?;
    json_patch::patch(document, &patch).map_err(|error| error.to_string())
}

/// Changes a document in YAML or JSON that a string field holds.
pub(super) fn field(object: &mut Value, overrider: &FieldOverrider) -> Result<(), String> {
    let path = &overrider.field_path;
    let slot = object.pointer_mut(path).ok_or_else(|| format!("there is no {path}"))?;
    let Value::String(text) = slot else { return Err(format!("{path} is not a string")) };
    if !overrider.yaml.is_empty() {
        let mut document: Value =
            serde_saphyr::from_str(text).map_err(|error| format!("{path} is not YAML: {error}"))?;
        let operations = overrider.yaml.iter().map(|one| (one.operator, one.sub_path.as_str(), one.value.as_ref()));
        patch(&mut document, operations).map_err(|problem| format!("{path}: {problem}"))?;
        *text = serde_saphyr::to_string(&document).map_err(|error| format!("{path} cannot be written: {error}"))?;
    } else if !overrider.json.is_empty() {
        let mut document: Value = serde_json::from_str(text).map_err(|error| format!("{path} is not JSON: {error}"))?;
        let operations = overrider.json.iter().map(|one| (one.operator, one.sub_path.as_str(), one.value.as_ref()));
        patch(&mut document, operations).map_err(|problem| format!("{path}: {problem}"))?;
        *text = document.to_string();
    }
    Ok(())
}

//! Letting go of the fields that Velero has made its own.

use outrigger_object::Object;
use serde_json::Value;

/// Whether a field of a member's object was last written by somebody who applies it, as Outrigger
/// does, and by nobody else. Velero writes with Update, which moves the field to it.
fn only_applied(observed: &Object, field: &[&str]) -> bool {
    let managers = observed.get(&["metadata", "managedFields"]).and_then(Value::as_array);
    let mut applied = false;
    for manager in managers.into_iter().flatten() {
        let mut set = manager.get("fieldsV1");
        for name in field {
            set = set.and_then(|set| set.get(format!("f:{name}")));
        }
        if set.is_some() {
            if manager.get("operation").and_then(Value::as_str) != Some("Apply") {
                return false;
            }
            applied = true;
        }
    }
    applied
}

/// Takes a field out of `desired` when the member's Velero has set it to something else: what is
/// not applied is not fought over. An edit of the template still goes through as long as Velero has
/// not touched the field.
pub fn let_go(desired: &mut Object, observed: &Object, field: &[&str]) {
    let Some(theirs) = observed.get(field) else { return };
    if desired.get(field).is_some_and(|ours| ours != theirs) && !only_applied(observed, field) {
        desired.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(default: bool, operation: &str) -> Object {
        let fields = json!({ "f:spec": { "f:default": {} } });
        Object::from_value(json!({
            "metadata": { "managedFields": [{ "manager": "m", "operation": operation, "fieldsV1": fields }] },
            "spec": { "default": default },
        }))
        .expect("an object")
    }

    #[track_caller]
    fn check(operation: &str, ours: bool, theirs: bool, expected: Option<bool>) {
        let mut desired = object(ours, "Apply");
        let_go(&mut desired, &object(theirs, operation), &["spec", "default"]);
        assert_eq!(desired.bool(&["spec", "default"]), expected);
    }

    #[test]
    fn what_velero_changed_is_let_go() {
        check("Update", true, false, None);
    }

    #[test]
    fn what_velero_left_alone_follows_the_template() {
        check("Apply", true, false, Some(true));
        check("Update", true, true, Some(true));
    }
}

//! The rules of `metadata`: what the server sets, what nobody may change, what counts as a change.

use jiff::Timestamp;
use outrigger_object::Object;
use outrigger_schema::structural::{Cause, FieldError};
use serde_json::Value;

use crate::registry::Resource;
use crate::status::{Result, Status};

/// A time as Kubernetes writes it, to the second.
pub(crate) fn time(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const LONGEST_BASE: usize = 63 - 5;

/// A name from a `generateName`: the base, cut short where it has to be, and five random letters.
pub(crate) fn generate_name(base: &str) -> String {
    let mut end = base.len().min(LONGEST_BASE);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = base.get(..end).unwrap_or_default().to_owned();
    for _ in 0..5 {
        let index = rand::random_range(0..ALPHABET.len());
        name.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'x')));
    }
    name
}

/// Prepares the metadata of a new object. The name is there afterwards, unless none was given.
pub(crate) fn prepare_create(resource: &Resource, object: &mut Object, namespace: &str, now: &str) -> Result<()> {
    if !object.resource_version().is_empty() {
        return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
    }
    place(resource, object, namespace)?;
    if object.name().is_empty()
        && let Some(base) = object.str(&["metadata", "generateName"]).filter(|base| !base.is_empty())
    {
        let name = generate_name(base);
        object.set(&["metadata", "name"], name);
    }
    for name in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"] {
        object.remove(&["metadata", name]);
    }
    object.set(&["metadata", "uid"], uuid::Uuid::new_v4().to_string());
    object.set(&["metadata", "creationTimestamp"], now);
    match resource.has_generation() {
        true => object.set(&["metadata", "generation"], 1),
        false => {
            object.remove(&["metadata", "generation"]);
        }
    }
    Ok(())
}

/// Puts an object into the namespace that the URL names.
pub(crate) fn place(resource: &Resource, object: &mut Object, namespace: &str) -> Result<()> {
    let given = object.namespace();
    if resource.namespaced {
        if !given.is_empty() && given != namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        if given.is_empty() {
            object.set(&["metadata", "namespace"], namespace);
        }
    } else if !given.is_empty() {
        object.remove(&["metadata", "namespace"]);
    }
    Ok(())
}

/// Carries over from the old object what an update does not touch, and refuses changes to what
/// nobody may change.
pub(crate) fn prepare_update(resource: &Resource, object: &mut Object, old: &Object) -> Result<()> {
    let name = old.name();
    let uid = object.uid();
    if !uid.is_empty() && uid != old.uid() {
        return Err(Status::conflict(
            resource,
            name,
            &format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", old.uid()),
        ));
    }
    for field in ["uid", "name", "namespace", "creationTimestamp", "generation"] {
        restore(object, old, field);
    }
    let mut errors = Vec::new();
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        let given = object.get(&["metadata", field]).filter(|given| !given.is_null());
        if given.is_some() && given != old.get(&["metadata", field]) {
            errors.push(FieldError {
                cause: Cause::Invalid,
                field: format!("metadata.{field}"),
                message: format!("Invalid value: {}: field is immutable", given.unwrap_or(&Value::Null)),
            });
        }
        restore(object, old, field);
    }
    if old.is_deleting() {
        let added: Vec<&str> =
            object.finalizers().filter(|finalizer| !old.finalizers().any(|known| known == *finalizer)).collect();
        if !added.is_empty() {
            let list: Vec<String> = added.iter().map(|one| format!("{one:?}")).collect();
            errors.push(FieldError {
                cause: Cause::Forbidden,
                field: "metadata.finalizers".into(),
                message: format!(
                    "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                    list.join(", ")
                ),
            });
        }
    }
    object.remove(&["metadata", "selfLink"]);
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(resource, name, &errors)) }
}

fn restore(object: &mut Object, old: &Object, field: &str) {
    match old.get(&["metadata", field]) {
        Some(value) => object.set(&["metadata", field], value.clone()),
        None => {
            object.remove(&["metadata", field]);
        }
    }
}

/// Whether a change counts in `metadata.generation`: anything but metadata, and but status where
/// that has a subresource of its own.
pub(crate) fn bumps_generation(resource: &Resource, old: &Object, new: &Object) -> bool {
    if !resource.has_generation() {
        return false;
    }
    let has_status = resource.has_status();
    let counts = |name: &str| match name {
        "metadata" | "apiVersion" | "kind" => false,
        "status" => !has_status,
        _ => true,
    };
    let names = || old.0.keys().chain(new.0.keys());
    names().any(|name| counts(name) && old.0.get(name) != new.0.get(name))
}

/// Whether two objects are the same but for their resourceVersion and the times of their managers.
pub(crate) fn is_same(old: &Object, new: &Object) -> bool {
    let names = old.0.keys().chain(new.0.keys());
    for name in names {
        let (before, after) = (old.0.get(name), new.0.get(name));
        if name == "metadata" {
            let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) else { return false };
            for name in before.keys().chain(after.keys()) {
                let same = match name.as_str() {
                    "resourceVersion" => true,
                    "managedFields" => managers(before.get(name)).eq(managers(after.get(name))),
                    _ => before.get(name) == after.get(name),
                };
                if !same {
                    return false;
                }
            }
        } else if before != after {
            return false;
        }
    }
    true
}

fn managers(list: Option<&Value>) -> impl Iterator<Item = [Option<&Value>; 5]> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|one| ["manager", "operation", "subresource", "apiVersion", "fieldsV1"].map(|name| one.get(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn generated_names_fit() {
        let name = generate_name("web-");
        assert!(name.starts_with("web-") && name.len() == 9, "{name}");
        assert_eq!(generate_name(&"x".repeat(80)).len(), 63);
    }

    #[track_caller]
    fn check(old: Value, new: Value, same: bool) {
        let object = |value| Object::from_value(value).expect("an object");
        assert_eq!(is_same(&object(old), &object(new)), same);
    }

    #[test]
    fn what_makes_a_difference() {
        let managed = |time: &str, fields: &str| {
            json!({"metadata": {"resourceVersion": time, "managedFields": [{"manager": "m",
            "time": time, "fieldsV1": {fields: {}}}]}})
        };
        check(managed("1", "f:a"), managed("2", "f:a"), true);
        check(managed("1", "f:a"), managed("1", "f:b"), false);
        check(json!({"metadata": {}, "spec": {"a": 1}}), json!({"metadata": {}, "spec": {"a": 1}}), true);
        check(json!({"metadata": {}, "spec": {"a": 1}}), json!({"metadata": {}}), false);
        check(json!({"metadata": {}}), json!({"metadata": {"labels": {"a": "b"}}}), false);
    }
}

//! Ownership of replicas, seen through the `scale` subresource and written back.

use serde_json::Value;

use super::{
    element::PathElement,
    entry::{Entry, Id},
    set::FieldSet,
};

/// The version of `Scale`.
const SCALE_VERSION: &str = "autoscaling/v1";

/// The entries that a `Scale` has: who owns the field of the object that holds its replicas, as owners
/// of `.spec.replicas`. `None` when nobody does.
pub fn to_scale(managed_fields: &Value, replicas: &[&str]) -> Option<Value> {
    let path = path(replicas);
    let entries = Entry::read_all(managed_fields).ok()?.into_iter().filter(|entry| entry.fields().contains(&path));
    let scale = entries.map(|entry| {
        let id = Id { api_version: SCALE_VERSION.to_owned(), ..entry.id };
        Entry::new(id, entry.time, FieldSet::of([&["spec", "replicas"]]))
    });
    Entry::write_all(scale.collect())
}

/// The entries of an object after its `Scale` was written with these entries. Who lost the replicas
/// there loses them here; who has them owns them here, at the version of the object.
pub fn from_scale(managed_fields: &Value, scale: &Value, api_version: &str, replicas: &[&str]) -> Option<Value> {
    let path = path(replicas);
    let mut field = FieldSet::default();
    field.insert(&path);
    let in_scale = path_in_scale();
    let mut owners: Vec<Entry> = Entry::read_all(scale)
        .unwrap_or_default()
        .into_iter()
        .filter(|entry| entry.fields().contains(&in_scale))
        .collect();
    let mut entries = Entry::read_all(managed_fields).unwrap_or_default();
    for entry in entries.iter_mut().filter(|entry| entry.fields().contains(&path)) {
        let owner = owners.iter().position(|owner| {
            owner.id.manager == entry.id.manager
                && owner.id.operation == entry.id.operation
                && owner.id.subresource == entry.id.subresource
        });
        match owner {
            Some(at) => {
                owners.remove(at);
            }
            None => entry.change(|fields| fields.subtract(&field)),
        }
    }
    for owner in owners {
        let id = Id { api_version: api_version.to_owned(), ..owner.id };
        match entries.iter_mut().find(|entry| entry.id.is_same(&id)) {
            Some(entry) => entry.change(|fields| {
                fields.insert(&path);
                true
            }),
            // Scaling is not dated, as kube-apiserver does not.
            None => entries.push(Entry::new(id, None, field.clone())),
        }
    }
    Entry::write_all(entries)
}

fn path(names: &[&str]) -> Vec<PathElement> {
    names.iter().map(|name| PathElement::field(name)).collect()
}

fn path_in_scale() -> Vec<PathElement> {
    path(&["spec", "replicas"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, subresource: &str, fields: Value) -> Value {
        let mut entry = json!({"manager": manager, "operation": "Update", "apiVersion": "example.io/v1",
            "fieldsType": "FieldsV1", "fieldsV1": fields});
        if !subresource.is_empty() {
            entry["subresource"] = subresource.into();
        }
        entry
    }

    #[test]
    fn replicas_move_to_the_scaler() {
        let size = ["spec", "size"];
        let before = json!([entry("a", "", json!({"f:spec": {"f:size": {}, "f:x": {}}}))]);
        let scale = to_scale(&before, &size).expect("an owner");
        assert_eq!(scale[0]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
        assert_eq!(scale[0]["apiVersion"], "autoscaling/v1");
        assert_eq!(from_scale(&before, &scale, "example.io/v1", &size), Some(before.clone()), "nothing was scaled");

        let mut scaled = scale.clone();
        scaled[0]["manager"] = "b".into();
        scaled[0]["subresource"] = "scale".into();
        let after = from_scale(&before, &scaled, "example.io/v1", &size).expect("entries");
        assert_eq!(
            after,
            json!([
                entry("a", "", json!({"f:spec": {"f:x": {}}})),
                entry("b", "scale", json!({"f:spec": {"f:size": {}}})),
            ])
        );
        assert_eq!(to_scale(&json!([entry("a", "", json!({"f:spec": {"f:x": {}}}))]), &size), None);
    }
}

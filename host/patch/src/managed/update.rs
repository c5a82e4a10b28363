//! Ownership after a create, an update or a patch other than apply.

use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{
    Write,
    compare::{self, Comparison},
    entry::{self, Entry, Id, Operation},
    set::FieldSet,
};

/// Rewrites `metadata.managedFields` of `new`, which replaces `live` (`None` for a create).
///
/// The writer comes to own what it changed and added, and whoever owned that does not any more. What
/// did not change stays with its owners, and so do their timestamps: a write that changes nothing
/// changes no entry. `new` is what will be stored, defaults and all.
///
/// Entries that `new` carries replace those of `live`, as clients may edit them (not through a
/// subresource); an empty list, or a list of one empty entry, drops all of them, and an object that
/// has none goes on having none until somebody applies.
pub fn update(write: &Write<'_>, live: Option<&Object>, new: &mut Object) {
    let given = new.remove(&["metadata", "managedFields"]);
    let kept = live.and_then(|live| live.get(&["metadata", "managedFields"]));
    let nothing = Map::new();
    let old = live.map_or(&nothing, |live| &live.0);
    let mut changes = compare::compare_objects(write.schema, old, &new.0);
    changes.exclude(write.reset);

    let given = given.filter(|_| write.subresource.is_empty());
    let edited = given.as_ref().filter(|given| Some(*given) != kept);
    if changes.is_empty()
        && edited.is_none()
        && let Some(kept) = kept
    {
        new.set(&["metadata", "managedFields"], kept.clone());
        return;
    }
    let entries = match choose(edited, kept) {
        Some(entries) => entries,
        // Nobody tracks this object.
        None if live.is_some_and(|live| !live.uid().is_empty()) => return,
        None => Vec::new(),
    };
    let id = write.id(Operation::Update);
    if let Some(managed) = Entry::write_all(record(write, id, entries, changes)) {
        new.set(&["metadata", "managedFields"], managed);
    }
}

/// The entries to go on from: those that the request carries, if it carries any that can be read.
fn choose(given: Option<&Value>, kept: Option<&Value>) -> Option<Vec<Entry>> {
    let read = |value: Option<&Value>| {
        value.and_then(|value| Entry::read_all(value).ok()).filter(|entries| !entries.is_empty())
    };
    let reset = match given.and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(Map::is_empty),
        _ => false,
    };
    if reset { None } else { read(given).or_else(|| read(kept)) }
}

/// Moves what changed to one manager.
pub(super) fn record(write: &Write<'_>, id: Id, mut entries: Vec<Entry>, changes: Comparison) -> Vec<Entry> {
    let Comparison { added, modified, removed } = changes;
    let mut own = modified;
    own.extend(added);
    let mut touched = removed;
    touched.extend(own.clone());
    release(write, &mut entries, &touched);
    compare::strip(&mut own);
    if !own.is_empty() {
        match entries.iter_mut().find(|entry| entry.id.is_same(&id)) {
            Some(entry) => {
                entry.change(|fields| {
                    fields.extend(own);
                    true
                });
                entry.time = Some(write.now.to_owned());
            }
            None => entries.push(Entry::new(id, Some(write.now.to_owned()), own)),
        }
    }
    entry::cap(&mut entries);
    entries
}

/// Takes fields from all entries; those left with none go.
pub(super) fn release(write: &Write<'_>, entries: &mut Vec<Entry>, touched: &FieldSet) {
    for entry in entries.iter_mut() {
        entry.change(|fields| {
            fields.reconcile(write.schema, write.schema.root_id());
            fields.subtract(touched)
        });
    }
    entries.retain(|entry| !entry.fields().is_empty());
}

#[cfg(test)]
mod tests {
    use outrigger_schema::builtin;
    use serde_json::json;

    use super::*;

    fn config_map(data: Value) -> Object {
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "uid": "1"}, "data": data});
        Object::from_value(object).expect("an object")
    }

    fn write(live: Option<&Object>, mut new: Object, manager: &str, second: u32) -> Object {
        let schema = builtin::schema("", "v1", "ConfigMap").expect("a built-in kind");
        let now = format!("2026-01-01T00:00:{second:02}Z");
        let reset = FieldSet::default();
        let write = Write { schema: &schema, api_version: "v1", manager, subresource: "", now: &now, reset: &reset };
        update(&write, live, &mut new);
        new
    }

    fn owners(object: &Object) -> Vec<(String, Vec<String>)> {
        let entries = object.get(&["metadata", "managedFields"]).unwrap_or(&Value::Null);
        let entries = Entry::read_all(entries).expect("entries");
        entries.iter().map(|entry| (entry.id.manager.clone(), entry.fields().paths())).collect()
    }

    #[test]
    fn a_write_that_changes_nothing_changes_no_entry() {
        let live = write(None, config_map(json!({"a": "1"})), "one", 1);
        assert_eq!(write(Some(&live), live.clone(), "two", 2), live);
        assert_eq!(write(Some(&live), config_map(json!({"a": "1"})), "two", 2), live, "entries left out are kept");
    }

    #[test]
    fn changed_fields_change_hands() {
        let live = write(None, config_map(json!({"a": "1", "b": "1", "c": "1"})), "one", 1);
        let live = write(Some(&live), config_map(json!({"a": "2", "b": "1", "d": "1"})), "two", 2);
        let expected = [("one", vec![".data", ".data.b"]), ("two", vec![".data.a", ".data.d"])];
        assert_eq!(
            owners(&live),
            expected.map(|(manager, fields)| (manager.into(), fields.into_iter().map(Into::into).collect()))
        );
    }

    #[test]
    fn who_owns_nothing_any_more_goes() {
        let live = write(None, config_map(json!({"a": "1"})), "one", 1);
        let live = write(Some(&live), config_map(json!({"a": "1", "b": "1"})), "two", 2);
        let live = write(Some(&live), config_map(json!({"a": "1"})), "three", 3);
        assert_eq!(owners(&live).iter().map(|(manager, _)| manager.as_str()).collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn fields_owned_below_what_became_atomic_are_owned_whole() {
        let schema = builtin::schema("apps", "v1", "Deployment").expect("a built-in kind");
        let mut set = FieldSet::from_fields_v1(&json!({"f:spec": {"f:selector": {"f:matchLabels": {"f:a": {}}},
            "f:template": {"f:spec": {"f:tolerations": {"k:{\"key\":\"a\"}": {".": {}}}}}}}))
        .expect("a set");
        set.reconcile(&schema, schema.root_id());
        assert_eq!(set.paths(), [".spec.selector", ".spec.template.spec.tolerations"]);
    }
}

//! Server-side apply.

use std::borrow::Cow;

use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{
    Write, compare,
    conflict::{self, Conflict, Conflicts},
    element,
    entry::{Entry, Id, Operation},
    extract, prune,
    set::FieldSet,
    typed_merge, update, validate,
};
use crate::Error;

/// Who is said to own what was there before anybody applied, in an object without entries.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Where kubectl keeps what it applied from the client's side.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Applies a configuration to an object (`None` creates it) and gives the object to store.
///
/// The applier comes to own the fields of its configuration, together with others who applied the same
/// values. Fields that it owned and does not name any more are removed unless somebody else owns them.
/// Changing fields that others own is a conflict, unless `force` takes them over. Applying what is
/// there already gives back the object as it is.
///
/// Fails with [`Error::Conflict`]; with [`Error::Malformed`] when the configuration is of another
/// version or carries `managedFields`; with [`Error::Unprocessable`] when it does not fit the schema.
pub fn apply(write: &Write<'_>, live: Option<&Object>, config: &Object, force: bool) -> Result<Object, Error> {
    check(write, config)?;
    let entries = live.and_then(|live| live.get(&["metadata", "managedFields"])).unwrap_or(&Value::Null);
    let mut entries = Entry::read_all(entries)
        .map_err(|message| Error::Malformed(format!("failed to decode managed fields: {message}")))?;
    for entry in &mut entries {
        entry.change(|fields| {
            let before = fields.len();
            fields.reconcile(write.schema, write.schema.root_id());
            fields.len() != before
        });
    }
    if let (true, Some(live)) = (entries.is_empty(), live) {
        let id = Id { manager: BEFORE_FIRST_APPLY.to_owned(), ..write.id(Operation::Update) };
        let all = compare::compare_objects(write.schema, &Map::new(), &live.0);
        entries = update::record(write, id, entries, all);
    }
    let mut applied = if write.manager == "kubectl" {
        match attempt(write, live, entries.clone(), config, force) {
            Err(Error::Conflict(conflicts)) => upgrade(write, live, entries, config, conflicts)?,
            other => other?,
        }
    } else {
        attempt(write, live, entries, config, force)?
    };
    if write.manager == "kubectl" && applied.annotation(LAST_APPLIED).is_some_and(|last| !last.is_empty()) {
        applied.set(&["metadata", "annotations", LAST_APPLIED], last_applied(config));
    }
    Ok(applied)
}

fn check(write: &Write<'_>, config: &Object) -> Result<(), Error> {
    if config.api_version() != write.api_version {
        return Err(Error::Malformed(format!(
            "Incorrect version specified in apply patch. Specified patch version: {}, expected: {}",
            config.api_version(),
            write.api_version
        )));
    }
    if config.get(&["metadata", "managedFields"]).is_some_and(|managed| !managed.is_null()) {
        return Err(Error::Malformed("metadata.managedFields must be nil".to_owned()));
    }
    Ok(())
}

fn attempt(
    write: &Write<'_>,
    live: Option<&Object>,
    mut others: Vec<Entry>,
    config: &Object,
    force: bool,
) -> Result<Object, Error> {
    let (schema, id) = (write.schema, write.id(Operation::Apply));
    validate::validate_object(schema, &config.0).map_err(|(path, message)| Error::at(path, message))?;
    let mut own = extract::extract_object(schema, &config.0);
    if !write.reset.is_empty() {
        own = own.recursive_difference(write.reset);
    }
    let last = others.iter().position(|entry| entry.id.is_same(&id)).map(|at| others.remove(at));

    let mut merged = live.map_or_else(Map::new, without_entries);
    typed_merge::merge(schema, &mut merged, &config.0)?;
    if let Some(last) = &last
        && !last.fields().is_subset(&own)
    {
        merged = remove_abandoned(write, merged, last, &others, &own);
    }

    let unchanged = live.is_some_and(|live| same_but_managed(&live.0, &merged));
    if !unchanged {
        let nothing = Map::new();
        let mut changes = compare::compare_objects(schema, live.map_or(&nothing, |live| &live.0), &merged);
        changes.exclude(write.reset);
        let mut taken = changes.modified;
        taken.extend(changes.added);
        if !force && let Some(conflicts) = conflicts(&others, &taken) {
            return Err(conflicts.into());
        }
        taken.extend(changes.removed);
        update::release(write, &mut others, &taken);
    }

    compare::strip(&mut own);
    let time = if unchanged {
        let same = last.as_ref().is_some_and(|last| *last.fields() == own && last.id == id);
        if let (true, Some(live)) = (same, live) {
            return Ok(live.clone());
        }
        // Who comes to own fields without changing any is not dated.
        last.and_then(|last| last.time)
    } else {
        Some(write.now.to_owned())
    };
    if !own.is_empty() {
        others.push(Entry::new(id, time, own));
    }
    let mut object = Object(merged);
    if let Some(managed) = Entry::write_all(others) {
        object.set(&["metadata", "managedFields"], managed);
    }
    Ok(object)
}

/// Removes what the applier owned, does not name any more, and nobody else owns.
///
/// Owning anything in a struct counts as owning the struct. So a struct or list goes whole, with what
/// nobody owns in it, when all that the applier had in it is abandoned; but a field that the applier
/// never had does not go by itself.
fn remove_abandoned(
    write: &Write<'_>,
    merged: Map<String, Value>,
    last: &Entry,
    others: &[Entry],
    own: &FieldSet,
) -> Map<String, Value> {
    let schema = write.schema;
    let named = |set: FieldSet| set.with_named_fields(schema, schema.root_id());
    let mut merged = Value::Object(merged);
    let without = |merged: &Value, fields: &FieldSet| {
        let mut rest = merged.clone();
        prune::remove(schema, &mut rest, fields);
        named(extract::extract(schema, &rest))
    };
    let mut owned = own.clone();
    for other in others {
        owned.extend(other.fields().clone());
    }
    let last = named(last.fields().clone());
    let all = named(extract::extract(schema, &merged));
    let mut kept = without(&merged, &last);
    kept.extend(named(owned));
    let rest = without(&merged, &all.difference(&kept));
    prune::remove(schema, &mut merged, &all.difference(&rest).intersection(&last));
    match merged {
        Value::Object(merged) => merged,
        _ => Map::new(),
    }
}

/// A copy of an object without its entries.
fn without_entries(object: &Object) -> Map<String, Value> {
    let copy = |(name, value): (&String, &Value)| match value {
        Value::Object(meta) if name == "metadata" => {
            let rest = meta.iter().filter(|(name, _)| *name != "managedFields");
            (name.clone(), Value::Object(rest.map(|(name, value)| (name.clone(), value.clone())).collect()))
        }
        _ => (name.clone(), value.clone()),
    };
    object.0.iter().map(copy).collect()
}

fn conflicts(others: &[Entry], taken: &FieldSet) -> Option<Conflicts> {
    let mut found = Vec::new();
    for other in others {
        let manager = conflict::describe(&other.id);
        let fields = other.fields().intersection(taken).paths();
        found.extend(fields.into_iter().map(|field| Conflict { manager: manager.clone(), field }));
    }
    // Stable, so that the fields of a manager keep their order.
    found.sort_by(|a, b| a.manager.cmp(&b.manager));
    (!found.is_empty()).then_some(Conflicts(found))
}

fn same_but_managed(live: &Map<String, Value>, merged: &Map<String, Value>) -> bool {
    live.len() == merged.len()
        && live.iter().all(|(name, live)| match (name.as_str(), live, merged.get(name)) {
            ("metadata", Value::Object(live), Some(Value::Object(merged))) => {
                let count = live.len() - usize::from(live.contains_key("managedFields"));
                let mut rest = live.iter().filter(|(name, _)| *name != "managedFields");
                count == merged.len()
                    && rest.all(|(name, live)| merged.get(name).is_some_and(|merged| element::same(live, merged)))
            }
            (_, live, Some(merged)) => element::same(live, merged),
            _ => false,
        })
}

/// Whether kubectl may take over what it applied from the client's side: conflicts over fields that
/// its last applied configuration sets, and that still have those values, are no conflicts.
fn upgrade(
    write: &Write<'_>,
    live: Option<&Object>,
    entries: Vec<Entry>,
    config: &Object,
    conflicts: Conflicts,
) -> Result<Object, Error> {
    let Some(allowed) = live.and_then(|live| still_as_last_applied(write, live)) else {
        return Err(conflicts.into());
    };
    let left: Vec<_> = conflicts.0.into_iter().filter(|conflict| !allowed.contains(&conflict.field)).collect();
    if left.is_empty() { attempt(write, live, entries, config, true) } else { Err(Conflicts(left).into()) }
}

fn still_as_last_applied(write: &Write<'_>, live: &Object) -> Option<Vec<String>> {
    let last: Value = serde_json::from_str(live.annotation(LAST_APPLIED)?).ok()?;
    if last.get("apiVersion").and_then(Value::as_str) != Some(write.api_version) {
        return None;
    }
    let mut set = extract::extract(write.schema, &last);
    let live = Value::Object(live.0.clone());
    let changes = compare::compare(write.schema, &last, &live);
    for fields in [&changes.modified, &changes.added, &changes.removed] {
        set.subtract(fields);
    }
    Some(set.paths())
}

fn last_applied(config: &Object) -> String {
    let mut config = Cow::Borrowed(config);
    if config.annotation(LAST_APPLIED).is_some() {
        config.to_mut().remove(&["metadata", "annotations", LAST_APPLIED]);
    }
    let mut text = serde_json::to_string(&*config).unwrap_or_default();
    text.push('\n');
    text
}

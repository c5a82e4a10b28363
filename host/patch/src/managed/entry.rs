//! Entries of `metadata.managedFields`: who, how, when, and which fields.

use serde_json::{Map, Value};

use super::set::FieldSet;

/// How a manager came to own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

/// Who owns: two entries of one object never share this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// Field manager.
    pub manager: String,
    /// Apply or Update.
    pub operation: Operation,
    /// Version of the fields. Appliers have one entry whatever its version.
    pub api_version: String,
    /// Subresource that was written; empty for the object itself.
    pub subresource: String,
}

impl Id {
    /// Whether two writes share an entry.
    pub fn is_same(&self, other: &Self) -> bool {
        self.operation == other.operation
            && self.manager == other.manager
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    fn order(&self) -> (&str, Operation, &str, &str) {
        (&self.manager, self.operation, &self.api_version, &self.subresource)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whose.
    pub id: Id,
    /// When its fields last changed, RFC 3339.
    pub time: Option<String>,
    fields: FieldSet,
    /// `fieldsV1` as it was read, as long as it is what `fields` says.
    written: Option<Value>,
}

impl Entry {
    /// A new entry.
    pub fn new(id: Id, time: Option<String>, fields: FieldSet) -> Self {
        Self { id, time, fields, written: None }
    }

    /// The fields owned.
    pub fn fields(&self) -> &FieldSet {
        &self.fields
    }

    /// Changes the fields; the function says whether it did.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut FieldSet) -> bool) {
        if change(&mut self.fields) {
            self.written = None;
        }
    }

    /// Reads `metadata.managedFields`. Fails, with what is wrong, on entries that no server would have
    /// written.
    pub fn read_all(managed_fields: &Value) -> Result<Vec<Self>, String> {
        let Value::Array(entries) = managed_fields else {
            return if managed_fields.is_null() { Ok(Vec::new()) } else { Err("managedFields must be a list".into()) };
        };
        let mut all: Vec<Self> = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let entry = Self::read(entry, index)?;
            match all.iter_mut().find(|other| other.id.is_same(&entry.id)) {
                Some(other) => *other = entry,
                None => all.push(entry),
            }
        }
        Ok(all)
    }

    fn read(entry: &Value, index: usize) -> Result<Self, String> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = match text("operation") {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err("operation must be `Apply` or `Update`".to_owned()),
        };
        if text("apiVersion").is_empty() {
            return Err("apiVersion must not be empty".to_owned());
        }
        match text("fieldsType") {
            "FieldsV1" => {}
            "" => return Err(format!("missing fieldsType in managed fields entry {index}")),
            other => return Err(format!("invalid fieldsType {other:?} in managed fields entry {index}")),
        }
        let written = entry.get("fieldsV1").cloned().unwrap_or(Value::Null);
        let fields = FieldSet::from_fields_v1(&written)?;
        Ok(Self {
            id: Id {
                manager: text("manager").to_owned(),
                operation,
                api_version: text("apiVersion").to_owned(),
                subresource: text("subresource").to_owned(),
            },
            time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
            fields,
            written: written.is_object().then_some(written),
        })
    }

    /// Writes `metadata.managedFields`, in the server's order: appliers first, then by time, manager,
    /// version and subresource. `None` when nobody owns anything.
    pub fn write_all(mut entries: Vec<Self>) -> Option<Value> {
        entries.retain(|entry| !entry.fields.is_empty());
        entries.sort_by(|a, b| {
            (a.id.operation, &a.time, &a.id.manager, &a.id.api_version, &a.id.subresource).cmp(&(
                b.id.operation,
                &b.time,
                &b.id.manager,
                &b.id.api_version,
                &b.id.subresource,
            ))
        });
        if entries.is_empty() { None } else { Some(entries.into_iter().map(Self::write).collect()) }
    }

    fn write(self) -> Value {
        let operation = match self.id.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        };
        let mut map = Map::new();
        map.insert("apiVersion".to_owned(), self.id.api_version.into());
        map.insert("fieldsType".to_owned(), "FieldsV1".into());
        map.insert("fieldsV1".to_owned(), self.written.unwrap_or_else(|| self.fields.to_fields_v1()));
        map.insert("manager".to_owned(), self.id.manager.into());
        map.insert("operation".to_owned(), operation.into());
        if !self.id.subresource.is_empty() {
            map.insert("subresource".to_owned(), self.id.subresource.into());
        }
        if let Some(time) = self.time {
            map.insert("time".to_owned(), time.into());
        }
        Value::Object(map)
    }
}

/// How many managers may have entries from writes other than apply.
const MAX_UPDATERS: usize = 10;

/// Whose entry takes in those of the oldest updaters.
const ANCIENT: &str = "ancient-changes";

/// Joins the oldest entries from updates, by version, until no more than ten are left.
pub(super) fn cap(entries: &mut Vec<Entry>) {
    let updaters = |entries: &[Entry]| entries.iter().filter(|entry| entry.id.operation == Operation::Update).count();
    let mut left = updaters(entries);
    if left <= MAX_UPDATERS {
        return;
    }
    let mut oldest: Vec<Id> = {
        let mut all: Vec<&Entry> = entries.iter().filter(|entry| entry.id.operation == Operation::Update).collect();
        all.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.id.order().cmp(&b.id.order())));
        all.into_iter().map(|entry| entry.id.clone()).collect()
    };
    // The oldest entry of each version becomes its bucket, once a second one has to go.
    let mut buckets: Vec<Id> = Vec::new();
    for id in oldest.drain(..) {
        if left <= MAX_UPDATERS {
            break;
        }
        let Some(bucket) = buckets.iter().find(|bucket| bucket.api_version == id.api_version).cloned() else {
            buckets.push(id);
            continue;
        };
        let ancient = Id { manager: ANCIENT.to_owned(), subresource: String::new(), ..bucket.clone() };
        if !entries.iter().any(|entry| entry.id == ancient)
            && let Some(entry) = entries.iter_mut().find(|entry| entry.id == bucket)
        {
            entry.id = ancient.clone();
        }
        if id == ancient {
            continue;
        }
        let Some(at) = entries.iter().position(|entry| entry.id == id) else { continue };
        let gone = entries.remove(at);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == ancient) {
            entry.change(|fields| {
                fields.extend(gone.fields);
                true
            });
            entry.time = gone.time;
        }
        left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(changes: Value) -> Value {
        let mut entry = json!({"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}}});
        for (name, value) in changes.as_object().into_iter().flatten() {
            entry[name] = value.clone();
        }
        entry
    }

    fn check_error(changes: Value, expected: &str) {
        assert_eq!(Entry::read_all(&json!([entry(changes)])), Err(expected.to_owned()));
    }

    #[test]
    fn malformed_entries_are_refused() {
        check_error(json!({"operation": "Delete"}), "operation must be `Apply` or `Update`");
        check_error(json!({"apiVersion": ""}), "apiVersion must not be empty");
        check_error(json!({"fieldsType": ""}), "missing fieldsType in managed fields entry 0");
        check_error(json!({"fieldsType": "FieldsV2"}), "invalid fieldsType \"FieldsV2\" in managed fields entry 0");
        check_error(json!({"fieldsV1": {"data": {}}}), "missing colon: data");
        check_error(json!({"fieldsV1": []}), "fieldsV1 must be an object, not []");
        assert!(Entry::read_all(&json!({})).is_err());
        assert_eq!(Entry::read_all(&Value::Null), Ok(Vec::new()));
    }

    #[test]
    fn entries_are_written_in_order() {
        let one = |manager: &str, operation: &str, time: &str| {
            entry(json!({"manager": manager, "operation": operation, "time": time}))
        };
        let sorted = json!([
            one("z", "Apply", "2026-01-01T00:00:02Z"),
            entry(json!({"manager": "undated"})),
            one("b", "Update", "2026-01-01T00:00:01Z"),
            one("c", "Update", "2026-01-01T00:00:01Z"),
            one("a", "Update", "2026-01-01T00:00:02Z"),
        ]);
        let mut entries = Entry::read_all(&sorted).expect("entries");
        entries.reverse();
        assert_eq!(Entry::write_all(entries), Some(sorted));
        let empty = entry(json!({"fieldsV1": {"f:data": {}, "x:new": {}}}));
        let mut read = Entry::read_all(&json!([empty])).expect("entries");
        read[0].change(|fields| {
            *fields = FieldSet::default();
            true
        });
        assert_eq!(Entry::write_all(read), None, "who owns nothing has no entry");
    }

    #[test]
    fn appliers_have_one_entry_whatever_the_version() {
        let both = |operation: &str| {
            let version = |version: &str| entry(json!({"operation": operation, "apiVersion": version}));
            Entry::read_all(&json!([version("v1"), version("v2")])).expect("entries").len()
        };
        assert_eq!((both("Apply"), both("Update")), (1, 2));
    }
}

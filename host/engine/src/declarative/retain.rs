//! What an object keeps of its copy in the member.

use std::collections::HashMap;

use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{
    Result,
    format::Merge,
    path::{Place, wrong},
    within,
};

/// One rule of `retain`, compiled.
#[derive(Debug)]
pub struct Keep {
    pub place: Place,
    pub merge: Merge,
    pub key: Option<Place>,
    pub fields: Vec<Place>,
    pub add: bool,
}

/// The desired object with what the observed one keeps.
pub fn apply(rules: &[Keep], mut desired: Object, observed: &Object) -> Result<Object> {
    for rule in rules {
        let Some(theirs) = rule.place.find(observed)? else { continue };
        let ours = rule.place.find(&desired)?;
        if let Some(value) = rule.joined(ours, theirs)? {
            rule.place.put(&mut desired.0, value);
        }
    }
    Ok(desired)
}

impl Keep {
    /// The value to write; `None` leaves the desired one.
    fn joined(&self, ours: Option<&Value>, theirs: &Value) -> Result<Option<Value>> {
        let Some(ours) = ours else { return Ok(Some(theirs.clone())) };
        let path = self.place.source();
        Ok(match self.merge {
            Merge::Keep => Some(theirs.clone()),
            Merge::KeepIfAbsent => None,
            Merge::Union => {
                let (ours, theirs) = (list(path, ours)?, list(path, theirs)?);
                let known: std::collections::HashSet<&Value> = ours.iter().collect();
                let more = theirs.iter().filter(|item| !known.contains(item));
                Some(Value::Array(ours.iter().chain(more).cloned().collect()))
            }
            Merge::MergeMap => {
                let (ours, theirs) = (map(path, ours)?, map(path, theirs)?);
                let mut merged = ours.clone();
                for (name, value) in theirs {
                    if !merged.contains_key(name) {
                        merged.insert(name.clone(), value.clone());
                    }
                }
                Some(Value::Object(merged))
            }
            Merge::MergeByKey => {
                let merged = self.by_key(list(path, ours)?, list(path, theirs)?);
                Some(Value::Array(merged.map_err(|error| within(path, &error))?))
            }
        })
    }

    fn by_key(&self, ours: &[Value], theirs: &[Value]) -> Result<Vec<Value>> {
        let Some(key) = &self.key else { return Ok(ours.to_vec()) };
        let mut theirs_by_key: HashMap<&Value, &Value> = HashMap::new();
        for item in theirs {
            if let Some(value) = key.find(item)? {
                theirs_by_key.entry(value).or_insert(item);
            }
        }
        let mut merged = Vec::with_capacity(ours.len());
        let mut known = std::collections::HashSet::new();
        for item in ours {
            let mut item = item.clone();
            if let Some(value) = key.find(&item)?.cloned() {
                if let (Some(their), Value::Object(map)) = (theirs_by_key.get(&value), &mut item) {
                    for field in &self.fields {
                        if let Some(kept) = field.find(*their)? {
                            field.put(map, kept.clone());
                        }
                    }
                }
                known.insert(value);
            }
            merged.push(item);
        }
        if self.add || self.fields.is_empty() {
            for item in theirs {
                if let Some(value) = key.find(item)?
                    && known.insert(value.clone())
                {
                    merged.push(item.clone());
                }
            }
        }
        Ok(merged)
    }
}

fn list<'v>(path: &str, value: &'v Value) -> Result<&'v [Value]> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(path, "a list", value))
}

fn map<'v>(path: &str, value: &'v Value) -> Result<&'v Map<String, Value>> {
    value.as_object().ok_or_else(|| wrong(path, "an object", value))
}

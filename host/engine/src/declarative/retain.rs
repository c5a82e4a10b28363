//! What an object keeps of its copy in the member.

use std::collections::HashMap;

use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{
    Result,
    cel::{Expression, Scope},
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
    pub when: Option<Expression>,
    pub cel: Option<Expression>,
    /// Only where the desired object's label leaves the number of replicas to the members.
    pub labelled: bool,
}

const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";

/// The desired object with what the observed one keeps.
pub fn apply(rules: &[Keep], mut desired: Object, observed: &Object) -> Result<Object> {
    for rule in rules {
        if let Some(value) = rule.value(&desired, observed)? {
            // Fails where the way leads through something that is no object, which writing would replace.
            rule.place.find(&desired)?;
            rule.place.put(&mut desired.0, value);
        }
    }
    Ok(desired)
}

impl Keep {
    /// The value to write; `None` leaves the desired one.
    fn value<'v>(&'v self, desired: &'v Object, observed: &'v Object) -> Result<Option<Value>> {
        if self.labelled && desired.label(RETAIN_REPLICAS) != Some("true") {
            return Ok(None);
        }
        if self.when.is_some() || self.cel.is_some() {
            let scope = Scope::new(desired).with_observed(observed);
            if let Some(when) = &self.when
                && !scope.holds(when)?
            {
                return Ok(None);
            }
            if let Some(cel) = &self.cel {
                return scope.value(cel);
            }
        }
        let Some(theirs) = self.place.find(observed)? else { return Ok(None) };
        self.joined(self.place.find(desired)?, theirs)
    }

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

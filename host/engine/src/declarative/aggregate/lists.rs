//! Operators that make lists and maps.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{Field, Found, Members, Result, Source, field, in_cluster};
use crate::declarative::path::{Place, Root};

/// The items of lists, and what is not a list as it is.
fn flattened<'f, 'v>(values: &'f [Found<'v>]) -> impl Iterator<Item = Found<'v>> + 'f {
    values.iter().flat_map(|found| {
        let items: &[Value] = match found.value {
            Value::Array(items) => items,
            other => std::slice::from_ref(other),
        };
        items.iter().map(|value| Found { value, ..*found })
    })
}

fn list(items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then_some(Value::Array(items))
}

/// All different items; by key, if there are any, and then a later one in the place of an earlier.
pub fn union(field: &Field, values: &[Found]) -> Result<Option<Value>> {
    if field.by.is_empty() {
        let mut known = HashSet::new();
        let different = flattened(values).filter(|found| known.insert(found.value));
        return Ok(list(different.map(|found| found.value.clone()).collect()));
    }
    let groups = grouped(field, values)?;
    Ok(list(groups.iter().filter_map(|group| group.found.last()).map(|found| found.value.clone()).collect()))
}

/// All items.
pub fn concat(values: &[Found]) -> Option<Value> {
    list(flattened(values).map(|found| found.value.clone()).collect())
}

/// All texts, with the names of their clusters.
pub fn concat_with_cluster(field: &Field, values: &[Found]) -> Result<Option<Value>> {
    let text = |found: Found| match found.value {
        Value::String(text) => Ok(Value::from(format!("{}={text}", found.cluster))),
        Value::Number(_) | Value::Bool(_) => Ok(Value::from(format!("{}={}", found.cluster, found.value))),
        _ => Err(field.wrong(&found, "a text")),
    };
    Ok(list(flattened(values).map(text).collect::<Result<_>>()?))
}

/// Items that are the same by their keys.
pub struct Group<'v> {
    pub found: Vec<Found<'v>>,
}

/// The items of all lists, by key, in the order in which keys first appear.
pub fn grouped<'v>(field: &Field, values: &[Found<'v>]) -> Result<Vec<Group<'v>>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places = HashMap::new();
    for found in flattened(values) {
        let place = *places.entry(keys(&field.by, &found)?).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.found.push(found),
            None => groups.push(Group { found: vec![found] }),
        }
    }
    Ok(groups)
}

fn keys<'v>(by: &[Place], found: &Found<'v>) -> Result<Vec<Option<&'v Value>>> {
    by.iter().map(|place| place.find(found.value).map_err(|error| in_cluster(found.cluster, &error))).collect()
}

/// One item for each key, with the fields of all that have it joined.
pub fn group(field: &Field, values: &[Found], members: &Members) -> Result<Option<Value>> {
    let mut items = Vec::new();
    for group in grouped(field, values)? {
        let first = group.found.first().and_then(|found| found.value.as_object());
        let mut item = first.cloned().unwrap_or_default();
        let sources: Vec<Source> =
            group.found.iter().map(|found| Source { cluster: found.cluster, root: Root::Value(found.value) }).collect();
        field::join_all(&field.fields, &sources, &Members { made: &[], ..*members }, &mut item)?;
        items.push(Value::Object(item));
    }
    Ok(list(items))
}

/// The entries of all maps; of one key, the last cluster's.
pub fn merge_maps(field: &Field, values: &[Found]) -> Result<Option<Value>> {
    let mut merged = Map::new();
    for found in values {
        let map = found.value.as_object().ok_or_else(|| field.wrong(found, "an object"))?;
        merged.extend(map.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    Ok((!merged.is_empty()).then_some(Value::Object(merged)))
}

/// The entries of all maps, numbers added up at any depth.
pub fn sum_maps(field: &Field, values: &[Found]) -> Result<Option<Value>> {
    let mut sum = Value::Object(Map::new());
    for found in values {
        found.value.as_object().ok_or_else(|| field.wrong(found, "an object"))?;
        add(&mut sum, found.value);
    }
    Ok((!super::is_empty(&sum)).then_some(sum))
}

fn add(sum: &mut Value, more: &Value) {
    match (&mut *sum, more) {
        (Value::Object(sum), Value::Object(more)) => {
            for (name, value) in more {
                match sum.get_mut(name) {
                    Some(known) => add(known, value),
                    None => drop(sum.insert(name.clone(), value.clone())),
                }
            }
        }
        (Value::Number(_), Value::Number(_)) => {
            let mut total = field::Sum::default();
            total.add(sum);
            total.add(more);
            *sum = total.value();
        }
        _ => *sum = more.clone(),
    }
}

//! Conditions in `status.conditions`, by the rules of `meta/v1`.
//!
//! **Invariant:** `lastTransitionTime` moves only when the condition's status does.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use outrigger_object::Object;
use serde_json::{Map, Value};

/// A time as Kubernetes writes it: RFC 3339, whole seconds, UTC.
pub fn timestamp(at: Timestamp) -> String {
    whole_seconds(at).to_string()
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A condition that is True, False or (`None`) Unknown. Its transition time is `now` for the moment;
/// [`set`] keeps the older one where nothing changed.
pub fn condition(
    type_: impl Into<String>,
    status: impl Into<Option<bool>>,
    reason: impl Into<String>,
    message: impl Into<String>,
    now: Timestamp,
) -> Condition {
    let status = match status.into() {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        observed_generation: None,
        last_transition_time: Time(whole_seconds(now)),
    }
}

/// Puts a condition in the place of the one of its type, or at the end. Says whether anything
/// changed; if nothing did, the list is as it was, times included.
pub fn set(conditions: &mut Vec<Condition>, new: Condition) -> bool {
    let Some(old) = conditions.iter_mut().find(|old| old.type_ == new.type_) else {
        conditions.push(new);
        return true;
    };
    let same = old.status == new.status
        && old.reason == new.reason
        && old.message == new.message
        && old.observed_generation == new.observed_generation;
    if same {
        return false;
    }
    let time =
        if old.status == new.status { old.last_transition_time.clone() } else { new.last_transition_time.clone() };
    *old = Condition { last_transition_time: time, ..new };
    true
}

/// The condition of a type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of a type is True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// [`set`] on `status.conditions` of an object of any kind. Conditions that are not understood stay.
pub fn set_on(object: &mut Object, new: Condition) -> bool {
    let mut list = match object.get(&["status", "conditions"]) {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let at = list.iter().position(|old| old.get("type").and_then(Value::as_str) == Some(&new.type_));
    let old = at.and_then(|at| serde_json::from_value::<Condition>(list.get(at)?.clone()).ok());
    let mut one: Vec<Condition> = old.into_iter().collect();
    if !set(&mut one, new) {
        return false;
    }
    let Some(value) = one.pop().and_then(|condition| serde_json::to_value(condition).ok()) else { return false };
    match at.and_then(|at| list.get_mut(at)) {
        Some(place) => *place = value,
        None => list.push(value),
    }
    object.set(&["status", "conditions"], Value::Array(list));
    true
}

/// The status (`True`, `False`, `Unknown`), reason and message of a condition of an object.
pub fn of<'a>(object: &'a Object, type_: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let list = object.get(&["status", "conditions"])?.as_array()?;
    let map: &Map<String, Value> =
        list.iter().find(|one| one.get("type").and_then(Value::as_str) == Some(type_))?.as_object()?;
    let text = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
    Some((text("status"), text("reason"), text("message")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_time_moves_with_the_status_alone() {
        let mut object = Object::default();
        assert!(set_on(&mut object, condition("Ready", true, "Up", "", at(1))));
        assert!(!set_on(&mut object, condition("Ready", true, "Up", "", at(2))), "nothing changed");
        let time = |object: &Object| object.get(&["status", "conditions"]).unwrap()[0]["lastTransitionTime"].clone();
        assert!(set_on(&mut object, condition("Ready", true, "Up", "still", at(3))));
        assert_eq!(time(&object), "1970-01-01T00:00:01Z", "the message alone does not move it");
        assert!(set_on(&mut object, condition("Ready", None, "Lost", "", at(4))));
        assert_eq!(time(&object), "1970-01-01T00:00:04Z");
        assert_eq!(of(&object, "Ready"), Some(("Unknown", "Lost", "")));
    }

    #[test]
    fn times_have_whole_seconds() {
        assert_eq!(timestamp(Timestamp::from_millisecond(1_500).unwrap()), "1970-01-01T00:00:01Z");
    }
}

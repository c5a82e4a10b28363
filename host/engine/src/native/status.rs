//! What of a member's status is reported to the hub, for kinds whose status is more than numbers.

use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{Result, counts::write};

/// The fields that are there and not empty.
fn pick(object: &Object, fields: &[&str]) -> Result<Option<Map<String, Value>>> {
    let root = object.cursor();
    let Some(status) = root.map(&["status"])? else { return Ok(None) };
    let mut picked = Map::new();
    for name in fields {
        if let Some(value) = status.get(*name).filter(|value| !is_empty(value)) {
            picked.insert((*name).to_owned(), value.clone());
        }
    }
    Ok(Some(picked))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) => false,
    }
}

/// A Job's numbers, conditions and times.
pub fn job(object: &Object) -> Result<Value> {
    let root = object.cursor();
    for field in ["active", "succeeded", "failed"] {
        root.int(&["status", field])?;
    }
    root.list(&["status", "conditions"])?;
    let fields = ["active", "succeeded", "failed", "conditions", "startTime", "completionTime"];
    Ok(pick(object, &fields)?.map_or(Value::Null, Value::Object))
}

/// The load balancer of a Service of that type; `null` for any other.
pub fn service(object: &Object) -> Result<Value> {
    let root = object.cursor();
    if root.str(&["spec", "type"])? != Some("LoadBalancer") {
        return Ok(Value::Null);
    }
    if root.map(&["status"])?.is_none() {
        return Ok(Value::Null);
    }
    let balancer = root.map(&["status", "loadBalancer"])?.cloned().unwrap_or_default();
    Ok(Value::Object(Map::from_iter([("loadBalancer".to_owned(), Value::Object(balancer))])))
}

/// The numbers of a PodDisruptionBudget and the pods that are being disrupted.
pub fn disruption_budget(object: &Object) -> Result<Value> {
    let root = object.cursor();
    root.strings(&["status", "disruptedPods"])?;
    let Some(mut reflected) = pick(object, &["disruptedPods"])? else { return Ok(Value::Null) };
    for field in super::aggregate::BUDGET {
        write(&mut reflected, field, root.int(&["status", field])?.unwrap_or_default(), true);
    }
    Ok(Value::Object(reflected))
}

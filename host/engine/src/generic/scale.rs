//! Replicas, by the scale subresource of a kind.
//!
//! Without facts of the kind, an object that looks like a workload (`spec.replicas` beside a pod template)
//! is taken for one.

use outrigger_interpreter::ReplicaInfo;
use outrigger_object::Object;
use serde_json::{Map, Value};

use super::{KindFacts, Result};
use crate::native::{TEMPLATE, requirements};

/// The label on a template that leaves the number of replicas to the members.
const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";
/// The field manager of what the host applies.
const MANAGER: &str = "outrigger";

const SCALE: &str = "scale subresource";
const SHAPE: &str = "workload shape";

/// Where the replicas of an object are, and by which rule.
fn path<'f>(object: &Object, facts: Option<&'f KindFacts>) -> Option<(&'static str, Vec<&'f str>)> {
    match facts {
        Some(facts) => facts.scale.as_ref().map(|scale| (SCALE, scale.path())),
        None => has_pod_template(object).then(|| (SHAPE, vec!["spec", "replicas"])),
    }
}

fn has_pod_template(object: &Object) -> bool {
    object.get(&["spec", "template", "spec", "containers"]).is_some_and(Value::is_array)
}

/// The rule by which the replicas of an object are known.
pub fn rule(object: &Object, facts: Option<&KindFacts>) -> Option<&'static str> {
    path(object, facts).map(|(rule, _)| rule)
}

/// How many replicas an object asks for; what each needs only where it has a pod template in the usual place.
pub fn replicas(object: &Object, facts: Option<&KindFacts>) -> Result<Option<ReplicaInfo>> {
    let Some((_, path)) = path(object, facts) else { return Ok(None) };
    let root = object.cursor();
    let Some(replicas) = root.int(&path)? else { return Ok(None) };
    if replicas < 0 {
        return Err(root.invalid(&path, format!("{replicas} is less than none")).into());
    }
    let requirements = if has_pod_template(object) { requirements(&root, TEMPLATE)? } else { None };
    Ok(Some(ReplicaInfo { replicas, requirements }))
}

/// The object with another number of replicas; one that has none is left alone.
pub fn revise(mut object: Object, replicas: i64, facts: Option<&KindFacts>) -> Result<Option<Object>> {
    let Some((_, path)) = path(&object, facts) else { return Ok(None) };
    if object.cursor().int(&path)?.is_none() {
        return Ok(None);
    }
    object.set(&path, replicas);
    Ok(Some(object))
}

/// The desired object with the replicas of the observed one, where somebody in the member scales it.
pub fn retain(mut desired: Object, observed: &Object, facts: Option<&KindFacts>) -> Result<Option<Object>> {
    if retention(&desired, observed, facts).is_none() {
        return Ok(None);
    }
    let Some((_, path)) = path(observed, facts) else { return Ok(None) };
    // What the template does not set is the member's own anyway.
    if desired.cursor().int(&path)?.is_none() {
        return Ok(None);
    }
    let Some(replicas) = observed.cursor().int(&path)? else { return Ok(None) };
    desired.set(&path, replicas);
    Ok(Some(desired))
}

/// Why the replicas of the observed object stay as they are, and who sets them.
pub fn retention<'o>(
    desired: &Object,
    observed: &'o Object,
    facts: Option<&KindFacts>,
) -> Option<(&'static str, Option<&'o str>)> {
    let (_, path) = path(observed, facts)?;
    if desired.label(RETAIN_REPLICAS) == Some("true") {
        return Some(("retain-replicas label", None));
    }
    let entries = observed.get(&["metadata", "managedFields"]).and_then(Value::as_array);
    let entries = entries.into_iter().flatten().filter_map(Value::as_object);
    let scaler = entries.filter(|entry| owns(entry, &path)).find_map(autoscaler)?;
    Some(("scaled in the member", Some(scaler)))
}

fn text<'v>(entry: &'v Map<String, Value>, name: &str) -> &'v str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The manager of an entry, if it is a machine that scales: whoever writes through the scale subresource,
/// except for people's tools, or names itself after its job. A person's `kubectl scale` is drift.
fn autoscaler(entry: &Map<String, Value>) -> Option<&str> {
    let manager = text(entry, "manager");
    let person = manager.starts_with("kubectl") || manager.starts_with("k9s") || manager.starts_with("Mozilla");
    if manager == MANAGER || person {
        return None;
    }
    let named = ["autoscal", "keda", "hpa"].iter().any(|part| manager.contains(part));
    (named || text(entry, "subresource") == "scale").then_some(manager)
}

fn owns(entry: &Map<String, Value>, path: &[&str]) -> bool {
    let mut fields = entry.get("fieldsV1");
    for name in path {
        fields = fields.and_then(|fields| fields.get(format!("f:{name}")));
    }
    fields.is_some()
}

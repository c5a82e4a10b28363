//! The status of a template, from those of the clusters.

use outrigger_interpreter::{Error, StatusItem};
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value};

use super::{KindFacts, Result, conform, merge};
use crate::native::{has_seen, statuses, template_generation};

/// Fields that reflection adds beside `observedGeneration`.
const GENERATION: &str = "generation";
const TEMPLATE_GENERATION: &str = "resourceTemplateGeneration";

/// By what the fields are told apart.
pub fn rule(facts: Option<&KindFacts>) -> &'static str {
    match facts.and_then(KindFacts::status_schema) {
        Some(_) => "status schema",
        None => "status values",
    }
}

/// The whole status of a member's object, `null` when there is none. Beside an `observedGeneration` it has
/// the object's generation and that of the template it was made from, unless it has such fields itself.
pub fn reflect(object: &Object) -> Result<Value> {
    let root = object.cursor();
    let Some(status) = root.map(&["status"])?.filter(|status| !status.is_empty()) else { return Ok(Value::Null) };
    let mut status = status.clone();
    let counts = status.get("observedGeneration").is_some_and(Value::is_i64)
        && !status.contains_key(GENERATION)
        && !status.contains_key(TEMPLATE_GENERATION);
    if counts {
        let generation = template_generation(&root)?;
        status.insert(GENERATION.to_owned(), object.generation().into());
        status.insert(TEMPLATE_GENERATION.to_owned(), generation.into());
    }
    Ok(Value::Object(status))
}

/// The template with one status for all clusters. While no cluster has reported, it stays as it is.
pub fn template(mut template: Object, items: &[StatusItem], facts: Option<&KindFacts>) -> Result<Object> {
    let mut reports: Vec<(&str, &Map<String, Value>)> = Vec::new();
    for (cluster, status) in statuses(items) {
        let status = status.as_object().ok_or_else(|| {
            Error::invalid(format_args!("the status from cluster {cluster}: status: expected an object"))
        })?;
        if !status.is_empty() {
            reports.push((cluster, status));
        }
    }
    if reports.is_empty() {
        return Ok(template);
    }
    let clusters: Vec<&str> = items.iter().map(|item| item.cluster_name.as_str()).collect();
    let seen = seen_by_all(&template, items)?;
    let counter = facts
        .and_then(|facts| facts.scale.as_ref())
        .map(|scale| format!("status.{}", scale.status.join(".").trim_start_matches("status.")));
    let scope = merge::Scope {
        counter: counter.as_deref(),
        clusters: &clusters,
        generation: (seen == Some(true)).then(|| template.generation()),
    };
    let schema = facts.and_then(KindFacts::status_schema);
    let mut status = merge::objects(&reports, schema, "status", 0, scope)?;
    if seen.is_some() {
        status.remove(GENERATION);
        status.remove(TEMPLATE_GENERATION);
        status.remove("observedGeneration");
        let old = template.int(&["status", "observedGeneration"]);
        if let Some(generation) = scope.generation.or(old) {
            status.insert("observedGeneration".to_owned(), generation.into());
        }
    }
    if template.0.get("status").and_then(Value::as_object) == Some(&status) {
        return Ok(template);
    }
    let status = match facts {
        Some(facts) => conform::conform(&template, status, facts)?,
        None => Some(status),
    };
    if let Some(status) = status.filter(|status| !status.is_empty() || template.0.contains_key("status")) {
        template.0.insert("status".to_owned(), Value::Object(status));
    }
    Ok(template)
}

/// Whether every cluster's controller has seen the latest template; `None` where none of them tells.
fn seen_by_all(template: &Object, items: &[StatusItem]) -> Result<Option<bool>> {
    let generation = template.generation();
    let (mut told, mut seen) = (false, 0);
    for (cluster, status) in statuses(items) {
        if !status.get("observedGeneration").is_some_and(Value::is_i64) {
            continue;
        }
        told = true;
        let current = has_seen(&Cursor::of_value(status), generation, cluster)?;
        seen += usize::from(current && status.get(TEMPLATE_GENERATION).is_some());
    }
    Ok(told.then_some(seen == items.len()))
}

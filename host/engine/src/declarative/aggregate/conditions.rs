//! Conditions of several clusters.

use std::collections::HashMap;

use jiff::Timestamp;
use outrigger_interpreter::Error;
use outrigger_object::Cursor;
use serde_json::{Map, Value};

use super::{Field, Found, Result, lists};
use crate::native::of_cluster;

/// What the clusters say of one type of condition.
struct Merged<'v> {
    kind: &'v str,
    reports: Vec<Report<'v>>,
}

struct Report<'v> {
    cluster: &'v str,
    status: &'v str,
    reason: &'v str,
    message: &'v str,
    since: Option<(Timestamp, &'v str)>,
}

/// One condition for each type, as good as the worst.
pub fn merge(values: &[Found], negative: &[String]) -> Result<Option<Value>> {
    let mut merged: Vec<Merged> = Vec::new();
    let mut places = HashMap::new();
    for found in values {
        let list = Cursor::of_value(found.value);
        for condition in list.items(&[]).map_err(|error| of_cluster(found.cluster, error))? {
            let text = |field| {
                let text = condition.str(&[field]).map_err(|error| of_cluster(found.cluster, error))?;
                Ok::<_, Error>(text.unwrap_or_default())
            };
            let (kind, since) = (text("type")?, text("lastTransitionTime")?);
            let report = Report {
                cluster: found.cluster,
                status: text("status")?,
                reason: text("reason")?,
                message: text("message")?,
                since: since.parse().ok().map(|at| (at, since)),
            };
            let place = *places.entry(kind).or_insert(merged.len());
            match merged.get_mut(place) {
                Some(known) => known.reports.push(report),
                None => merged.push(Merged { kind, reports: vec![report] }),
            }
        }
    }
    let conditions: Vec<Value> = merged.iter().map(|one| one.condition(negative)).collect();
    Ok((!conditions.is_empty()).then_some(Value::Array(conditions)))
}

impl Merged<'_> {
    /// The worst status, with the reason and the messages of the clusters that have it.
    fn condition(&self, negative: &[String]) -> Value {
        let bad = if negative.iter().any(|kind| kind == self.kind) { "True" } else { "False" };
        let has = |status: &str| self.reports.iter().any(|report| report.status == status);
        let good = if bad == "True" { "False" } else { "True" };
        let status = [bad, "Unknown"].into_iter().find(|status| has(status)).unwrap_or(good);
        let decisive: Vec<&Report> = self.reports.iter().filter(|report| report.status == status).collect();

        let mut condition = Map::new();
        condition.insert("type".to_owned(), self.kind.into());
        condition.insert("status".to_owned(), status.into());
        if let Some(reason) = decisive.iter().map(|report| report.reason).find(|reason| !reason.is_empty()) {
            condition.insert("reason".to_owned(), reason.into());
        }
        let messages: Vec<String> = decisive
            .iter()
            .filter(|report| !report.message.is_empty())
            .map(|report| format!("{}={}", report.cluster, report.message))
            .collect();
        if !messages.is_empty() {
            condition.insert("message".to_owned(), messages.join(", ").into());
        }
        if let Some((_, since)) = decisive.iter().filter_map(|report| report.since).max() {
            condition.insert("lastTransitionTime".to_owned(), since.into());
        }
        Value::Object(condition)
    }
}

/// One condition for each key, in the order in which keys first appear, with the messages of all clusters.
pub fn group(field: &Field, values: &[Found]) -> Result<Option<Value>> {
    for found in values {
        found.value.as_array().ok_or_else(|| field.wrong(found, "a list"))?;
    }
    let mut conditions = Vec::new();
    for group in lists::grouped(field, values)? {
        let Some(first) = group.found.first() else { continue };
        let mut condition = first.value.as_object().ok_or_else(|| field.wrong(first, "an object"))?.clone();
        let messages: Vec<String> = group
            .found
            .iter()
            .map(|found| {
                let message = found.value.get("message").and_then(Value::as_str).unwrap_or_default();
                format!("{}={message}", found.cluster)
            })
            .collect();
        condition.insert("message".to_owned(), messages.join(", ").into());
        conditions.push(Value::Object(condition));
    }
    Ok((!conditions.is_empty()).then_some(Value::Array(conditions)))
}

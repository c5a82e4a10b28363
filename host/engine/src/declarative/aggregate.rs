//! One status out of many: how the values of clusters become one.

use std::cmp::Ordering;

use jiff::Timestamp;
use outrigger_interpreter::{Error, StatusItem};
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value};

use super::{
    Result,
    format::Op,
    path::{Path, Place},
};
use crate::native::{has_seen, of_cluster, statuses};

/// A field of the aggregated status, compiled.
#[derive(Debug)]
pub struct Field {
    pub place: Place,
    pub from: Path,
    pub op: Op,
    pub order: Vec<String>,
    pub unreported: Option<String>,
    pub equal: Option<Value>,
    pub negative: Vec<String>,
    pub default: Option<Value>,
    pub initial: Option<Value>,
}

/// What clusters have in one field: the cluster's name, and a value. A cluster may have several.
type Values<'v> = [(&'v str, &'v Value)];

/// The template with its status made from those of the clusters. A field that no cluster has any more is
/// removed; while no cluster has reported, only what says so is written.
pub fn template(fields: &[Field], mut template: Object, items: &[StatusItem]) -> Result<Object> {
    let mut status = template.cursor().map(&["status"])?.cloned().unwrap_or_default();
    let reports: Vec<(&str, &Map<String, Value>)> = statuses(items)
        .map(|(cluster, status)| match status.as_object() {
            Some(status) => Ok((cluster, status)),
            None => Err(in_cluster(cluster, &"expected an object")),
        })
        .collect::<Result<_>>()?;
    for field in fields {
        if field.op == Op::ObservedGeneration {
            observed_generation(field, &mut status, template.generation(), items)?;
            continue;
        }
        let mut values = Vec::new();
        for (cluster, report) in &reports {
            let found = field.from.find_in_map(report).map_err(|error| in_cluster(cluster, &error))?;
            values.extend(found.into_iter().map(|value| (*cluster, value)));
        }
        match field.join(&values, items)? {
            Some(value) => field.place.put(&mut status, value),
            None if !reports.is_empty() => match &field.default {
                Some(value) => field.place.put(&mut status, value.clone()),
                None => field.place.take(&mut status),
            },
            None => {
                if let Some(value) = &field.initial {
                    field.place.put(&mut status, value.clone());
                }
            }
        }
    }
    if !status.is_empty() || template.0.contains_key("status") {
        template.0.insert("status".to_owned(), Value::Object(status));
    }
    Ok(template)
}

fn in_cluster(cluster: &str, error: &dyn std::fmt::Display) -> Error {
    Error::invalid(format_args!("the status from cluster {cluster}: {error}"))
}

fn observed_generation(
    field: &Field,
    status: &mut Map<String, Value>,
    generation: i64,
    items: &[StatusItem],
) -> Result<()> {
    let mut seen = 0;
    for (cluster, report) in statuses(items) {
        seen += usize::from(has_seen(&Cursor::of_value(report), generation, cluster)?);
    }
    let old = field.place.find(&Value::Object(status.clone()))?.cloned();
    let value = if seen == items.len() { generation.into() } else { old.unwrap_or_else(|| 0.into()) };
    field.place.put(status, value);
    Ok(())
}

impl Field {
    /// One value, or `None` when there is none to be had.
    fn join(&self, values: &Values, items: &[StatusItem]) -> Result<Option<Value>> {
        let wrong =
            |cluster: &str, expected: &str| in_cluster(cluster, &format_args!("{}: expected {expected}", self.from));
        Ok(match self.op {
            Op::Sum => Some(self.sum(values)?),
            Op::Min => self.number(values, Ordering::Less)?,
            Op::Max => self.number(values, Ordering::Greater)?,
            Op::Earliest => self.time(values, Ordering::Less)?,
            Op::Latest => self.time(values, Ordering::Greater)?,
            Op::First => values.first().map(|(_, value)| (*value).clone()),
            Op::Last => values.last().map(|(_, value)| (*value).clone()),
            Op::AllEqual => match values.split_first() {
                Some(((_, first), rest)) if rest.iter().all(|(_, value)| value == first) => Some((*first).clone()),
                _ => None,
            },
            Op::Count => {
                let counts = |value: &Value| self.equal.as_ref().is_none_or(|wanted| wanted == value);
                Some(values.iter().filter(|(_, value)| counts(value)).count().into())
            }
            Op::Worst => {
                let unreported = items.iter().filter(|item| item.status.as_ref().is_none_or(Value::is_null));
                let mut present: Vec<&str> = unreported.filter_map(|_| self.unreported.as_deref()).collect();
                for (cluster, value) in values {
                    present.push(value.as_str().ok_or_else(|| wrong(cluster, "a string"))?);
                }
                self.order.iter().find(|known| present.contains(&known.as_str())).map(|worst| worst.as_str().into())
            }
            Op::Union => {
                let mut list: Vec<Value> = Vec::new();
                for value in flattened(values) {
                    if !list.contains(value) {
                        list.push(value.clone());
                    }
                }
                (!list.is_empty()).then_some(Value::Array(list))
            }
            Op::Concat => {
                let list: Vec<Value> = flattened(values).cloned().collect();
                (!list.is_empty()).then_some(Value::Array(list))
            }
            Op::MergeConditions => merge_conditions(values, &self.negative)?,
            Op::ObservedGeneration => None,
        })
    }

    fn sum(&self, values: &Values) -> Result<Value> {
        let (mut whole, mut float, mut is_float) = (0_i64, 0.0, false);
        for (cluster, value) in values {
            match (value.as_i64(), value.as_f64()) {
                (Some(number), _) => {
                    whole = whole.saturating_add(number);
                    float += number as f64;
                }
                (None, Some(number)) => {
                    float += number;
                    is_float = true;
                }
                _ => return Err(in_cluster(cluster, &format_args!("{}: expected a number, found {value}", self.from))),
            }
        }
        Ok(if is_float { float.into() } else { whole.into() })
    }

    /// The value that compares as wanted with all others.
    fn number(&self, values: &Values, wanted: Ordering) -> Result<Option<Value>> {
        self.best(values, wanted, "a number", |value| value.as_f64(), |a, b| a.total_cmp(b))
    }

    fn time(&self, values: &Values, wanted: Ordering) -> Result<Option<Value>> {
        self.best(values, wanted, "a time", |value| value.as_str()?.parse::<Timestamp>().ok(), Timestamp::cmp)
    }

    fn best<T>(
        &self,
        values: &Values,
        wanted: Ordering,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
        compare: impl Fn(&T, &T) -> Ordering,
    ) -> Result<Option<Value>> {
        let mut best: Option<(T, &Value)> = None;
        for (cluster, value) in values {
            let key = read(value).ok_or_else(|| {
                in_cluster(cluster, &format_args!("{}: expected {expected}, found {value}", self.from))
            })?;
            if best.as_ref().is_none_or(|(known, _)| compare(&key, known) == wanted) {
                best = Some((key, *value));
            }
        }
        Ok(best.map(|(_, value)| value.clone()))
    }
}

fn flattened<'v>(values: &Values<'v>) -> impl Iterator<Item = &'v Value> {
    values.iter().flat_map(|(_, value)| match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![*other],
    })
}

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

fn merge_conditions(values: &Values, negative: &[String]) -> Result<Option<Value>> {
    let mut merged: Vec<Merged> = Vec::new();
    for (cluster, value) in values {
        let list = Cursor::of_value(value);
        for condition in list.items(&[]).map_err(|error| of_cluster(cluster, error))? {
            let text = |field| {
                let text = condition.str(&[field]).map_err(|error| of_cluster(cluster, error))?;
                Ok::<_, Error>(text.unwrap_or_default())
            };
            let (kind, since) = (text("type")?, text("lastTransitionTime")?);
            let report = Report {
                cluster,
                status: text("status")?,
                reason: text("reason")?,
                message: text("message")?,
                since: since.parse().ok().map(|at| (at, since)),
            };
            match merged.iter_mut().find(|known| known.kind == kind) {
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

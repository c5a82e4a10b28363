//! One value out of those of several clusters, by the schema where there is one and by names.
//!
//! | Field | Rule |
//! |---|---|
//! | integer with a counter's name | sum |
//! | conditions | by type, the worst status |
//! | word such as `phase` | the worst that is known |
//! | flag such as `ready` | false where any is |
//! | time | `start…` the first, `last…` the last, `completion…` the last once all have one |
//! | object | field by field |
//! | anything else | the value that all clusters have, and otherwise none |
//!
//! **Invariant:** a good word, a true flag or an end is given only when every cluster tells of it.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use outrigger_interpreter::Error;
use outrigger_object::Cursor;
use serde_json::{Map, Value};

use super::{
    Result,
    conditions::{Sense, sense},
    names::{self, Moment},
    words::{self, Class},
};
use crate::native::of_cluster;

/// Objects nested deeper are compared, not taken apart.
const DEEPEST: usize = 16;
/// Longer messages of conditions are cut: Kubernetes allows 32768.
const LONGEST_MESSAGE: usize = 8192;

/// What is merged.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The clusters, those that have not reported included.
    pub clusters: &'a [&'a str],
    /// The path of a counter that has another name.
    pub counter: Option<&'a str>,
    /// The template's generation, once every cluster has seen it.
    pub generation: Option<i64>,
}

/// What one cluster has in a place, and the cluster's name. Nothing missing, nothing null.
type Report<'v> = (&'v str, &'v Value);

/// Merges objects field by field. The schema is that of the object.
pub fn objects(
    reports: &[(&str, &Map<String, Value>)],
    schema: Option<&Value>,
    path: &str,
    depth: usize,
    scope: Scope<'_>,
) -> Result<Map<String, Value>> {
    let names: BTreeSet<&str> = reports.iter().flat_map(|(_, map)| map.keys().map(String::as_str)).collect();
    let mut merged = Map::new();
    for name in names {
        let here: Vec<Report> = reports
            .iter()
            .filter_map(|(cluster, map)| Some((*cluster, map.get(name).filter(|value| !value.is_null())?)))
            .collect();
        if here.is_empty() {
            continue;
        }
        let schema = schema.and_then(|schema| of_field(schema, name));
        let path = format!("{path}.{name}");
        let merger = Merger { name, path: &path, schema, depth, scope };
        if let Some(value) = merger.merge(&here)? {
            merged.insert(name.to_owned(), value);
        }
    }
    Ok(merged)
}

fn of_field<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    schema.get("properties").and_then(|fields| fields.get(name)).or_else(|| schema.get("additionalProperties"))
}

/// One field.
struct Merger<'a> {
    name: &'a str,
    path: &'a str,
    schema: Option<&'a Value>,
    depth: usize,
    scope: Scope<'a>,
}

impl Merger<'_> {
    fn merge(&self, reports: &[Report]) -> Result<Option<Value>> {
        if self.is_conditions(reports)? {
            return self.conditions(reports);
        }
        if let Some(sum) = self.sum(reports)? {
            return Ok(Some(sum));
        }
        if names::is_phase(self.name) && reports.iter().all(|(_, value)| value.is_string()) {
            return Ok(self.word(reports));
        }
        if names::is_good_flag(self.name) && reports.iter().all(|(_, value)| value.is_boolean()) {
            return Ok(self.flag(reports));
        }
        if let Some(value) = self.time(reports) {
            return Ok(value);
        }
        if let Some(value) = self.object(reports)? {
            return Ok(value);
        }
        Ok(self.equal(reports))
    }

    fn kind(&self) -> Option<&str> {
        self.schema?.get("type")?.as_str()
    }

    fn wrong(&self, cluster: &str, expected: &str, found: &Value) -> Error {
        let found = match found {
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => other.to_string(),
        };
        Error::invalid(format_args!(
            "the status from cluster {cluster}: {}: expected {expected}, found {found}",
            self.path
        ))
    }

    /// The value that every cluster has.
    fn equal(&self, reports: &[Report]) -> Option<Value> {
        let ((_, first), rest) = reports.split_first()?;
        let all = reports.len() == self.scope.clusters.len() && rest.iter().all(|(_, value)| value == first);
        all.then(|| (*first).clone())
    }

    fn sum(&self, reports: &[Report]) -> Result<Option<Value>> {
        if !names::is_counter(self.name) && self.scope.counter != Some(self.path) {
            return Ok(None);
        }
        let is_known = match self.kind() {
            Some("integer") => true,
            Some(_) => return Ok(None),
            None => false,
        };
        if !is_known && (self.is_open_number() || !reports.iter().any(|(_, value)| whole(value).is_some())) {
            return Ok(None);
        }
        let mut sum = 0_i64;
        for (cluster, value) in reports {
            let number = whole(value).ok_or_else(|| self.wrong(cluster, "an integer", value))?;
            sum = sum.saturating_add(number);
        }
        Ok(Some(sum.into()))
    }

    fn is_open_number(&self) -> bool {
        self.schema.is_some_and(|schema| schema.get("x-kubernetes-int-or-string").is_some())
    }

    fn word(&self, reports: &[Report]) -> Option<Value> {
        if let Some(same) = self.equal(reports) {
            return Some(same);
        }
        let ranked = reports.iter().filter_map(|(_, value)| {
            let word = value.as_str()?;
            words::rank(word).map(|(rank, class)| (rank, class, word))
        });
        let (_, class, word) = ranked.clone().min()?;
        // A word that is not known may be worse than any but a failure.
        let all_known = ranked.count() == reports.len();
        let all_told = reports.len() == self.scope.clusters.len();
        let stands = match class {
            Class::Failed => true,
            Class::Healthy => all_known && all_told,
            _ => all_known,
        };
        stands.then(|| word.into())
    }

    fn flag(&self, reports: &[Report]) -> Option<Value> {
        let any_bad = reports.iter().any(|(_, value)| **value == Value::Bool(false));
        (any_bad || reports.len() == self.scope.clusters.len()).then_some(Value::Bool(!any_bad))
    }

    /// `None` where this is no time; `Some(None)` for one that does not stand for all.
    fn time(&self, reports: &[Report]) -> Option<Option<Value>> {
        let moment = names::moment(self.name)?;
        let times: Vec<(Timestamp, &Value)> =
            reports.iter().map(|(_, value)| Some((value.as_str()?.parse().ok()?, *value))).collect::<Option<_>>()?;
        let by_time = |a: &&(Timestamp, &Value), b: &&(Timestamp, &Value)| a.0.cmp(&b.0);
        let chosen = match moment {
            Moment::Earliest => times.iter().min_by(by_time),
            Moment::Latest => times.iter().max_by(by_time),
            Moment::LatestOfAll => times.iter().max_by(by_time).filter(|_| times.len() == self.scope.clusters.len()),
        };
        Some(chosen.map(|(_, value)| (*value).clone()))
    }

    /// `None` where this is not to be taken apart.
    fn object(&self, reports: &[Report]) -> Result<Option<Option<Value>>> {
        let atomic = self
            .schema
            .is_some_and(|schema| schema.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic"));
        let maps: Option<Vec<(&str, &Map<String, Value>)>> =
            reports.iter().map(|(cluster, value)| Some((*cluster, value.as_object()?))).collect();
        let Some(maps) = maps.filter(|_| !atomic && self.depth < DEEPEST) else { return Ok(None) };
        if maps.iter().all(|(_, map)| map.is_empty()) {
            return Ok(Some(self.equal(reports)));
        }
        let merged = objects(&maps, self.schema, self.path, self.depth + 1, self.scope)?;
        Ok(Some((!merged.is_empty()).then_some(Value::Object(merged))))
    }

    /// Whether these are lists of conditions. Under the very name of conditions, anything else is an error,
    /// unless the schema wants it.
    fn is_conditions(&self, reports: &[Report]) -> Result<bool> {
        let by_name = self.name == "conditions";
        if !(by_name || self.name.ends_with("Conditions")) || self.kind().is_some_and(|kind| kind != "array") {
            return Ok(false);
        }
        for (cluster, value) in reports {
            match conditions_of(cluster, self.path, value) {
                Ok(_) => {}
                Err(error) if by_name => return Err(error),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn conditions(&self, reports: &[Report]) -> Result<Option<Value>> {
        let mut types: Vec<Merged> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (cluster, value) in reports {
            for (kind, status, map) in conditions_of(cluster, self.path, value)? {
                let place = *places.entry(kind).or_insert(types.len());
                match types.get_mut(place) {
                    Some(known) => known.reports.push((*cluster, status, map)),
                    None => types.push(Merged { kind, reports: vec![(*cluster, status, map)] }),
                }
            }
        }
        if types.is_empty() {
            return Ok(self.equal(reports));
        }
        let schema = self.schema.and_then(|schema| schema.get("items"));
        let merged = types.iter().map(|one| one.condition(schema, self.path, self.scope));
        Ok(Some(Value::Array(merged.collect::<Result<_>>()?)))
    }
}

fn whole(value: &Value) -> Option<i64> {
    Cursor::of_value(value).int(&[]).ok().flatten()
}

type ConditionOf<'v> = (&'v str, &'v str, &'v Map<String, Value>);

/// Type, status and all of the conditions of one cluster.
fn conditions_of<'v>(cluster: &str, path: &str, value: &'v Value) -> Result<Vec<ConditionOf<'v>>> {
    let wrong = |error| Error::invalid(format_args!("{path}: {}", of_cluster(cluster, error)));
    let list = Cursor::of_value(value);
    let mut conditions = Vec::new();
    for item in list.items(&[]).map_err(wrong)? {
        let map = item.map(&[]).map_err(wrong)?;
        let kind = item.str(&["type"]).map_err(wrong)?;
        let status = item.str(&["status"]).map_err(wrong)?;
        match (map, kind, status) {
            (Some(map), Some(kind), Some(status)) => conditions.push((kind, status, map)),
            _ => return Err(wrong(item.invalid(&[], "a condition has a type and a status"))),
        }
    }
    Ok(conditions)
}

/// What the clusters say of one type of condition.
struct Merged<'v> {
    kind: &'v str,
    reports: Vec<(&'v str, &'v str, &'v Map<String, Value>)>,
}

/// The status that stands for all, and why, where that is not what clusters say.
struct Decision {
    status: String,
    own: Option<(&'static str, String)>,
}

impl Merged<'_> {
    fn has(&self, status: &str) -> bool {
        self.reports.iter().any(|(_, one, _)| *one == status)
    }

    fn decide(&self, clusters: &[&str]) -> Decision {
        let sense = sense(self.kind);
        let plain = |status: &str| Decision { status: status.to_owned(), own: None };
        let (worst, best) = match sense {
            Sense::Good | Sense::Done => ("False", "True"),
            Sense::Bad | Sense::Busy | Sense::Stopped => ("True", "False"),
            Sense::Unknown => {
                let first = self.reports.first().map_or("Unknown", |(_, status, _)| status);
                if self.reports.iter().all(|(_, status, _)| *status == first) {
                    return plain(first);
                }
                let all: Vec<String> =
                    self.reports.iter().map(|(cluster, status, _)| format!("{cluster}={status}")).collect();
                return Decision { status: "Unknown".to_owned(), own: Some(("ClustersDiffer", all.join(", "))) };
            }
        };
        if self.has(worst) {
            return plain(worst);
        }
        if let Some((_, other, _)) = self.reports.iter().find(|(_, status, _)| *status != best) {
            return plain(other);
        }
        let without = |cluster: &&&str| !self.reports.iter().any(|(one, ..)| one == *cluster);
        let missing: Vec<&str> = clusters.iter().filter(without).copied().collect();
        if best == "True" && !missing.is_empty() {
            let message = format!("not told of by {}", missing.join(", "));
            return Decision { status: "Unknown".to_owned(), own: Some(("NotReported", message)) };
        }
        plain(best)
    }

    fn condition(&self, schema: Option<&Value>, path: &str, scope: Scope<'_>) -> Result<Value> {
        let Decision { status, own } = self.decide(scope.clusters);
        let decisive: Vec<(&str, &Map<String, Value>)> = self
            .reports
            .iter()
            .filter(|(_, one, _)| own.is_some() || *one == status)
            .map(|(cluster, _, map)| (*cluster, *map))
            .collect();
        let clusters: Vec<&str> = decisive.iter().map(|(cluster, _)| *cluster).collect();
        let among = Scope { clusters: &clusters, ..scope };
        let mut condition = objects(&decisive, schema, path, DEEPEST, among)?;
        condition.insert("type".to_owned(), self.kind.into());
        condition.insert("status".to_owned(), status.into());
        condition.remove("observedGeneration");
        let generations = decisive.iter().any(|(_, map)| map.contains_key("observedGeneration"));
        if let Some(generation) = scope.generation.filter(|_| generations) {
            condition.insert("observedGeneration".to_owned(), generation.into());
        }
        let text =
            |map: &Map<String, Value>, name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (reason, message) = match own {
            Some((reason, message)) => (reason.to_owned(), message),
            None => {
                let reasons = decisive.iter().map(|(_, map)| text(map, "reason")).find(|reason| !reason.is_empty());
                (reasons.unwrap_or_default(), messages(&decisive))
            }
        };
        for (name, value) in [("reason", reason), ("message", cut(message))] {
            let is_there = decisive.iter().any(|(_, map)| map.contains_key(name));
            if is_there || !value.is_empty() {
                condition.insert(name.to_owned(), value.into());
            }
        }
        Ok(Value::Object(condition))
    }
}

/// The message that all have, or each with its cluster.
fn messages(decisive: &[(&str, &Map<String, Value>)]) -> String {
    let text = |map: &Map<String, Value>| map.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    let all: Vec<(&str, String)> = decisive.iter().map(|(cluster, map)| (*cluster, text(map))).collect();
    match all.split_first() {
        Some(((_, first), rest)) if rest.iter().all(|(_, message)| message == first) => first.clone(),
        _ => {
            let told = all.iter().filter(|(_, message)| !message.is_empty());
            told.map(|(cluster, message)| format!("{cluster}={message}")).collect::<Vec<_>>().join(", ")
        }
    }
}

fn cut(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
        message.truncate(end);
        message.push('…');
    }
    message
}

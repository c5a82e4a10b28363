//! One status out of many for Jobs and CronJobs.

use jiff::Timestamp;
use outrigger_interpreter::StatusItem;
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value, json};

use super::{
    Result,
    counts::{int, of_cluster, statuses, write},
};

type ReadResult<T> = std::result::Result<T, outrigger_object::Error>;

/// A time as it was written, ordered by when it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Time<'v> {
    at: Timestamp,
    text: &'v str,
}

fn time<'v>(cursor: &Cursor<'v, '_>, path: &[&str]) -> ReadResult<Option<Time<'v>>> {
    let Some(text) = cursor.str(path)? else { return Ok(None) };
    match text.parse() {
        Ok(at) => Ok(Some(Time { at, text })),
        Err(_) => Err(cursor.invalid(path, format!("{text:?} is not a time"))),
    }
}

/// How a Job has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    Failed,
}

/// What one status says of how the Job has gone.
#[derive(Clone, Copy, Default)]
struct Progress<'v> {
    end: Option<End>,
    ended: Option<Time<'v>>,
    criteria_met: bool,
}

fn progress<'v>(status: &Cursor<'v, '_>) -> ReadResult<Progress<'v>> {
    let mut found = Progress::default();
    for condition in status.items(&["conditions"])? {
        if condition.str(&["status"])? != Some("True") {
            continue;
        }
        let end = match condition.str(&["type"])? {
            Some("Complete") => End::Complete,
            Some("Failed") => End::Failed,
            Some("SuccessCriteriaMet") => {
                found.criteria_met = true;
                continue;
            }
            _ => continue,
        };
        if found.end.is_none() {
            found.end = Some(end);
            found.ended = time(&condition, &["lastTransitionTime"])?;
        }
    }
    Ok(found)
}

/// Whether it has been started, by its controller's word.
pub fn has_started(observed: &Object) -> bool {
    observed.str(&["status", "startTime"]).is_some() || observed.str(&["status", "completionTime"]).is_some()
}

/// Sums, and the end: Failed as soon as one cluster has failed, Complete when all have completed. A template
/// that has ended is never changed again. The start is the earliest, once all have started, and then stays;
/// the completion is the latest, once all have completed.
pub fn aggregate(mut template: Object, items: &[StatusItem]) -> Result<Object> {
    let root = template.cursor();
    let old = root.at(&["status"])?;
    if progress(&old)?.end.is_some() {
        return Ok(template);
    }
    let old_start = time(&old, &["startTime"])?;

    let fields = ["active", "succeeded", "failed"];
    let mut sums = [0_i64; 3];
    let mut failed = Vec::new();
    let (mut completed, mut criteria_met) = (0, 0);
    let (mut starts, mut completions, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (cluster, status) in statuses(items) {
        let member = Cursor::of_value(status);
        for (field, sum) in fields.iter().zip(&mut sums) {
            *sum = sum.saturating_add(int(&member, field, cluster)?);
        }
        let wrong = |error| of_cluster(cluster, error);
        let progress = progress(&member).map_err(wrong)?;
        match progress.end {
            Some(End::Complete) => completed += 1,
            Some(End::Failed) => failed.push(cluster),
            None => {}
        }
        criteria_met += usize::from(progress.criteria_met);
        let completion = time(&member, &["completionTime"]).map_err(wrong)?;
        starts.extend(time(&member, &["startTime"]).map_err(wrong)?);
        completions.extend(completion);
        ends.extend(progress.ended.or(completion));
    }

    let all = |count: usize| count == items.len() && count > 0;
    let ended = ends.iter().max().map(|end| end.text);
    let mut conditions = Vec::new();
    if !failed.is_empty() {
        let message = format!("Job executed failed in member clusters {}", failed.join(","));
        conditions.push(condition("Failed", "JobFailed", message, ended));
    }
    if all(completed) {
        conditions.push(condition("Complete", "Completed", "Job completed".to_owned(), ended));
        if all(criteria_met) {
            let message = "All member clusters have met success criteria".to_owned();
            conditions.push(condition("SuccessCriteriaMet", "CompletionsReached", message, ended));
        }
    }

    let mut status = Map::new();
    for (field, sum) in fields.iter().zip(sums) {
        write(&mut status, field, sum, false);
    }
    if !conditions.is_empty() {
        status.insert("conditions".to_owned(), Value::Array(conditions));
    }
    if let Some(start) = old_start.or_else(|| starts.iter().min().copied().filter(|_| all(starts.len()))) {
        status.insert("startTime".to_owned(), start.text.into());
    }
    if let Some(completion) = completions.iter().max().filter(|_| all(completions.len())) {
        status.insert("completionTime".to_owned(), completion.text.into());
    }
    put_status(&mut template, status);
    Ok(template)
}

/// All active Jobs, and the latest of the two times. Other fields of the status stay.
pub fn aggregate_cron(mut template: Object, items: &[StatusItem]) -> Result<Object> {
    let mut active = Vec::new();
    let mut times = [("lastScheduleTime", None), ("lastSuccessfulTime", None)];
    for (cluster, status) in statuses(items) {
        let member = Cursor::of_value(status);
        let wrong = |error| of_cluster(cluster, error);
        active.extend_from_slice(member.list(&["active"]).map_err(wrong)?);
        for (field, latest) in &mut times {
            *latest = (*latest).max(time(&member, &[*field]).map_err(wrong)?);
        }
    }
    let root = template.cursor();
    let mut status = root.map(&["status"])?.cloned().unwrap_or_default();
    let values = [("active", (!active.is_empty()).then_some(Value::Array(active)))]
        .into_iter()
        .chain(times.map(|(field, latest)| (field, latest.map(|time| time.text.into()))));
    for (field, value) in values {
        match value {
            Some(value) => drop(status.insert(field.to_owned(), value)),
            None => drop(status.remove(field)),
        }
    }
    put_status(&mut template, status);
    Ok(template)
}

/// Writes a status; an empty one is not written where there is none.
fn put_status(template: &mut Object, status: Map<String, Value>) {
    if !status.is_empty() || template.0.contains_key("status") {
        template.0.insert("status".to_owned(), Value::Object(status));
    }
}

fn condition(kind: &str, reason: &str, message: String, at: Option<&str>) -> Value {
    let mut condition = json!({"type": kind, "status": "True", "reason": reason, "message": message});
    if let (Some(at), Value::Object(fields)) = (at, &mut condition) {
        for field in ["lastProbeTime", "lastTransitionTime"] {
            fields.insert(field.to_owned(), at.into());
        }
    }
    condition
}

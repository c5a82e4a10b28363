//! Conditions: reading them, and what their types mean.

use outrigger_object::Cursor;
use serde_json::Value;

use super::{KindFacts, Result};

/// One condition of a status.
#[derive(Clone, Copy, Debug)]
pub struct Condition<'v> {
    pub kind: &'v str,
    pub status: &'v str,
    pub reason: &'v str,
    pub message: &'v str,
    /// The generation that it was made for, where it says so.
    pub observed: Option<i64>,
}

/// What it means that a condition is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// All is well in this respect.
    Good,
    /// It has come to its end, and well.
    Done,
    /// Something is wrong.
    Bad,
    /// Something is being done.
    Busy,
    /// Somebody has stopped it.
    Stopped,
    /// Not known.
    Unknown,
}

/// What it means that a condition of this type is true.
pub fn sense(kind: &str) -> Sense {
    const BAD: [&str; 13] = [
        "Stalled",
        "Degraded",
        "Failed",
        "Failure",
        "Error",
        "Errored",
        "Pressure",
        "Unavailable",
        "Unhealthy",
        "Conflict",
        "Conflicted",
        "Invalid",
        "Exceeded",
    ];
    const GOOD: [&str; 10] = [
        "Ready",
        "Available",
        "Healthy",
        "Synced",
        "Succeeded",
        "Accepted",
        "Established",
        "Provisioned",
        "Reconciled",
        "Initialized",
    ];
    match kind {
        "Complete" | "Completed" | "Succeeded" | "Finished" => Sense::Done,
        "Suspended" | "Paused" => Sense::Stopped,
        "Reconciling" | "Progressing" | "Updating" | "Upgrading" | "Scaling" | "Creating" | "Provisioning"
        | "Deleting" | "Terminating" | "Pending" | "Waiting" => Sense::Busy,
        _ if BAD.iter().any(|last| kind.ends_with(last)) => Sense::Bad,
        _ if kind.starts_with("Not") || kind.starts_with("Un") => Sense::Unknown,
        _ if is_summary(kind) || GOOD.iter().any(|last| kind.ends_with(last)) => Sense::Good,
        _ => Sense::Unknown,
    }
}

/// Whether a condition of this type speaks for the whole object, not for a part of it.
pub fn is_summary(kind: &str) -> bool {
    matches!(
        kind,
        "Ready"
            | "Available"
            | "Healthy"
            | "Synced"
            | "Established"
            | "NamesAccepted"
            | "Accepted"
            | "Programmed"
            | "Reconciled"
            | "Deployed"
            | "Released"
            | "Installed"
            | "Provisioned"
            | "Active"
            | "Running"
            | "Online"
            | "Bound"
    )
}

/// Whether a reason or a message's first word says that something went wrong, not that it takes time.
pub fn tells_failure(reason: &str) -> bool {
    const PARTS: [&str; 12] = [
        "Fail",
        "Error",
        "Invalid",
        "Denied",
        "Forbidden",
        "BackOff",
        "Backoff",
        "Degraded",
        "Unhealthy",
        "Crash",
        "Rejected",
        "Exceeded",
    ];
    PARTS.iter().any(|part| reason.contains(part))
}

/// The conditions of a status. What is in `conditions` and is no list of conditions is an error, unless the
/// schema wants something else there.
pub fn read<'v>(status: &Cursor<'v, '_>, facts: Option<&KindFacts>) -> Result<Vec<Condition<'v>>> {
    let other_type = facts.and_then(KindFacts::status_schema).is_some_and(|schema| {
        schema.pointer("/properties/conditions/type").and_then(Value::as_str).is_some_and(|kind| kind != "array")
    });
    if other_type {
        return Ok(Vec::new());
    }
    let mut conditions = Vec::new();
    for item in status.items(&["conditions"])? {
        item.map(&[])?;
        let text = |field| Ok::<_, outrigger_object::Error>(item.str(&[field])?.unwrap_or_default());
        conditions.push(Condition {
            kind: text("type")?,
            status: text("status")?,
            reason: text("reason")?,
            message: text("message")?,
            observed: item.int(&["observedGeneration"]).unwrap_or_default(),
        });
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_a_sense() {
        let check = |kind, expected| assert_eq!(sense(kind), expected, "{kind}");
        check("Ready", Sense::Good);
        check("PodsReady", Sense::Good);
        check("NotReady", Sense::Unknown);
        check("Unschedulable", Sense::Unknown);
        check("DiskPressure", Sense::Bad);
        check("ReplicaFailure", Sense::Bad);
        check("NetworkUnavailable", Sense::Bad);
        check("InstallFailed", Sense::Bad);
        check("Progressing", Sense::Busy);
        check("Succeeded", Sense::Done);
        check("Paused", Sense::Stopped);
        check("Frobnicated", Sense::Unknown);
        check("", Sense::Unknown);
    }
}

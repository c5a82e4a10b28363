//! What a Work's status should say: pure.
//!
//! **Invariant:** a manifest that could not be looked at, or whose interpreter failed, keeps what was last
//! known of it. Messages are Karmada's where it has one for the case.

use jiff::Timestamp;
use outrigger_api::labels::condition::{self as names, reason};
use outrigger_api::work::{ManifestStatus, ResourceIdentifier, WorkStatus};
use outrigger_runtime::conditions;

/// What came of one manifest.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub identifier: ResourceIdentifier,
    pub result: Result<Settled, String>,
    /// Who keeps changing it, where it is contested.
    pub contested: Option<String>,
}

/// How a manifest stands that is as it should be.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    /// It is in the member; this is its status, if it could be read.
    Present(Option<ManifestStatus>),
    /// The member has done with it, and why that is all right.
    Over(&'static str),
}

/// The reason of a Work whose manifests have run and are gone.
pub(crate) const COMPLETED: &str = "Completed";
/// The reason of a Work whose object others keep changing.
pub(crate) const CONTESTED: &str = "Contested";

/// The status that follows from what came of the manifests.
pub(crate) fn of_verdicts(old: &WorkStatus, verdicts: &[Verdict], generation: i64, now: Timestamp) -> WorkStatus {
    let mut status = old.clone();
    dispatching(&mut status, false, now);
    let failures: Vec<&str> =
        verdicts.iter().filter_map(|verdict| Some(verdict.result.as_ref().err()?.as_str())).collect();
    let over = verdicts.iter().find_map(|verdict| match &verdict.result {
        Ok(Settled::Over(why)) => Some(*why),
        _ => None,
    });
    let (applied, reason, message) = if !failures.is_empty() {
        let done = verdicts.len() - failures.len();
        let total = verdicts.len();
        let message = format!("Failed to apply all manifests ({done}/{total}): {}", list(&failures));
        (false, reason::APPLIED_FAILED, message)
    } else if let Some(why) = over {
        (true, COMPLETED, why.to_owned())
    } else {
        (true, reason::APPLIED_SUCCESSFUL, "Manifest has been successfully applied".to_owned())
    };
    set_applied(&mut status, applied, reason, message, generation, now);

    let contested: Vec<&str> = verdicts.iter().filter_map(|verdict| verdict.contested.as_deref()).collect();
    if !contested.is_empty() {
        let degraded = conditions::condition(names::WORK_DEGRADED, true, CONTESTED, contested.join("; "), now);
        conditions::set(&mut status.conditions, degraded);
    } else {
        status.conditions.retain(|known| known.type_ != names::WORK_DEGRADED);
    }

    status.manifest_statuses = verdicts.iter().filter_map(|verdict| manifest_status(old, verdict)).collect();
    status
}

fn manifest_status(old: &WorkStatus, verdict: &Verdict) -> Option<ManifestStatus> {
    let known =
        || old.manifest_statuses.iter().find(|known| crate::work::is_same(&known.identifier, &verdict.identifier));
    match &verdict.result {
        Ok(Settled::Present(Some(status))) => Some(status.clone()),
        _ => known().map(|known| ManifestStatus { identifier: verdict.identifier.clone(), ..known.clone() }),
    }
}

/// The status of a Work that nothing could be done about.
pub(crate) fn of_failure(old: &WorkStatus, manifests: usize, why: &str, generation: i64, now: Timestamp) -> WorkStatus {
    let mut status = old.clone();
    let message = format!("Failed to apply all manifests (0/{manifests}): {why}");
    set_applied(&mut status, false, reason::APPLIED_FAILED, message, generation, now);
    status
}

/// The status of a suspended Work: what is in the member stays, and so does what is known of it.
pub(crate) fn of_suspension(old: &WorkStatus, now: Timestamp) -> WorkStatus {
    let mut status = old.clone();
    dispatching(&mut status, true, now);
    status
}

fn dispatching(status: &mut WorkStatus, suspended: bool, now: Timestamp) {
    let (reason, message) = if suspended {
        (reason::SUSPEND_DISPATCHING, "Work dispatching is in a suspended state.")
    } else {
        (reason::DISPATCHING, "Work is being dispatched to member clusters.")
    };
    let condition = conditions::condition(names::WORK_DISPATCHING, !suspended, reason, message, now);
    conditions::set(&mut status.conditions, condition);
}

fn set_applied(status: &mut WorkStatus, applied: bool, reason: &str, message: String, generation: i64, now: Timestamp) {
    let mut condition = conditions::condition(names::WORK_APPLIED, applied, reason, message, now);
    condition.observed_generation = (generation > 0).then_some(generation);
    conditions::set(&mut status.conditions, condition);
}

/// One message as it is, several in brackets, as Kubernetes writes an aggregate; repeated ones once.
fn list(messages: &[&str]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for message in messages {
        if !once.contains(message) {
            once.push(message);
        }
    }
    match once.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("[{}]", several.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use outrigger_api::RawExtension;
    use serde_json::json;

    use super::*;

    fn verdict(name: &str, result: Result<Settled, String>) -> Verdict {
        let identifier = ResourceIdentifier { name: name.into(), ..ResourceIdentifier::default() };
        Verdict { identifier, result, contested: None }
    }

    fn present(name: &str, phase: &str) -> Result<Settled, String> {
        Ok(Settled::Present(Some(ManifestStatus {
            identifier: ResourceIdentifier { name: name.into(), ..ResourceIdentifier::default() },
            status: Some(RawExtension(json!({"phase": phase}))),
            health: None,
        })))
    }

    fn words(status: &WorkStatus) -> Vec<String> {
        let conditions =
            status.conditions.iter().map(|c| format!("{}={} {}: {}", c.type_, c.status, c.reason, c.message));
        let manifests = status.manifest_statuses.iter().map(|manifest| {
            format!(
                "{} {}",
                manifest.identifier.name,
                manifest.status.as_ref().map_or_else(String::new, |s| s.0.to_string())
            )
        });
        conditions.chain(manifests).collect()
    }

    const DISPATCHED: &str = "Dispatching=True Dispatching: Work is being dispatched to member clusters.";

    #[test]
    fn says_what_came_of_the_manifests_and_keeps_what_was_known() {
        let at = Timestamp::UNIX_EPOCH;
        let good = of_verdicts(&WorkStatus::default(), &[verdict("a", present("a", "Ready"))], 1, at);
        let applied = "Applied=True AppliedSuccessful: Manifest has been successfully applied";
        assert_eq!(words(&good), [DISPATCHED, applied, r#"a {"phase":"Ready"}"#]);

        let bad = [verdict("a", Err("no".into())), verdict("b", present("b", "New"))];
        let status = of_verdicts(&good, &bad, 1, at);
        let failed = "Applied=False AppliedFailed: Failed to apply all manifests (1/2): no";
        assert_eq!(words(&status), [DISPATCHED, failed, r#"a {"phase":"Ready"}"#, r#"b {"phase":"New"}"#]);

        let unread = of_verdicts(&good, &[verdict("a", Ok(Settled::Present(None)))], 1, at);
        assert_eq!(words(&unread), words(&good), "an interpreter that failed changes nothing");

        let over = of_verdicts(&good, &[verdict("a", Ok(Settled::Over("gone")))], 1, at);
        assert_eq!(words(&over), [DISPATCHED, "Applied=True Completed: gone", r#"a {"phase":"Ready"}"#]);
    }

    #[test]
    fn contested_comes_and_goes() {
        let at = Timestamp::UNIX_EPOCH;
        let mut contested = verdict("a", present("a", "Ready"));
        contested.contested = Some("hpa".into());
        let status = of_verdicts(&WorkStatus::default(), &[contested], 1, at);
        assert!(words(&status).contains(&"Degraded=True Contested: hpa".to_owned()));
        let after = of_verdicts(&status, &[verdict("a", present("a", "Ready"))], 1, at);
        assert!(!conditions::is_true(&after.conditions, "Degraded"));
    }
}

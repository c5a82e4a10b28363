//! What a cluster's conditions mean for its taints, and when silence means that it is lost: pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Taint;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use outrigger_api::cluster::Cluster;
use outrigger_api::labels::condition::{CLUSTER_READY, reason};
use outrigger_api::labels::taint;
use outrigger_runtime::conditions;

/// The taints that a cluster should have, given its Ready condition; `None` when it has them. Not
/// ready and never heard of is `not-ready`, unknown is `unreachable`; both keep new objects away.
/// Taints that others have set stay.
pub(super) fn taints(cluster: &Cluster, now: Timestamp) -> Option<Vec<Taint>> {
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let wanted = match conditions::find(conditions, CLUSTER_READY).map(|condition| condition.status.as_str()) {
        Some("True") => None,
        Some("Unknown") => Some(taint::UNREACHABLE),
        _ => Some(taint::NOT_READY),
    };
    let ours = |one: &Taint| {
        one.effect == taint::NO_SCHEDULE && (one.key == taint::NOT_READY || one.key == taint::UNREACHABLE)
    };
    let old = &cluster.spec.taints;
    let has: Vec<_> = old.iter().filter(|one| ours(one)).map(|one| one.key.as_str()).collect();
    if has == wanted.as_slice() {
        return None;
    }
    let mut new: Vec<_> = old.iter().filter(|one| !ours(one) || Some(one.key.as_str()) == wanted).cloned().collect();
    if let Some(key) = wanted
        && !new.iter().any(ours)
    {
        let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
        new.push(Taint {
            key: key.to_owned(),
            effect: taint::NO_SCHEDULE.to_owned(),
            time_added: Some(Time(second)),
            value: None,
        });
    }
    Some(new)
}

/// What is known of a pull cluster's signs of life.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Signs {
    /// The renewal time of the Lease that was last seen, as text.
    pub(super) renewal: Option<String>,
    /// When we saw the last sign, by our own clock: the cluster's may be wrong.
    pub(super) seen: Option<Timestamp>,
}

impl Signs {
    /// Takes the Lease as it is now. A renewal time that moved is a sign of life; so is, for a cluster
    /// that we have only begun to watch, that we have done so.
    pub(super) fn observe(&mut self, renewal: Option<&str>, now: Timestamp) {
        if self.seen.is_none() || renewal.is_some() && renewal != self.renewal.as_deref() {
            self.seen = Some(now);
        }
        self.renewal = renewal.map(str::to_owned);
    }
}

/// What follows from the signs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Alive, or not silent for long enough; look again after this.
    Alive(Duration),
    /// Lost: this condition is to be set, if it is not there yet.
    Lost(Option<Condition>),
}

/// Judges a pull cluster. One that has never reported has the longer, `startup` grace.
pub(super) fn judge(cluster: &Cluster, signs: &Signs, grace: Duration, startup: Duration, now: Timestamp) -> Verdict {
    let conditions = cluster.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let ready = conditions::find(conditions, CLUSTER_READY);
    let limit = if ready.is_some() { grace } else { startup };
    let silent =
        signs.seen.map_or(Duration::ZERO, |seen| Duration::try_from(now.duration_since(seen)).unwrap_or_default());
    if silent < limit {
        return Verdict::Alive(limit - silent);
    }
    let (word, message) = match ready {
        None => (reason::CLUSTER_STATUS_NEVER_UPDATED, "Cluster status controller never posted cluster status."),
        Some(_) => (reason::CLUSTER_STATUS_UNKNOWN, "Cluster status controller stopped posting cluster status."),
    };
    if ready.is_some_and(|ready| ready.status == "Unknown") {
        return Verdict::Lost(None);
    }
    Verdict::Lost(Some(conditions::condition(CLUSTER_READY, None, word, message, now)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cluster(ready: Option<&str>, taints: Value) -> Cluster {
        let conditions: Vec<_> = ready
            .into_iter()
            .map(|status| json!({"type": "Ready", "status": status, "reason": "r", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}))
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": "edge"},
            "spec": {"syncMode": "Pull", "taints": taints}, "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn taints_follow_the_ready_condition() {
        let check = |ready: Option<&str>, before: &[&str], after: Option<&[&str]>| {
            let taints: Vec<_> = before.iter().map(|key| json!({"key": key, "effect": "NoSchedule"})).collect();
            let got = taints_of(ready, json!(taints));
            assert_eq!(
                got.as_deref(),
                after.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()).as_deref(),
                "{ready:?} with {before:?}"
            );
        };
        fn taints_of(ready: Option<&str>, before: Value) -> Option<Vec<String>> {
            taints(&cluster(ready, before), at(9)).map(|list| list.into_iter().map(|one| one.key).collect())
        }
        let (not_ready, unreachable) = (taint::NOT_READY, taint::UNREACHABLE);
        check(Some("True"), &[], None);
        check(Some("True"), &["mine", not_ready], Some(&["mine"]));
        check(Some("False"), &["mine"], Some(&["mine", not_ready]));
        check(Some("False"), &[unreachable], Some(&[not_ready]));
        check(Some("Unknown"), &[not_ready], Some(&[unreachable]));
        check(Some("Unknown"), &[unreachable], None);
        check(None, &[], Some(&[not_ready]));
    }

    #[test]
    fn silence_is_counted_by_our_own_clock() {
        let (grace, startup) = (Duration::from_secs(40), Duration::from_secs(60));
        let mut signs = Signs::default();
        let known = cluster(Some("True"), json!([]));
        signs.observe(Some("1990-01-01T00:00:00Z"), at(100));
        assert_eq!(judge(&known, &signs, grace, startup, at(130)), Verdict::Alive(Duration::from_secs(10)));
        signs.observe(Some("1990-01-01T00:00:10Z"), at(130));
        assert_eq!(judge(&known, &signs, grace, startup, at(130)), Verdict::Alive(grace));
        signs.observe(Some("1990-01-01T00:00:10Z"), at(170));
        let Verdict::Lost(Some(condition)) = judge(&known, &signs, grace, startup, at(170)) else { panic!() };
        assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("Unknown", "ClusterStatusUnknown"));
        assert_eq!(judge(&cluster(Some("Unknown"), json!([])), &signs, grace, startup, at(170)), Verdict::Lost(None));
        let young = cluster(None, json!([]));
        assert_eq!(judge(&young, &signs, grace, startup, at(170)), Verdict::Alive(Duration::from_secs(20)));
        assert!(matches!(judge(&young, &signs, grace, startup, at(190)), Verdict::Lost(Some(_))));
    }
}

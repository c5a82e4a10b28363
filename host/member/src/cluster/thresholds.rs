//! When a change of a cluster's health is believed: only after it has lasted, as a network that wobbles
//! must not move workloads about. The rules are Karmada's.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tokio::time::Instant;

/// How long a change must last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// From not ready to ready.
    pub success: Duration,
    /// From ready to not ready.
    pub failure: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { success: Duration::from_secs(30), failure: Duration::from_secs(30) }
    }
}

/// What was seen last, and since when.
#[derive(Debug, Default)]
pub(crate) struct Seen(Option<(String, Option<Instant>)>);

impl Seen {
    /// The Ready condition to show, given the one that is shown and the one that was just observed.
    /// The first observation is believed at once.
    pub(crate) fn adjust(
        &mut self,
        shown: Option<&Condition>,
        observed: Condition,
        thresholds: Thresholds,
    ) -> Condition {
        let Some((status, since)) = &mut self.0 else {
            self.0 = Some((observed.status.clone(), None));
            return observed;
        };
        if *status != observed.status {
            *status = observed.status.clone();
            *since = Some(Instant::now());
        }
        let Some(shown) = shown else { return observed };
        let threshold = if observed.status == "True" { thresholds.success } else { thresholds.failure };
        let changes = (observed.status == "True") != (shown.status == "True");
        if changes && since.is_some_and(|since| since.elapsed() < threshold) { shown.clone() } else { observed }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use outrigger_runtime::conditions::condition;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_must_last() {
        let thresholds = Thresholds { success: Duration::from_secs(5), failure: Duration::from_secs(30) };
        let ready = |status: bool| condition("Ready", status, "R", "", Timestamp::UNIX_EPOCH);
        let mut seen = Seen::default();
        let mut shown: Option<Condition> = None;
        let mut step = |observed: bool| {
            let next = seen.adjust(shown.as_ref(), ready(observed), thresholds);
            shown = Some(next.clone());
            next.status == "True"
        };
        assert!(step(true), "the first observation is believed");
        assert!(step(false), "down for 0 s");
        tokio::time::advance(Duration::from_secs(29)).await;
        assert!(step(false), "down for 29 s");
        assert!(step(true), "up again: the count starts anew");
        assert!(step(false));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(!step(false), "down for 30 s");
        assert!(!step(true), "up for 0 s");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(step(true), "up for 5 s");
    }
}

//! [`Controller`]: the loop that every reconciler runs in.
//!
//! Inputs: keys from a [`Queue`]. Outputs: what the [`Reconciler`] does, one span, one count and one
//! duration each. What happens next follows from the outcome alone:
//!
//! | Outcome | Next |
//! |---|---|
//! | Applied, Skipped | the key's failures are forgotten |
//! | Waiting(d) | the same, and again after `d` |
//! | Conflict, AlreadyExists | again within milliseconds, then with back-off |
//! | Invalid, Terminal | again after minutes: only a change helps, and that enqueues by itself |
//! | Forbidden | again after half a minute at the least |
//! | any other error, a panic | again with exponential back-off, not before Retry-After |
//!
//! **Invariant:** neither an error nor a panic of one key stops another.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, debug_span, error, warn};

use crate::metrics::ControllerLabels;
use crate::{Error, ErrorKind, Metrics, Queue};

/// What came of a reconcile that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it should be.
    Applied,
    /// Something is not ready yet; look again after this long if nothing happens before.
    Waiting(Duration),
    /// There is nothing to do, and this is why.
    Skipped(&'static str),
}

/// Brings one key to its desired state.
pub trait Reconciler: Send + Sync + 'static {
    /// The controller's name in spans and metrics.
    const NAME: &'static str;

    /// What is reconciled.
    type Key: Clone + Eq + Hash + Debug + Display + Send + Sync + 'static;

    /// Brings `key` to its desired state. Called for one key by one worker at a time.
    fn reconcile(&self, key: &Self::Key) -> impl Future<Output = Result<Outcome, Error>> + Send;
}

/// How long a key rests after an error that only a change can mend.
const REST: Duration = Duration::from_secs(300);
/// How long a key rests at least when it was forbidden.
const FORBIDDEN: Duration = Duration::from_secs(30);
/// How often a conflict is met at once.
const EAGER: u32 = 5;

/// Runs a reconciler over a queue.
pub struct Controller<R: Reconciler> {
    reconciler: Arc<R>,
    queue: Queue<R::Key>,
    workers: usize,
    metrics: Metrics,
}

impl<R: Reconciler> Controller<R> {
    /// A controller with one worker over `queue`.
    pub fn new(reconciler: Arc<R>, queue: Queue<R::Key>) -> Self {
        Self { reconciler, queue, workers: 1, metrics: Metrics::default() }
    }

    /// Sets how many keys are worked on at once.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Counts in these metrics.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The queue, to add keys to.
    pub fn queue(&self) -> Queue<R::Key> {
        self.queue.clone()
    }

    /// Works until cancelled; what is being worked on then is finished first.
    pub async fn run(self, cancel: CancellationToken) {
        let this = Arc::new(self);
        let mut workers = JoinSet::new();
        for _ in 0..this.workers {
            let (this, cancel) = (this.clone(), cancel.clone());
            workers.spawn(async move {
                loop {
                    let job = tokio::select! {
                        biased;
                        () = cancel.cancelled() => break,
                        job = this.queue.next() => job,
                    };
                    let Some(job) = job else { break };
                    this.depth();
                    this.observed(&job).await;
                }
            });
        }
        while workers.join_next().await.is_some() {}
    }

    fn depth(&self) {
        let depth = i64::try_from(self.queue.len()).unwrap_or(i64::MAX);
        self.metrics.depth.get_or_create(&ControllerLabels { controller: R::NAME }).set(depth);
    }

    /// One reconcile with everything around it.
    async fn observed(&self, key: &R::Key) {
        let span = debug_span!("reconcile", controller = R::NAME, key = %key);
        let start = tokio::time::Instant::now();
        let work = AssertUnwindSafe(self.reconciler.reconcile(key)).catch_unwind().instrument(span.clone());
        let result = work.await;
        let took = start.elapsed();
        let _entered = span.enter();
        let word = match &result {
            Ok(Ok(Outcome::Applied)) => "applied",
            Ok(Ok(Outcome::Waiting(_))) => "waiting",
            Ok(Ok(Outcome::Skipped(_))) => "skipped",
            Ok(Err(error)) => error.kind().as_str(),
            Err(_) => "panic",
        };
        self.metrics.reconciled(R::NAME, word, took);
        match result {
            Ok(Ok(outcome)) => {
                debug!(?outcome, "reconciled");
                self.queue.forget(key);
                if let Outcome::Waiting(after) = outcome {
                    self.queue.add_after(key.clone(), after);
                }
            }
            Ok(Err(error)) => self.failed(key, &error),
            Err(panic) => {
                let text = panic_text(&*panic);
                let after = self.queue.retry(key.clone());
                error!(panic = text, ?after, "reconcile panicked");
            }
        }
    }

    fn failed(&self, key: &R::Key, failure: &Error) {
        let least = failure.retry_after().unwrap_or_default();
        match failure.kind() {
            ErrorKind::Conflict | ErrorKind::AlreadyExists => {
                let after = if self.queue.failures(key) < EAGER {
                    self.queue.retry_eagerly(key.clone())
                } else {
                    self.queue.retry_no_sooner(key.clone(), least)
                };
                debug!(error = %failure, ?after, "met a conflict");
            }
            ErrorKind::Invalid | ErrorKind::Terminal => {
                self.queue.forget(key);
                self.queue.add_after(key.clone(), REST);
                error!(error = %failure, "cannot be reconciled as it is");
            }
            ErrorKind::Forbidden => {
                let after = self.queue.retry_no_sooner(key.clone(), FORBIDDEN);
                error!(error = %failure, ?after, "not allowed");
            }
            ErrorKind::NotFound | ErrorKind::Expired | ErrorKind::Transient | ErrorKind::Internal => {
                let after = self.queue.retry_no_sooner(key.clone(), least);
                warn!(error = %failure, ?after, "reconcile failed");
            }
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use parking_lot::Mutex;
    use tokio::time::Instant;

    use super::*;
    use crate::Backoff;

    /// Does to each key what its name says, and notes when.
    struct Script {
        start: Instant,
        seen: Mutex<HashMap<String, Vec<u128>>>,
    }

    impl Reconciler for Script {
        const NAME: &'static str = "script";
        type Key = String;

        async fn reconcile(&self, key: &String) -> Result<Outcome, Error> {
            let nth = {
                let mut seen = self.seen.lock();
                let times = seen.entry(key.clone()).or_default();
                times.push(self.start.elapsed().as_millis());
                times.len()
            };
            match key.as_str() {
                "panics" if nth == 1 => panic!("on purpose"),
                "conflicts" if nth <= 2 => Err(Error::new(ErrorKind::Conflict, "changed")),
                "invalid" => Err(Error::invalid("no")),
                "forbidden" if nth == 1 => Err(Error::new(ErrorKind::Forbidden, "no")),
                "transient" if nth <= 3 => Err(Error::transient("later")),
                "waits" if nth == 1 => Ok(Outcome::Waiting(Duration::from_secs(3))),
                _ => Ok(Outcome::Applied),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_next_follows_from_the_outcome() {
        let script = Arc::new(Script { start: Instant::now(), seen: Mutex::default() });
        let queue =
            Queue::new(Backoff { base: Duration::from_millis(100), max: Duration::from_secs(9), jitter: 0.0 }, 1);
        let metrics = Metrics::default();
        let controller = Controller::new(script.clone(), queue.clone()).workers(2).metrics(metrics.clone());
        let keys = ["panics", "conflicts", "invalid", "forbidden", "transient", "waits", "fine"];
        keys.into_iter().for_each(|key| queue.add(key.into()));
        let cancel = CancellationToken::new();
        let run = tokio::spawn(controller.run(cancel.clone()));
        tokio::time::sleep(Duration::from_secs(100)).await;
        cancel.cancel();
        run.await.unwrap();
        let seen = script.seen.lock();
        let check = |key: &str, expected: &[u128]| assert_eq!(seen[key], expected, "{key}");
        check("fine", &[0]);
        check("panics", &[0, 100]);
        check("invalid", &[0]);
        check("forbidden", &[0, 30_000]);
        check("transient", &[0, 100, 300, 700]);
        check("waits", &[0, 3_000]);
        assert_eq!(seen["conflicts"].len(), 3);
        assert!(seen["conflicts"][2] < 50, "conflicts are met at once: {:?}", seen["conflicts"]);
        let panics = crate::metrics::ResultLabels { controller: "script", result: "panic" };
        assert_eq!(metrics.reconciles.get_or_create(&panics).get(), 1);
    }
}

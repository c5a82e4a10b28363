//! [`Breaker`]: whether a member can be reached.
//!
//! ```text
//!   Closed ──3 requests in a row without an answer──▶ Open ──a probe is answered──▶ Closed
//! ```
//!
//! **Invariant:** only silence counts. A member that answers, with whatever error, is reachable, so one
//! broken object does not open the breaker for the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use outrigger_runtime::{Backoff, Client, Error, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Requests in a row without an answer that open the breaker.
const PATIENCE: u32 = 3;
const PROBE: Backoff = Backoff { base: Duration::from_millis(250), max: Duration::from_secs(10), jitter: 0.2 };

/// Whether the member answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It does, as far as is known.
    Reachable,
    /// It does not; the last error.
    Unreachable(String),
}

/// Counts silence. Cloning shares it.
#[derive(Clone)]
pub struct Breaker {
    silent: Arc<AtomicU32>,
    state: watch::Sender<Reach>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { silent: Arc::default(), state: watch::Sender::new(Reach::Reachable) }
    }
}

impl Breaker {
    /// Why nothing should be sent now; `None` when it may be.
    pub fn is_open(&self) -> Option<String> {
        match &*self.state.borrow() {
            Reach::Reachable => None,
            Reach::Unreachable(why) => Some(why.clone()),
        }
    }

    /// Follows the state.
    pub fn subscribe(&self) -> watch::Receiver<Reach> {
        self.state.subscribe()
    }

    /// Sends a request unless the breaker is open, and takes note of how it went.
    pub async fn call<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        if let Some(why) = self.is_open() {
            return Err(Error::transient(format!("the member does not answer: {why}")));
        }
        let result = request.await;
        self.note(result.as_ref().err());
        result
    }

    fn note(&self, error: Option<&Error>) {
        match error {
            Some(error) if error.is_unreachable() => {
                if self.silent.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
                    self.open(error.to_string());
                }
            }
            _ => self.silent.store(0, Ordering::Relaxed),
        }
    }

    /// Opens it without counting: somebody asked whether the member is there, and it was not.
    pub(crate) fn open(&self, why: String) {
        self.state.send_if_modified(|state| {
            if *state == Reach::Reachable {
                warn!(error = why, "the member does not answer; waiting until it does");
                *state = Reach::Unreachable(why);
                return true;
            }
            false
        });
    }

    fn close(&self) {
        self.silent.store(0, Ordering::Relaxed);
        self.state.send_if_modified(|state| {
            let was_open = *state != Reach::Reachable;
            *state = Reach::Reachable;
            was_open
        });
    }

    /// Probes the member whenever the breaker is open, until cancelled.
    pub async fn watch(self, member: Client, cancel: CancellationToken) {
        let member = member.with_deadline(Duration::from_secs(5));
        let mut state = self.subscribe();
        let probing = async {
            loop {
                if state.wait_for(|state| *state != Reach::Reachable).await.is_err() {
                    return;
                }
                for tries in 0.. {
                    tokio::time::sleep(PROBE.delay(tries, rand::random())).await;
                    match member.raw("/readyz", None).await {
                        Err(error) if error.is_unreachable() => {}
                        _ => break,
                    }
                }
                info!("the member answers again");
                self.close();
            }
        };
        cancel.run_until_cancelled(probing).await;
    }
}

#[cfg(test)]
mod tests {
    use outrigger_runtime::ErrorKind;

    use super::*;

    async fn silence<T>() -> Result<T> {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("refused"))
        });
        let client = Client::new(kube::Client::new(service, "default"), "east");
        client.raw("/readyz", None).await.map(|_| unreachable!())
    }

    #[tokio::test]
    async fn only_silence_in_a_row_opens_it() {
        let breaker = Breaker::default();
        let error = || async { Err::<(), _>(Error::new(ErrorKind::Invalid, "bad object")) };
        for _ in 0..2 {
            breaker.call(silence::<()>()).await.unwrap_err();
        }
        for _ in 0..9 {
            breaker.call(error()).await.unwrap_err();
        }
        for _ in 0..2 {
            breaker.call(silence::<()>()).await.unwrap_err();
        }
        assert_eq!(breaker.is_open(), None, "an answer in between starts the count anew");
        breaker.call(silence::<()>()).await.unwrap_err();
        assert!(breaker.is_open().is_some_and(|why| why.contains("refused")));
        let refused = breaker.call(async { Ok(()) }).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Transient);
        breaker.close();
        breaker.call(async { Ok(()) }).await.unwrap();
    }
}

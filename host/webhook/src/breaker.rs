//! Whether a hook is asked at all.
//!
//! ```text
//!   Closed ──calls in a row without an answer──▶ Open ──time is over──▶ Trial ──answered──▶ Closed
//!                                                 ▲                       │
//!                                                 └──── twice as long ────┘ not answered
//! ```
//!
//! **Invariant:** only silence counts. A hook that answers, with whatever error, is there, and so is one that
//! crashes over an object. While it is open one call at a time is let through, and only after the wait.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{Error, error, metrics};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Calls in a row without an answer that open it.
    pub failures: u32,
    /// How long it is open at first; each trial that fails doubles that.
    pub wait: Duration,
    /// How long it is open at most.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { failures: 5, wait: Duration::from_secs(1), longest_wait: Duration::from_secs(60) }
    }
}

/// Tells the time; tests bring their own.
pub(crate) type Now = Arc<dyn Fn() -> Instant + Send + Sync>;

pub(crate) struct Breaker {
    patience: Patience,
    now: Now,
    state: Mutex<State>,
    shown: metrics::State,
}

enum State {
    Closed { failures: u32 },
    Open { failures: u32, last: String, until: Instant, wait: Duration },
    Trial { failures: u32, last: String, since: Instant, wait: Duration },
}

/// The right to make one call. Dropped without a result, it counts as none.
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    trial: bool,
    told: bool,
}

impl Breaker {
    pub fn new(patience: Patience, now: Now, shown: metrics::State) -> Self {
        shown.set(0);
        Self { patience, now, state: Mutex::new(State::Closed { failures: 0 }), shown }
    }

    /// Asks for a call. Fails with [`Error::Open`].
    pub fn admit(&self) -> Result<Permit<'_>, Error> {
        let now = (self.now)();
        let mut state = self.state.lock();
        let refused = |failures: u32, last: &str, until: Instant| {
            let wait = until.saturating_duration_since(now);
            Err(Error::Open { failures, last: last.to_owned(), wait })
        };
        match &mut *state {
            State::Closed { .. } => Ok(Permit { breaker: self, trial: false, told: false }),
            State::Open { failures, last, until, .. } if now < *until => refused(*failures, last, *until),
            State::Open { failures, last, wait, .. } => {
                *state = State::Trial { failures: *failures, last: std::mem::take(last), since: now, wait: *wait };
                self.shown.set(2);
                Ok(Permit { breaker: self, trial: true, told: false })
            }
            State::Trial { failures, last, since, wait } => refused(*failures, last, *since + *wait),
        }
    }

    fn answered(&self) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Closed { .. }) {
            tracing::info!(hook = self.shown.hook(), "the webhook answers again");
        }
        *state = State::Closed { failures: 0 };
        self.shown.set(0);
    }

    fn silent(&self, error: &error::Error, trial: bool) {
        let mut state = self.state.lock();
        let (failures, wait) = match &*state {
            State::Closed { failures } => (failures + 1, self.patience.wait),
            State::Trial { failures, wait, .. } if trial => {
                (failures + 1, wait.saturating_mul(2).min(self.patience.longest_wait))
            }
            // It began before the breaker opened.
            _ => return,
        };
        if failures < self.patience.failures {
            *state = State::Closed { failures };
            return;
        }
        tracing::warn!(hook = self.shown.hook(), %error, ?wait, "the webhook does not answer; not asking it for a while");
        *state = State::Open { failures, last: error.to_string(), until: (self.now)() + wait, wait };
        self.shown.set(1);
    }
}

impl Permit<'_> {
    /// Whether this call decides about the breaker.
    pub fn is_trial(&self) -> bool {
        self.trial
    }

    /// Says how the call went.
    pub fn tell(mut self, error: Option<&Error>) {
        self.told = true;
        match error {
            Some(error) if error.is_silence() => self.breaker.silent(error, self.trial),
            // It was never sent.
            Some(Error::Busy(_)) => self.told = false,
            _ => self.breaker.answered(),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.told || !self.trial {
            return;
        }
        let mut state = self.breaker.state.lock();
        if let State::Trial { failures, last, since, wait } = &mut *state {
            *state = State::Open { failures: *failures, last: std::mem::take(last), until: *since, wait: *wait };
            self.breaker.shown.set(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metrics;

    struct Fixture {
        breaker: Breaker,
        time: Arc<Mutex<Instant>>,
    }

    impl Fixture {
        fn new() -> Self {
            let time = Arc::new(Mutex::new(Instant::now()));
            let now: Now = Arc::new({
                let time = time.clone();
                move || *time.lock()
            });
            let breaker =
                Breaker::new(Patience { failures: 3, ..Patience::default() }, now, Metrics::default().state("h"));
            Self { breaker, time }
        }

        fn pass(&self, seconds: u64) {
            *self.time.lock() += Duration::from_secs(seconds);
        }

        fn call(&self, error: Option<Error>) -> Result<bool, Error> {
            let permit = self.breaker.admit()?;
            let trial = permit.is_trial();
            permit.tell(error.as_ref());
            Ok(trial)
        }

        fn silent(&self) -> Result<bool, Error> {
            self.call(Some(Error::Unreachable("refused".to_owned())))
        }

        /// Seconds until the next try, when it is open.
        fn wait(&self) -> Option<u64> {
            match self.breaker.admit() {
                Err(Error::Open { wait, .. }) => Some(wait.as_secs()),
                _ => None,
            }
        }
    }

    #[test]
    fn it_opens_after_silence_in_a_row_and_closes_with_an_answer() {
        let fixture = Fixture::new();
        for error in [
            Error::Answer("garbage".to_owned()),
            Error::Status { code: 500, message: String::new(), retry_after: None },
            Error::Refused { code: 422, message: String::new() },
            Error::TooLong(1),
            Error::Broken("crashed".to_owned()),
        ] {
            for _ in 0..2 {
                assert_eq!(fixture.silent(), Ok(false));
            }
            assert_eq!(fixture.call(Some(error)), Ok(false), "an answer starts the count anew");
        }
        for _ in 0..3 {
            assert_eq!(fixture.silent(), Ok(false));
        }
        assert_eq!(fixture.wait(), Some(1));
        fixture.pass(1);
        assert_eq!(fixture.silent(), Ok(true), "one trial");
        assert_eq!(fixture.wait(), Some(2), "twice as long");
        fixture.pass(2);
        let trial = fixture.breaker.admit().unwrap();
        assert!(fixture.breaker.admit().is_err(), "one trial at a time");
        trial.tell(None);
        assert_eq!(fixture.call(None), Ok(false), "closed");
        assert_eq!(fixture.silent(), Ok(false));
        assert_eq!(fixture.wait(), None, "the count began anew");
    }

    #[test]
    fn the_wait_has_a_bound_and_a_lost_trial_is_tried_again() {
        let fixture = Fixture::new();
        for _ in 0..3 {
            fixture.silent().unwrap();
        }
        for _ in 0..9 {
            fixture.pass(60);
            assert_eq!(fixture.silent(), Ok(true));
        }
        assert_eq!(fixture.wait(), Some(60));
        fixture.pass(60);
        drop(fixture.breaker.admit().unwrap());
        assert!(fixture.breaker.admit().is_ok_and(|permit| permit.is_trial()));
        fixture.breaker.admit().unwrap().tell(Some(&Error::Busy(1)));
        assert!(fixture.breaker.admit().is_ok_and(|permit| permit.is_trial()), "one that was not sent says nothing");
    }

    #[test]
    fn latecomers_do_not_matter() {
        let fixture = Fixture::new();
        let early = fixture.breaker.admit().unwrap();
        for _ in 0..3 {
            fixture.silent().unwrap();
        }
        early.tell(Some(&Error::Unreachable("late".to_owned())));
        assert_eq!(fixture.wait(), Some(1));
    }
}

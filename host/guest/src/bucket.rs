//! [`Bucket`]: so many at once, and so many a second.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A token bucket on the machine's own clock, as it serves threads.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    state: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub fn new(per_second: f64, burst: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_second: per_second.max(0.001), burst, state: Mutex::new((burst, Instant::now())) }
    }

    /// Takes a token, and says how long to wait for it; `None`, and nothing is taken, where that is longer than
    /// `at_most`.
    pub fn take(&self, at_most: Duration) -> Option<Duration> {
        let mut state = self.state.lock();
        let now = Instant::now();
        let gained = now.duration_since(state.1).as_secs_f64() * self.per_second;
        *state = ((state.0 + gained).min(self.burst), now);
        let lacking = (1.0 - state.0).max(0.0);
        let wait = Duration::from_secs_f64(lacking / self.per_second);
        if wait > at_most {
            return None;
        }
        state.0 -= 1.0;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_it_takes_time() {
        let bucket = Bucket::new(0.001, 2);
        let hour = Duration::from_secs(3600);
        let check = |at_most, expected: fn(Option<Duration>) -> bool| {
            let wait = bucket.take(at_most);
            assert!(expected(wait), "{wait:?}");
        };
        check(Duration::ZERO, |wait| wait == Some(Duration::ZERO));
        check(Duration::ZERO, |wait| wait == Some(Duration::ZERO));
        check(Duration::from_secs(1), |wait| wait.is_none());
        check(hour, |wait| wait.is_some_and(|wait| wait > Duration::from_secs(900)));
        check(hour, |wait| wait.is_some_and(|wait| wait > Duration::from_secs(1900)));
    }
}

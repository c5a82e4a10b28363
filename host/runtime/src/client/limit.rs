//! A token bucket on tokio's clock.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lets `burst` through at once and `per_second` on average.
#[derive(Debug)]
pub(crate) struct Limiter {
    per_second: f64,
    burst: f64,
    state: Mutex<(f64, Instant)>,
}

impl Limiter {
    pub(crate) fn new(per_second: f64, burst: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_second: per_second.max(0.001), burst, state: Mutex::new((burst, Instant::now())) }
    }

    /// Takes a token if one is there.
    pub(crate) fn try_take(&self) -> bool {
        let mut state = self.state.lock();
        self.refill(&mut state);
        if state.0 < 1.0 {
            return false;
        }
        state.0 -= 1.0;
        true
    }

    /// Takes a token, in turn: waits until it is there.
    pub(crate) async fn take(&self) {
        let wait = {
            let mut state = self.state.lock();
            self.refill(&mut state);
            state.0 -= 1.0;
            if state.0 >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-state.0 / self.per_second) }
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn refill(&self, state: &mut (f64, Instant)) {
        let now = Instant::now();
        let gained = now.duration_since(state.1).as_secs_f64() * self.per_second;
        *state = ((state.0 + gained).min(self.burst), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn burst_then_rate() {
        let limiter = Limiter::new(10.0, 2);
        let start = Instant::now();
        for _ in 0..4 {
            limiter.take().await;
        }
        assert_eq!(start.elapsed().as_millis() / 10, 20);
        assert!(!limiter.try_take());
        tokio::time::advance(Duration::from_millis(101)).await;
        assert!(limiter.try_take());
    }
}

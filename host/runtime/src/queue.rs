//! [`Queue`]: keys that want work, each at most once.
//!
//! ```text
//!            add_after / retry            due
//!   add ──────────┐   ┌──── delayed ───────────┐
//!                 ▼   │                        ▼
//!              ready (first come, first served) ──next()──▶ working ──drop(Job)──▶ gone
//!                 ▲                                            │ added meanwhile
//!                 └────────────────────────────────────────────┘
//! ```
//!
//! **Invariant:** a key is never worked on by two at once, and a key added while it is worked on is
//! worked on once more afterwards. Ready keys are served in the order in which they became ready, and
//! a key that comes back joins at the end, so that no key starves another.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a key waits after its n-th failure in a row: `base × 2ⁿ`, no more than `max`, less up to
/// a `jitter` share of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// After the first failure.
    pub base: Duration,
    /// At most.
    pub max: Duration,
    /// The random share, from 0 to 1.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(20), max: Duration::from_secs(120), jitter: 0.3 }
    }
}

impl Backoff {
    /// The wait after `failures` failures before this one; `random` is from 0 to 1.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        let factor = 2f64.powi(i32::try_from(failures.min(40)).unwrap_or(40));
        let full = (self.base.as_secs_f64() * factor).min(self.max.as_secs_f64());
        Duration::from_secs_f64(full * (1.0 - self.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0)))
    }
}

struct State<K> {
    ready: VecDeque<K>,
    in_ready: HashSet<K>,
    working: HashSet<K>,
    again: HashSet<K>,
    delayed: BTreeMap<(Instant, u64), K>,
    due: HashMap<K, (Instant, u64)>,
    failures: HashMap<K, u32>,
    sequence: u64,
    rng: StdRng,
    closed: bool,
}

struct Shared<K> {
    state: Mutex<State<K>>,
    wake: Notify,
    backoff: Backoff,
}

/// A queue of keys; see the module. Cloning shares it.
pub struct Queue<K: Clone + Eq + Hash>(Arc<Shared<K>>);

impl<K: Clone + Eq + Hash> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Clone + Eq + Hash> Default for Queue<K> {
    fn default() -> Self {
        Self::new(Backoff::default(), rand::random())
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// An empty queue; `seed` decides the jitter.
    pub fn new(backoff: Backoff, seed: u64) -> Self {
        let state = State {
            ready: VecDeque::new(),
            in_ready: HashSet::new(),
            working: HashSet::new(),
            again: HashSet::new(),
            delayed: BTreeMap::new(),
            due: HashMap::new(),
            failures: HashMap::new(),
            sequence: 0,
            rng: StdRng::seed_from_u64(seed),
            closed: false,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), wake: Notify::new(), backoff }))
    }

    /// Wants work on a key now. A delay that it has is forgotten.
    pub fn add(&self, key: K) {
        self.0.state.lock().make_ready(key);
        self.0.wake.notify_one();
    }

    /// Wants work on a key later. Of several delays of one key the shortest counts.
    pub fn add_after(&self, key: K, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        self.0.state.lock().delay(key, Instant::now() + delay);
        self.0.wake.notify_one();
    }

    /// Wants work on a key again after a failure, and says after how long.
    pub fn retry(&self, key: K) -> Duration {
        self.retry_no_sooner(key, Duration::ZERO)
    }

    /// [`retry`](Self::retry), but not before `least` has passed.
    pub fn retry_no_sooner(&self, key: K, least: Duration) -> Duration {
        let mut state = self.0.state.lock();
        let random = state.rng.random::<f64>();
        let failures = state.failures.entry(key.clone()).or_insert(0);
        let delay = self.0.backoff.delay(*failures, random).max(least);
        *failures = failures.saturating_add(1);
        state.delay(key, Instant::now() + delay);
        drop(state);
        self.0.wake.notify_one();
        delay
    }

    /// Wants work on a key again within milliseconds after a failure that is nobody's fault, and
    /// counts it all the same.
    pub fn retry_eagerly(&self, key: K) -> Duration {
        let mut state = self.0.state.lock();
        let random = state.rng.random::<f64>();
        let failures = state.failures.entry(key.clone()).or_insert(0);
        *failures = failures.saturating_add(1);
        let delay = Duration::from_secs_f64(f64::from(*failures) * (0.001 + 0.004 * random));
        state.delay(key, Instant::now() + delay);
        drop(state);
        self.0.wake.notify_one();
        delay
    }

    /// The key succeeded: its next failure counts as the first.
    pub fn forget(&self, key: &K) {
        self.0.state.lock().failures.remove(key);
    }

    /// How often the key has failed in a row.
    pub fn failures(&self, key: &K) -> u32 {
        self.0.state.lock().failures.get(key).copied().unwrap_or(0)
    }

    /// Keys that wait for a worker.
    pub fn len(&self) -> usize {
        self.0.state.lock().ready.len()
    }

    /// Keys that are worked on, wait for a worker, or will within this time.
    pub fn pending(&self, within: Duration) -> usize {
        let state = self.0.state.lock();
        let soon = state.delayed.range(..(Instant::now() + within, u64::MAX));
        state.ready.len() + state.working.len() + soon.count()
    }

    /// Whether no key waits for a worker.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no key waits, is delayed, or is worked on.
    pub fn is_idle(&self) -> bool {
        let state = self.0.state.lock();
        state.ready.is_empty() && state.delayed.is_empty() && state.working.is_empty()
    }

    /// Takes no more work and wakes everybody who waits for some.
    pub fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.wake.notify_waiters();
    }

    /// The next key, when there is one; `None` once the queue is closed. The key is worked on until
    /// the [`Job`] is dropped.
    pub async fn next(&self) -> Option<Job<K>> {
        loop {
            // Registered before the look, so that what comes between look and wait is not missed.
            let notified = self.0.wake.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            let until = {
                let mut state = self.0.state.lock();
                if state.closed {
                    return None;
                }
                state.promote(Instant::now());
                if let Some(key) = state.take() {
                    let more = !state.ready.is_empty() || !state.delayed.is_empty();
                    drop(state);
                    if more {
                        self.0.wake.notify_one();
                    }
                    return Some(Job { key, queue: self.clone() });
                }
                state.delayed.first_key_value().map(|((at, _), _)| *at)
            };
            match until {
                Some(at) => {
                    tokio::select! {
                        () = notified => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => notified.await,
            }
        }
    }
}

impl<K: Clone + Eq + Hash> State<K> {
    fn make_ready(&mut self, key: K) {
        if self.closed {
            return;
        }
        if let Some(at) = self.due.remove(&key) {
            self.delayed.remove(&at);
        }
        if self.working.contains(&key) {
            self.again.insert(key);
        } else if self.in_ready.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn delay(&mut self, key: K, at: Instant) {
        if self.closed || self.in_ready.contains(&key) || self.again.contains(&key) {
            return;
        }
        if let Some(old) = self.due.get(&key).copied() {
            if old.0 <= at {
                return;
            }
            self.delayed.remove(&old);
        }
        self.sequence += 1;
        self.due.insert(key.clone(), (at, self.sequence));
        self.delayed.insert((at, self.sequence), key);
    }

    fn promote(&mut self, now: Instant) {
        while let Some(entry) = self.delayed.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            self.due.remove(&key);
            self.make_ready(key);
        }
    }

    fn take(&mut self) -> Option<K> {
        let key = self.ready.pop_front()?;
        self.in_ready.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }

    fn done(&mut self, key: &K) {
        self.working.remove(key);
        if self.again.remove(key) {
            self.make_ready(key.clone());
        }
    }
}

/// A key that is worked on; dropping it ends the work.
pub struct Job<K: Clone + Eq + Hash> {
    key: K,
    queue: Queue<K>,
}

impl<K: Clone + Eq + Hash> Deref for Job<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.key
    }
}

impl<K: Clone + Eq + Hash> Drop for Job<K> {
    fn drop(&mut self) {
        self.queue.0.state.lock().done(&self.key);
        self.queue.0.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue<&'static str> {
        Queue::new(Backoff { base: Duration::from_millis(100), max: Duration::from_secs(1), jitter: 0.0 }, 1)
    }

    async fn key(queue: &Queue<&'static str>) -> &'static str {
        *queue.next().await.unwrap()
    }

    async fn nothing(queue: &Queue<&'static str>) -> bool {
        tokio::time::timeout(Duration::from_millis(1), queue.next()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn each_key_once_and_in_order() {
        let queue = queue();
        for key in ["a", "b", "a", "c", "b"] {
            queue.add(key);
        }
        assert_eq!([key(&queue).await, key(&queue).await, key(&queue).await], ["a", "b", "c"]);
        assert!(nothing(&queue).await);
        assert!(queue.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn pending_is_what_will_be_worked_on_soon() {
        let queue = queue();
        queue.add("a");
        queue.add("b");
        queue.add_after("c", Duration::from_secs(1));
        queue.add_after("d", Duration::from_secs(9));
        let _job = queue.next().await.unwrap();
        let pending = [0, 1, 9].map(|seconds| queue.pending(Duration::from_secs(seconds)));
        assert_eq!(pending, [2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn never_two_at_once_and_once_more_afterwards() {
        let queue = queue();
        queue.add("a");
        let job = queue.next().await.unwrap();
        queue.add("a");
        queue.add("a");
        assert!(nothing(&queue).await, "it is being worked on");
        drop(job);
        assert_eq!(key(&queue).await, "a");
        assert!(nothing(&queue).await, "once, not twice");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_comes_back_joins_at_the_end() {
        let queue = queue();
        queue.add("a");
        queue.add("b");
        let job = queue.next().await.unwrap();
        queue.add("a");
        drop(job);
        assert_eq!([key(&queue).await, key(&queue).await], ["b", "a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_delay_counts_and_now_beats_later() {
        let queue = queue();
        let start = Instant::now();
        queue.add_after("a", Duration::from_secs(5));
        queue.add_after("a", Duration::from_secs(2));
        queue.add_after("a", Duration::from_secs(9));
        queue.add_after("b", Duration::from_secs(1));
        assert_eq!(key(&queue).await, "b");
        assert_eq!((key(&queue).await, start.elapsed().as_secs()), ("a", 2));
        assert!(nothing(&queue).await, "one delay, not three");
        queue.add_after("a", Duration::from_secs(50));
        queue.add("a");
        assert_eq!(key(&queue).await, "a");
        assert!(queue.is_idle(), "the delay is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_double_the_wait_until_forgotten() {
        let queue = queue();
        let waits: Vec<_> = (0..6)
            .map(|_| {
                let wait = queue.retry("a").as_millis();
                queue.0.state.lock().due.clear();
                queue.0.state.lock().delayed.clear();
                wait
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        queue.forget(&"a");
        assert_eq!(queue.retry("a").as_millis(), 100);
        assert_eq!(queue.retry_no_sooner("b", Duration::from_secs(7)).as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_that_falls_due_during_work_runs_afterwards() {
        let queue = queue();
        queue.add("a");
        let job = queue.next().await.unwrap();
        queue.add_after("a", Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(nothing(&queue).await);
        drop(job);
        assert_eq!(key(&queue).await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn many_workers_share_the_work_and_all_stop() {
        let queue = queue();
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let queue = queue.clone();
            workers.spawn(async move {
                let mut done = 0;
                while let Some(job) = queue.next().await {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    drop(job);
                    done += 1;
                }
                done
            });
        }
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let start = Instant::now();
        keys.into_iter().for_each(|key| queue.add(key));
        while !queue.is_idle() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(start.elapsed() <= Duration::from_millis(25), "two rounds of four, not eight of one");
        queue.close();
        let done: usize = workers.join_all().await.into_iter().sum();
        assert_eq!(done, keys.len());
    }

    #[test]
    fn jitter_only_shortens() {
        let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(60), jitter: 0.5 };
        assert_eq!(backoff.delay(0, 1.0), Duration::from_millis(500));
        assert_eq!(backoff.delay(3, 0.0), Duration::from_secs(8));
        assert_eq!(backoff.delay(4_000_000, 0.0), Duration::from_secs(60));
    }
}

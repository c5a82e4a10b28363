//! [`Workers`]: the threads that run a library's code.
//!
//! **Invariant:** there are never more threads than allowed, late ones included; while a call is late no other
//! is made, and after [`STRIKES`] late calls none ever is.

use std::{
    sync::{Arc, Weak},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::{
    raw::{Given, Raw},
    slot::{Ended, Slot, Task},
};

/// So many late calls, and the library is not asked again.
const STRIKES: u32 = 3;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no answer within {}ms; the library is not asked again until that call ends", .0.as_millis())]
    Late(Duration),
    #[error("the library is in quarantine: {0} of its calls are late and have not ended")]
    Quarantined(isize),
    #[error("the library is in quarantine for good: {STRIKES} of its calls were late")]
    Condemned,
    #[error("all {threads} threads of the library were busy for {}ms", .allowed.as_millis())]
    Busy { threads: usize, allowed: Duration },
    #[error("no thread can be started: {0}")]
    NoThread(String),
    #[error("the library broke")]
    Broke,
}

/// The threads of one library.
pub(crate) struct Workers {
    raw: Raw,
    name: String,
    most: usize,
    pool: Arc<Pool>,
}

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Worker>,
    threads: usize,
    /// Late calls that have not ended. One that ends at the very moment takes itself off before it is counted,
    /// so this is below zero for an instant.
    late: isize,
    strikes: u32,
    closed: bool,
}

#[derive(Clone)]
struct Worker {
    slot: Arc<Slot>,
    thread: Thread,
}

impl Workers {
    /// At most so many threads, started when they are needed.
    pub fn new(raw: Raw, name: &str, most: usize) -> Self {
        Self { raw, name: name.to_owned(), most: most.max(1), pool: Arc::default() }
    }

    /// The library, for calls on the caller's own thread.
    pub fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Asks the library what `write` writes; nothing written asks for its hello.
    pub fn ask(&self, write: impl FnOnce(&mut Vec<u8>), allowed: Duration) -> Result<Given, Failure> {
        let worker = self.worker(allowed)?;
        worker.slot.post(write, &worker.thread);
        match worker.slot.take(Instant::now() + allowed) {
            Ok(given) => {
                let mut state = self.pool.state.lock();
                state.idle.push(worker);
                self.pool.free.notify_one();
                given.ok_or(Failure::Broke)
            }
            Err(()) => {
                let mut state = self.pool.state.lock();
                state.late += 1;
                state.strikes += 1;
                tracing::warn!(library = self.name, late = state.late, strikes = state.strikes, "a call is late");
                self.pool.free.notify_all();
                Err(Failure::Late(allowed))
            }
        }
    }

    /// A worker that is free, a new one, or the next that becomes free.
    fn worker(&self, allowed: Duration) -> Result<Worker, Failure> {
        let deadline = Instant::now() + allowed;
        let mut state = self.pool.state.lock();
        loop {
            if state.strikes >= STRIKES {
                return Err(Failure::Condemned);
            }
            if state.late > 0 {
                return Err(Failure::Quarantined(state.late));
            }
            if let Some(worker) = state.idle.pop() {
                return Ok(worker);
            }
            if state.threads < self.most {
                let worker = self.start()?;
                state.threads += 1;
                return Ok(worker);
            }
            if self.pool.free.wait_until(&mut state, deadline).timed_out() {
                return Err(Failure::Busy { threads: self.most, allowed });
            }
        }
    }

    fn start(&self) -> Result<Worker, Failure> {
        let slot = Arc::new(Slot::new());
        let (raw, pool, theirs) = (self.raw, Arc::downgrade(&self.pool), slot.clone());
        let thread =
            thread::Builder::new().name(format!("library {}", self.name)).spawn(move || work(&raw, &theirs, &pool));
        let thread = thread.map_err(|error| Failure::NoThread(error.to_string()))?.thread().clone();
        Ok(Worker { slot, thread })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        state.closed = true;
        for worker in state.idle.drain(..) {
            worker.slot.close(&worker.thread);
        }
    }
}

/// A worker's whole life.
fn work(raw: &Raw, slot: &Arc<Slot>, pool: &Weak<Pool>) {
    while let Task::Call = slot.wait() {
        if let Ended::Late = slot.run(raw) {
            let Some(pool) = pool.upgrade() else { return };
            let mut state = pool.state.lock();
            if state.closed {
                return;
            }
            state.late -= 1;
            state.idle.push(Worker { slot: slot.clone(), thread: thread::current() });
            pool.free.notify_all();
        }
    }
}

//! [`Slot`]: where one caller and one worker meet.
//!
//! ```text
//!   Empty ──post──▶ Posted ──worker──▶ Done ──take──▶ Empty
//!                     │                                 ▲
//!                     └──give up──▶ Abandoned ──worker──┘
//! ```
//!
//! **Invariant:** the buffer and the result belong to the caller in Empty and Done, and to the worker in Posted
//! and Abandoned.

use std::{
    hint::spin_loop,
    sync::{
        LazyLock,
        atomic::{AtomicU8, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::raw::{Given, Raw};

const EMPTY: u8 = 0;
const POSTED: u8 = 1;
const DONE: u8 = 2;
const ABANDONED: u8 = 3;
const CLOSED: u8 = 4;

/// How long a caller looks for the result before it sleeps: a little longer than most answers take.
const CALLER_LOOKS: Duration = Duration::from_micros(20);
/// How long a worker looks for the next call before it sleeps.
const WORKER_LOOKS: Duration = Duration::from_micros(20);

/// Looking is of use where the other side runs meanwhile.
static LOOKS: LazyLock<bool> = LazyLock::new(|| thread::available_parallelism().is_ok_and(|cores| cores.get() > 1));

/// Where one caller and one worker meet.
pub(crate) struct Slot {
    state: AtomicU8,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    question: Vec<u8>,
    result: Option<Given>,
    caller: Option<Thread>,
}

/// What the worker should do.
pub(crate) enum Task {
    Call,
    End,
}

/// Whether somebody still waited when a call ended.
pub(crate) enum Ended {
    InTime,
    Late,
}

impl Slot {
    pub fn new() -> Self {
        Self { state: AtomicU8::new(EMPTY), inner: Mutex::default() }
    }

    /// The caller's part: writes a question and wakes the worker.
    pub fn post(&self, write: impl FnOnce(&mut Vec<u8>), worker: &Thread) {
        {
            let mut inner = self.inner.lock();
            inner.question.clear();
            write(&mut inner.question);
            inner.caller = Some(thread::current());
        }
        self.state.store(POSTED, Ordering::Release);
        worker.unpark();
    }

    /// The caller's part: waits for the result. `Err` when the deadline is over, and then the slot is the
    /// worker's alone until its call ends.
    pub fn take(&self, deadline: Instant) -> Result<Option<Given>, ()> {
        let done = || self.state.load(Ordering::Acquire) == DONE;
        if !look(CALLER_LOOKS, done) {
            while !done() {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    let given_up = self.state.compare_exchange(POSTED, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
                    if given_up.is_ok() {
                        return Err(());
                    }
                    break;
                }
                thread::park_timeout(left);
            }
        }
        let result = self.inner.lock().result.take();
        self.state.store(EMPTY, Ordering::Release);
        Ok(result)
    }

    /// Ends the worker, once it has nothing to do.
    pub fn close(&self, worker: &Thread) {
        self.state.store(CLOSED, Ordering::Release);
        worker.unpark();
    }

    /// The worker's part: waits for something to do.
    pub fn wait(&self) -> Task {
        let state = || self.state.load(Ordering::Acquire);
        let posted = || matches!(state(), POSTED | CLOSED);
        if !look(WORKER_LOOKS, posted) {
            while !posted() {
                thread::park();
            }
        }
        if state() == CLOSED { Task::End } else { Task::Call }
    }

    /// The worker's part: does it, and leaves the result.
    pub fn run(&self, raw: &Raw) -> Ended {
        let question = std::mem::take(&mut self.inner.lock().question);
        let result = if question.is_empty() { raw.hello() } else { raw.call(&question) };
        let caller = {
            let mut inner = self.inner.lock();
            inner.question = question;
            inner.result = result;
            inner.caller.take()
        };
        match self.state.compare_exchange(POSTED, DONE, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                if let Some(caller) = caller {
                    caller.unpark();
                }
                Ended::InTime
            }
            Err(_) => {
                self.inner.lock().result = None;
                self.state.store(EMPTY, Ordering::Release);
                Ended::Late
            }
        }
    }
}

/// Looks whether something has come about, for a while.
fn look(at_most: Duration, come: impl Fn() -> bool) -> bool {
    if come() {
        return true;
    }
    if !*LOOKS {
        return false;
    }
    let started = Instant::now();
    loop {
        for _ in 0..16 {
            spin_loop();
            if come() {
                return true;
            }
        }
        if started.elapsed() > at_most {
            return false;
        }
    }
}

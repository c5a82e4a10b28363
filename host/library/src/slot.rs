//! [`Slot`]: where one caller and one worker meet.
//!
//! ```text
//!            ┌──────── worker ────────┬─────────────┐
//!            ▼                        │             │
//!   Idle ──post──▶ Posted ──caller──▶ Waited     Abandoned
//!    │ ▲  ▲          │  └──give up────┴─────────────▲
//!    │ │  └──worker──┘
//!    ▼ │
//!   Asleep ──post──▶ Posted
//! ```
//!
//! Each side looks for a while before it sleeps, and says so (Asleep, Waited), so that the other side makes a
//! system call only to wake somebody who sleeps.
//!
//! **Invariant:** question and result belong to the caller in Idle and Asleep, and to the worker in all other
//! states.

use std::{
    hint::spin_loop,
    sync::{
        LazyLock,
        atomic::{AtomicU8, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::raw::{Given, Raw};

/// The worker looks for something to do.
const IDLE: u8 = 0;
/// The worker sleeps.
const ASLEEP: u8 = 1;
/// The worker has something to do, and the caller looks for the result.
const POSTED: u8 = 2;
/// The worker has something to do, and the caller sleeps.
const WAITED: u8 = 3;
/// The worker has something to do, and nobody waits for it.
const ABANDONED: u8 = 4;
/// The worker is to end.
const CLOSED: u8 = 5;

/// How long a caller looks for the result before it sleeps: longer than an answer about an object of a few
/// kilobytes takes. To sleep and be woken costs about a third of that.
const CALLER_LOOKS: Duration = Duration::from_micros(100);
/// How long a worker looks for the next call before it sleeps.
const WORKER_LOOKS: Duration = Duration::from_micros(20);
/// After so many looks one lets others run between two of them: on a busy machine the other side may need this
/// very core.
const LOOKS_ALONE: u32 = 64;

/// Looking is of use where the other side runs meanwhile.
static LOOKS: LazyLock<bool> = LazyLock::new(|| thread::available_parallelism().is_ok_and(|cores| cores.get() > 1));

/// Where one caller and one worker meet.
pub(crate) struct Slot {
    state: State,
    inner: Mutex<Inner>,
    ended: Condvar,
}

/// The state has cache lines of its own: one side looks at it while the other works on the rest.
#[repr(align(128))]
struct State(AtomicU8);

#[derive(Default)]
struct Inner {
    question: Vec<u8>,
    result: Option<Given>,
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
        Self { state: State(AtomicU8::new(IDLE)), inner: Mutex::default(), ended: Condvar::new() }
    }

    /// The caller's part: writes a question and wakes the worker.
    pub fn post(&self, write: impl FnOnce(&mut Vec<u8>), worker: &Thread) {
        {
            let mut inner = self.inner.lock();
            inner.question.clear();
            write(&mut inner.question);
        }
        if self.state.swap(POSTED) == ASLEEP {
            worker.unpark();
        }
    }

    /// The caller's part: waits for the result. `Err` when the deadline is over, and then the slot is the
    /// worker's alone until its call ends.
    pub fn take(&self, deadline: Instant) -> Result<Option<Given>, ()> {
        let ended = || matches!(self.state.now(), IDLE | ASLEEP);
        let seen = look(CALLER_LOOKS, ended);
        let mut inner = self.inner.lock();
        if !seen {
            self.state.change(POSTED, WAITED);
            while !ended() {
                if self.ended.wait_until(&mut inner, deadline).timed_out() && self.state.change(WAITED, ABANDONED) {
                    return Err(());
                }
            }
        }
        Ok(inner.result.take())
    }

    /// Ends the worker, once it has nothing to do.
    pub fn close(&self, worker: &Thread) {
        self.state.swap(CLOSED);
        worker.unpark();
    }

    /// The worker's part: waits for something to do.
    pub fn wait(&self) -> Task {
        let posted = || !matches!(self.state.now(), IDLE | ASLEEP);
        if !look(WORKER_LOOKS, posted) && self.state.change(IDLE, ASLEEP) {
            while !posted() {
                thread::park();
            }
        }
        if self.state.now() == CLOSED { Task::End } else { Task::Call }
    }

    /// The worker's part: does it, and leaves the result.
    pub fn run(&self, raw: &Raw) -> Ended {
        let question = std::mem::take(&mut self.inner.lock().question);
        let result = if question.is_empty() { raw.hello() } else { raw.call(&question) };
        {
            let mut inner = self.inner.lock();
            inner.question = question;
            inner.result = result;
        }
        match self.state.swap(IDLE) {
            ABANDONED => {
                // The pool does not have the worker back yet, so no caller is there.
                self.inner.lock().result = None;
                return Ended::Late;
            }
            WAITED => {
                // Who said that it sleeps held the lock until it did.
                drop(self.inner.lock());
                self.ended.notify_all();
            }
            _ => {}
        }
        Ended::InTime
    }
}

impl State {
    fn now(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }

    /// Sets it, and gives what it was.
    fn swap(&self, to: u8) -> u8 {
        self.0.swap(to, Ordering::AcqRel)
    }

    /// Sets it if it is as expected.
    fn change(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
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
    for _ in 0..LOOKS_ALONE {
        spin_loop();
        if come() {
            return true;
        }
    }
    let started = Instant::now();
    while started.elapsed() < at_most {
        thread::yield_now();
        if come() {
            return true;
        }
    }
    false
}

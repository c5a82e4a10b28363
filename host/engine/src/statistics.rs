//! How interpreters do: calls, failures, time. Counting takes no lock and never waits.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use outrigger_interpreter::{Answer, Error};
use parking_lot::Mutex;

use crate::Layer;

/// What is counted of one interpreter, over all operations and kinds.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    failures: AtomicU64,
    nanoseconds: AtomicU64,
    last_failure: Mutex<Option<Error>>,
}

impl Counters {
    pub fn count<T>(&self, answer: &Answer<T>, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if let Answer::Failed(error) = answer {
            self.failures.fetch_add(1, Ordering::Relaxed);
            *self.last_failure.lock() = Some(error.clone());
        }
    }

    pub fn read(&self, layer: Layer, interpreter: &str) -> Statistics {
        Statistics {
            layer,
            interpreter: interpreter.to_owned(),
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
            last_failure: self.last_failure.lock().clone(),
        }
    }
}

/// How one interpreter has done since the engine was made, replacements under the same name included.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Its layer.
    pub layer: Layer,
    /// Its name.
    pub interpreter: String,
    /// How often it was asked.
    pub calls: u64,
    /// How often it failed.
    pub failures: u64,
    /// The time of all calls together.
    pub time: Duration,
    /// Its last failure.
    pub last_failure: Option<Error>,
}

//! How far a script may go, and the clock that watches it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Bounds on one call of a script. Passing one is a failure of kind
/// [`Limit`](outrigger_interpreter::ErrorKind::Limit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for the whole call, conversion included. Karmada's is one second.
    pub deadline: Duration,
    /// Bytes that a state may hold, and bytes that an answer may have.
    pub memory: usize,
    /// Bytes of a text that is given to a function of the string library. Karmada's is a million.
    pub text: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(1), memory: 128 << 20, text: 1_000_000 }
    }
}

/// The clock of one state. The Lua hook, library functions and conversions all ask it.
#[derive(Debug)]
pub(crate) struct Clock {
    epoch: Instant,
    ends: AtomicU64,
    text: AtomicU64,
}

/// The error that ends a call which went too far. Scripts cannot catch it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Exceeded {
    pub message: String,
    /// The line of the script, where it is known.
    pub line: Option<u32>,
}

impl Exceeded {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None }
    }
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now(), ends: AtomicU64::new(u64::MAX), text: AtomicU64::new(u64::MAX) }
    }

    /// Starts a call.
    pub(crate) fn start(&self, limits: &Limits) {
        let ends = self.epoch.elapsed().saturating_add(limits.deadline);
        self.ends.store(u64::try_from(ends.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.text.store(limits.text as u64, Ordering::Relaxed);
    }

    /// Fails when the call has had its time.
    pub(crate) fn check(&self) -> Result<(), Exceeded> {
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if now < self.ends.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(Exceeded::new("it took longer than its deadline"))
    }

    /// Fails when a text is longer than library functions take, or when the call has had its time.
    pub(crate) fn check_text(&self, length: usize) -> Result<(), Exceeded> {
        let most = self.text.load(Ordering::Relaxed);
        if length as u64 > most {
            return Err(Exceeded::new(format!(
                "string length {length} exceeds the maximum allowed input string length {most}"
            )));
        }
        if length > 4096 { self.check() } else { Ok(()) }
    }
}

//! What the demo says while it goes on; all of it on standard error.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Progress lines with the time since the start.
pub struct Progress {
    start: Instant,
    bar: ProgressBar,
}

impl Progress {
    /// Begins.
    pub fn start() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { start: Instant::now(), bar }
    }

    /// When it began.
    pub fn began(&self) -> Instant {
        self.start
    }

    /// Something is under way.
    pub fn doing(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Something is done.
    pub fn done(&self, what: &str) {
        self.line(format!("[{:6.2}s] {what}", self.start.elapsed().as_secs_f64()));
    }

    /// A line as it is.
    pub fn line(&self, line: String) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Nothing more is under way.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

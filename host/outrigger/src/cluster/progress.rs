//! Telling people how far a command is: on standard error, so that standard output stays data.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// How far a command is.
pub struct Progress {
    quiet: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// Lines that stay, and one that turns while something is waited for.
    pub fn shown() -> Self {
        Self { quiet: false, bar: Mutex::new(None) }
    }

    /// Nothing at all.
    pub fn quiet() -> Self {
        Self { quiet: true, bar: Mutex::new(None) }
    }

    /// Something has been done.
    pub fn done(&self, text: impl AsRef<str>) {
        self.clear();
        if !self.quiet {
            eprintln!("{}", text.as_ref());
        }
    }

    /// Something is being waited for. Where nobody looks at a terminal, each new text is a line.
    pub fn waiting(&self, text: impl Into<String>) {
        if self.quiet {
            return;
        }
        let text = text.into();
        let mut bar = self.bar.lock();
        match &*bar {
            Some(bar) if bar.message() == text => {}
            Some(bar) => {
                bar.set_message(text.clone());
                plain(bar, &text);
            }
            None => {
                let new = ProgressBar::new_spinner();
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                    new.set_style(style);
                }
                new.enable_steady_tick(Duration::from_millis(120));
                new.set_message(text.clone());
                plain(&new, &text);
                *bar = Some(new);
            }
        }
    }

    fn clear(&self) {
        if let Some(bar) = self.bar.lock().take() {
            bar.finish_and_clear();
        }
    }
}

fn plain(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        eprintln!("{text}");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

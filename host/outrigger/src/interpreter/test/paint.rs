//! Colours on a terminal, and nowhere else.

use std::io::IsTerminal;

/// Colours, or none.
#[derive(Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// Colours where standard output is a terminal, unless `NO_COLOR` says otherwise.
    pub fn of_stdout() -> Self {
        Self(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()))
    }

    /// Text in the colour of a terminal's code.
    pub fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What is as it should be.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What is not.
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// What may be meant so.
    pub fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// What matters more.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

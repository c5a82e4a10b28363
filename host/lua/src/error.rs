//! What goes wrong: a script that does not compile, and what Lua says when one fails.

use outrigger_interpreter::{Error, ErrorKind as Kind};

use crate::limits::Exceeded;

/// The name under which chunks are compiled: Lua puts it, with the line, before its messages.
pub(crate) const CHUNK: &str = "<string>";

/// A script that does not load, and where the fault is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}{}: {message}", line_text(*line))]
pub struct LoadError {
    name: String,
    line: u32,
    message: String,
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was given is malformed; trying again will not help.
    Invalid,
}

impl LoadError {
    pub(crate) fn new(name: &str, fault: Fault) -> Self {
        Self { name: name.to_owned(), line: fault.line.unwrap_or_default(), message: fault.message }
    }

    pub(crate) fn without_place(name: &str, message: &str) -> Self {
        Self { name: name.to_owned(), line: 0, message: message.to_owned() }
    }

    /// The same fault, in a part that has another name.
    pub(crate) fn within(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// What sort of failure it was: everything here is [`ErrorKind::Invalid`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    /// The line of the script, from 1; 0 when it is not known.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

fn line_text(line: u32) -> String {
    if line == 0 { String::new() } else { format!(": line {line}") }
}

/// A failed call: what sort, where in the script, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub kind: Kind,
    pub line: Option<u32>,
    pub message: String,
}

impl Fault {
    pub(crate) fn invalid(message: impl ToString) -> Self {
        Self { kind: Kind::Invalid, line: None, message: message.to_string() }
    }

    /// As an interpreter's error, with what was asked of what.
    pub(crate) fn into_error(self, asked: &str) -> Error {
        let text = match self.line {
            Some(line) => format!("{asked}: line {line}: {}", self.message),
            None => format!("{asked}: {}", self.message),
        };
        match self.kind {
            Kind::Limit => Error::limit(text),
            Kind::Invalid => Error::invalid(text),
            Kind::Internal => Error::internal(text),
        }
    }
}

impl From<Exceeded> for Fault {
    fn from(error: Exceeded) -> Self {
        Self { kind: Kind::Limit, line: error.line, message: error.message }
    }
}

impl From<mlua::Error> for Fault {
    fn from(error: mlua::Error) -> Self {
        if let Some(exceeded) = exceeded(&error) {
            let line = exceeded.line.or_else(|| read(&error).2.and_then(first_line));
            return Self { line, ..exceeded.clone().into() };
        }
        let (kind, text, traceback) = read(&error);
        let first = text.split("\nstack traceback:").next().unwrap_or(&text);
        let (own, message) = place(first);
        let line = own.or_else(|| traceback.and_then(first_line).or_else(|| first_line(&text)));
        let kind = if message.starts_with("stack overflow") { Kind::Limit } else { kind };
        let message = message.lines().next().unwrap_or(message).to_owned();
        Self { kind, line, message }
    }
}

/// Whether an error is one that scripts may not catch.
pub(crate) fn is_limit(error: &mlua::Error) -> bool {
    read(error).0 == Kind::Limit
}

fn exceeded(error: &mlua::Error) -> Option<&Exceeded> {
    match error {
        mlua::Error::CallbackError { cause, .. } => exceeded(cause),
        mlua::Error::ExternalError(error) => error.downcast_ref(),
        _ => None,
    }
}

/// The sort of an error, its text, and the traceback when it has one of its own.
fn read(error: &mlua::Error) -> (Kind, String, Option<&str>) {
    match error {
        mlua::Error::CallbackError { traceback, cause } => {
            let (kind, text, inner) = read(cause);
            (kind, text, inner.or(Some(traceback)))
        }
        mlua::Error::MemoryError(_) => (Kind::Limit, "it used more memory than it may".to_owned(), None),
        mlua::Error::ExternalError(error) => match error.downcast_ref::<Exceeded>() {
            Some(exceeded) => (Kind::Limit, exceeded.message.clone(), None),
            None => (Kind::Invalid, error.to_string(), None),
        },
        mlua::Error::BadArgument { pos, cause, .. } => {
            let (kind, text, _) = read(cause);
            (kind, format!("bad argument #{pos}: {text}"), None)
        }
        mlua::Error::FromLuaConversionError { from, to, .. } => {
            (Kind::Invalid, format!("{to} expected, got {from}"), None)
        }
        mlua::Error::RuntimeError(text) | mlua::Error::SyntaxError { message: text, .. } => {
            (Kind::Invalid, text.clone(), None)
        }
        mlua::Error::WithContext { context, cause } => {
            let (kind, text, traceback) = read(cause);
            (kind, format!("{context}: {text}"), traceback)
        }
        other => (Kind::Internal, other.to_string(), None),
    }
}

/// Takes `<chunk>:line: ` off a message; the line is given when it is one of the script.
fn place(text: &str) -> (Option<u32>, &str) {
    let Some(rest) = text.strip_prefix('<') else { return (None, text) };
    let Some((name, rest)) = rest.split_once(">:") else { return (None, text) };
    let Some((line, message)) = rest.split_once(": ") else { return (None, text) };
    let Ok(line) = line.parse() else { return (None, text) };
    let is_script = CHUNK.strip_prefix('<').and_then(|chunk| chunk.strip_suffix('>')) == Some(name);
    (is_script.then_some(line), message)
}

/// The first line of the script that a traceback names.
fn first_line(traceback: &str) -> Option<u32> {
    let after = traceback.split_once("<string>:")?.1;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

//! The crate's one error: something that does not load.

use std::fmt;

/// An interpreter, or a file of cases, that does not load, and where the fault is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", Place { source_name, line: *line, column: *column })]
pub struct LoadError {
    source_name: String,
    line: u64,
    column: u64,
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
    /// A fault at a line and a column, both from 1; 0 means that the place is not known.
    pub(crate) fn at(source: &str, (line, column): (u64, u64), message: impl fmt::Display) -> Self {
        Self { source_name: source.to_owned(), line, column, message: message.to_string() }
    }

    pub(crate) fn of_yaml(source: &str, error: &serde_saphyr::Error) -> Self {
        let place = error.location().map_or((0, 0), |location| (location.line(), location.column()));
        let text = error.without_snippet().to_string();
        // The place is said once, by this error.
        let message = text.split(" at line ").next().unwrap_or(&text);
        match nearest(message) {
            Some(name) => Self::at(source, place, format_args!("{message}: did you mean `{name}`?")),
            None => Self::at(source, place, message),
        }
    }

    /// What sort of failure it was: everything here is [`ErrorKind::Invalid`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    /// The line of the fault, from 1; 0 when it is not known.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The column of the fault, from 1; 0 when it is not known.
    pub fn column(&self) -> u64 {
        self.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The name that was meant, in a message of an unknown one that lists those that there are.
fn nearest(message: &str) -> Option<&str> {
    let (unknown, known) = message.strip_prefix("unknown ")?.split_once(", expected ")?;
    let unknown = unknown.split('`').nth(1)?;
    let known = known.strip_prefix("one of ").unwrap_or(known).split(", ").map(|name| name.trim_matches('`'));
    // A third of the letters may be wrong.
    let near = known.map(|name| (strsim::damerau_levenshtein(unknown, name), name)).min()?;
    (near.0 * 3 <= unknown.chars().count()).then_some(near.1)
}

/// YAML 1.2's booleans: `n`, `off` and the like are text, as they are to Kubernetes' users.
pub(crate) fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! { strict_booleans: true }
}

struct Place<'a> {
    source_name: &'a str,
    line: u64,
    column: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.source_name.is_empty() {
            write!(f, "{}:", self.source_name)?;
        }
        match (self.line, self.source_name.is_empty()) {
            (0, true) => Ok(()),
            (0, false) => f.write_str(" "),
            (line, true) => write!(f, "line {line}, column {}: ", self.column),
            (line, false) => write!(f, "{line}:{}: ", self.column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let check = |message: &str, meant: Option<&str>| assert_eq!(nearest(message), meant, "{message}");
        check(
            "unknown field `agregateStatus`, expected one of target, status, aggregateStatus",
            Some("aggregateStatus"),
        );
        check("unknown variant `summ`, expected one of `sum`, `min`", Some("sum"));
        check("unknown field `pth`, expected `path`", Some("path"));
        check("unknown field `colour`, expected one of path, op", None);
        check("missing field `path`", None);
    }
}

//! The crate's one error: what is wrong, and where.

use std::fmt;

/// Why a package, a signature or a registry is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", Place(place))]
pub struct Error {
    kind: ErrorKind,
    place: String,
    message: String,
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was given is malformed, or says what cannot be.
    Invalid,
    /// What was named is not there.
    NotFound,
    /// It is larger than it may be.
    TooLarge,
    /// A signature is missing, or is by nobody who is trusted.
    Untrusted,
    /// The registry wants other credentials.
    Forbidden,
    /// It may work later.
    Transient,
    /// It will not work, whatever was given.
    Terminal,
}

struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { kind, place: place.to_string(), message: message.to_string() }
    }

    pub(crate) fn invalid(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, place, message)
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file, entry, key or reference that it is about; empty when it is about all of it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

//! The three answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an interpreter says to one question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub enum Answer<T> {
    /// This is the value.
    Value(T),
    /// No opinion: the next layer is asked.
    NotHandled,
    /// It should have answered and could not. No other layer is asked in its place.
    Failed(Error),
}

impl<T> Answer<T> {
    /// Changes the value, and leaves the other two answers as they are.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Value(value) => Answer::Value(change(value)),
            Self::NotHandled => Answer::NotHandled,
            Self::Failed(error) => Answer::Failed(error),
        }
    }

    /// The value, if there is one; a failure stays an error.
    pub fn into_result(self) -> Result<Option<T>, Error> {
        match self {
            Self::Value(value) => Ok(Some(value)),
            Self::NotHandled => Ok(None),
            Self::Failed(error) => Err(error),
        }
    }
}

impl<T> From<Result<T, Error>> for Answer<T> {
    fn from(result: Result<T, Error>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(error) => Self::Failed(error),
        }
    }
}

/// Why an interpreter could not answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// The object does not have the form that the interpreter needs.
    Invalid,
    /// It took too long, or wanted too much memory.
    Limit,
    /// The interpreter itself is wrong.
    Internal,
}

impl Error {
    /// The object is not as it should be; say which path and what was expected there.
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self { kind: ErrorKind::Invalid, message: message.to_string() }
    }

    /// A deadline or a bound was passed.
    pub fn limit(message: impl fmt::Display) -> Self {
        Self { kind: ErrorKind::Limit, message: message.to_string() }
    }

    /// The interpreter broke.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self { kind: ErrorKind::Internal, message: message.to_string() }
    }

    /// The same failure, with what it is about before the message.
    #[must_use]
    pub fn within(self, about: impl fmt::Display) -> Self {
        Self { kind: self.kind, message: format!("{about}: {}", self.message) }
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<outrigger_object::Error> for Error {
    fn from(error: outrigger_object::Error) -> Self {
        Self::invalid(error)
    }
}

//! Why a patch was refused.

use crate::managed::Conflicts;

/// A patch that could not be applied. The message is meant for the client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The patch is not what its media type says, or carries a directive that it must not.
    #[error("{0}")]
    Malformed(String),
    /// A JSON patch with more operations than a server takes.
    #[error("The allowed maximum operations in a JSON patch is {limit}, got {got}")]
    TooManyOperations {
        /// Operations allowed.
        limit: usize,
        /// Operations in the patch.
        got: usize,
    },
    /// A `test` operation of a JSON patch found another value.
    #[error("testing value {path} failed")]
    TestFailed {
        /// JSON pointer of the value.
        path: String,
    },
    /// An operation of a JSON patch names a place that is not there.
    #[error("{operation} operation does not apply: doc is missing path: {path}")]
    MissingPath {
        /// `add`, `remove`, `replace`, `move`, `copy` or `test`.
        operation: &'static str,
        /// JSON pointer of the place.
        path: String,
    },
    /// A well-formed patch that does not fit the object.
    #[error("{path}: {message}")]
    Unprocessable {
        /// Where in the object.
        path: String,
        /// Why.
        message: String,
    },
    /// Other managers own fields that an apply would change.
    #[error(transparent)]
    Conflict(#[from] Conflicts),
}

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong and stays wrong.
    Invalid,
    /// Something that the patch expects is not in the object.
    NotFound,
    /// The object is not in the state that the patch expects, or others own what it changes.
    Conflict,
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Malformed(_) | Self::TooManyOperations { .. } | Self::Unprocessable { .. } => ErrorKind::Invalid,
            Self::MissingPath { .. } => ErrorKind::NotFound,
            Self::TestFailed { .. } | Self::Conflict(_) => ErrorKind::Conflict,
        }
    }

    /// The HTTP status that kube-apiserver answers with.
    pub fn code(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Conflict(_) => 409,
            Self::TooManyOperations { .. } => 413,
            Self::TestFailed { .. } | Self::MissingPath { .. } | Self::Unprocessable { .. } => 422,
        }
    }

    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unprocessable { path: path.into(), message: message.into() }
    }
}

//! Why a member cannot be connected to, or a cluster cannot enrol.

use std::fmt;

use outrigger_runtime::ErrorKind;

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] outrigger_runtime::Error),
    /// Something that was given is not as it should be.
    #[error("{0}")]
    Invalid(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate or key could not be made.
    #[error("{0}")]
    Internal(String),
    /// The control plane refused.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    pub(crate) fn invalid(message: impl fmt::Display) -> Self {
        Self::Invalid(message.to_string())
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(error) => error.kind(),
            Self::Invalid(_) => ErrorKind::Invalid,
            Self::File { .. } | Self::Refused(_) => ErrorKind::Terminal,
            Self::Internal(_) => ErrorKind::Internal,
        }
    }
}

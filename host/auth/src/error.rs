//! What can go wrong with identities and keys.

/// `Result` with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with identities and keys. Says why, never with which secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller is not who it has to be.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The input cannot be used as what it is meant to be.
    #[error("{what}: {detail}")]
    Invalid {
        /// What was read, such as `certificate signing request`.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A request for a certificate asks for more than it may have.
    #[error("the certificate signing request is refused: {0}")]
    Refused(String),
    /// A key file cannot be read or written.
    #[error("cannot use {path}: {detail}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said, or what is wrong with the content.
        detail: String,
    },
    /// The cryptographic library failed.
    #[error("cryptography: {0}")]
    Crypto(String),
}

/// What an error means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Ask for other credentials.
    Unauthenticated,
    /// The input has to be changed.
    Invalid,
    /// A person is needed.
    Terminal,
    /// A fault of this program or its libraries.
    Internal,
}

impl Error {
    /// What it means to the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unauthenticated(_) => ErrorKind::Unauthenticated,
            Self::Invalid { .. } | Self::Refused(_) => ErrorKind::Invalid,
            Self::File { .. } => ErrorKind::Terminal,
            Self::Crypto(_) => ErrorKind::Internal,
        }
    }

    pub(crate) fn invalid(what: &'static str, detail: impl ToString) -> Self {
        Self::Invalid { what, detail: detail.to_string() }
    }
}

impl From<rcgen::Error> for Error {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}

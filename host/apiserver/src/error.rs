//! What can keep a server from starting or serving. What a request can fail with is a
//! [`Status`](crate::status::Status).

use std::net::SocketAddr;

/// `Result` with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can keep a server from starting or serving.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens on the address.
    #[error("{address} is in use by another process; stop that one first, or choose another port")]
    PortInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The store did not do what was asked.
    #[error(transparent)]
    Store(outrigger_store::Error),
    /// An object that every cluster has could not be made.
    #[error("cannot set up {what}: {source}")]
    Bootstrap {
        /// The object.
        what: String,
        /// Why.
        source: crate::status::Status,
    },
}

/// What an error means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try the same again later.
    Transient,
    /// A person is needed.
    Terminal,
}

impl Error {
    /// What it means to the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) if error.kind() == outrigger_store::ErrorKind::Transient => ErrorKind::Transient,
            _ => ErrorKind::Terminal,
        }
    }
}

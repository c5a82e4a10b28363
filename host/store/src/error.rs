//! What can go wrong in a store.

use crate::Revision;

/// `Result` with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in a store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The key does not hold what the writer expected; `current` is its revision, if it exists.
    #[error("the key was changed by another writer")]
    Conflict {
        /// Revision at which the key was last written; `None` if it does not exist.
        current: Option<Revision>,
    },
    /// The revision lies before what the store still remembers.
    #[error("revision {asked} has been compacted; the oldest one kept is {oldest}")]
    Compacted {
        /// The revision asked for.
        asked: Revision,
        /// The oldest that can be had.
        oldest: Revision,
    },
    /// The revision has not been written yet.
    #[error("revision {asked} lies in the future; the newest is {current}")]
    Future {
        /// The revision asked for.
        asked: Revision,
        /// The newest one.
        current: Revision,
    },
    /// Another process has the directory open.
    #[error("the data directory {path} is in use by another process; stop that one first, or name another directory")]
    InUse {
        /// The directory.
        path: String,
    },
    /// What is on disk cannot be read as a store.
    #[error(
        "the data in {path} is damaged: {detail}; restore the directory from a backup, or move it away to start empty"
    )]
    Corrupt {
        /// The file.
        path: String,
        /// What was found.
        detail: String,
    },
    /// The disk did not take the write; the store goes on serving reads.
    #[error("cannot write to {path}: {detail}")]
    Disk {
        /// The file.
        path: String,
        /// What the operating system said.
        detail: String,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

/// What an error means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Read again, then decide again.
    Conflict,
    /// List again, then watch from there.
    Expired,
    /// Try the same again later.
    Transient,
    /// A person is needed.
    Terminal,
}

impl Error {
    /// What it means to the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::Compacted { .. } => ErrorKind::Expired,
            Self::Future { .. } | Self::Disk { .. } => ErrorKind::Transient,
            Self::InUse { .. } | Self::Corrupt { .. } | Self::Closed => ErrorKind::Terminal,
        }
    }
}

//! What can be wrong: with a file ([`Fault`]), or with what was asked for ([`Error`]).

use std::{fmt, io, path::PathBuf};

use outrigger_engine::LoadError;
use serde::Serialize;

/// Something wrong in a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 when it is not known.
    pub line: u64,
    /// The column, from 1; 0 when it is not known.
    pub column: u64,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    /// A fault of a file as a whole.
    pub fn new(file: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::at(file, (0, 0), message)
    }

    /// A fault at a line and a column.
    pub fn at(file: impl Into<String>, (line, column): (u64, u64), message: impl fmt::Display) -> Self {
        Self { file: file.into(), line, column, message: message.to_string() }
    }

    /// A fault that loading has found; `file` is the file that was loaded.
    pub fn of_load(file: impl Into<String>, error: &LoadError) -> Self {
        Self::at(file, (error.line(), error.column()), error.message())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        match (self.line, self.column) {
            (0, _) => {}
            (line, 0) => write!(f, ":{line}")?,
            (line, column) => write!(f, ":{line}:{column}")?,
        }
        write!(f, ": {}", self.message)
    }
}

/// Why nothing could be done at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory that was named cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was named.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was named is of no use.
    #[error(transparent)]
    Fault(Fault),
}

impl std::error::Error for Fault {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was given is malformed.
    Invalid,
    /// What was named is not there.
    NotFound,
    /// Reading it failed otherwise.
    Terminal,
}

impl Error {
    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Fault(_) => ErrorKind::Invalid,
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Read { .. } => ErrorKind::Terminal,
        }
    }
}

//! The crate's one error: a library that does not load.

use std::{ops::RangeInclusive, path::PathBuf};

/// Why a library does not load.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    pub(crate) path: PathBuf,
    pub(crate) problem: Problem,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("it is not a library that this machine can load: {0}")]
    NotLoadable(String),
    #[error("it exports no {}: there is no symbol `{}` in it", .0.what, .0.symbol)]
    NoSymbol(&'static Form),
    #[error("its symbol `{}` is not the descriptor of an {}", .0.symbol, .0.what)]
    NotADescriptor(&'static Form),
    #[error(
        "it speaks version {found} of the {what} ABI, which is too old: this host speaks {known}; build it again with a newer outrigger-{what}",
        what = form.what, known = said(&form.known)
    )]
    TooOld { found: u32, form: &'static Form },
    #[error(
        "it speaks version {found} of the {what} ABI, which is too new: this host speaks {known}; use a newer host, or build it again with an older outrigger-{what}",
        what = form.what, known = said(&form.known)
    )]
    TooNew { found: u32, form: &'static Form },
    #[error("its descriptor has {found} bytes, which is less than version {version} of the {} ABI has", form.what)]
    TooShort { found: u32, version: u32, form: &'static Form },
    #[error("it does not introduce itself: {0}")]
    Hello(String),
    #[error(
        "it was built with panic = \"abort\": a panic in it would end this process; build it with panic = \"unwind\""
    )]
    Aborts,
    #[error("no thread can be started: {0}")]
    NoThread(std::io::Error),
    #[error("its manifest cannot be used: {0}")]
    Manifest(String),
}

/// What a library can export.
#[derive(Debug)]
pub(crate) struct Form {
    /// In a word, which is also the end of the SDK crate's name.
    pub what: &'static str,
    /// The symbol.
    pub symbol: &'static str,
    /// The versions of the ABI that are understood.
    pub known: RangeInclusive<u32>,
    /// Bytes of the descriptor.
    pub size: usize,
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such file.
    NotFound,
    /// The library is wrong; trying again will not help.
    Invalid,
    /// The machine is short of something.
    Transient,
}

impl Error {
    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        match &self.problem {
            Problem::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            Problem::Unreadable(_) | Problem::NoThread(_) => ErrorKind::Transient,
            _ => ErrorKind::Invalid,
        }
    }
}

fn said(known: &RangeInclusive<u32>) -> String {
    let (first, last) = (known.start(), known.end());
    if first == last { format!("version {first}") } else { format!("versions {first} to {last}") }
}

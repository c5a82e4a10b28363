//! Why a request, or a reconcile, did not succeed.
//!
//! **Invariant:** whether and when something is retried follows from [`Error::kind`] and
//! [`Error::retry_after`] alone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kube::core::Status;
use outrigger_object::Gvk;

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request or the object is wrong; the same again fails again.
    Invalid,
    /// The object or the kind is not there.
    NotFound,
    /// Somebody else wrote first, or owns the field.
    Conflict,
    /// It is there already.
    AlreadyExists,
    /// The version asked for is no longer kept: list again.
    Expired,
    /// The identity may not do this, or is not known.
    Forbidden,
    /// The server could not be reached, was too slow or too busy: it may work later.
    Transient,
    /// It will not work until a person changes something.
    Terminal,
    /// A fault of this program.
    Internal,
}

impl ErrorKind {
    /// The word that metrics and logs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::AlreadyExists => "already_exists",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::Transient => "transient",
            Self::Terminal => "terminal",
            Self::Internal => "internal",
        }
    }
}

/// What was asked, of which cluster: the part of an error that says where.
#[derive(Clone, Debug)]
pub struct Target {
    /// The cluster, as the client was named.
    pub cluster: Arc<str>,
    /// `get`, `list`, `apply` and so on.
    pub verb: &'static str,
    /// Resource and name, such as `apps/deployments shop/web`.
    pub what: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster {}: {} {}", self.cluster, self.verb, self.what)
    }
}

/// Why it did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server answered with a failure.
    #[error("{target}: {}", .status.message)]
    Api {
        /// What was asked.
        target: Box<Target>,
        /// The server's own words.
        status: Box<Status>,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The API server could not be reached.
    #[error("{target}: {}", chain(.source))]
    Transport {
        /// What was asked.
        target: Box<Target>,
        /// What went wrong on the way.
        source: kube::Error,
    },
    /// No answer in time.
    #[error("{target}: no answer within {after:?}")]
    Deadline {
        /// What was asked.
        target: Box<Target>,
        /// How long it was waited for.
        after: Duration,
    },
    /// The answer was not what it should be.
    #[error("{target}: the answer is not understood: {message}")]
    Decode {
        /// What was asked.
        target: Box<Target>,
        /// What is wrong with the answer.
        message: String,
    },
    /// The cluster does not serve this kind.
    #[error("no such kind {gvk} in cluster {cluster}")]
    NoKind {
        /// The cluster.
        cluster: Arc<str>,
        /// The kind.
        gvk: Gvk,
    },
    /// Anything else, with its kind.
    #[error("{message}")]
    Other {
        /// What sort of failure.
        kind: ErrorKind,
        /// What happened, for people.
        message: String,
    },
}

fn chain(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl Error {
    /// An error of a given kind.
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self::Other { kind, message: message.to_string() }
    }

    /// Wrong input: not retried until it changes.
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// May work later.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// A person is needed.
    pub fn terminal(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Terminal, message)
    }

    /// A fault of this program.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Api { status, .. } => kind_of(status.code, &status.reason),
            Self::Transport { .. } | Self::Deadline { .. } => ErrorKind::Transient,
            Self::Decode { .. } => ErrorKind::Internal,
            Self::NoKind { .. } => ErrorKind::NotFound,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the object or the kind is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether somebody else wrote first.
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// Whether the object was there already.
    pub fn is_already_exists(&self) -> bool {
        self.kind() == ErrorKind::AlreadyExists
    }

    /// Whether the server gave no answer at all, so that nothing is known of what it did.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Transport { .. } | Self::Deadline { .. })
    }

    /// Whether the namespace is being deleted, so that nothing can be created in it.
    pub fn is_namespace_terminating(&self) -> bool {
        self.has_cause("NamespaceTerminating")
    }

    /// The server's reason, such as `AlreadyExists`; empty when it did not answer.
    pub fn reason(&self) -> &str {
        match self {
            Self::Api { status, .. } => &status.reason,
            _ => "",
        }
    }

    /// The server's message alone, or the whole error where it did not answer.
    pub fn message(&self) -> String {
        match self {
            Self::Api { status, .. } => status.message.clone(),
            other => other.to_string(),
        }
    }

    fn has_cause(&self, reason: &str) -> bool {
        match self {
            Self::Api { status, .. } => {
                status.details.as_ref().is_some_and(|details| details.causes.iter().any(|cause| cause.reason == reason))
            }
            _ => false,
        }
    }
}

/// The kind that a Kubernetes Status stands for. The reason decides where it is known, else the code.
fn kind_of(code: u16, reason: &str) -> ErrorKind {
    match reason {
        "NotFound" => return ErrorKind::NotFound,
        "AlreadyExists" => return ErrorKind::AlreadyExists,
        "Conflict" => return ErrorKind::Conflict,
        "Gone" | "Expired" => return ErrorKind::Expired,
        "Forbidden" | "Unauthorized" => return ErrorKind::Forbidden,
        "Invalid"
        | "BadRequest"
        | "MethodNotAllowed"
        | "NotAcceptable"
        | "UnsupportedMediaType"
        | "RequestEntityTooLarge" => return ErrorKind::Invalid,
        "ServerTimeout" | "Timeout" | "TooManyRequests" | "ServiceUnavailable" | "InternalError" => {
            return ErrorKind::Transient;
        }
        _ => {}
    }
    match code {
        401 | 403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        410 => ErrorKind::Expired,
        408 | 429 | 500..=599 => ErrorKind::Transient,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_reason_then_code() {
        let check = |code, reason, expected| assert_eq!(kind_of(code, reason), expected, "{code} {reason}");
        check(409, "AlreadyExists", ErrorKind::AlreadyExists);
        check(409, "Conflict", ErrorKind::Conflict);
        check(409, "", ErrorKind::Conflict);
        check(410, "Expired", ErrorKind::Expired);
        check(429, "TooManyRequests", ErrorKind::Transient);
        check(503, "", ErrorKind::Transient);
        check(422, "Invalid", ErrorKind::Invalid);
        check(413, "", ErrorKind::Invalid);
        check(403, "Forbidden", ErrorKind::Forbidden);
        check(404, "NotFound", ErrorKind::NotFound);
        check(301, "", ErrorKind::Terminal);
    }
}

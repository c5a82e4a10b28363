//! The crate's one error: why a hook gave no answer.

use std::time::Duration;

/// Why a hook gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The hook's configuration cannot be used as it is.
    #[error("{0}")]
    Configuration(String),
    /// There is no way to the hook's Service.
    #[error("{0}")]
    Service(String),
    /// No connection came about.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// A connection broke before the answer was there: the server has gone, or the request was too much for it.
    #[error("the connection broke before the answer was there: {0}")]
    Broken(String),
    /// The other end is not whom the CA bundle vouches for, or TLS failed in another way.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// The time that the configuration allows was over.
    #[error("no answer within {}s{}", .allowed.as_secs_f64(), after(.before))]
    Timeout {
        /// That time.
        allowed: Duration,
        /// How the attempts before the last one ended.
        before: Option<String>,
    },
    /// So many calls of the hook were under way that this one never had its turn.
    #[error("{0} calls of this webhook are under way, and none ended in time")]
    Busy(usize),
    /// Calls failed in a row, so none is made for a while.
    #[error("not asked, since {failures} calls in a row had no answer (the last: {last}); the next try is in {}s", .wait.as_secs_f64().ceil())]
    Open {
        /// How many.
        failures: u32,
        /// How the last one ended.
        last: String,
        /// When the next call is let through.
        wait: Duration,
    },
    /// An HTTP status other than success.
    #[error("the server answered with status {code}{}", said(.message))]
    Status {
        /// The status.
        code: u16,
        /// The beginning of the body.
        message: String,
        /// How long the server asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The answer was longer than it may be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is not what the protocol says.
    #[error("invalid answer: {0}")]
    Answer(String),
    /// The hook says that it could not do it.
    #[error("the webhook refused, with code {code}{}", said(.message))]
    Refused {
        /// `response.status.code`.
        code: i32,
        /// `response.status.message`.
        message: String,
    },
    /// The question cannot be put into the protocol.
    #[error("{0}")]
    Question(String),
}

/// What sort of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The question, the object or the configuration is wrong.
    Invalid,
    /// It may well work later.
    Transient,
    /// The hook is wrong.
    Internal,
}

impl Error {
    /// What sort of failure it was.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(_) | Self::Question(_) => ErrorKind::Invalid,
            Self::Refused { code, .. } if (400..500).contains(code) => ErrorKind::Invalid,
            Self::Service(_)
            | Self::Unreachable(_)
            | Self::Broken(_)
            | Self::Timeout { .. }
            | Self::Busy(_)
            | Self::Open { .. } => ErrorKind::Transient,
            Self::Status { code, .. } if *code == 429 || *code >= 500 => ErrorKind::Transient,
            Self::Tls(_) | Self::Status { .. } | Self::TooLong(_) | Self::Answer(_) | Self::Refused { .. } => {
                ErrorKind::Internal
            }
        }
    }

    /// Whether the same request may be sent again at once.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Broken(_) => true,
            Self::Status { code, .. } => *code == 429 || *code >= 500,
            _ => false,
        }
    }

    /// Whether nobody was there to answer. A server that answers, with whatever error, is there, and so is one
    /// that breaks off a connection that had come about: one broken object does not open the breaker for the
    /// others. A server that has gone refuses the next connection.
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Self::Service(_) | Self::Unreachable(_) | Self::Tls(_) | Self::Timeout { .. } => true,
            Self::Status { code, .. } => matches!(code, 429 | 502..=504),
            _ => false,
        }
    }

    /// A word for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::Service(_) => "service",
            Self::Unreachable(_) => "unreachable",
            Self::Broken(_) => "broken",
            Self::Tls(_) => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Busy(_) => "busy",
            Self::Open { .. } => "open",
            Self::Status { .. } => "status",
            Self::TooLong(_) => "too_long",
            Self::Answer(_) => "invalid",
            Self::Refused { .. } => "refused",
            Self::Question(_) => "question",
        }
    }

    /// All words that [`word`](Self::word) gives.
    pub(crate) const WORDS: [&'static str; 13] = [
        "configuration",
        "service",
        "unreachable",
        "broken",
        "tls",
        "timeout",
        "busy",
        "open",
        "status",
        "too_long",
        "invalid",
        "refused",
        "question",
    ];
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn after(before: &Option<String>) -> String {
    before.as_ref().map_or(String::new(), |before| format!("; before that: {before}"))
}

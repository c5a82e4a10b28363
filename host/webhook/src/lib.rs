//! Karmada's interpreter webhooks as interpreters.
//!
//! [`Webhooks`] makes an [`Interpreter`](outrigger_interpreter::Interpreter) of every hook in a set of
//! `ResourceInterpreterWebhookConfiguration`s. A hook is asked with a `ResourceInterpreterContext` over HTTPS,
//! as Karmada does it, so that hooks written for Karmada work unchanged.
//!
//! ```text
//! question ──▶ Hook ──JSON──▶ Line: breaker ▸ turn ▸ attempt (▸ pause ▸ attempt …) ──▶ the hook's server
//!   answer ◀── checks, patch ◀── bytes ◀──────────── within timeoutSeconds ──────────┘
//! ```
//!
//! **Invariant:** a hook whose rules match has to answer. Whatever keeps it from that (no connection, no time,
//! an answer that is none) is a failure of the operation, never "not handled" and never an empty value.
//!
//! # Why the caller waits
//!
//! [`Interpreter`](outrigger_interpreter::Interpreter) is synchronous, because every other engine only computes.
//! Making it asynchronous for the one engine that does not would put a future into each of the millions of calls
//! that take a microsecond. So a hook's calls run on a small runtime of this crate's own, one thread that does
//! nothing but input and output, and the caller's thread waits for the result until the deadline. Where
//! the caller is a task of a multi-threaded runtime, the wait is a [`tokio::task::block_in_place`]: the runtime
//! gives the thread's other tasks to another thread, and only this task waits. In a current-thread runtime
//! nothing else runs meanwhile. How many callers may wait for one hook is limited, and a hook that does not
//! answer is soon not waited for at all: its breaker opens.

mod breaker;
mod connect;
mod endpoint;
mod error;
mod hook;
mod line;
mod metrics;
mod protocol;
mod rules;
mod webhooks;

pub use breaker::Patience;
pub use endpoint::{Address, NoServices, Services, address_of};
pub use error::{Error, ErrorKind};
pub use metrics::Metrics;
pub use webhooks::{Hooked, Options, Webhooks};

//! Interpreters and addons in shared libraries.
//!
//! [`load`] opens a library that exports an interpreter ([`outrigger_interpreter::abi`]) and gives it as an
//! [`Interpreter`](outrigger_interpreter::Interpreter) like any other.
//!
//! [`load_addon`] does the same with a library that exports an addon ([`outrigger_addon::abi`]). Its interpreters
//! are asked in the same way; its controllers run on the thread that calls them, as they may take their time, and
//! ask the host for what they need while they run.
//!
//! ```text
//! caller ──question, as JSON──▶ a worker's slot ──▶ worker thread ──call──▶ the library
//!        ◀── answer, as JSON ── until the deadline ◀──────────────────────┘
//! ```
//!
//! # Why a call has a thread
//!
//! Foreign code that runs cannot be stopped. Called on the caller's own thread, a library that hangs would take
//! that thread with it, one per call. So each library has a few worker threads of its own, and the caller waits
//! until the deadline. A call that is late costs that one thread: the caller has its failure, and the library is
//! in quarantine, not asked at all, until the late call ends; after three late calls it stays there. The handover
//! is cheap while calls follow each other, since both sides look for a few microseconds before they sleep.
//!
//! **Invariant:** whatever a library does short of corrupting memory, a caller has an answer or a failure by the
//! deadline, and a library never holds more threads than it has workers. A library is never unloaded, since
//! nobody can know what it has left behind.
//!
//! A library is trusted with the process: its initializers run when it is loaded, and nothing keeps it from
//! doing harm on purpose. Load what an operator has chosen, never what an object in a cluster names.

mod addon;
mod error;
mod interpreter;
mod raw;
mod slot;
mod workers;

pub use addon::load_addon;
pub use error::{Error, ErrorKind};
pub use interpreter::{Options, load};

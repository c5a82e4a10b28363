//! What addons do by themselves, run so that it hurts nobody else.
//!
//! ```text
//! Watch ─▶ informer ─▶ queue ─▶ driver ──reconcile──▶ a thread of the addon's own
//!                        ▲         │                        │ Host calls, under the addon's identity
//!                        └ again ──┤◀── outcome, failure, ──┘
//!                                  │    panic or deadline
//!                                  ▼
//!                     GuestHealth: healthy, degraded, quarantined
//! ```
//!
//! [`Guest::start`] runs the controllers of one addon, in the process that leads. The addon is linked in, or out of a
//! library ([`load`]); nothing here tells one from the other.
//!
//! What a controller does wrong, and what comes of it:
//!
//! | it | then |
//! |---|---|
//! | fails or panics | the object is tried again, with growing pauses |
//! | keeps failing on an object | the object is put aside until it or the configuration changes |
//! | keeps failing on many | the addon is in quarantine until the configuration changes |
//! | hangs | the call ends at its deadline; the addon is in quarantine while it hangs, and for good after a few times |
//! | watches more than it may keep | it watches nothing any more, and is in quarantine for good |
//! | writes, tells or counts too much | calls fail as Transient; events and series are dropped and counted |
//!
//! Memory that an addon's own code takes and does not give back cannot be told from the process's own, and is
//! not bounded: what is bounded is what the host keeps for it.
//!
//! **Invariant:** an addon's code runs on threads of its own, of which there are never more than its limit, and
//! no caller waits for it longer than its deadline.
//!
//! **Invariant:** what a controller asks of an API server is asked as the addon's ServiceAccount. What only the
//! host can do for it (works for agents, objects that members show) is checked against its grants here.

mod bucket;
mod connections;
mod drive;
mod grants;
mod guest;
mod health;
mod identity;
mod lent;
mod library;
mod meter;
mod sources;
mod threads;

pub use connections::{BySecret, Connect};
pub use guest::{Guest, Limits, Setup};
pub use health::{GuestHealth, PutAside};
pub use identity::{NAMESPACE, impersonated, user};
pub use library::load;
pub use meter::Meter;
pub use outrigger_library::{Error as LoadError, ErrorKind as LoadErrorKind};

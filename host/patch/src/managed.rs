//! Who owns which field: `metadata.managedFields` and server-side apply.
//!
//! ```text
//! create, update, patch ─▶ new object ─▶ update(live, new)          ─▶ new object with entries
//! apply                 ─▶ config     ─▶ apply(live, config, force) ─▶ new object with entries, or conflicts
//! ```
//!
//! Every write compares what was with what will be ([`compare`]); what changed moves to the writer's
//! entry. An apply also compares what its manager applied last with what it applies now, and removes
//! what is in neither the configuration nor anybody else's entry.
//!
//! The rules are those of Kubernetes' structured merge and diff; see KEP-555.
//!
//! **Invariant:** a write that changes nothing gives back the same entries, timestamps included.

mod apply;
mod compare;
mod conflict;
mod element;
mod entry;
mod extract;
mod prune;
mod reset;
mod scale;
mod set;
mod typed_merge;
mod update;
mod validate;
mod walk;

use outrigger_schema::Schema;

pub use apply::apply;
pub use compare::{Comparison, compare};
pub use conflict::{Conflict, Conflicts};
pub use element::PathElement;
pub use entry::{Entry, Id, Operation};
pub use extract::extract;
pub use reset::reset_fields;
pub use scale::{from_scale, to_scale};
pub use set::FieldSet;
pub use update::update;
pub use validate::validate;

/// One write: who, through what, to which type, and when.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The type of the object.
    pub schema: &'a Schema,
    /// The version of the request, such as `apps/v1`.
    pub api_version: &'a str,
    /// The field manager.
    pub manager: &'a str,
    /// The subresource written; empty for the object itself.
    pub subresource: &'a str,
    /// The time, RFC 3339 in UTC to the second.
    pub now: &'a str,
    /// Fields that the endpoint does not write: `status` for an object with a status subresource,
    /// `spec` and more for that subresource.
    pub reset: &'a FieldSet,
}

impl Write<'_> {
    fn id(&self, operation: Operation) -> Id {
        Id {
            manager: if self.manager.is_empty() { "unknown".to_owned() } else { self.manager.to_owned() },
            operation,
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
        }
    }
}

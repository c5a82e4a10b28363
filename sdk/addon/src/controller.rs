//! What an addon does by itself: controllers, and what the host lends them.
//!
//! ```text
//! Watch ─▶ changes of objects ─▶ Request ─▶ Controller::reconcile ─▶ Outcome
//!                                               │ ▲
//!                                               ▼ │ get, list, apply, events, metrics
//!                                              Host
//! ```
//!
//! A controller is synchronous: it is called on a thread of its addon's own, for one key at a time, and asks the
//! host for what it needs. So the same code works linked in and from a library, and the host can tell a call
//! that hangs from one that waits.
//!
//! **Invariant:** a controller can do what the manifest's permissions say and no more: every call of a [`Host`]
//! is made under the addon's own identity.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use outrigger_interpreter::ClusterFacts;
use outrigger_object::{Gvk, Object, ObjectKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// On the control plane.
    Hub,
    /// In the member of this name.
    Member(String),
}

impl Place {
    /// In a member.
    pub fn member(name: impl Into<String>) -> Self {
        Self::Member(name.into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub => f.write_str("control plane"),
            Self::Member(name) => write!(f, "cluster {name}"),
        }
    }
}

/// Objects whose changes wake a controller. They are kept in memory, and read from there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// Their kind.
    pub gvk: Gvk,
    /// Whether those in members are meant. For these the manifest must say that the kind is `observed`.
    #[serde(default)]
    pub members: bool,
    /// Only those with this label selector.
    #[serde(default)]
    pub label_selector: String,
}

/// What a controller is asked to bring to its desired state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Where the object is.
    pub place: Place,
    /// Its kind.
    pub gvk: Gvk,
    /// Its name. It may be gone.
    pub key: ObjectKey,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Everything is as it should be.
    Applied,
    /// Something is not ready yet; ask again after this long, if nothing happens before.
    Waiting(Duration),
    /// There is nothing to do, and this is why.
    Skipped(String),
}

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// Something happened.
    Normal,
    /// A person may have to look.
    Warning,
}

/// A cluster, as controllers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Name, labels, provider, region, zones.
    pub facts: ClusterFacts,
    /// Whether its Ready condition is true.
    pub ready: bool,
    /// Whether an agent runs in it; the control plane cannot reach out to it then.
    pub pull: bool,
}

/// Why a call of a [`Host`] failed; retry reads `kind` and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct CallError {
    /// What can be done about it.
    pub kind: CallErrorKind,
    /// What happened, to which object, where.
    pub message: String,
}

/// What can be done about a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallErrorKind {
    /// The question is wrong.
    Invalid,
    /// There is no such object or kind.
    NotFound,
    /// Somebody else was faster.
    Conflict,
    /// The manifest's permissions do not allow it.
    Forbidden,
    /// It may work later.
    Transient,
    /// The host has a fault.
    Internal,
    /// The host is stopping, or no longer leads: return at once.
    Cancelled,
}

/// What the host lends an addon's controllers.
pub trait Host: Send + Sync {
    /// An object: from memory when it is watched, from its API server otherwise.
    fn get(&self, place: &Place, gvk: &Gvk, key: &ObjectKey) -> Result<Option<Arc<Object>>, CallError>;

    /// Objects of a kind, in a namespace or, if it is empty, everywhere: from memory when the kind is watched.
    fn list(
        &self,
        place: &Place,
        gvk: &Gvk,
        namespace: &str,
        label_selector: &str,
    ) -> Result<Vec<Arc<Object>>, CallError>;

    /// Server-side apply under the addon's field manager. In a member that only an agent can reach, the object is
    /// handed to the agent as a Work, and what comes back is what was handed over.
    fn apply(&self, place: &Place, object: &Object) -> Result<Object, CallError>;

    /// Writes the status of an object, and nothing else of it. With a resource version, only if it is that still.
    fn write_status(&self, place: &Place, object: &Object) -> Result<Object, CallError>;

    /// Deletes an object if it still has this UID. That it is gone already is no failure.
    fn delete(&self, place: &Place, gvk: &Gvk, key: &ObjectKey, uid: &str) -> Result<(), CallError>;

    /// The clusters.
    fn clusters(&self) -> Result<Vec<Cluster>, CallError>;

    /// Tells people what happened to an object. Never put a secret into it.
    fn event(&self, about: &Object, kind: EventKind, reason: &str, message: &str);

    /// Adds to a counter of the addon, `outrigger_addon_<metric>_total`.
    fn count(&self, metric: &str, labels: &BTreeMap<String, String>, by: u64);

    /// Sets a gauge of the addon, `outrigger_addon_<metric>`.
    fn gauge(&self, metric: &str, labels: &BTreeMap<String, String>, value: f64);

    /// The configuration, as it is now.
    fn config(&self) -> Arc<Value>;

    /// The time now, as RFC 3339 in UTC; the clock is the host's.
    fn now(&self) -> String;

    /// Whether to stop: the host ends, or another one leads now.
    fn is_cancelled(&self) -> bool;
}

/// Something that an addon does by itself. It runs in the one process that leads.
pub trait Controller: Send + Sync + 'static {
    /// Its name, unique in its addon.
    fn name(&self) -> &str;

    /// What wakes it. Whatever else it needs it asks for.
    fn watches(&self) -> Vec<Watch>;

    /// Brings one object to its desired state. Called for one object by one thread at a time, again with
    /// growing pauses after a failure. A panic is a failure; one object that fails for long stops no other.
    fn reconcile(&self, request: &Request, host: &dyn Host) -> Result<Outcome, CallError>;
}

//! The queues of the controllers.

use outrigger_object::{ObjectKey, ObjectRef};
use outrigger_runtime::Queue;

/// One queue per controller, by the key that it works on.
#[derive(Default)]
pub(crate) struct Queues {
    /// Policies, for their ids and finalizers.
    pub(crate) policies: Queue<ObjectKey>,
    /// Templates, for their policy and binding.
    pub(crate) detector: Queue<ObjectRef>,
    /// Bindings, for their clusters.
    pub(crate) schedule: Queue<ObjectKey>,
    /// Bindings, for their Works.
    pub(crate) works: Queue<ObjectKey>,
    /// Bindings, for what their templates depend on.
    pub(crate) dependencies: Queue<ObjectKey>,
    /// Bindings, for their status and the template's.
    pub(crate) status: Queue<ObjectKey>,
    /// Namespaces, for the Works that carry them.
    pub(crate) namespaces: Queue<ObjectKey>,
    /// Clusters, for their life.
    pub(crate) clusters: Queue<ObjectKey>,
    /// Clusters, for their health and taints.
    pub(crate) health: Queue<ObjectKey>,
    /// Certificate signing requests.
    pub(crate) enrolment: Queue<ObjectKey>,
}

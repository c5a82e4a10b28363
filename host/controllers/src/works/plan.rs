//! What becomes of the Works of one binding: pure.

use std::sync::Arc;

use outrigger_api::labels::{annotation, finalizer, label};
use outrigger_api::names;
use outrigger_api::policy::PurgeMode;
use outrigger_api::work::BindingSuspension;
use outrigger_object::{Object, ObjectKey, ObjectRef};
use serde::Serialize;
use serde_json::{Value, json};

use super::manifest::{Manifest, back_references};
use crate::binding::{Binding, id_label};
use crate::merge;

/// What to do about the Work of one cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) enum Step {
    /// Nothing.
    Keep,
    /// It is created.
    Create(Object),
    /// It is patched.
    Patch(Value),
    /// The one of before is still going.
    Wait,
}

/// The Work of a template in a cluster.
pub(crate) fn work_key(template: &ObjectRef, cluster: &str) -> ObjectKey {
    let name = names::work(&template.gvk.kind, &template.key.name, &template.key.namespace);
    ObjectKey::new(names::execution_space(cluster), name)
}

/// Works that belong to the binding, and whose cluster it no longer goes to.
pub(super) fn orphans(binding: &Binding, works: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let clusters = binding.clusters();
    let orphan = |work: &&Arc<Object>| {
        names::cluster_of_execution_space(work.namespace()).is_some_and(|cluster| !clusters.contains(cluster))
    };
    works.iter().filter(orphan).cloned().collect()
}

/// Whether orphans must be gone before anything new is made: those that are purged directly, so that
/// two clusters never run the template at once.
pub(super) fn must_wait(binding: &Binding, orphans: &[Arc<Object>]) -> bool {
    let mut direct = binding
        .spec
        .graceful_eviction_tasks
        .iter()
        .filter(|task| task.purge_mode == Some(PurgeMode::Directly))
        .map(|task| names::execution_space(&task.from_cluster));
    direct.any(|space| orphans.iter().any(|work| work.namespace() == space))
}

/// Whether nothing is written to a cluster for now.
fn is_suspended(suspension: Option<&BindingSuspension>, cluster: &str) -> bool {
    let Some(BindingSuspension { policy, .. }) = suspension else { return false };
    policy.dispatching == Some(true)
        || policy.dispatching_on_clusters.as_ref().is_some_and(|on| on.cluster_names.iter().any(|name| name == cluster))
}

/// What a Work holds.
pub(super) fn manifest(work: &Object) -> Option<&Value> {
    work.get(&["spec", "workload", "manifests"])?.get(0)
}

/// Brings the Work of one cluster to hold a manifest; `new_id` is the permanent id of one without. What others have put on it stays, but for the
/// marks that are ours.
pub(super) fn step(
    binding: &Binding,
    key: &ObjectKey,
    cluster: &str,
    manifest: Manifest,
    existing: Option<&Object>,
    new_id: &str,
) -> Step {
    if existing.is_some_and(Object::is_deleting) {
        return Step::Wait;
    }
    let mut work = existing.cloned().unwrap_or_default();
    work.set(&["apiVersion"], "work.karmada.io/v1alpha1");
    work.set(&["kind"], "Work");
    work.set(&["metadata", "namespace"], key.namespace.clone());
    work.set(&["metadata", "name"], key.name.clone());
    if !work.finalizers().any(|one| one == finalizer::EXECUTION_CONTROLLER) {
        let with: Vec<_> = work.finalizers().chain([finalizer::EXECUTION_CONTROLLER]).map(Value::from).collect();
        work.set(&["metadata", "finalizers"], with);
    }
    work.set(&["metadata", "labels", id_label(binding.is_cluster())], binding.id());
    if work.label(label::WORK_PERMANENT_ID).is_none() {
        work.set(&["metadata", "labels", label::WORK_PERMANENT_ID], new_id);
    }
    for (name, value) in back_references(binding) {
        work.set(&["metadata", "annotations", name], value);
    }
    work.set(&["metadata", "annotations", annotation::CONFLICT_RESOLUTION], manifest.conflict);
    let applied = [
        (annotation::APPLIED_CLUSTER_OVERRIDES, manifest.applied.cluster),
        (annotation::APPLIED_OVERRIDES, manifest.applied.namespaced),
    ];
    for (name, text) in applied {
        match text {
            Some(text) => work.set(&["metadata", "annotations", name], text),
            None => {
                work.remove(&["metadata", "annotations", name]);
            }
        }
    }
    work.set(&["spec", "workload", "manifests"], json!([manifest.object]));
    let mut flag = |name: &str, on: bool| {
        if on {
            work.set(&["spec", name], true);
        } else if work.bool(&["spec", name]) == Some(true) {
            work.remove(&["spec", name]);
        }
    };
    flag("suspendDispatching", is_suspended(binding.spec.suspension.as_ref(), cluster));
    flag("preserveResourcesOnDeletion", binding.spec.preserve_resources_on_deletion == Some(true));
    let Some(existing) = existing else { return Step::Create(work) };
    let patch = merge::diff_maps(&existing.0, &work.0);
    if patch.is_empty() { Step::Keep } else { Step::Patch(Value::Object(patch)) }
}

#[cfg(test)]
mod tests;

//! A Work as the executor sees it.
//!
//! **Invariant:** a manifest that cannot be read is kept in its place as an error, so that ordinals stay
//! true and the others are applied all the same.

use std::sync::Arc;

use outrigger_api::work::{ResourceIdentifier, WorkStatus};
use outrigger_object::{Gvk, Object, ObjectKey, ObjectRef, Resource};
use outrigger_runtime::conditions;
use serde_json::Value;

/// Name of the index over Works by the objects that they name.
pub(crate) const BY_OBJECT: &str = "object";

/// The kind Work.
pub fn resource() -> Resource {
    Resource {
        gvk: Gvk::new("work.karmada.io", "v1alpha1", "Work"),
        plural: "works".into(),
        namespaced: true,
        has_status: true,
        has_scale: false,
    }
}

/// One Work.
#[derive(Clone, Debug)]
pub struct Work {
    /// The object itself.
    pub object: Arc<Object>,
    /// Its manifests in order; the text says why one cannot be read.
    pub manifests: Vec<Result<Object, String>>,
    /// What its status says.
    pub status: WorkStatus,
}

impl Work {
    /// Reads a Work. A status that is not understood counts as none.
    pub fn read(object: Arc<Object>) -> Self {
        let manifests = manifests(&object).map(read_manifest).collect();
        let status = object.status().and_then(|status| serde_json::from_value(status.clone()).ok()).unwrap_or_default();
        Self { object, manifests, status }
    }

    /// Its namespace and name.
    pub fn key(&self) -> ObjectKey {
        self.object.key()
    }

    /// Whether writing to the member is suspended.
    pub fn is_suspended(&self) -> bool {
        self.object.bool(&["spec", "suspendDispatching"]).unwrap_or_default()
    }

    /// Whether the member's objects stay when the Work goes.
    pub fn preserves(&self) -> bool {
        self.object.bool(&["spec", "preserveResourcesOnDeletion"]).unwrap_or_default()
    }

    /// Whether the status says that this manifest has been in the member.
    pub fn was_applied(&self, identifier: &ResourceIdentifier) -> bool {
        self.status.manifest_statuses.iter().any(|known| is_same(&known.identifier, identifier))
    }

    /// Whether the status says that this very generation was applied.
    pub fn is_applied(&self) -> bool {
        conditions::find(&self.status.conditions, "Applied").is_some_and(|applied| {
            applied.status == "True"
                && applied.observed_generation.is_none_or(|generation| generation == self.object.generation())
        })
    }
}

/// Whether two identifiers name the same object, wherever they stand in the list.
pub(crate) fn is_same(a: &ResourceIdentifier, b: &ResourceIdentifier) -> bool {
    a.group == b.group && a.kind == b.kind && a.namespace == b.namespace && a.name == b.name
}

/// The identifier of a manifest, as it stands in `status.manifestStatuses`.
pub(crate) fn identifier(ordinal: usize, manifest: &Object, plural: &str) -> ResourceIdentifier {
    let gvk = manifest.gvk();
    ResourceIdentifier {
        ordinal: i64::try_from(ordinal).unwrap_or(i64::MAX),
        group: gvk.group,
        version: gvk.version,
        kind: gvk.kind,
        resource: plural.to_owned(),
        namespace: manifest.namespace().to_owned(),
        name: manifest.name().to_owned(),
    }
}

/// The values under which a Work is found by the objects that it names: without the version, as one
/// object can be written in several.
pub(crate) fn index_values(work: &Object) -> Vec<String> {
    manifests(work)
        .filter_map(|manifest| read_manifest(manifest).ok())
        .map(|object| index_value(&object.reference()))
        .collect()
}

/// The value under which Works that name this object are found.
pub(crate) fn index_value(reference: &ObjectRef) -> String {
    let ObjectRef { gvk, key } = reference;
    format!("{}/{} {}/{}", gvk.group, gvk.kind, key.namespace, key.name)
}

fn manifests(work: &Object) -> impl Iterator<Item = &Value> {
    work.get(&["spec", "workload", "manifests"]).and_then(Value::as_array).into_iter().flatten()
}

fn read_manifest(value: &Value) -> Result<Object, String> {
    let object = Object::from_value(value.clone()).map_err(|_| "the manifest is not an object".to_owned())?;
    let missing = |field: &str| Err(format!("the manifest has no {field}"));
    if object.api_version().is_empty() {
        return missing("apiVersion");
    }
    if object.kind().is_empty() {
        return missing("kind");
    }
    if object.name().is_empty() {
        return missing("metadata.name");
    }
    Ok(object)
}

//! A ResourceBinding or ClusterResourceBinding, read.
//!
//! Both have the same spec and status and differ in scope alone, so every controller treats them as
//! one; a key without a namespace is that of a ClusterResourceBinding.

use std::collections::BTreeSet;
use std::sync::Arc;

use outrigger_api::labels::{annotation, finalizer, label};
use outrigger_api::names;
use outrigger_api::policy::PurgeMode;
use outrigger_api::work::{ResourceBindingSpec, ResourceBindingStatus, TargetCluster};
use outrigger_object::{Gvk, Object, ObjectKey, ObjectRef};
use outrigger_runtime::{Error, Result};
use serde::de::DeserializeOwned;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) object: Arc<Object>,
    pub(crate) spec: ResourceBindingSpec,
    pub(crate) status: ResourceBindingStatus,
}

impl Binding {
    /// Reads a binding. One that is not well formed is Invalid.
    pub(crate) fn read(object: Arc<Object>) -> Result<Self> {
        let spec = part(&object, "spec")?.ok_or_else(|| Error::invalid("the binding has no spec"))?;
        let status = part(&object, "status")?.unwrap_or_default();
        Ok(Self { object, spec, status })
    }

    /// Namespace and name; a ClusterResourceBinding has no namespace.
    pub(crate) fn key(&self) -> ObjectKey {
        self.object.key()
    }

    /// Whether it binds a cluster-scoped template.
    pub(crate) fn is_cluster(&self) -> bool {
        self.object.namespace().is_empty()
    }

    /// Its permanent id, or empty.
    pub(crate) fn id(&self) -> &str {
        self.object.label(id_label(self.is_cluster())).unwrap_or_default()
    }

    /// The template.
    pub(crate) fn template(&self) -> ObjectRef {
        template_of(&self.spec)
    }

    /// The chosen clusters, and those that other bindings need the template in.
    pub(crate) fn targets(&self) -> Vec<TargetCluster> {
        let mut targets = self.spec.clusters.clone();
        for cluster in self.spec.required_by.iter().flat_map(|snapshot| &snapshot.clusters) {
            if !targets.iter().any(|target| target.name == cluster.name) {
                targets.push(cluster.clone());
            }
        }
        targets
    }

    /// The clusters in which the template is or should be: the targets, and those that it is leaving
    /// gracefully.
    pub(crate) fn clusters(&self) -> BTreeSet<&str> {
        let required = self.spec.required_by.iter().flat_map(|snapshot| &snapshot.clusters);
        let leaving = self.spec.graceful_eviction_tasks.iter();
        self.spec
            .clusters
            .iter()
            .chain(required)
            .map(|target| target.name.as_str())
            .chain(
                leaving
                    .filter(|task| task.purge_mode != Some(PurgeMode::Directly))
                    .map(|task| task.from_cluster.as_str()),
            )
            .collect()
    }
}

/// The label that a binding's permanent id is kept in.
pub(crate) fn id_label(cluster: bool) -> &'static str {
    if cluster { label::CLUSTER_RESOURCE_BINDING_PERMANENT_ID } else { label::RESOURCE_BINDING_PERMANENT_ID }
}

/// The finalizer that holds a binding until its Works are gone.
pub(crate) fn works_finalizer(cluster: bool) -> &'static str {
    if cluster { finalizer::CLUSTER_RESOURCE_BINDING_CONTROLLER } else { finalizer::BINDING_CONTROLLER }
}

/// The binding of a template.
pub(crate) fn key_of(template: &ObjectRef) -> ObjectKey {
    ObjectKey::new(template.key.namespace.clone(), names::binding(&template.gvk.kind, &template.key.name))
}

/// The binding that a Work belongs to, by the Work's annotations.
pub(crate) fn key_of_work(work: &Object) -> Option<ObjectKey> {
    let namespaced = || {
        let namespace = work.annotation(annotation::RESOURCE_BINDING_NAMESPACE)?;
        Some(ObjectKey::new(namespace, work.annotation(annotation::RESOURCE_BINDING_NAME)?))
    };
    namespaced().or_else(|| Some(ObjectKey::new("", work.annotation(annotation::CLUSTER_RESOURCE_BINDING_NAME)?)))
}

fn template_of(spec: &ResourceBindingSpec) -> ObjectRef {
    let resource = &spec.resource;
    ObjectRef {
        gvk: Gvk::from_api_version(&resource.api_version, &resource.kind),
        key: ObjectKey::new(resource.namespace.clone(), resource.name.clone()),
    }
}

/// The template of a binding, without reading the rest of it.
pub(crate) fn template_of_object(binding: &Object) -> Option<ObjectRef> {
    let text = |name: &str| binding.str(&["spec", "resource", name]);
    Some(ObjectRef {
        gvk: Gvk::from_api_version(text("apiVersion")?, text("kind")?),
        key: ObjectKey::new(text("namespace").unwrap_or_default(), text("name")?),
    })
}

fn part<T: DeserializeOwned>(object: &Object, field: &str) -> Result<Option<T>> {
    let Some(value) = object.0.get(field).filter(|value| !value.is_null()) else { return Ok(None) };
    T::deserialize(value)
        .map(Some)
        .map_err(|error| Error::invalid(format!("{field} of {}: {error}", object.reference())))
}

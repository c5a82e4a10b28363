//! Does what [`plan`](crate::plan) decided about one manifest.
//!
//! **Invariant:** everything is written with server-side apply under [`MANAGER`](crate::fields::MANAGER),
//! or as a merge patch of labels and annotations; a status is never sent.

use std::sync::Arc;

use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{ApplyOptions, Client, DeleteParams, Error, Patch, Propagation, Result, Subresource};
use serde_json::json;

use crate::breaker::Breaker;
use crate::fields;
use crate::plan::Step;

/// Writes to one member, unless it is known not to answer.
#[derive(Clone)]
pub struct Writer {
    member: Client,
    breaker: Breaker,
}

impl Writer {
    /// Writes through `member`.
    pub fn new(member: Client, breaker: Breaker) -> Self {
        Self { member: member.with_manager(fields::MANAGER), breaker }
    }

    /// Reads one object from the member itself. "Not there" is said only when the member knows the
    /// kind.
    pub async fn get(&self, resource: &Resource, key: &ObjectKey) -> Result<Option<Arc<Object>>> {
        match self.breaker.call(self.member.get(resource, key)).await {
            Ok(object) => Ok(Some(Arc::new(object))),
            Err(error) if error.is_not_found() => {
                if names_object(&error) {
                    Ok(None)
                } else {
                    Err(Error::NoKind { cluster: self.member.cluster().into(), gvk: resource.gvk.clone() })
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Carries a step out. Gives the object as it is afterwards, where something was written. `is_new` says
    /// that the object was never there: then it may bring its namespace along. Where it was, its namespace
    /// may have gone on purpose, and comes back by its own Work if it is still wanted.
    pub async fn apply(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        step: &Step,
        is_new: bool,
    ) -> Result<Option<Arc<Object>>> {
        let written = match step {
            Step::Create(object) => match self.send(resource, key, object.clone(), false).await {
                Err(error) if is_new && lacks_namespace(&error, &key.namespace) => {
                    self.create_namespace(&key.namespace).await?;
                    self.send(resource, key, object.clone(), false).await?
                }
                result => result?,
            },
            Step::Apply { object, version } => {
                let mut object = object.clone();
                if let Some(version) = version {
                    object.set(&["metadata", "resourceVersion"], version.as_str());
                }
                self.send(resource, key, object, true).await?
            }
            Step::Relabel(patch) => self.merge(resource, key, patch.clone()).await?,
            Step::Keep | Step::Observe | Step::AwaitDeletion | Step::Over(_) | Step::Refuse(_) => return Ok(None),
        };
        Ok(Some(Arc::new(written)))
    }

    /// A merge patch.
    pub async fn merge(&self, resource: &Resource, key: &ObjectKey, patch: serde_json::Value) -> Result<Object> {
        let patch = Patch::Merge(patch);
        self.breaker.call(self.member.patch(resource, key, &patch, Subresource::None)).await
    }

    /// Deletes this very object, and what it owns in the background.
    pub async fn delete(&self, resource: &Resource, object: &Object) -> Result<()> {
        let params = DeleteParams::of(object).propagation(Propagation::Background);
        self.breaker.call(self.member.delete(resource, &object.key(), &params)).await.map(|_| ())
    }

    async fn send(&self, resource: &Resource, key: &ObjectKey, object: Object, force: bool) -> Result<Object> {
        let patch = Patch::Apply(Box::new(object), ApplyOptions { force, ..ApplyOptions::default() });
        self.breaker.call(self.member.patch(resource, key, &patch, Subresource::None)).await
    }

    /// Namespaces travel by Works of their own; this is for an object that is there before its own.
    async fn create_namespace(&self, name: &str) -> Result<()> {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let object = Object::from_value(body).unwrap_or_default();
        match self.breaker.call(self.member.create(&namespaces(), &object)).await {
            Err(error) if !error.is_already_exists() => Err(error),
            _ => Ok(()),
        }
    }
}

fn namespaces() -> Resource {
    Resource {
        gvk: Gvk::new("", "v1", "Namespace"),
        plural: "namespaces".into(),
        namespaced: false,
        has_status: true,
        has_scale: false,
    }
}

/// Whether a 404 is about an object, and not about a path that nobody serves.
fn names_object(error: &Error) -> bool {
    match error {
        Error::Api { status, .. } => status.details.as_ref().is_some_and(|details| !details.name.is_empty()),
        _ => false,
    }
}

fn lacks_namespace(error: &Error, namespace: &str) -> bool {
    match error {
        Error::Api { status, .. } if error.is_not_found() && !namespace.is_empty() => {
            status.details.as_ref().is_some_and(|details| {
                details.name == namespace && matches!(details.kind.as_str(), "namespaces" | "Namespace")
            })
        }
        _ => false,
    }
}

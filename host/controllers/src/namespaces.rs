//! Namespaces: hub namespaces in; one Work per cluster out, so that what is propagated finds its
//! namespace in every member.
//!
//! Left alone are `default`, the system's own, those with a skipped prefix, and those labelled
//! `namespace.karmada.io/skip-auto-propagation: "true"`; what was sent before a namespace was so
//! labelled stays. A namespace that is deleted on the hub is deleted in the members.

use std::sync::Arc;

use futures::StreamExt;
use outrigger_api::labels::{annotation, event, finalizer, label};
use outrigger_api::names;
use outrigger_object::{Gvk, Object, ObjectKey, ObjectRef};
use outrigger_runtime::{Change, DeleteParams, Outcome, Reconciler, Result, Subresource};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hub::{Event, Hub};
use crate::merge;
use crate::overrides::Applied;
use crate::prune::prune;
use crate::works::trace::Untraced;
use crate::works::work_key;

/// See the module.
pub(crate) struct Namespaces(pub(crate) Arc<Hub>);

fn reference(name: &str) -> ObjectRef {
    ObjectRef { gvk: Gvk::new("", "v1", "Namespace"), key: ObjectKey::new("", name) }
}

/// Whether a namespace of this name is ever sent to members.
fn is_left_alone(name: &str, skipped: &[String]) -> bool {
    name == "default"
        || names::is_reserved_namespace(name)
        || skipped.iter().any(|prefix| name.starts_with(prefix.as_str()))
}

impl Reconciler for Namespaces {
    const NAME: &'static str = "namespaces";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.0;
        if is_left_alone(&key.name, &hub.options.skipped_namespaces) {
            return Ok(Outcome::Skipped("it is not propagated"));
        }
        let clusters = hub.clusters();
        let namespace = hub.namespaces.get(key);
        let Some(namespace) = namespace.filter(|namespace| !namespace.is_deleting()) else {
            let known = |name: &str| hub.works.get(&work_key(&reference(&key.name), name)).is_some();
            if !clusters.iter().any(|cluster| known(cluster.metadata.name.as_deref().unwrap_or_default())) {
                return Ok(Outcome::Skipped("it is gone"));
            }
            let gone = hub.client.get_opt(hub.namespaces.resource(), key).await?.is_none_or(|one| one.is_deleting());
            return if gone { remove(hub, key).await } else { Ok(Outcome::Skipped("it is there again")) };
        };
        if namespace.label(label::NAMESPACE_SKIP_AUTO_PROPAGATION).is_some_and(|skip| skip.eq_ignore_ascii_case("true"))
        {
            return Ok(Outcome::Skipped("its label keeps it on the hub"));
        }
        let mut steps = Vec::new();
        for cluster in clusters.iter().filter(|cluster| cluster.metadata.deletion_timestamp.is_none()) {
            let name = cluster.metadata.name.clone().unwrap_or_default();
            let (object, applied) =
                match hub.overrides.read().apply(Object::clone(&namespace), &**cluster, &mut Untraced) {
                    Ok(made) => made,
                    Err(error) => {
                        hub.recorder.warn(
                            &namespace,
                            event::APPLY_OVERRIDE_POLICY_FAILED,
                            format!("cluster {name}: {error}"),
                        );
                        continue;
                    }
                };
            let key = work_key(&reference(namespace.name()), &name);
            let existing = hub.works.get(&key);
            if existing.as_deref().is_some_and(Object::is_deleting) {
                continue;
            }
            let wanted = work(&key, &namespace, object, applied, existing.as_deref());
            steps.push((key, existing, wanted));
        }
        let writes = steps.into_iter().map(|(key, existing, wanted)| async move {
            match existing {
                None => {
                    let created = hub.client.create(hub.works.resource(), &wanted).await?;
                    hub.works.wrote(created);
                }
                Some(existing) => {
                    let patch = merge::diff_maps(&existing.0, &wanted.0);
                    if !patch.is_empty() {
                        hub.patch(&hub.works, &key, Value::Object(patch), Subresource::None).await?;
                    }
                }
            }
            Ok(())
        });
        let results: Vec<Result<()>> = futures::stream::iter(writes).buffer_unordered(32).collect().await;
        results.into_iter().collect::<Result<()>>().map(|()| Outcome::Applied)
    }
}

/// The Work that carries a namespace. It is owned by the namespace, so that it goes with it even
/// while no controller runs.
fn work(key: &ObjectKey, namespace: &Object, object: Object, applied: Applied, existing: Option<&Object>) -> Object {
    let mut manifest = prune(object);
    // The hub's API server adds these by itself; members do too.
    manifest.0.remove("spec");
    manifest.set(&["metadata", "labels", label::MANAGED], label::MANAGED_TRUE);
    manifest.set(&["metadata", "annotations", annotation::TEMPLATE_UID], namespace.uid());
    manifest.set(&["metadata", "annotations", annotation::WORK_NAMESPACE], key.namespace.clone());
    manifest.set(&["metadata", "annotations", annotation::WORK_NAME], key.name.clone());
    let mut work = existing.cloned().unwrap_or_default();
    if existing.is_none() {
        work.set(&["apiVersion"], "work.karmada.io/v1alpha1");
        work.set(&["kind"], "Work");
        work.set(&["metadata", "namespace"], key.namespace.clone());
        work.set(&["metadata", "name"], key.name.clone());
        work.set(&["metadata", "finalizers"], json!([finalizer::EXECUTION_CONTROLLER]));
        work.set(&["metadata", "labels", label::WORK_PERMANENT_ID], Uuid::new_v4().to_string());
    }
    work.set(
        &["metadata", "ownerReferences"],
        json!([{"apiVersion": "v1", "kind": "Namespace", "name": namespace.name(), "uid": namespace.uid(),
            "controller": true, "blockOwnerDeletion": true}]),
    );
    match applied.cluster {
        Some(text) => work.set(&["metadata", "annotations", annotation::APPLIED_CLUSTER_OVERRIDES], text),
        None => {
            work.remove(&["metadata", "annotations", annotation::APPLIED_CLUSTER_OVERRIDES]);
        }
    }
    work.set(&["spec", "workload", "manifests"], json!([manifest]));
    work
}

async fn remove(hub: &Hub, key: &ObjectKey) -> Result<Outcome> {
    for cluster in hub.clusters() {
        let name = cluster.metadata.name.clone().unwrap_or_default();
        let Some(work) = hub.works.get(&work_key(&reference(&key.name), &name)) else { continue };
        if !work.is_deleting() {
            hub.client.delete(hub.works.resource(), &work.key(), &DeleteParams::of(&work)).await?;
        }
    }
    Ok(Outcome::Applied)
}

/// Namespaces, new clusters, cluster-wide override policies and the Works that carry namespaces wake
/// the controller.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    let queue = &hub.queues.namespaces;
    let all = || {
        for namespace in hub.namespaces.informer().list() {
            queue.add(namespace.key());
        }
    };
    match event {
        Event::Namespace { change } => {
            if let Some(object) = change.object() {
                queue.add(object.key());
            }
        }
        Event::Cluster { change: Change::Added(_), .. } => all(),
        Event::Cluster { scheduling: outrigger_scheduler::Change::Updated(..), .. } => all(),
        Event::Override { old, new } => {
            let wide = [old, new].into_iter().copied().flatten().any(|policy| policy.namespace().is_empty());
            if wide {
                all();
            }
        }
        Event::Work { change } => {
            let Some(work) = change.object() else { return };
            let unchanged = matches!(change, Change::Updated { old, new } if old.generation() == new.generation()
                && old.is_deleting() == new.is_deleting());
            let owners = work.get(&["metadata", "ownerReferences"]).and_then(Value::as_array);
            for owner in owners.into_iter().flatten().filter(|owner| !unchanged && owner["kind"] == "Namespace") {
                queue.add(ObjectKey::new("", owner["name"].as_str().unwrap_or_default()));
            }
        }
        _ => {}
    }
}

//! Dependencies: bindings that propagate what their templates need; attached bindings out.
//!
//! ```text
//! binding (propagateDeps) ─▶ template ─ InterpretDependency ─▶ Secret ─▶ its binding, requiredBy
//! ```
//!
//! The binding of a dependency carries, for each binding that needs it, a label and a snapshot of the
//! clusters in `requiredBy`; the binding controller sends it there. When nobody needs it any more,
//! and no policy claims it, it is deleted.
//!
//! **Invariant:** a failure to read dependencies detaches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use outrigger_api::labels::{annotation, event, finalizer, label};
use outrigger_api::names;
use outrigger_api::policy::ConflictResolution;
use outrigger_api::work::{BindingSnapshot, ObjectReference};
use outrigger_interpreter::Dependency;
use outrigger_object::{Gvk, Object, ObjectKey, ObjectRef, Selector};
use outrigger_runtime::{Change, DeleteParams, Error, Outcome, Reconciler, Result, Subresource};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::binding::{self, Binding, id_label, works_finalizer};
use crate::hub::{BY_DEPENDANT, Event, Hub};
use crate::merge;

/// See the module.
pub(crate) struct Dependencies(pub(crate) Arc<Hub>);

/// The label by which an attached binding says that it is needed, and its value.
fn mark(binding: &Binding) -> (String, String) {
    let key = binding.key();
    let name = format!("{}{}", label::DEPENDED_BY_PREFIX, names::binding_reference_key(&key.namespace, &key.name));
    (name, binding.id().to_owned())
}

fn attached(hub: &Hub, binding: &Binding) -> Vec<Arc<Object>> {
    let (name, id) = mark(binding);
    hub.bindings_by_index(BY_DEPENDANT, &format!("{name}={id}"))
}

impl Reconciler for Dependencies {
    const NAME: &'static str = "dependencies";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.0;
        let Some(binding) = hub.binding(key)? else {
            forget(hub, key);
            return Ok(Outcome::Skipped("it is gone"));
        };
        if !binding.spec.propagate_deps || binding.object.is_deleting() {
            for one in attached(hub, &binding) {
                detach(hub, &binding, &one).await?;
            }
            forget(hub, key);
            return release(hub, &binding).await;
        }
        let Some(template) = hub.templates.get(&binding.template()).await? else {
            return Ok(Outcome::Skipped("its template is gone"));
        };
        let dependencies = match hub.engine.dependencies(&template).into_result() {
            Ok(dependencies) => dependencies.unwrap_or_default(),
            Err(error) => {
                hub.recorder.warn(&template, event::GET_DEPENDENCIES_FAILED, error.to_string());
                return Err(Error::terminal(format!("its dependencies could not be read: {error}")));
            }
        };
        remember(hub, key, &dependencies);
        if binding.spec.clusters.is_empty() && attached(hub, &binding).is_empty() {
            return Ok(Outcome::Skipped("it is not scheduled yet"));
        }
        let binding = record(hub, binding, &dependencies).await?;
        let wanted = find(hub, &dependencies).await?;
        for one in attached(hub, &binding) {
            if binding::template_of_object(&one).is_none_or(|template| !wanted.contains_key(&template)) {
                detach(hub, &binding, &one).await?;
            }
        }
        for object in wanted.into_values().flatten() {
            attach(hub, &binding, &object).await?;
        }
        Ok(Outcome::Applied)
    }
}

/// Notes the kinds that the binding's dependencies are of, so that they are watched.
fn remember(hub: &Hub, key: &ObjectKey, dependencies: &[Dependency]) {
    let kinds: BTreeSet<_> = dependencies.iter().map(gvk_of).collect();
    let before = hub.dependency_kinds.write().insert(key.clone(), kinds.clone());
    if before != Some(kinds) {
        hub.templates.look_again();
    }
}

fn forget(hub: &Hub, key: &ObjectKey) {
    if hub.dependency_kinds.write().remove(key).is_some() {
        hub.templates.look_again();
    }
}

fn gvk_of(dependency: &Dependency) -> Gvk {
    Gvk::from_api_version(&dependency.api_version, &dependency.kind)
}

/// Writes the list of dependencies on the binding, and has it wait for us when it is deleted.
async fn record(hub: &Hub, binding: Binding, dependencies: &[Dependency]) -> Result<Binding> {
    let text = serde_json::to_string(dependencies).unwrap_or_default();
    let known = binding.object.annotation(annotation::DEPENDENCIES);
    if known == Some(text.as_str()) || known.is_none() && dependencies.is_empty() {
        return Ok(binding);
    }
    let mut metadata = json!({"annotations": {annotation::DEPENDENCIES: text}});
    let ours = finalizer::BINDING_DEPENDENCIES_DISTRIBUTOR;
    if !binding.object.finalizers().any(|one| one == ours) {
        metadata["finalizers"] = binding.object.finalizers().chain([ours]).collect();
        metadata["resourceVersion"] = json!(binding.object.resource_version());
    }
    let key = binding.key();
    let patch = json!({"metadata": metadata});
    Binding::read(hub.patch(hub.binding_mirror(&key), &key, patch, Subresource::None).await?)
}

/// The binding no longer waits for us.
async fn release(hub: &Hub, binding: &Binding) -> Result<Outcome> {
    let ours = finalizer::BINDING_DEPENDENCIES_DISTRIBUTOR;
    if !binding.object.finalizers().any(|one| one == ours) {
        return Ok(Outcome::Skipped("it propagates no dependencies"));
    }
    let left: Vec<_> = binding.object.finalizers().filter(|one| *one != ours).collect();
    let patch = json!({"metadata": {
        "finalizers": left, "resourceVersion": binding.object.resource_version(),
        "annotations": {annotation::DEPENDENCIES: null},
    }});
    let key = binding.key();
    match hub.patch(hub.binding_mirror(&key), &key, patch, Subresource::None).await {
        Ok(_) if binding.object.is_deleting() && left.is_empty() => hub.binding_mirror(&key).forget(&key),
        Ok(_) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    Ok(Outcome::Applied)
}

/// The objects that dependencies name; those that do not exist (yet) without a value. A kind that the
/// hub does not serve names nothing that exists.
async fn find(hub: &Hub, dependencies: &[Dependency]) -> Result<BTreeMap<ObjectRef, Option<Arc<Object>>>> {
    let mut found = BTreeMap::new();
    for dependency in dependencies {
        let gvk = gvk_of(dependency);
        match &dependency.label_selector {
            Some(selector) if dependency.name.is_empty() => {
                let selector = serde_json::to_value(selector).unwrap_or_default();
                let selector = Selector::from_json(&selector).map_err(|error| Error::terminal(error.to_string()))?;
                for object in hub.templates.list(&gvk, Some(&dependency.namespace)) {
                    if selector.matches_object(&object) {
                        found.insert(object.reference(), Some(object));
                    }
                }
            }
            _ => {
                let key = ObjectKey::new(dependency.namespace.clone(), dependency.name.clone());
                let reference = ObjectRef { gvk, key };
                let object = match hub.templates.get(&reference).await {
                    Ok(object) => object,
                    Err(error) if error.is_not_found() => None,
                    Err(error) => return Err(error),
                };
                found.insert(reference, object.filter(|object| !object.is_deleting()));
            }
        }
    }
    Ok(found)
}

/// Has the binding of a dependency say that this one needs it, and where.
async fn attach(hub: &Hub, binding: &Binding, object: &Object) -> Result<()> {
    let key = binding::key_of(&object.reference());
    let mirror = hub.binding_mirror(&key);
    let existing = mirror.get(&key);
    if let Some(existing) = &existing {
        let of_another = existing.str(&["spec", "resource", "uid"]).is_some_and(|uid| uid != object.uid());
        if of_another || existing.is_deleting() {
            return Err(Error::transient(format!("the binding {key} of an earlier object is still there")));
        }
    }
    let wanted = with_requirement(hub, binding, object, &key, existing.as_deref())?;
    match existing {
        None => {
            let created = hub.client.create(mirror.resource(), &wanted).await?;
            mirror.wrote(created);
        }
        Some(existing) => {
            let mut patch = merge::diff_maps(&existing.0, &wanted.0);
            if !patch.is_empty() {
                patch.entry("metadata").or_insert_with(|| json!({}))["resourceVersion"] =
                    json!(existing.resource_version());
                hub.patch(mirror, &key, Value::Object(patch), Subresource::None).await?;
            }
        }
    }
    Ok(())
}

/// The attached binding as it should be; what a policy has written into it stays.
fn with_requirement(
    hub: &Hub,
    binding: &Binding,
    object: &Object,
    key: &ObjectKey,
    existing: Option<&Object>,
) -> Result<Object> {
    let cluster = key.namespace.is_empty();
    let mut wanted = existing.cloned().unwrap_or_default();
    if existing.is_none() {
        wanted.set(&["apiVersion"], "work.karmada.io/v1alpha2");
        wanted.set(&["kind"], if cluster { "ClusterResourceBinding" } else { "ResourceBinding" });
        wanted.set(&["metadata", "name"], key.name.clone());
        if !cluster {
            wanted.set(&["metadata", "namespace"], key.namespace.clone());
        }
        wanted.set(&["metadata", "labels", id_label(cluster)], Uuid::new_v4().to_string());
        wanted.set(&["metadata", "finalizers"], json!([works_finalizer(cluster)]));
        wanted.set(
            &["metadata", "ownerReferences"],
            json!([{"apiVersion": object.api_version(), "kind": object.kind(), "name": object.name(),
                "uid": object.uid(), "controller": true, "blockOwnerDeletion": true}]),
        );
        let resource = ObjectReference {
            api_version: object.api_version().to_owned(),
            kind: object.kind().to_owned(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            resource_version: object.resource_version().to_owned(),
        };
        wanted.set(&["spec", "resource"], json!(resource));
    }
    let (name, id) = mark(binding);
    wanted.set(&["metadata", "labels", &name], id);
    let mut snapshots = snapshots(&wanted)?;
    snapshots.retain(|one| !is_of(one, binding));
    let ObjectKey { namespace, name } = binding.key();
    snapshots.push(BindingSnapshot { namespace, name, clusters: binding.spec.clusters.clone() });
    snapshots.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    put_snapshots(hub, &mut wanted, &snapshots, Some(binding));
    Ok(wanted)
}

/// Takes this binding's need off an attached one, and deletes that when nothing else wants it.
async fn detach(hub: &Hub, binding: &Binding, attached: &Object) -> Result<()> {
    let key = attached.key();
    let mirror = hub.binding_mirror(&key);
    let mut snapshots = snapshots(attached)?;
    snapshots.retain(|one| !is_of(one, binding));
    let free = snapshots.is_empty() && attached.get(&["spec", "placement"]).is_none_or(Value::is_null);
    let result = if free {
        let params = DeleteParams {
            uid: Some(attached.uid().to_owned()),
            resource_version: Some(attached.resource_version().to_owned()),
            ..DeleteParams::default()
        };
        hub.client.delete(mirror.resource(), &key, &params).await.map(drop)
    } else {
        let mut wanted = attached.clone();
        wanted.remove(&["metadata", "labels", &mark(binding).0]);
        put_snapshots(hub, &mut wanted, &snapshots, None);
        let mut patch = merge::diff_maps(&attached.0, &wanted.0);
        patch.entry("metadata").or_insert_with(|| json!({}))["resourceVersion"] = json!(attached.resource_version());
        hub.patch(mirror, &key, Value::Object(patch), Subresource::None).await.map(drop)
    };
    match result {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

fn snapshots(binding: &Object) -> Result<Vec<BindingSnapshot>> {
    match binding.get(&["spec", "requiredBy"]) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|error| Error::invalid(format!("requiredBy of {}: {error}", binding.reference()))),
    }
}

fn is_of(snapshot: &BindingSnapshot, binding: &Binding) -> bool {
    let key = binding.key();
    snapshot.name == key.name && snapshot.namespace == key.namespace
}

/// Where no policy says how to meet what a member already has, or what to leave behind, those that
/// need the object do: one that overwrites, or preserves, is enough.
fn put_snapshots(hub: &Hub, wanted: &mut Object, snapshots: &[BindingSnapshot], known: Option<&Binding>) {
    if snapshots.is_empty() {
        wanted.remove(&["spec", "requiredBy"]);
    } else {
        wanted.set(&["spec", "requiredBy"], json!(snapshots));
    }
    if wanted.get(&["spec", "placement"]).is_some_and(|placement| !placement.is_null()) {
        return;
    }
    let (mut overwrite, mut preserve) = (false, false);
    for snapshot in snapshots {
        let key = ObjectKey::new(snapshot.namespace.clone(), snapshot.name.clone());
        let read = hub.binding(&key).ok().flatten();
        let known = known.filter(|known| known.key() == key).or(read.as_ref());
        let Some(needing) = known else { continue };
        overwrite |= needing.spec.conflict_resolution == Some(ConflictResolution::Overwrite);
        preserve |= needing.spec.preserve_resources_on_deletion == Some(true);
    }
    let resolution = if overwrite { ConflictResolution::Overwrite } else { ConflictResolution::Abort };
    wanted.set(&["spec", "conflictResolution"], json!(resolution));
    wanted.set(&["spec", "preserveResourcesOnDeletion"], preserve);
}

/// Bindings that propagate dependencies, their templates, and the objects that they depend on wake
/// the distributor.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    let queue = &hub.queues.dependencies;
    let follows = |object: &Object| {
        object.bool(&["spec", "propagateDeps"]) == Some(true)
            || object.finalizers().any(|one| one == finalizer::BINDING_DEPENDENCIES_DISTRIBUTOR)
    };
    match event {
        Event::Binding { change } => {
            let Some(object) = change.object() else { return };
            if follows(object) {
                queue.add(object.key());
            }
            // Somebody may have undone what a binding that needs this one has written.
            for (namespace, name) in required_by(object) {
                let key = ObjectKey::new(namespace, name);
                if matches!(change, Change::Deleted(_) | Change::Updated { .. })
                    && hub.binding_object(&key).is_some_and(|needing| follows(&needing))
                {
                    queue.add(key);
                }
            }
        }
        Event::Template { change, gvk } => {
            let Some(object) = change.object() else { return };
            let key = binding::key_of(&object.reference());
            if hub.binding_object(&key).is_some_and(|binding| follows(&binding)) {
                queue.add(key);
            }
            let kinds = hub.dependency_kinds.read();
            for (key, _) in kinds.iter().filter(|(_, kinds)| kinds.contains(gvk)) {
                let Some(binding) = hub.binding_object(key) else { continue };
                if depends_on(&binding, gvk, change) {
                    queue.add(key.clone());
                }
            }
        }
        _ => {}
    }
}

fn required_by(binding: &Object) -> Vec<(String, String)> {
    let list = binding.get(&["spec", "requiredBy"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    list.iter().map(|one| (text(one, "namespace"), text(one, "name"))).collect()
}

/// Whether a change is of something that the binding says it depends on.
fn depends_on(binding: &Object, gvk: &Gvk, change: &Change) -> bool {
    let Some(text) = binding.annotation(annotation::DEPENDENCIES) else { return true };
    let Ok(dependencies) = serde_json::from_str::<Vec<Dependency>>(text) else { return true };
    let versions: Vec<&Arc<Object>> = match change {
        Change::Added(object) | Change::Deleted(object) => vec![object],
        Change::Updated { old, new } => vec![old, new],
        Change::Synced => return true,
    };
    dependencies.iter().filter(|dependency| gvk_of(dependency) == *gvk).any(|dependency| {
        versions.iter().any(|object| {
            object.namespace() == dependency.namespace
                && match &dependency.label_selector {
                    Some(selector) if dependency.name.is_empty() => {
                        let selector = serde_json::to_value(selector).unwrap_or_default();
                        Selector::from_json(&selector).is_ok_and(|selector| selector.matches_object(object))
                    }
                    _ => object.name() == dependency.name,
                }
        })
    })
}

//! Detector: templates and policies in; claims and bindings out.
//!
//! For each template the policy that it belongs to is decided anew from what is there
//! (`Policies::decide`), and template and binding are brought to what follows from it. So it makes no
//! difference what woke the detector, or in which order things came.
//!
//! A policy that goes away takes its claim with it and leaves the binding, and with it what is in the
//! members, in place: that is Karmada's rule. A template that goes away takes its binding along.

pub(crate) mod lazy;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use outrigger_api::labels::event;
use outrigger_api::policy::ActivationPreference;
use outrigger_object::{Object, ObjectKey, ObjectRef};
use outrigger_runtime::{
    Change, Client, DeleteParams, Error, ErrorKind, Outcome, Patch, Reconciler, Result, Subresource,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::binding;
use crate::hub::{Event, Hub};
use crate::mirror::Mirror;
use crate::policy::{Claim, Policy};
use plan::{Demand, Inputs, Plan, Write};

pub(crate) use plan::is_reserved_kind;

/// See the module.
pub(crate) struct Detector(pub(crate) Arc<Hub>);

impl Reconciler for Detector {
    const NAME: &'static str = "detector";
    type Key = ObjectRef;

    async fn reconcile(&self, key: &ObjectRef) -> Result<Outcome> {
        let hub = &*self.0;
        let Some(mirror) = hub.templates.mirror(&key.gvk).filter(Mirror::synced) else {
            return Ok(Outcome::Skipped("its kind is not watched, or not read yet"));
        };
        let binding_key = binding::key_of(key);
        let Some(template) = mirror.get(&key.key) else { return gone(hub, &mirror, key, &binding_key).await };
        if template.is_deleting() {
            return Ok(Outcome::Skipped("it is being deleted"));
        }
        if let Some(why) = plan::is_left_alone(&template, &hub.options.skipped_namespaces) {
            return Ok(Outcome::Skipped(why));
        }
        if hub.policies.read().selects_another_version(&template) {
            return Ok(Outcome::Skipped("its policy selects another version of its kind"));
        }
        let binding = hub.binding_object(&binding_key);
        if binding.as_deref().is_some_and(|binding| !binds(binding, key)) {
            return Err(clash(hub, &template, &binding_key));
        }
        let policy = hub.policies.read().decide(&template).cloned();
        if let Some(policy) = &policy {
            if let Some(missing) = missing_override(hub, policy) {
                let message = format!("Policy {} waits for the override policy {missing}.", policy.key);
                hub.recorder.warn(&template, event::APPLY_POLICY_FAILED, message);
                return Ok(Outcome::Skipped("override policies that its policy depends on are missing"));
            }
            if is_lazy(policy) && binding.is_some() && !hub.lazy.is_due(key, &template) {
                return Ok(Outcome::Skipped("its policy waits for the template to change"));
            }
        }
        let demand = match policy {
            Some(_) => demand(hub, &template, binding.as_deref())?,
            None => Demand::default(),
        };
        let id = Uuid::new_v4().to_string();
        let plan = plan::plan(&Inputs {
            template: &template,
            policy: policy.as_ref(),
            binding: binding.as_deref(),
            binding_key: &binding_key,
            demand: &demand,
            new_id: &id,
        })?;
        let outcome = apply(hub, &mirror, key, &binding_key, plan).await;
        if let (Err(error), Some(policy)) = (&outcome, &policy)
            && !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists)
        {
            let message = format!("Apply policy({}) failed: {error}", policy.key);
            hub.recorder.warn(&template, event::APPLY_POLICY_FAILED, message);
        }
        outcome
    }
}

async fn apply(hub: &Hub, mirror: &Mirror, key: &ObjectRef, binding_key: &ObjectKey, plan: Plan) -> Result<Outcome> {
    let bindings = hub.binding_mirror(binding_key);
    match plan {
        Plan::Nothing => {}
        Plan::Release { binding, template } => {
            if let Some(patch) = binding {
                hub.patch(bindings, binding_key, patch, Subresource::None).await?;
            }
            if let Some(patch) = template {
                hub.patch(mirror, &key.key, patch, Subresource::None).await?;
            }
        }
        Plan::Replace { uid } => {
            delete(&hub.client, bindings, binding_key, &uid).await?;
            return Ok(Outcome::Skipped("the binding of an earlier template goes first"));
        }
        Plan::Bind { template, binding } => {
            let mut version = None;
            if let Some(patch) = template {
                let claimed = hub.patch(mirror, &key.key, patch, Subresource::None).await?;
                version = Some(claimed.resource_version().to_owned());
            }
            match binding {
                Write::None => {}
                Write::Create(mut object) => {
                    if let Some(version) = version {
                        object.set(&["spec", "resource", "resourceVersion"], version);
                    }
                    let created = hub.client.create(bindings.resource(), &object).await?;
                    bindings.wrote(created);
                }
                Write::Patch(mut patch) => {
                    if let Some(version) = version {
                        patch["spec"]["resource"]["resourceVersion"] = version.into();
                    }
                    hub.patch(bindings, binding_key, patch, Subresource::None).await?;
                }
            }
        }
    }
    Ok(Outcome::Applied)
}

/// The template is not in the cache. Only when the server says so too does its binding go.
async fn gone(hub: &Hub, mirror: &Mirror, key: &ObjectRef, binding_key: &ObjectKey) -> Result<Outcome> {
    hub.lazy.forget(key);
    let Some(binding) = hub.binding_object(binding_key).filter(|binding| binds(binding, key) && !binding.is_deleting())
    else {
        return Ok(Outcome::Skipped("it is gone, and has no binding"));
    };
    if hub.client.get_opt(mirror.resource(), &key.key).await?.is_some() {
        return Ok(Outcome::Waiting(Duration::from_millis(100)));
    }
    delete(&hub.client, hub.binding_mirror(binding_key), binding_key, binding.uid()).await?;
    Ok(Outcome::Applied)
}

async fn delete(client: &Client, mirror: &Mirror, key: &ObjectKey, uid: &str) -> Result<()> {
    let params = DeleteParams { uid: Some(uid.to_owned()), ..DeleteParams::default() };
    client.delete(mirror.resource(), key, &params).await?;
    Ok(())
}

fn binds(binding: &Object, template: &ObjectRef) -> bool {
    binding::template_of_object(binding).is_some_and(|one| {
        one.gvk.group == template.gvk.group && one.gvk.kind == template.gvk.kind && one.key == template.key
    })
}

/// Names of bindings are made of kind and name, so two groups with the same kind can meet.
fn clash(hub: &Hub, template: &Object, binding: &ObjectKey) -> Error {
    let message = format!("The binding {binding} belongs to another template of the same kind and name.");
    hub.recorder.warn(template, event::APPLY_POLICY_FAILED, message.clone());
    Error::terminal(message)
}

fn missing_override(hub: &Hub, policy: &Policy) -> Option<ObjectKey> {
    let overrides = hub.overrides.read();
    let keys = policy.spec.dependent_overrides.iter().map(|name| ObjectKey::new(policy.key.namespace.clone(), name));
    keys.into_iter().find(|key| !overrides.contains(key))
}

fn is_lazy(policy: &Policy) -> bool {
    policy.spec.activation_preference == Some(ActivationPreference::Lazy)
}

/// What the template asks for. When the interpreter fails, what the binding says so far stands.
fn demand(hub: &Hub, template: &Object, binding: Option<&Object>) -> Result<Demand> {
    let replicas = hub.engine.replicas(template).into_result();
    let failed = |error: outrigger_interpreter::Error| {
        hub.recorder.warn(template, event::GET_REPLICAS_FAILED, error.to_string());
        match binding {
            Some(binding) => Ok(Demand {
                replicas: spec_part(binding, "replicas").unwrap_or_default(),
                requirements: spec_part(binding, "replicaRequirements"),
                components: spec_part(binding, "components").unwrap_or_default(),
            }),
            None => Err(Error::terminal(format!("its replicas could not be read: {error}"))),
        }
    };
    match replicas {
        Err(error) => failed(error),
        Ok(Some(info)) => Ok(Demand {
            replicas: i32::try_from(info.replicas).unwrap_or(i32::MAX),
            requirements: info.requirements.map(|one| convert(&one)).transpose()?,
            components: Vec::new(),
        }),
        Ok(None) => match hub.engine.components(template).into_result() {
            Err(error) => failed(error),
            Ok(None) => Ok(Demand::default()),
            Ok(Some(components)) => Ok(Demand { components: convert(&components)?, ..Demand::default() }),
        },
    }
}

fn spec_part<T: DeserializeOwned>(binding: &Object, field: &str) -> Option<T> {
    T::deserialize(binding.get(&["spec", field])?).ok()
}

/// Interpreters and bindings say the same in the same JSON.
fn convert<T: DeserializeOwned>(value: &impl serde::Serialize) -> Result<T> {
    let value = serde_json::to_value(value).map_err(|error| Error::internal(error.to_string()))?;
    serde_json::from_value(value).map_err(|error| Error::terminal(format!("its replicas are not understood: {error}")))
}

/// Templates, policies, override policies and bindings wake the detector.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    let queue = &hub.queues.detector;
    match event {
        Event::Template { gvk, change: Change::Synced } => {
            // Bindings whose templates went while nobody was looking.
            for binding in hub.binding_objects() {
                if let Some(template) = binding::template_of_object(&binding).filter(|one| one.gvk == **gvk) {
                    queue.add(template);
                }
            }
        }
        Event::Template { gvk, change } => {
            let Some(object) = change.object() else { return };
            if let Change::Updated { old, new } = change
                && same_content(old, new)
            {
                return;
            }
            queue.add(ObjectRef { gvk: (*gvk).clone(), key: object.key() });
        }
        Event::Policy { old, new } => {
            let touched = |template: &Object| {
                let claimed = |policy: &Policy| Claim::of(template).is_some_and(|claim| claim.policy == policy.key);
                let selects = |policy: &Policy| policy.fit(template).is_some();
                [old, new].into_iter().copied().flatten().any(|policy| claimed(policy) || selects(policy))
            };
            let policies = [old, new].into_iter().copied().flatten();
            for (gvk, namespace) in policies.flat_map(|policy| policy.kinds().map(|gvk| (gvk, policy.key.namespace())))
            {
                for template in hub.templates.list(gvk, namespace).iter().filter(|template| touched(template)) {
                    queue.add(ObjectRef { gvk: gvk.clone(), key: template.key() });
                }
            }
        }
        Event::Override { old: None, new: Some(_) } => {
            // Policies that wait for it.
            let policies = hub.policies.read();
            for policy in policies.iter().filter(|policy| !policy.spec.dependent_overrides.is_empty()) {
                for gvk in policy.kinds() {
                    for template in hub.templates.list(gvk, policy.key.namespace()) {
                        queue.add(ObjectRef { gvk: gvk.clone(), key: template.key() });
                    }
                }
            }
        }
        Event::Binding { change } => {
            if let Change::Updated { old, new } = change
                && old.generation() == new.generation()
                && old.get(&["metadata", "labels"]) == new.get(&["metadata", "labels"])
                && old.get(&["metadata", "annotations"]) == new.get(&["metadata", "annotations"])
            {
                return;
            }
            if let Some(template) = change.object().and_then(|binding| binding::template_of_object(binding)) {
                queue.add(template);
            }
            if matches!(change, Change::Added(_) | Change::Deleted(_)) {
                hub.templates.look_again();
            }
        }
        _ => {}
    }
}

/// Whether two versions of a template differ in nothing but status and bookkeeping.
pub(crate) fn same_content(old: &Object, new: &Object) -> bool {
    const BOOKKEEPING: [&str; 2] = ["resourceVersion", "managedFields"];
    let fields = |object: &Object| object.0.keys().filter(|name| *name != "status" && *name != "metadata").count();
    let metadata = |object: &Object| {
        let mut metadata = object.0.get("metadata").and_then(|value| value.as_object()).cloned().unwrap_or_default();
        metadata.retain(|name, _| !BOOKKEEPING.contains(&name.as_str()));
        metadata
    };
    fields(old) == fields(new)
        && old
            .0
            .iter()
            .filter(|(name, _)| *name != "status" && *name != "metadata")
            .all(|(name, value)| new.0.get(name) == Some(value))
        && metadata(old) == metadata(new)
}

/// Gives policies their permanent ids, and lets them go when they are deleted.
pub(crate) struct PolicyKeeper(pub(crate) Arc<Hub>);

impl Reconciler for PolicyKeeper {
    const NAME: &'static str = "policies";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        use outrigger_api::labels::{finalizer, label};
        let hub = &*self.0;
        let (mirror, id, finalizer) = if key.namespace.is_empty() {
            let (id, finalizer) =
                (label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID, finalizer::CLUSTER_PROPAGATION_POLICY_CONTROLLER);
            (&hub.cluster_policy_objects, id, finalizer)
        } else {
            (&hub.policy_objects, label::PROPAGATION_POLICY_PERMANENT_ID, finalizer::PROPAGATION_POLICY_CONTROLLER)
        };
        let Some(policy) = mirror.get(key) else { return Ok(Outcome::Skipped("it is gone")) };
        if !policy.is_deleting() {
            if policy.label(id).is_some_and(|id| !id.is_empty()) {
                return Ok(Outcome::Applied);
            }
            let patch = serde_json::json!({"metadata": {"labels": {id: Uuid::new_v4().to_string()}}});
            hub.patch(mirror, key, patch, Subresource::None).await?;
            return Ok(Outcome::Applied);
        }
        if !policy.finalizers().any(|one| one == finalizer) {
            return Ok(Outcome::Skipped("it is being deleted, and nothing of ours holds it"));
        }
        let held = |object: &Arc<Object>| Claim::of(object).is_some_and(|claim| claim.policy == *key);
        if hub.binding_objects_in(&key.namespace).iter().any(held) {
            // The detector takes the claims off; their going wakes nobody here.
            return Ok(Outcome::Waiting(Duration::from_millis(50)));
        }
        let left: Vec<_> = policy.finalizers().filter(|one| *one != finalizer).collect();
        let patch = serde_json::json!({"metadata": {
            "finalizers": left, "resourceVersion": policy.resource_version()}});
        let result = hub.client.patch(mirror.resource(), key, &Patch::Merge(patch), Subresource::None).await;
        match result {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(Outcome::Applied),
        }
    }
}

/// Policies wake their keeper.
pub(crate) fn policy_triggers(hub: &Hub, event: &Event<'_>) {
    if let Event::Policy { new: Some(policy), .. } = event {
        hub.queues.policies.add(policy.key.clone());
    }
}

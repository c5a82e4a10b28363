//! What the detector does about one template: pure.

use outrigger_api::labels::label;
use outrigger_api::policy::Suspension;
use outrigger_api::work::{BindingSuspension, Component, ObjectReference, ReplicaRequirements, WorkloadAffinityGroups};
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::binding::{id_label, works_finalizer};
use crate::merge;
use crate::policy::{Policy, claim_patch, release_patch};

/// How many replicas a template asks for, as bindings say it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Demand {
    pub(crate) replicas: i32,
    pub(crate) requirements: Option<ReplicaRequirements>,
    pub(crate) components: Vec<Component>,
}

/// Everything that the decision is made from.
pub(super) struct Inputs<'a> {
    /// The template, in its newest known version.
    pub(super) template: &'a Object,
    /// The policy that it belongs to.
    pub(super) policy: Option<&'a Policy>,
    /// Its binding, if there is one.
    pub(super) binding: Option<&'a Object>,
    /// Where its binding is, or would be.
    pub(super) binding_key: &'a ObjectKey,
    /// What it asks for.
    pub(super) demand: &'a Demand,
    /// A permanent id for a binding without one.
    pub(super) new_id: &'a str,
}

/// What to do. The binding is released before the template, and claimed after it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) enum Plan {
    /// Everything is as it should be.
    Nothing,
    /// No policy wants the template: take the claims off.
    Release {
        /// Patch of the binding.
        binding: Option<Value>,
        /// Patch of the template.
        template: Option<Value>,
    },
    /// The binding is of an earlier template of the same name, and goes.
    Replace {
        /// UID of the binding.
        uid: String,
    },
    /// A policy wants the template.
    Bind {
        /// Patch of the template.
        template: Option<Value>,
        /// What becomes of the binding.
        binding: Write,
    },
}

/// A write of a binding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) enum Write {
    /// None is needed.
    None,
    /// It is created.
    Create(Object),
    /// It is patched.
    Patch(Value),
}

pub(super) fn plan(inputs: &Inputs<'_>) -> Result<Plan> {
    let Some(policy) = inputs.policy else {
        let binding = inputs.binding.filter(|binding| !binding.is_deleting()).and_then(release_patch);
        let template = release_patch(inputs.template);
        return Ok(match (&binding, &template) {
            (None, None) => Plan::Nothing,
            _ => Plan::Release { binding, template },
        });
    };
    if let Some(binding) = inputs.binding.filter(|binding| !is_of(binding, inputs.template)) {
        return Ok(Plan::Replace { uid: binding.uid().to_owned() });
    }
    let template = claim_patch(inputs.template, policy);
    let binding = match inputs.binding {
        None => Write::Create(desired(inputs, policy, None)?),
        Some(old) => {
            let new = desired(inputs, policy, Some(old))?;
            match merge::diff_maps(&old.0, &new.0) {
                patch if only_version(&patch) => Write::None,
                patch => Write::Patch(Value::Object(patch)),
            }
        }
    };
    Ok(match (template, binding) {
        (None, Write::None) => Plan::Nothing,
        (template, binding) => Plan::Bind { template, binding },
    })
}

/// Whether a binding was made for this template, and not for one of the same name before it.
fn is_of(binding: &Object, template: &Object) -> bool {
    binding.str(&["spec", "resource", "uid"]).is_none_or(|uid| uid.is_empty() || uid == template.uid())
}

/// The version of the template alone is no reason to write: every status that comes back changes it.
fn only_version(patch: &serde_json::Map<String, Value>) -> bool {
    patch.is_empty()
        || Value::Object(patch.clone())
            == json!({"spec": {"resource": {
                "resourceVersion": patch.get("spec").and_then(|spec| spec.pointer("/resource/resourceVersion")),
            }}})
}

/// The binding as it should be; what others have written into the one that exists stays.
fn desired(inputs: &Inputs<'_>, policy: &Policy, existing: Option<&Object>) -> Result<Object> {
    let (template, key) = (inputs.template, inputs.binding_key);
    let cluster = key.namespace.is_empty();
    let mut binding = existing.cloned().unwrap_or_default();
    binding.set(&["apiVersion"], "work.karmada.io/v1alpha2");
    binding.set(&["kind"], if cluster { "ClusterResourceBinding" } else { "ResourceBinding" });
    binding.set(&["metadata", "name"], key.name.clone());
    if !cluster {
        binding.set(&["metadata", "namespace"], key.namespace.clone());
    }
    if binding.label(id_label(cluster)).is_none_or(str::is_empty) {
        binding.set(&["metadata", "labels", id_label(cluster)], inputs.new_id);
    }
    let mut value = binding.into_value();
    if let Some(patch) = claim_patch(&Object::from_value(value.clone()).unwrap_or_default(), policy) {
        json_patch::merge(&mut value, &patch);
    }
    let mut binding = Object::from_value(value).map_err(|_| Error::internal("a binding is an object"))?;
    let finalizer = works_finalizer(cluster);
    if !binding.finalizers().any(|one| one == finalizer) {
        let with: Vec<_> = binding.finalizers().chain([finalizer]).map(Value::from).collect();
        binding.set(&["metadata", "finalizers"], with);
    }
    binding.set(
        &["metadata", "ownerReferences"],
        json!([{"apiVersion": template.api_version(), "kind": template.kind(), "name": template.name(),
            "uid": template.uid(), "controller": true, "blockOwnerDeletion": true}]),
    );
    let spec = &policy.spec;
    put(&mut binding, "resource", Some(&reference(template)))?;
    put(&mut binding, "replicas", Some(&inputs.demand.replicas).filter(|replicas| **replicas != 0))?;
    put(&mut binding, "replicaRequirements", inputs.demand.requirements.as_ref())?;
    put(&mut binding, "components", Some(&inputs.demand.components).filter(|list| !list.is_empty()))?;
    put(&mut binding, "propagateDeps", Some(&spec.propagate_deps).filter(|follow| **follow))?;
    put(&mut binding, "schedulerName", Some(&spec.scheduler_name).filter(|name| !name.is_empty()))?;
    put(&mut binding, "placement", Some(&spec.placement))?;
    put(&mut binding, "failover", spec.failover.as_ref())?;
    put(&mut binding, "conflictResolution", Some(&spec.conflict_resolution.unwrap_or_default()))?;
    put(&mut binding, "preserveResourcesOnDeletion", spec.preserve_resources_on_deletion.as_ref())?;
    put(&mut binding, "workloadAffinityGroups", affinity_groups(template, policy).as_ref())?;
    // Values of priority classes are looked up by nobody yet; a value that is there stays.
    put_suspension(&mut binding, spec.suspension.as_ref())?;
    Ok(binding)
}

fn reference(template: &Object) -> ObjectReference {
    ObjectReference {
        api_version: template.api_version().to_owned(),
        kind: template.kind().to_owned(),
        namespace: template.namespace().to_owned(),
        name: template.name().to_owned(),
        uid: template.uid().to_owned(),
        resource_version: template.resource_version().to_owned(),
    }
}

/// Dispatching follows the policy; scheduling is suspended by others and stays.
fn put_suspension(binding: &mut Object, policy: Option<&Suspension>) -> Result<()> {
    let scheduling = binding.bool(&["spec", "suspension", "scheduling"]);
    let suspension = BindingSuspension { policy: policy.cloned().unwrap_or_default(), scheduling };
    put(binding, "suspension", Some(&suspension).filter(|one| **one != BindingSuspension::default()))
}

fn affinity_groups(template: &Object, policy: &Policy) -> Option<WorkloadAffinityGroups> {
    let affinity = policy.spec.placement.workload_affinity.as_ref()?;
    let group =
        |key: Option<&str>| key.and_then(|key| Some(format!("{key}={}", template.label(key)?))).unwrap_or_default();
    let groups = WorkloadAffinityGroups {
        affinity_group: group(affinity.affinity.as_ref().map(|term| term.group_by_label_key.as_str())),
        anti_affinity_group: group(affinity.anti_affinity.as_ref().map(|term| term.group_by_label_key.as_str())),
    };
    (groups != WorkloadAffinityGroups::default()).then_some(groups)
}

fn put<T: Serialize>(binding: &mut Object, field: &str, value: Option<&T>) -> Result<()> {
    match value {
        None => {
            binding.remove(&["spec", field]);
        }
        Some(value) => {
            let value = serde_json::to_value(value).map_err(|error| Error::internal(format!("{field}: {error}")))?;
            binding.set(&["spec", field], value);
        }
    }
    Ok(())
}

/// Whether the detector leaves a template alone: it belongs to the system, to the API server, or to
/// another kind that propagates it.
pub(super) fn is_left_alone(template: &Object, skipped: &[String]) -> Option<&'static str> {
    let namespace = template.namespace();
    if outrigger_api::names::is_reserved_namespace(namespace) {
        return Some("its namespace is the system's");
    }
    if skipped.iter().any(|prefix| namespace.starts_with(prefix.as_str())) {
        return Some("its namespace is not propagated");
    }
    if template.label(label::TEMPLATE_CLAIMED_BY).is_some_and(|by| !by.is_empty()) {
        return Some("another kind propagates it");
    }
    None
}

/// Whether templates of a kind are never propagated: the API of the control plane itself, and events.
pub(crate) fn is_reserved_kind(group: &str, kind: &str) -> bool {
    const RESERVED: [&str; 6] = [
        "cluster.karmada.io",
        "policy.karmada.io",
        "work.karmada.io",
        "config.karmada.io",
        "addons.outrigger.io",
        "interpreters.outrigger.io",
    ];
    RESERVED.contains(&group) || kind == "Event"
}

#[cfg(test)]
mod tests;

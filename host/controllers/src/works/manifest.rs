//! The manifest of a template for one cluster: pure.
//!
//! ```text
//! template ─ revise replicas ─ localize ─ templates of addons ─ overrides ─ prune ─ mark ─▶ manifest
//! ```
//!
//! Manifests carry Karmada's marks: the label `karmada.io/managed`, and annotations that lead back to
//! template, binding and Work. Kinds whose controllers hand labels and annotations on to what they
//! make (a Velero Schedule to its Backups) carry none. The claims of policies stay on the hub in any
//! case.

use std::borrow::Cow;

use outrigger_api::cluster::Cluster;
use outrigger_api::labels::{annotation, label};
use outrigger_api::policy::{ConflictResolution, ReplicaSchedulingType};
use outrigger_api::work::TargetCluster;
use outrigger_engine::Engine;
use outrigger_interpreter::ClusterFacts;
use outrigger_object::{Object, ObjectKey};
use outrigger_scheduler::{ClusterLike, is_workload};
use serde_json::{Map, Value};

use crate::binding::Binding;
use crate::overrides::{Applied, Overrides};
use crate::policy::{CLAIM_ANNOTATIONS, CLAIM_LABELS};
use crate::prune::prune;
use crate::schedule::shares_add_up;
use crate::tailoring::Tailoring;
use crate::works::trace::{By, Trace};

/// A manifest, and what goes with it on the Work.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Manifest {
    pub(super) object: Object,
    pub(super) applied: Applied,
    pub(super) conflict: &'static str,
}

/// What a cluster is to interpreters.
fn facts(cluster: &Cluster) -> ClusterFacts {
    ClusterFacts {
        name: ClusterLike::name(cluster).to_owned(),
        labels: ClusterLike::labels(cluster).clone(),
        provider: cluster.spec.provider.clone(),
        region: cluster.spec.region.clone(),
        zones: cluster.spec.zones.clone(),
    }
}

/// What the manifests of one template are made from.
pub(super) struct Maker<'a> {
    pub(super) engine: &'a Engine,
    pub(super) overrides: &'a Overrides,
    pub(super) tailoring: &'a Tailoring,
    pub(super) template: &'a Object,
    pub(super) binding: &'a Binding,
    /// Whether the template's generation counts changes of its spec alone; that of a kind without a
    /// status subresource rises with every status, and means nothing to members.
    pub(super) counts_spec: bool,
    /// Whether the shares are those of the template as it is; see [`is_settled`].
    pub(super) settled: bool,
    /// Completions by cluster, where they are divided.
    pub(super) completions: Option<Vec<(String, i64)>>,
}

impl Maker<'_> {
    /// Makes the manifest for one cluster. A failure says what failed, for people.
    /// `before` is what the Work holds now.
    pub(super) fn make(
        &self,
        target: &TargetCluster,
        cluster: &Cluster,
        work: &ObjectKey,
        before: Option<&Value>,
        trace: &mut dyn Trace,
    ) -> Result<Manifest, String> {
        let (engine, template, binding) = (self.engine, self.template, self.binding);
        // Copied where something changes it, and no sooner: this is done for every cluster.
        let mut object = Cow::Borrowed(template);
        if is_workload(&binding.spec) {
            let replicas = i64::from(target.replicas);
            let reply = engine.revise_replicas(&*object, replicas);
            let interpreter = reply.interpreter().unwrap_or_default().to_owned();
            let revised = reply.into_result().map_err(|error| format!("its replicas could not be set: {error}"))?;
            if let Some(revised) = revised {
                object = Cow::Owned(revised);
                trace.step(By::Replicas { replicas, interpreter }, &object);
            }
        }
        let completions = self.completions.iter().flatten().find(|(name, _)| *name == target.name);
        if let Some((_, completions)) = completions {
            object.to_mut().set(&["spec", "completions"], *completions);
            trace.step(By::Completions, &object);
        }
        let facts = facts(cluster);
        let reply = engine.localize(&*object, &facts);
        let interpreter = reply.interpreter().unwrap_or_default().to_owned();
        if let Some(localized) =
            reply.into_result().map_err(|error| format!("it could not be fitted to the cluster: {error}"))?
        {
            object = Cow::Owned(localized);
            trace.step(By::Interpreter { interpreter }, &object);
        }
        let told = &mut |addon: &str, changes: Vec<_>, object: &Object| trace.tailored(addon, &changes, object);
        let object = self.tailoring.apply(object.into_owned(), &facts, told).map_err(|error| error.to_string())?;
        let (object, applied) = self.overrides.apply(object, cluster, trace).map_err(|error| error.to_string())?;
        if object.reference() != template.reference() {
            return Err(format!("overrides or an interpreter made {} of it", object.reference()));
        }
        let conflict = conflict_resolution(&object, binding);
        let mut object = prune(object);
        unclaim(&mut object);
        if !engine.is_unmarked(&template.gvk()) {
            mark(&mut object, template, binding, work, conflict);
            if let Some(generation) = self.generation(before) {
                object.set(&["metadata", "annotations", annotation::TEMPLATE_GENERATION], generation);
            }
        }
        trace.step(By::Marks, &object);
        Ok(Manifest { object, applied, conflict })
    }

    /// The generation that a manifest says it was made from. While shares are being counted it is the one
    /// before: a member that has nothing to do for a new generation must not seem to have observed it.
    fn generation(&self, before: Option<&Value>) -> Option<String> {
        if !self.counts_spec || self.template.generation() <= 0 {
            return None;
        }
        if self.settled {
            return Some(self.template.generation().to_string());
        }
        let annotations = before?.get("metadata")?.get("annotations")?;
        annotations.get(annotation::TEMPLATE_GENERATION)?.as_str().map(str::to_owned)
    }
}

/// Whether a binding's shares are those of its template as it is: the detector has counted the replicas, and
/// the scheduler has given each cluster its own.
pub(super) fn is_settled(engine: &Engine, template: &Object, binding: &Binding) -> bool {
    if !is_workload(&binding.spec) {
        return true;
    }
    // Where replicas cannot be counted, what the binding says so far stands.
    let counted = match engine.replicas(template).into_result() {
        Ok(Some(info)) => i64::from(binding.spec.replicas) == info.replicas,
        Ok(None) | Err(_) => true,
    };
    counted && binding.spec.placement.as_ref().is_none_or(|placement| shares_add_up(binding, placement))
}

/// The template's own word, if it is one of the two; else the policy's.
fn conflict_resolution(object: &Object, binding: &Binding) -> &'static str {
    match object.annotation(annotation::CONFLICT_RESOLUTION) {
        Some(annotation::CONFLICT_RESOLUTION_OVERWRITE) => annotation::CONFLICT_RESOLUTION_OVERWRITE,
        Some(annotation::CONFLICT_RESOLUTION_ABORT) => annotation::CONFLICT_RESOLUTION_ABORT,
        _ if binding.spec.conflict_resolution == Some(ConflictResolution::Overwrite) => {
            annotation::CONFLICT_RESOLUTION_OVERWRITE
        }
        _ => annotation::CONFLICT_RESOLUTION_ABORT,
    }
}

fn unclaim(object: &mut Object) {
    let mut strip = |field: &str, names: &[&str]| {
        for name in names {
            object.remove(&["metadata", field, name]);
        }
        if object.get(&["metadata", field]).and_then(Value::as_object).is_some_and(Map::is_empty) {
            object.remove(&["metadata", field]);
        }
    };
    strip("labels", &CLAIM_LABELS);
    strip("annotations", &CLAIM_ANNOTATIONS);
}

fn mark(object: &mut Object, template: &Object, binding: &Binding, work: &ObjectKey, conflict: &str) {
    object.set(&["metadata", "labels", label::MANAGED], label::MANAGED_TRUE);
    let mut annotate = |name: &str, value: &str| object.set(&["metadata", "annotations", name], value);
    annotate(annotation::WORK_NAMESPACE, &work.namespace);
    annotate(annotation::WORK_NAME, &work.name);
    annotate(annotation::CONFLICT_RESOLUTION, conflict);
    annotate(annotation::TEMPLATE_UID, template.uid());
    for (name, value) in back_references(binding) {
        annotate(name, &value);
    }
}

/// Annotations that lead from a Work or a manifest to the binding.
pub(super) fn back_references(binding: &Binding) -> Vec<(&'static str, String)> {
    let ObjectKey { namespace, name } = binding.key();
    if binding.is_cluster() {
        vec![(annotation::CLUSTER_RESOURCE_BINDING_NAME, name)]
    } else {
        vec![(annotation::RESOURCE_BINDING_NAMESPACE, namespace), (annotation::RESOURCE_BINDING_NAME, name)]
    }
}

/// How a divided Job's completions divide: in proportion to the replicas. Jobs without completions,
/// and other kinds, have nothing to divide.
pub(super) fn completions(
    template: &Object,
    binding: &Binding,
    targets: &[TargetCluster],
) -> Option<Vec<(String, i64)>> {
    let placement = binding.spec.placement.as_ref()?;
    let divided =
        placement.replica_scheduling.as_ref()?.replica_scheduling_type != Some(ReplicaSchedulingType::Duplicated);
    if template.kind() != "Job" || binding.spec.replicas <= 0 || !divided {
        return None;
    }
    let total = u32::try_from(template.int(&["spec", "completions"])?).ok()?;
    let weights: Vec<_> = targets.iter().map(|target| (target.name.as_str(), i64::from(target.replicas))).collect();
    Some(outrigger_scheduler::divide_by_weight(total, &weights, template.uid()))
}

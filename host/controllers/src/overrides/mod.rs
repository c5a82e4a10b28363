//! Override policies: changes to a template on its way to one cluster.
//!
//! ```text
//! template ── ClusterOverridePolicies ── OverridePolicies of its namespace ──▶ manifest
//! ```
//!
//! Policies of each sort apply from the loosest selector to the closest, then by name; the rules of
//! a policy in order; within a rule image, command, args, labels, annotations, field, plaintext. That
//! is Karmada's order.
//!
//! **Invariant:** overrides apply as a whole or not at all. One that fails stops the manifest for
//! this cluster, and the error names the policy and the place.

mod document;
mod image;
mod pods;

use std::collections::BTreeMap;

use outrigger_api::policy::{
    ClusterOverridePolicy, LabelAnnotationOverrider, OverridePolicy, OverrideSpec, OverriderOperator, Overriders,
};
use outrigger_object::{Object, ObjectKey};
use outrigger_scheduler::{ClusterLike, ClusterSelector};
use serde_json::{Value, json};

use crate::policy::{Fit, ResourceMatcher};
use crate::works::trace::{By, Trace};

/// Why an override could not be applied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("override policy {policy}: {problem}")]
pub(crate) struct Error {
    policy: ObjectKey,
    problem: String,
}

/// One policy, compiled. Without a namespace it is a ClusterOverridePolicy.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    key: ObjectKey,
    matchers: Vec<ResourceMatcher>,
    rules: Vec<(Option<ClusterSelector>, Overriders)>,
}

impl Override {
    /// Reads an OverridePolicy.
    pub(crate) fn namespaced(policy: OverridePolicy) -> Self {
        Self::new(policy.metadata, policy.spec)
    }

    /// Reads a ClusterOverridePolicy.
    pub(crate) fn cluster(policy: ClusterOverridePolicy) -> Self {
        Self::new(policy.metadata, policy.spec)
    }

    fn new(metadata: kube::api::ObjectMeta, spec: OverrideSpec) -> Self {
        let rules: Vec<_> = if spec.override_rules.is_empty() {
            vec![(spec.target_cluster, spec.overriders)]
        } else {
            spec.override_rules.into_iter().map(|rule| (rule.target_cluster, rule.overriders)).collect()
        };
        Self {
            key: ObjectKey::new(metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default()),
            matchers: spec.resource_selectors.iter().map(ResourceMatcher::new).collect(),
            rules: rules
                .into_iter()
                .map(|(target, overriders)| (target.as_ref().map(ClusterSelector::new), overriders))
                .collect(),
        }
    }

    /// Its namespace; empty for a ClusterOverridePolicy.
    pub(crate) fn namespace(&self) -> &str {
        &self.key.namespace
    }

    /// How closely it selects a template. Without selectors it selects all in its reach.
    pub(crate) fn fit(&self, template: &Object) -> Option<Fit> {
        if !self.key.namespace.is_empty() && self.key.namespace != template.namespace() {
            return None;
        }
        if self.matchers.is_empty() {
            return Some(Fit::Kind);
        }
        self.matchers.iter().filter_map(|matcher| matcher.fit(template)).max()
    }
}

/// All override policies, by namespace and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides(BTreeMap<ObjectKey, Override>);

/// What was applied, for the annotations of the Work: JSON sorted by policy, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// By ClusterOverridePolicies.
    pub(crate) cluster: Option<String>,
    /// By OverridePolicies.
    pub(crate) namespaced: Option<String>,
}

impl Overrides {
    /// Takes a policy in.
    pub(crate) fn set(&mut self, policy: Override) {
        self.0.insert(policy.key.clone(), policy);
    }

    /// Forgets a policy.
    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        self.0.remove(key);
    }

    /// Whether there is a policy of this name; without a namespace a ClusterOverridePolicy.
    pub(crate) fn contains(&self, key: &ObjectKey) -> bool {
        self.0.contains_key(key)
    }

    /// The template as it should be in the cluster. Policies are chosen by the template as it is
    /// given, before any of them has changed it.
    pub(crate) fn apply(
        &self,
        template: Object,
        cluster: &impl ClusterLike,
        trace: &mut dyn Trace,
    ) -> Result<(Object, Applied), Error> {
        if self.0.is_empty() {
            return Ok((template, Applied::default()));
        }
        let (wide, object) = self.stage("", template, cluster, trace)?;
        let namespace = object.namespace().to_owned();
        let (own, object) =
            if namespace.is_empty() { (None, object) } else { self.stage(&namespace, object, cluster, trace)? };
        Ok((object, Applied { cluster: wide, namespaced: own }))
    }

    fn stage(
        &self,
        namespace: &str,
        object: Object,
        cluster: &impl ClusterLike,
        trace: &mut dyn Trace,
    ) -> Result<(Option<String>, Object), Error> {
        let start = ObjectKey::new(namespace, "");
        let of_namespace = self.0.range(start..).map(|(_, one)| one).take_while(|one| one.key.namespace == namespace);
        let mut chosen: Vec<_> = of_namespace.filter_map(|one| Some((one.fit(&object)?, one))).collect();
        // Stable, so that the order of names stays among equals.
        chosen.sort_by_key(|(fit, _)| *fit);
        let rules: Vec<_> = chosen
            .iter()
            .flat_map(|(_, one)| one.rules.iter().enumerate().map(move |(number, rule)| (&one.key, number, rule)))
            .filter(|(_, _, (target, _))| target.as_ref().is_none_or(|target| target.matches(cluster)))
            .collect();
        let mut object = object;
        for (key, number, (_, overriders)) in &rules {
            let wrong = |problem| Error { policy: (*key).clone(), problem };
            let mut value = object.into_value();
            override_with(&mut value, overriders).map_err(wrong)?;
            object = Object::from_value(value)
                .map_err(|_| wrong("the overridden template is not an object any more".to_owned()))?;
            trace.step(step(key, *number), &object);
        }
        let mut applied: Vec<_> = rules.into_iter().map(|(key, _, (_, overriders))| (key, overriders)).collect();
        applied.sort_by_key(|(key, _)| &key.name);
        let applied: Vec<_> =
            applied.iter().map(|(key, overriders)| json!({"policyName": key.name, "overriders": overriders})).collect();
        Ok(((!applied.is_empty()).then(|| Value::from(applied).to_string()), object))
    }
}

fn step(policy: &ObjectKey, rule: usize) -> By {
    let kind = if policy.namespace.is_empty() { "ClusterOverridePolicy" } else { "OverridePolicy" };
    By::Override { kind: kind.to_owned(), policy: policy.to_string(), rule }
}

fn override_with(object: &mut Value, overriders: &Overriders) -> Result<(), String> {
    for one in &overriders.image_overrider {
        image::apply(object, one)?;
    }
    for one in &overriders.command_overrider {
        pods::apply(object, "command", one);
    }
    for one in &overriders.args_overrider {
        pods::apply(object, "args", one);
    }
    for one in &overriders.labels_overrider {
        map(object, "labels", one);
    }
    for one in &overriders.annotations_overrider {
        map(object, "annotations", one);
    }
    for one in &overriders.field_overrider {
        document::field(object, one)?;
    }
    let plaintext = overriders.plaintext.iter().map(|one| (one.operator, one.path.as_str(), one.value.as_ref()));
    document::patch(object, plaintext)
}

/// `add` sets entries; `replace` and `remove` touch those that are there.
fn map(object: &mut Value, field: &str, overrider: &LabelAnnotationOverrider) {
    let entries = &mut object["metadata"][field];
    if !entries.is_object() {
        if overrider.operator != OverriderOperator::Add {
            return;
        }
        *entries = json!({});
    }
    let Some(entries) = entries.as_object_mut() else { return };
    for (name, value) in &overrider.value {
        match overrider.operator {
            OverriderOperator::Remove => {
                entries.remove(name);
            }
            OverriderOperator::Replace if !entries.contains_key(name) => {}
            OverriderOperator::Add | OverriderOperator::Replace => {
                entries.insert(name.clone(), json!(value));
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Propagation policies as the detector reads them, and which of them a template belongs to.
//!
//! The rules are Karmada's: a template keeps the policy that claimed it while that one selects it; a
//! policy of its own namespace is preferred to a cluster-wide one; among policies the explicit
//! priority decides, then how closely a selector fits (by name, by labels, by kind), then the name.

mod claim;
mod select;

use std::collections::BTreeMap;

use outrigger_api::labels::label;
use outrigger_api::policy::{ClusterPropagationPolicy, PreemptionBehavior, PropagationPolicy, PropagationSpec};
use outrigger_object::{Gvk, Object, ObjectKey};

pub(crate) use claim::{CLAIM_ANNOTATIONS, CLAIM_LABELS, Claim, claim_patch, release_patch};
pub(crate) use select::{Fit, ResourceMatcher};

/// A PropagationPolicy, or, without a namespace, a ClusterPropagationPolicy.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) key: ObjectKey,
    /// Permanent id; empty until it is given out.
    pub(crate) id: String,
    pub(crate) deleting: bool,
    pub(crate) spec: PropagationSpec,
    matchers: Vec<ResourceMatcher>,
}

impl Policy {
    /// Reads a PropagationPolicy.
    pub(crate) fn namespaced(policy: PropagationPolicy) -> Self {
        Self::new(policy.metadata, policy.spec, label::PROPAGATION_POLICY_PERMANENT_ID)
    }

    /// Reads a ClusterPropagationPolicy.
    pub(crate) fn cluster(policy: ClusterPropagationPolicy) -> Self {
        Self::new(policy.metadata, policy.spec, label::CLUSTER_PROPAGATION_POLICY_PERMANENT_ID)
    }

    fn new(metadata: kube::api::ObjectMeta, spec: PropagationSpec, id: &str) -> Self {
        Self {
            key: ObjectKey::new(metadata.namespace.unwrap_or_default(), metadata.name.unwrap_or_default()),
            id: metadata.labels.and_then(|mut labels| labels.remove(id)).unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            matchers: spec.resource_selectors.iter().map(ResourceMatcher::new).collect(),
            spec,
        }
    }

    /// Whether it is a ClusterPropagationPolicy.
    pub(crate) fn is_cluster(&self) -> bool {
        self.key.namespace.is_empty()
    }

    /// Whether it may claim templates: it has its id, and is not on its way out.
    fn is_live(&self) -> bool {
        !self.deleting && !self.id.is_empty()
    }

    fn priority(&self) -> i32 {
        self.spec.priority.unwrap_or(0)
    }

    /// How closely it selects a template; `None` when it does not.
    pub(crate) fn fit(&self, template: &Object) -> Option<Fit> {
        let in_reach = self.is_cluster() || self.key.namespace == template.namespace();
        self.matchers.iter().filter(|_| in_reach).filter_map(|matcher| matcher.fit(template)).max()
    }

    /// The kinds that it selects.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Gvk> {
        self.matchers.iter().map(|matcher| &matcher.gvk)
    }

    fn preempts(&self) -> bool {
        self.spec.preemption == Some(PreemptionBehavior::Always)
    }
}

/// All policies, by namespace and name. Cluster-wide ones have no namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies(BTreeMap<ObjectKey, Policy>);

impl Policies {
    /// Takes a policy in.
    pub(crate) fn set(&mut self, policy: Policy) -> Option<Policy> {
        self.0.insert(policy.key.clone(), policy)
    }

    /// Forgets a policy.
    pub(crate) fn remove(&mut self, key: &ObjectKey) -> Option<Policy> {
        self.0.remove(key)
    }

    /// A policy.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Policy> {
        self.0.get(key)
    }

    /// All policies.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.values()
    }

    /// Which policy a template belongs to.
    pub(crate) fn decide(&self, template: &Object) -> Option<&Policy> {
        let holder = Claim::of(template).and_then(|claim| self.holder(&claim, template));
        match holder {
            Some(holder) => Some(self.preemptor(holder, template).unwrap_or(holder)),
            None => self.best(template, |_| true),
        }
    }

    /// Whether the policy that holds a template selects its kind in another version than the one it is
    /// seen in. An API server gives one object out in all versions of its kind; the template is the one
    /// that is selected.
    pub(crate) fn selects_another_version(&self, template: &Object) -> bool {
        let Some(claim) = Claim::of(template) else { return false };
        let Some(holder) = self.get(&claim.policy).filter(|policy| policy.is_live() && policy.id == claim.id) else {
            return false;
        };
        let seen = template.gvk();
        let same_kind = |gvk: &&Gvk| gvk.group == seen.group && gvk.kind == seen.kind;
        let mut versions = holder.kinds().filter(same_kind).map(|gvk| &gvk.version).peekable();
        versions.peek().is_some() && versions.all(|version| *version != seen.version)
    }

    /// The policy that a claim names, if it is still there and still selects the template.
    fn holder(&self, claim: &Claim, template: &Object) -> Option<&Policy> {
        self.get(&claim.policy)
            .filter(|policy| policy.is_live() && policy.id == claim.id && policy.fit(template).is_some())
    }

    /// A policy that takes the template away from the one that holds it: one of higher priority, or
    /// any of its namespace if the holder is cluster-wide.
    fn preemptor(&self, holder: &Policy, template: &Object) -> Option<&Policy> {
        self.best(template, |policy| {
            policy.preempts()
                && match (policy.is_cluster(), holder.is_cluster()) {
                    (false, true) => true,
                    (true, false) => false,
                    _ => policy.priority() > holder.priority(),
                }
        })
    }

    fn best(&self, template: &Object, eligible: impl Fn(&Policy) -> bool) -> Option<&Policy> {
        let best_of = |namespace: &str| {
            let start = ObjectKey::new(namespace, "");
            self.0
                .range(start..)
                .map(|(_, policy)| policy)
                .take_while(|policy| policy.key.namespace == namespace)
                .filter(|policy| policy.is_live() && eligible(policy))
                .filter_map(|policy| Some((policy, policy.fit(template)?)))
                // Of equals the first by name.
                .reduce(|best, next| {
                    let rank = |(policy, fit): &(&Policy, Fit)| (policy.priority(), *fit);
                    if rank(&next) > rank(&best) { next } else { best }
                })
                .map(|(policy, _)| policy)
        };
        let namespace = template.namespace();
        let own = if namespace.is_empty() { None } else { best_of(namespace) };
        own.or_else(|| best_of(""))
    }
}

#[cfg(test)]
mod tests;

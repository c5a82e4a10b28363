//! Filters: each looks at one cluster and says why it does not fit, or nothing.
//!
//! A cluster that already holds the object passes the taint and API filters: what runs somewhere is
//! taken away by eviction, never because a taint appeared or an API vanished.

use std::collections::{HashMap, HashSet};

use outrigger_api::policy::{Placement, SpreadField};
use outrigger_api::work::ResourceBindingSpec;

use crate::{Candidate, ClusterSelector, Reason, Snapshot};

/// A binding's placement, compiled for one pass over the clusters.
pub(crate) struct Compiled<'a> {
    pub(crate) placement: &'a Placement,
    /// Affinities of which one must match; `None` selects every cluster.
    pub(crate) affinities: Option<Vec<ClusterSelector>>,
    /// Clusters that hold the object, with their replicas.
    pub(crate) bound: HashMap<&'a str, i32>,
    evicting: HashSet<&'a str>,
    /// Number of the kind; `None` when no cluster serves it.
    kind: Option<usize>,
}

impl<'a> Compiled<'a> {
    pub(crate) fn new(
        snapshot: &Snapshot,
        spec: &'a ResourceBindingSpec,
        placement: &'a Placement,
        affinities: Option<Vec<ClusterSelector>>,
    ) -> Self {
        Self {
            placement,
            affinities,
            bound: spec.clusters.iter().map(|one| (one.name.as_str(), one.replicas)).collect(),
            evicting: spec.graceful_eviction_tasks.iter().map(|task| task.from_cluster.as_str()).collect(),
            kind: snapshot.kind(&spec.resource.api_version, &spec.resource.kind),
        }
    }

    pub(crate) fn is_bound(&self, cluster: &Candidate) -> bool {
        !self.bound.is_empty() && self.bound.contains_key(cluster.name.as_str())
    }
}

type Filter = fn(&Compiled<'_>, &Candidate) -> Option<Reason>;

/// The filters, in the order in which they are asked. The first reason stands.
const FILTERS: &[Filter] = &[affinity, eviction, taints, api, spread];

/// Why the cluster does not fit, if it does not.
pub(crate) fn reject(compiled: &Compiled<'_>, cluster: &Candidate) -> Option<Reason> {
    FILTERS.iter().find_map(|filter| filter(compiled, cluster))
}

fn affinity(compiled: &Compiled<'_>, cluster: &Candidate) -> Option<Reason> {
    let affinities = compiled.affinities.as_ref()?;
    (!affinities.iter().any(|one| one.matches(cluster))).then_some(Reason::Affinity)
}

fn eviction(compiled: &Compiled<'_>, cluster: &Candidate) -> Option<Reason> {
    (!compiled.evicting.is_empty() && compiled.evicting.contains(cluster.name.as_str())).then_some(Reason::Evicting)
}

fn taints(compiled: &Compiled<'_>, cluster: &Candidate) -> Option<Reason> {
    let against = cluster.taints.iter().find(|taint| !taint.tolerated(&compiled.placement.cluster_tolerations))?;
    (!compiled.is_bound(cluster)).then(|| Reason::Taint(against.text.clone()))
}

fn api(compiled: &Compiled<'_>, cluster: &Candidate) -> Option<Reason> {
    let served = compiled.kind.is_some_and(|kind| cluster.kinds.contains(kind));
    (!served && !compiled.is_bound(cluster)).then_some(Reason::NoApi)
}

fn spread(compiled: &Compiled<'_>, cluster: &Candidate) -> Option<Reason> {
    compiled.placement.spread_constraints.iter().find_map(|constraint| match constraint.spread_by_field? {
        SpreadField::Provider if cluster.provider.is_empty() => Some(Reason::NoProvider),
        SpreadField::Region if cluster.region.is_empty() => Some(Reason::NoRegion),
        SpreadField::Zone if cluster.zones.is_empty() => Some(Reason::NoZones),
        _ => None,
    })
}

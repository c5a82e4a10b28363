//! One decision.

use outrigger_api::policy::ClusterAffinityTerm;
use outrigger_api::work::{ResourceBindingSpec, TargetCluster};

use crate::filter::{Compiled, reject};
use crate::{Candidate, ClusterSelector, Diagnosis, Snapshot, Unschedulable, assign, select};

/// What is asked: a place for one binding.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The binding's spec, with the clusters of the last decision.
    pub spec: &'a ResourceBindingSpec,
    /// The affinity group of the last decision (`status.schedulerObservingAffinityName`), or empty.
    pub observed_affinity: &'a str,
    /// Whether a fresh decision was asked for, so that affinity groups are tried from the first on.
    pub fresh: bool,
}

/// What is decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// The clusters, with their replicas; best first, or in order of name where replicas are divided.
    pub clusters: Vec<TargetCluster>,
    /// The affinity group that was used, where the placement has groups.
    pub affinity: Option<String>,
    /// Clusters that the affinity names and that do not exist.
    pub missing: Vec<String>,
}

/// Chooses clusters for a binding and gives replicas to them.
///
/// Affinity groups are tried in order, from the one of the last decision on; the first that works
/// is used, and when none does, the first one's reason is given. A binding without a placement may
/// go to every cluster.
pub fn schedule(snapshot: &Snapshot, request: &Request<'_>) -> Result<Placement, Unschedulable> {
    let default = outrigger_api::policy::Placement::default();
    let placement = request.spec.placement.as_ref().unwrap_or(&default);
    if placement.cluster_affinity.is_some() || placement.cluster_affinities.is_empty() {
        let affinities = placement.cluster_affinity.as_ref().map(|affinity| vec![ClusterSelector::new(affinity)]);
        return decide(snapshot, request.spec, placement, affinities);
    }
    let observed = if request.fresh { "" } else { request.observed_affinity };
    let mut first = None;
    for term in placement.cluster_affinities.iter().skip(affinity_group(&placement.cluster_affinities, observed)) {
        let decision = assign::refuse_overflow(request.spec, !term.overflow_affinities.is_empty())
            .and_then(|()| decide(snapshot, request.spec, placement, Some(vec![ClusterSelector::new(&term.affinity)])));
        match decision {
            Ok(placement) => return Ok(Placement { affinity: Some(term.affinity_name.clone()), ..placement }),
            Err(reason) => first = first.or(Some(reason)),
        }
    }
    Err(first.unwrap_or_else(|| Unschedulable::NoClusterFit(Diagnosis::default())))
}

/// The place of the named group; 0 when there is none of that name.
pub fn affinity_group(groups: &[ClusterAffinityTerm], name: &str) -> usize {
    groups.iter().position(|group| group.affinity_name == name).unwrap_or(0)
}

/// Whether the template runs pods, so that replicas are given to clusters.
pub fn is_workload(spec: &ResourceBindingSpec) -> bool {
    spec.replicas > 0 || spec.replica_requirements.is_some() || !spec.components.is_empty()
}

/// Whether replicas are given to clusters: of workloads, those with one kind of pod.
pub(crate) fn has_replicas(spec: &ResourceBindingSpec) -> bool {
    (spec.replicas > 0 || spec.replica_requirements.is_some()) && spec.components.len() <= 1
}

fn decide(
    snapshot: &Snapshot,
    spec: &ResourceBindingSpec,
    placement: &outrigger_api::policy::Placement,
    affinities: Option<Vec<ClusterSelector>>,
) -> Result<Placement, Unschedulable> {
    if affinities.iter().flatten().any(|affinity| !affinity.is_valid()) {
        let message = "a selector in the placement's cluster affinity is not well formed";
        return Err(Unschedulable::Invalid(message.to_owned()));
    }
    let compiled = Compiled::new(snapshot, spec, placement, affinities);
    let mut fitting: Vec<&Candidate> = Vec::with_capacity(snapshot.len());
    let mut reasons = Vec::new();
    for cluster in snapshot.iter().filter(|cluster| !cluster.is_deleting()) {
        match reject(&compiled, cluster) {
            None => fitting.push(cluster),
            Some(reason) => reasons.push((cluster, reason)),
        }
    }
    let named = compiled.affinities.iter().flatten().flat_map(ClusterSelector::named);
    let missing: Vec<_> = named.filter(|name| snapshot.get(name).is_none()).cloned().collect();
    if fitting.is_empty() {
        let reasons = reasons.into_iter().map(|(cluster, reason)| (cluster.name.clone(), reason)).collect();
        return Err(Unschedulable::NoClusterFit(Diagnosis { total: snapshot.len(), reasons, missing }));
    }
    let selected = select::select(&compiled, fitting, is_workload(spec))?;
    let clusters = assign::assign(&compiled, &selected, spec)?;
    Ok(Placement { clusters, affinity: None, missing })
}

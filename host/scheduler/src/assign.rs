//! Gives replicas to the selected clusters.

use outrigger_api::policy::{ReplicaDivisionPreference, StaticClusterWeight};
use outrigger_api::work::{ResourceBindingSpec, TargetCluster};

use crate::filter::Compiled;
use crate::schedule::{has_replicas, is_workload};
use crate::select::is_duplicated;
use crate::webster::{Party, Ties, divide};
use crate::{Candidate, ClusterSelector, Unschedulable};

/// Whole objects go everywhere; replicas are duplicated, or divided by static weights. Clusters that
/// would get no replica are left out.
pub(crate) fn assign(
    compiled: &Compiled<'_>,
    selected: &[&Candidate],
    spec: &ResourceBindingSpec,
) -> Result<Vec<TargetCluster>, Unschedulable> {
    if !has_replicas(spec) {
        return Ok(selected.iter().map(|cluster| target(cluster, 0)).collect());
    }
    let mut targets = if is_duplicated(compiled.placement) {
        selected.iter().map(|cluster| target(cluster, spec.replicas)).collect()
    } else {
        divided(compiled, selected, spec)?
    };
    targets.retain(|one| one.replicas > 0);
    Ok(targets)
}

fn divided(
    compiled: &Compiled<'_>,
    selected: &[&Candidate],
    spec: &ResourceBindingSpec,
) -> Result<Vec<TargetCluster>, Unschedulable> {
    let strategy = compiled.placement.replica_scheduling.as_ref();
    let weights = strategy.and_then(|strategy| strategy.weight_preference.as_ref());
    match strategy.and_then(|strategy| strategy.replica_division_preference) {
        Some(ReplicaDivisionPreference::Weighted) if weights.is_none_or(|weights| weights.dynamic_weight.is_none()) => {
            let list = weights.map(|weights| weights.static_weight_list.as_slice()).unwrap_or_default();
            let parties = parties(selected, list);
            let seats = divide(u32::try_from(spec.replicas).unwrap_or(0), parties, Ties::by_uid(&spec.resource.uid));
            Ok(seats
                .into_iter()
                .map(|party| named(party.name, i32::try_from(party.seats).unwrap_or(i32::MAX)))
                .collect())
        }
        Some(ReplicaDivisionPreference::Weighted) => {
            Err(unsupported("dividing replicas by dynamic weights is not supported yet"))
        }
        Some(ReplicaDivisionPreference::Aggregated) => {
            Err(unsupported("aggregating replicas by free room in the clusters is not supported yet"))
        }
        None => Err(unsupported(
            "unsupported replica scheduling strategy, replicaSchedulingType: Divided, replicaDivisionPreference: , \
             please try another scheduling strategy",
        )),
    }
}

/// The clusters that take part, with their weights: the highest of the rules that match. Clusters
/// without a rule get nothing, unless that is true of all of them, who then share evenly.
fn parties<'a>(selected: &[&'a Candidate], list: &[StaticClusterWeight]) -> Vec<Party<'a>> {
    let rules: Vec<_> = list.iter().map(|rule| (ClusterSelector::new(&rule.target_cluster), rule.weight)).collect();
    let mut parties = Vec::with_capacity(selected.len());
    for cluster in selected {
        let weight = rules.iter().filter(|(rule, _)| rule.matches(*cluster)).map(|(_, weight)| *weight).max();
        if let Some(votes @ 1..) = weight {
            parties.push(Party { name: &cluster.name, votes, seats: 0 });
        }
    }
    if parties.is_empty() {
        parties.extend(selected.iter().map(|cluster| Party { name: &cluster.name, votes: 1, seats: 0 }));
    }
    parties
}

/// Whether overflow tiers would decide, which need estimates.
pub(crate) fn refuse_overflow(spec: &ResourceBindingSpec, overflow: bool) -> Result<(), Unschedulable> {
    if overflow && is_workload(spec) {
        return Err(unsupported("overflow affinities are not supported yet"));
    }
    Ok(())
}

fn unsupported(message: &str) -> Unschedulable {
    Unschedulable::Unsupported(message.to_owned())
}

fn target(cluster: &Candidate, replicas: i32) -> TargetCluster {
    named(&cluster.name, replicas)
}

fn named(name: &str, replicas: i32) -> TargetCluster {
    TargetCluster { name: name.to_owned(), replicas, ..TargetCluster::default() }
}

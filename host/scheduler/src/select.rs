//! Scores the clusters that fit, and selects as many as the spread constraints allow.

use outrigger_api::policy::{Placement, SpreadField};

use crate::filter::Compiled;
use crate::{Candidate, Unschedulable};

/// The clusters to use, best first: those that already hold the object, then by name.
pub(crate) fn select<'a>(
    compiled: &Compiled<'_>,
    mut fitting: Vec<&'a Candidate>,
    workload: bool,
) -> Result<Vec<&'a Candidate>, Unschedulable> {
    // Stable: the snapshot's order of name is kept among equals.
    if !compiled.bound.is_empty() {
        fitting.sort_by_key(|cluster| !compiled.is_bound(cluster));
    }
    let placement = compiled.placement;
    if placement.spread_constraints.is_empty() || ignores_spread(placement) {
        return Ok(fitting);
    }
    let by = |field| placement.spread_constraints.iter().rev().find(|one| one.spread_by_field == Some(field));
    if by(SpreadField::Region).is_some() {
        return Err(Unschedulable::Unsupported("spreading by region is not supported yet".to_owned()));
    }
    let Some(constraint) = by(SpreadField::Cluster) else {
        return Err(Unschedulable::Unsupported("just support cluster and region spread constraint".to_owned()));
    };
    if workload && !is_duplicated(placement) {
        return Err(Unschedulable::Unsupported(
            "spreading replicas by free room in the clusters is not supported yet".to_owned(),
        ));
    }
    let fewest = usize::try_from(constraint.min_groups).unwrap_or(0);
    if fitting.len() < fewest {
        return Err(Unschedulable::Constraint(
            "the number of feasible clusters is less than spreadConstraint.MinGroups".to_owned(),
        ));
    }
    // 0 stands for no bound: admission fills it in, and objects that were never admitted mean it.
    if let Ok(most @ 1..) = usize::try_from(constraint.max_groups) {
        fitting.truncate(most);
    }
    Ok(fitting)
}

/// Whether every cluster gets the whole of the replicas, which is also what no strategy means.
pub(crate) fn is_duplicated(placement: &Placement) -> bool {
    use outrigger_api::policy::ReplicaSchedulingType::{Divided, Duplicated};
    match &placement.replica_scheduling {
        None => true,
        Some(strategy) => strategy.replica_scheduling_type.unwrap_or(Divided) == Duplicated,
    }
}

/// Static weights name their clusters themselves, so spread constraints do not apply to them.
fn ignores_spread(placement: &Placement) -> bool {
    use outrigger_api::policy::ReplicaDivisionPreference::Weighted;
    placement.replica_scheduling.as_ref().is_some_and(|strategy| {
        !is_duplicated(placement)
            && strategy.replica_division_preference == Some(Weighted)
            && strategy
                .weight_preference
                .as_ref()
                .is_none_or(|weights| !weights.static_weight_list.is_empty() && weights.dynamic_weight.is_none())
    })
}

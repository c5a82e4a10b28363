//! What names promise: groups of Kubernetes' own kinds, and fields of a status by convention.

use outrigger_object::Gvk;

/// Whether a group is Kubernetes' own. Other groups below `k8s.io` belong to CRDs.
pub fn is_built_in(group: &str) -> bool {
    matches!(
        group,
        "" | "admissionregistration.k8s.io"
            | "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "apps"
            | "authentication.k8s.io"
            | "authorization.k8s.io"
            | "autoscaling"
            | "batch"
            | "certificates.k8s.io"
            | "coordination.k8s.io"
            | "discovery.k8s.io"
            | "events.k8s.io"
            | "extensions"
            | "flowcontrol.apiserver.k8s.io"
            | "imagepolicy.k8s.io"
            | "internal.apiserver.k8s.io"
            | "networking.k8s.io"
            | "node.k8s.io"
            | "policy"
            | "rbac.authorization.k8s.io"
            | "resource.k8s.io"
            | "scheduling.k8s.io"
            | "storage.k8s.io"
            | "storagemigration.k8s.io"
    )
}

/// Whether objects of a kind define kinds: they are judged by their conditions, and nothing else.
pub fn defines_kinds(gvk: &Gvk) -> bool {
    matches!(
        (gvk.group.as_str(), gvk.kind.as_str()),
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("apiregistration.k8s.io", "APIService")
    )
}

/// Built-in kinds without a namespace that objects refer to.
pub fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    is_built_in(group)
        && matches!(
            kind,
            "Namespace"
                | "Node"
                | "PersistentVolume"
                | "ClusterRole"
                | "ClusterRoleBinding"
                | "StorageClass"
                | "PriorityClass"
                | "IngressClass"
                | "RuntimeClass"
                | "CustomResourceDefinition"
        )
}

/// The words of a camelCase name, in order.
fn words(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    let starts = name.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(at, _)| at);
    let mut bounds: Vec<usize> = std::iter::once(0).chain(starts.filter(|at| *at > 0)).collect();
    bounds.push(name.len());
    let words: Vec<&str> = bounds.windows(2).filter_map(|pair| name.get(pair[0]..pair[1])).collect();
    words.into_iter()
}

/// Whether an integer of this name counts things that every cluster has its own of, so that those of all
/// clusters add up. Numbers that identify, place or measure do not: generations, ports, percentages, times.
pub fn is_counter(name: &str) -> bool {
    const NEVER: [&str; 30] = [
        "Generation",
        "Version",
        "Revision",
        "Port",
        "Percent",
        "Percentage",
        "Seconds",
        "Minutes",
        "Millis",
        "Index",
        "Id",
        "I",
        "D",
        "Epoch",
        "Term",
        "Weight",
        "Step",
        "Utilization",
        "Priority",
        "Ordinal",
        "Code",
        "Limit",
        "Max",
        "Min",
        "Average",
        "Ratio",
        "Partition",
        "Timestamp",
        "Time",
        "Hash",
    ];
    const FIRST: [&str; 18] = [
        "desired",
        "current",
        "ready",
        "available",
        "unavailable",
        "updated",
        "active",
        "succeeded",
        "failed",
        "running",
        "pending",
        "expected",
        "number",
        "num",
        "total",
        "completed",
        "scheduled",
        "misscheduled",
    ];
    const LAST: [&str; 14] = [
        "Replicas",
        "Count",
        "Pods",
        "Nodes",
        "Instances",
        "Members",
        "Workers",
        "Jobs",
        "Shards",
        "Brokers",
        "Healthy",
        "Scheduled",
        "Ready",
        "Available",
    ];
    let same = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    if words(name).any(|word| NEVER.iter().any(|never| same(never, word))) {
        return false;
    }
    let (first, last) = (words(name).next().unwrap_or_default(), words(name).next_back().unwrap_or_default());
    FIRST.contains(&first) || LAST.iter().any(|known| same(known, last))
}

/// Whether a string of this name is a word for how things stand.
pub fn is_phase(name: &str) -> bool {
    matches!(name, "phase" | "state" | "health" | "status")
        || ["Phase", "State", "Status", "Health"].iter().any(|last| name.ends_with(last))
}

/// Whether a boolean of this name is true when things are well.
pub fn is_good_flag(name: &str) -> bool {
    matches!(name, "ready" | "healthy" | "available" | "initialized" | "provisioned" | "synced" | "complete")
        || (["Ready", "Healthy", "Available"].iter().any(|last| name.ends_with(last)) && !name.starts_with("not"))
}

/// Which of several times stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The first: it has started when it has anywhere.
    Earliest,
    /// The last.
    Latest,
    /// The last, once every cluster has one: it is complete when it is everywhere.
    LatestOfAll,
}

/// Which time stands for all, by the name of the field.
pub fn moment(name: &str) -> Option<Moment> {
    match words(name).next()? {
        "start" | "started" | "created" | "creation" | "first" => Some(Moment::Earliest),
        "completion" | "completed" | "complete" | "finish" | "finished" | "end" | "ended" => Some(Moment::LatestOfAll),
        "last" | "latest" => Some(Moment::Latest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters() {
        for name in [
            "replicas",
            "readyReplicas",
            "active",
            "succeeded",
            "failed",
            "desiredNumberScheduled",
            "numberReady",
            "currentHealthy",
            "expectedPods",
            "restartCount",
            "totalNodes",
            "readyInstances",
            "updatedReplicas",
        ] {
            assert!(is_counter(name), "{name} counts");
        }
        for name in [
            "observedGeneration",
            "currentGeneration",
            "port",
            "nodePort",
            "currentCPUUtilizationPercentage",
            "currentStepIndex",
            "desiredVersion",
            "activeDeadlineSeconds",
            "failedTime",
            "brokerId",
            "shardID",
            "",
            "maxReplicas",
            "minReplicas",
            "collision",
            "currentRevision",
        ] {
            assert!(!is_counter(name), "{name} does not count");
        }
    }

    #[test]
    fn moments() {
        let check = |name, expected| assert_eq!(moment(name), expected, "{name}");
        check("startTime", Some(Moment::Earliest));
        check("startedAt", Some(Moment::Earliest));
        check("completionTime", Some(Moment::LatestOfAll));
        check("lastScheduleTime", Some(Moment::Latest));
        check("nextScheduleTime", None);
        check("endpointTime", None);
        check("", None);
    }
}

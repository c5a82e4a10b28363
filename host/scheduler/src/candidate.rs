//! A cluster as the scheduler sees it: the few facts that filters read, prepared.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Taint, Toleration};
use outrigger_api::cluster::Cluster;

use crate::ClusterLike;
use crate::snapshot::Kinds;

/// One cluster of a [`Snapshot`](crate::Snapshot).
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) provider: String,
    pub(crate) region: String,
    pub(crate) zones: Vec<String>,
    pub(crate) taints: Vec<PreparedTaint>,
    pub(crate) kinds: KindSet,
    pub(crate) deleting: bool,
}

impl Candidate {
    pub(crate) fn new(cluster: &Cluster, kinds: &mut Kinds) -> Self {
        let mut served = KindSet::default();
        for group in cluster.status.iter().flat_map(|status| &status.api_enablements) {
            for resource in &group.resources {
                served.insert(kinds.id(&group.group_version, &resource.kind));
            }
        }
        Self {
            name: ClusterLike::name(cluster).to_owned(),
            labels: ClusterLike::labels(cluster).clone(),
            provider: cluster.spec.provider.clone(),
            region: cluster.spec.region.clone(),
            zones: cluster.spec.zones.clone(),
            taints: cluster.spec.taints.iter().filter_map(PreparedTaint::new).collect(),
            kinds: served,
            deleting: cluster.metadata.deletion_timestamp.is_some(),
        }
    }

    /// Whether the cluster is on its way out.
    pub fn is_deleting(&self) -> bool {
        self.deleting
    }
}

impl ClusterLike for Candidate {
    fn name(&self) -> &str {
        &self.name
    }

    fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    fn provider(&self) -> &str {
        &self.provider
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn zones(&self) -> &[String] {
        &self.zones
    }
}

/// A taint that keeps objects away, with its text for people.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PreparedTaint {
    key: String,
    value: String,
    effect: String,
    pub(crate) text: Arc<str>,
}

impl PreparedTaint {
    /// Takes taints with the effects NoSchedule and NoExecute; the others do not matter here.
    fn new(taint: &Taint) -> Option<Self> {
        if !matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute") {
            return None;
        }
        let value = taint.value.clone().unwrap_or_default();
        let text = if value.is_empty() {
            format!("{}:{}", taint.key, taint.effect)
        } else {
            format!("{}={value}:{}", taint.key, taint.effect)
        };
        Some(Self { key: taint.key.clone(), value, effect: taint.effect.clone(), text: text.into() })
    }

    /// Whether one of the tolerations covers this taint, by the rules of pods and nodes.
    pub(crate) fn tolerated(&self, tolerations: &[Toleration]) -> bool {
        tolerations.iter().any(|one| {
            let (effect, key) = (one.effect.as_deref().unwrap_or_default(), one.key.as_deref().unwrap_or_default());
            (effect.is_empty() || effect == self.effect)
                && (key.is_empty() || key == self.key)
                && match one.operator.as_deref().unwrap_or_default() {
                    "" | "Equal" => one.value.as_deref().unwrap_or_default() == self.value,
                    "Exists" => true,
                    _ => false,
                }
        })
    }
}

/// A set of kinds by their number in the snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KindSet(Vec<u64>);

impl KindSet {
    fn insert(&mut self, id: usize) {
        let word = id / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (id % 64);
        }
    }

    pub(crate) fn contains(&self, id: usize) -> bool {
        self.0.get(id / 64).is_some_and(|bits| bits & (1 << (id % 64)) != 0)
    }
}

//! All clusters, kept up to date one by one.

use std::collections::HashMap;
use std::sync::Arc;

use outrigger_api::cluster::Cluster;

use crate::Candidate;

/// The clusters that a decision chooses from, in order of name. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(crate) clusters: Vec<Arc<Candidate>>,
    kinds: Kinds,
}

/// What an update of a [`Snapshot`] changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing that a decision depends on.
    None,
    /// The cluster was not there before.
    Added(Arc<Candidate>),
    /// The cluster differs; it was the first, it is the second.
    Updated(Arc<Candidate>, Arc<Candidate>),
    /// The cluster is gone.
    Removed(Arc<Candidate>),
}

impl Snapshot {
    /// Takes a cluster in, and tells whether decisions may turn out differently from now on.
    pub fn set(&mut self, cluster: &Cluster) -> Change {
        let candidate = Arc::new(Candidate::new(cluster, &mut self.kinds));
        match self.find(&candidate.name) {
            Ok(at) => match self.clusters.get_mut(at) {
                Some(slot) if **slot == *candidate => Change::None,
                Some(slot) => Change::Updated(std::mem::replace(slot, candidate.clone()), candidate),
                None => Change::None,
            },
            Err(at) => {
                self.clusters.insert(at, candidate.clone());
                Change::Added(candidate)
            }
        }
    }

    /// Forgets a cluster.
    pub fn remove(&mut self, name: &str) -> Change {
        match self.find(name) {
            Ok(at) => Change::Removed(self.clusters.remove(at)),
            Err(_) => Change::None,
        }
    }

    /// A cluster by name.
    pub fn get(&self, name: &str) -> Option<&Arc<Candidate>> {
        self.clusters.get(self.find(name).ok()?)
    }

    /// All clusters, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Candidate>> {
        self.clusters.iter()
    }

    /// How many clusters there are.
    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Whether there is no cluster.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Option<usize> {
        self.kinds.find(api_version, kind)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.clusters.binary_search_by(|one| one.name.as_str().cmp(name))
    }
}

/// Numbers for kinds, so that a cluster's set of kinds is a few words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kinds {
    ids: Arc<HashMap<String, HashMap<String, usize>>>,
    next: usize,
}

impl Kinds {
    /// The number of a kind, given out on first sight.
    pub(crate) fn id(&mut self, api_version: &str, kind: &str) -> usize {
        if let Some(id) = self.find(api_version, kind) {
            return id;
        }
        let id = self.next;
        self.next += 1;
        Arc::make_mut(&mut self.ids).entry(api_version.to_owned()).or_default().insert(kind.to_owned(), id);
        id
    }

    fn find(&self, api_version: &str, kind: &str) -> Option<usize> {
        self.ids.get(api_version)?.get(kind).copied()
    }
}

//! Why no placement was found, as data and in Karmada's words.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why one cluster does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The affinity does not select it.
    Affinity,
    /// It carries a taint, given as text, that is not tolerated.
    Taint(Arc<str>),
    /// It does not serve the kind.
    NoApi,
    /// The object is being evicted from it.
    Evicting,
    /// A spread constraint asks for a provider and it has none.
    NoProvider,
    /// A spread constraint asks for a region and it has none.
    NoRegion,
    /// A spread constraint asks for zones and it has none.
    NoZones,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Affinity => f.write_str("cluster(s) did not match the placement cluster affinity constraint"),
            Self::Taint(taint) => write!(f, "cluster(s) had untolerated taint {{{taint}}}"),
            Self::NoApi => f.write_str("cluster(s) did not have the API resource"),
            Self::Evicting => f.write_str("cluster(s) is in the process of eviction"),
            Self::NoProvider => f.write_str("cluster(s) did not have provider property"),
            Self::NoRegion => f.write_str("cluster(s) did not have region property"),
            Self::NoZones => f.write_str("cluster(s) did not have zones property"),
        }
    }
}

/// Why none of the clusters fits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// How many clusters there are.
    pub total: usize,
    /// The first reason against each cluster, in order of name. Clusters on their way out are not in it.
    pub reasons: Vec<(String, Reason)>,
    /// Clusters that the placement names and that do not exist.
    pub missing: Vec<String>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = BTreeMap::<String, usize>::new();
        for (_, reason) in &self.reasons {
            *counts.entry(reason.to_string()).or_default() += 1;
        }
        let mut lines: Vec<_> = counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        lines.sort_unstable();
        if lines.is_empty() {
            lines.push("no cluster exists".to_owned());
        }
        write!(f, "0/{} clusters are available: {}.", self.total, lines.join(", "))?;
        if !self.missing.is_empty() {
            write!(f, " Clusters named in the placement that do not exist: {}.", self.missing.join(", "))?;
        }
        Ok(())
    }
}

/// Why there is no placement.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unschedulable {
    /// No cluster passes the filters.
    #[error("{0}")]
    NoClusterFit(Diagnosis),
    /// Clusters pass, but the constraints on the set of them cannot be met.
    #[error("{0}")]
    Constraint(String),
    /// A selector of the placement is not well formed.
    #[error("{0}")]
    Invalid(String),
    /// The placement asks for something that this scheduler cannot do.
    #[error("{0}")]
    Unsupported(String),
}

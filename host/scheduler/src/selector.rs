//! Selectors, compiled once and matched many times.
//!
//! A selector that is not well formed (an unknown operator, `In` without values) matches nothing,
//! as Karmada has it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use outrigger_api::policy::ClusterAffinity;
use outrigger_object::Selector;
use outrigger_object::selector::{Operator, Requirement};

/// What a selector may ask about a cluster.
pub trait ClusterLike {
    /// Its name.
    fn name(&self) -> &str;
    /// Its labels.
    fn labels(&self) -> &BTreeMap<String, String>;
    /// Its cloud provider, or empty.
    fn provider(&self) -> &str;
    /// Its region, or empty.
    fn region(&self) -> &str;
    /// Its zones.
    fn zones(&self) -> &[String];
}

impl ClusterLike for outrigger_api::cluster::Cluster {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn labels(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.metadata.labels.as_ref().unwrap_or(&NONE)
    }

    fn provider(&self) -> &str {
        &self.spec.provider
    }

    fn region(&self) -> &str {
        &self.spec.region
    }

    fn zones(&self) -> &[String] {
        &self.spec.zones
    }
}

/// A compiled `meta/v1` LabelSelector; one that is not well formed matches nothing.
pub fn label_selector(selector: &LabelSelector) -> Selector {
    labels(selector).unwrap_or_else(Selector::nothing)
}

fn labels(selector: &LabelSelector) -> Option<Selector> {
    let equal = selector.match_labels.iter().flatten().map(|(key, value)| {
        Some(Requirement { key: key.clone(), operator: Operator::In, values: vec![value.clone()] })
    });
    let expressions = selector.match_expressions.iter().flatten().map(|one| {
        Some(Requirement {
            key: one.key.clone(),
            operator: operator(&one.operator, false)?,
            values: one.values.clone().unwrap_or_default(),
        })
    });
    compile(equal.chain(expressions).collect())
}

fn compile(requirements: Option<Vec<Requirement>>) -> Option<Selector> {
    Selector::new(requirements?).ok()
}

fn operator(text: &str, numbers: bool) -> Option<Operator> {
    match text {
        "In" => Some(Operator::In),
        "NotIn" => Some(Operator::NotIn),
        "Exists" => Some(Operator::Exists),
        "DoesNotExist" => Some(Operator::DoesNotExist),
        "Gt" if numbers => Some(Operator::Gt),
        "Lt" if numbers => Some(Operator::Lt),
        _ => None,
    }
}

/// A compiled [`ClusterAffinity`].
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSelector {
    names: Vec<String>,
    exclude: Vec<String>,
    labels: Option<Selector>,
    /// Requirements on provider and region.
    fields: Selector,
    /// Requirements on the list of zones.
    zones: Vec<Requirement>,
    valid: bool,
}

impl ClusterSelector {
    /// Compiles an affinity. An empty one matches every cluster.
    pub fn new(affinity: &ClusterAffinity) -> Self {
        let mut fields = Some(Vec::new());
        let mut zones = Vec::new();
        for one in affinity.field_selector.iter().flat_map(|fields| &fields.match_expressions) {
            let requirement = operator(&one.operator, true).map(|operator| Requirement {
                key: one.key.clone(),
                operator,
                values: one.values.clone().unwrap_or_default(),
            });
            match (requirement, &mut fields) {
                (Some(requirement), Some(_)) if requirement.key == "zone" => zones.push(requirement),
                (Some(requirement), Some(fields)) => fields.push(requirement),
                _ => fields = None,
            }
        }
        let labels = affinity.label_selector.as_ref().map(labels);
        let fields = compile(fields);
        Self {
            names: sorted(&affinity.cluster_names),
            exclude: sorted(&affinity.exclude),
            valid: fields.is_some() && labels.as_ref().is_none_or(Option::is_some),
            labels: labels.map(|selector| selector.unwrap_or_else(Selector::nothing)),
            fields: fields.unwrap_or_else(Selector::nothing),
            zones,
        }
    }

    /// Whether the cluster is selected.
    pub fn matches(&self, cluster: &impl ClusterLike) -> bool {
        let name = cluster.name();
        if contains(&self.exclude, name) || !(self.names.is_empty() || contains(&self.names, name)) {
            return false;
        }
        let labels = cluster.labels();
        self.labels.as_ref().is_none_or(|selector| selector.matches(|name| labels.get(name).map(String::as_str)))
            && self.fields.matches(|field| match field {
                "provider" => non_empty(cluster.provider()),
                "region" => non_empty(cluster.region()),
                _ => None,
            })
            && self.zones.iter().all(|one| zones_match(one, cluster.zones()))
    }

    /// Whether the affinity is well formed; one that is not matches nothing.
    pub fn is_valid(&self) -> bool {
        self.valid
    }

    /// The clusters that the affinity names, in order of name.
    pub fn named(&self) -> &[String] {
        &self.names
    }
}

/// One common zone is enough for `In`, none may be common for `NotIn`. Comparisons never hold.
fn zones_match(requirement: &Requirement, zones: &[String]) -> bool {
    let common = || zones.iter().any(|zone| requirement.values.contains(zone));
    match requirement.operator {
        Operator::In => common(),
        Operator::NotIn => !common(),
        Operator::Exists => !zones.is_empty(),
        Operator::DoesNotExist => zones.is_empty(),
        Operator::Gt | Operator::Lt => false,
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}

fn contains(sorted: &[String], name: &str) -> bool {
    sorted.binary_search_by(|one| one.as_str().cmp(name)).is_ok()
}

fn non_empty(value: &str) -> Option<&str> {
    (!value.is_empty()).then_some(value)
}

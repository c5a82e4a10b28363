//! Selectors, compiled once and matched many times.
//!
//! A selector that is not well formed (an unknown operator, `In` without values) matches nothing,
//! as Karmada has it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::NodeSelectorRequirement;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use outrigger_api::policy::ClusterAffinity;

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

#[derive(Clone, Debug, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Greater(i64),
    Less(i64),
}

impl Test {
    /// Reads an operator; `None` when it is unknown or its values do not fit it.
    fn new(operator: &str, values: &[String], numbers: bool) -> Option<Self> {
        let number = || values.first().filter(|_| values.len() == 1)?.parse().ok();
        match operator {
            "In" if !values.is_empty() => Some(Self::In(values.to_vec())),
            "NotIn" if !values.is_empty() => Some(Self::NotIn(values.to_vec())),
            "Exists" if values.is_empty() => Some(Self::Exists),
            "DoesNotExist" if values.is_empty() => Some(Self::Absent),
            "Gt" if numbers => Some(Self::Greater(number()?)),
            "Lt" if numbers => Some(Self::Less(number()?)),
            _ => None,
        }
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
            Self::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| one != value)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::Greater(bound) => number().is_some_and(|number| number > *bound),
            Self::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }

    /// The same for a field with several values, such as zones: one of them is enough for `In`,
    /// none may be among those of `NotIn`. Comparisons never hold.
    fn holds_any(&self, found: &[String]) -> bool {
        match self {
            Self::In(values) => found.iter().any(|one| values.contains(one)),
            Self::NotIn(values) => !found.iter().any(|one| values.contains(one)),
            Self::Exists => !found.is_empty(),
            Self::Absent => found.is_empty(),
            Self::Greater(_) | Self::Less(_) => false,
        }
    }
}

/// A compiled label selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelMatcher {
    tests: Vec<(String, Test)>,
    broken: bool,
}

impl LabelMatcher {
    /// Compiles `matchLabels` and `matchExpressions`; an empty selector matches everything.
    pub fn new(selector: &LabelSelector) -> Self {
        let mut matcher = Self::default();
        for (name, value) in selector.match_labels.iter().flatten() {
            matcher.tests.push((name.clone(), Test::In(vec![value.clone()])));
        }
        for one in selector.match_expressions.iter().flatten() {
            match Test::new(&one.operator, one.values.as_deref().unwrap_or_default(), false) {
                Some(test) => matcher.tests.push((one.key.clone(), test)),
                None => matcher.broken = true,
            }
        }
        matcher
    }

    /// Whether all requirements hold for labels that `get` looks up.
    pub fn matches<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.broken && self.tests.iter().all(|(name, test)| test.holds(get(name)))
    }
}

/// A compiled [`ClusterAffinity`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterSelector {
    names: Vec<String>,
    exclude: Vec<String>,
    labels: Option<LabelMatcher>,
    fields: Vec<(Field, Test)>,
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Provider,
    Region,
    Zone,
    /// A field that no cluster has.
    Other,
}

impl ClusterSelector {
    /// Compiles an affinity. An empty one matches every cluster.
    pub fn new(affinity: &ClusterAffinity) -> Self {
        let mut selector = Self {
            names: sorted(&affinity.cluster_names),
            exclude: sorted(&affinity.exclude),
            labels: affinity.label_selector.as_ref().map(LabelMatcher::new),
            ..Self::default()
        };
        for one in affinity.field_selector.iter().flat_map(|fields| &fields.match_expressions) {
            match field_test(one) {
                Some(test) => selector.fields.push(test),
                None => selector.broken = true,
            }
        }
        selector
    }

    /// Whether the cluster is selected.
    pub fn matches(&self, cluster: &impl ClusterLike) -> bool {
        let name = cluster.name();
        if self.broken || contains(&self.exclude, name) || !(self.names.is_empty() || contains(&self.names, name)) {
            return false;
        }
        let labels = cluster.labels();
        self.labels.as_ref().is_none_or(|matcher| matcher.matches(|name| labels.get(name).map(String::as_str)))
            && self.fields.iter().all(|(field, test)| match field {
                Field::Provider => test.holds(non_empty(cluster.provider())),
                Field::Region => test.holds(non_empty(cluster.region())),
                Field::Zone => test.holds_any(cluster.zones()),
                Field::Other => test.holds(None),
            })
    }

    /// The clusters that the affinity names, in order of name.
    pub fn named(&self) -> &[String] {
        &self.names
    }
}

fn field_test(requirement: &NodeSelectorRequirement) -> Option<(Field, Test)> {
    let field = match requirement.key.as_str() {
        "provider" => Field::Provider,
        "region" => Field::Region,
        "zone" => Field::Zone,
        _ => Field::Other,
    };
    let values = requirement.values.as_deref().unwrap_or_default();
    Some((field, Test::new(&requirement.operator, values, true)?))
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

//! [`PodResources`]: what a pod needs of a node.
//!
//! Karmada's rules, which are those of Kubernetes' scheduler: for every resource the larger of what the
//! containers ask for together and what the init containers ask for at their hungriest moment, plus the
//! overhead; a limit without a request counts as one. `cpu` is counted in thousandths and everything else
//! in whole units, both rounded up; resources that are not known to schedulers are left out.
//!
//! One difference: a restartable init container (a sidecar) keeps running, so it is added to the containers
//! and to every init container after it, as Kubernetes does since 1.29; Karmada counts it as an ordinary one.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Cursor, Error, Format, Quantity, selector::is_qualified_name};

/// What a pod needs of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodResources {
    /// Resources by name. Nothing that is zero is listed.
    pub requests: BTreeMap<String, Quantity>,
    /// `nodeSelector`.
    pub node_selector: BTreeMap<String, String>,
    /// `affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`, as it stands.
    pub hard_node_affinity: Option<Value>,
    /// `tolerations`, as they stand.
    pub tolerations: Vec<Value>,
    /// `priorityClassName`, or empty.
    pub priority_class_name: String,
}

impl PodResources {
    /// Reads a pod spec. Fails when a field has a wrong type or a quantity does not parse, with its path.
    pub fn of_spec(spec: &Cursor) -> Result<Self, Error> {
        Ok(Self {
            requests: requests(spec)?,
            node_selector: spec
                .strings(&["nodeSelector"])?
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            hard_node_affinity: spec
                .value(&["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"])?
                .cloned(),
            tolerations: spec.list(&["tolerations"])?.to_vec(),
            priority_class_name: spec.str(&["priorityClassName"])?.unwrap_or_default().to_owned(),
        })
    }

    /// Whether it constrains which node is chosen.
    pub fn has_node_claim(&self) -> bool {
        !self.node_selector.is_empty() || self.hard_node_affinity.is_some() || !self.tolerations.is_empty()
    }
}

/// Names are copied once, when all is added up.
type Requests<'v> = BTreeMap<&'v str, Quantity>;

fn requests(spec: &Cursor) -> Result<BTreeMap<String, Quantity>, Error> {
    let mut running = Requests::new();
    for container in spec.items(&["containers"])? {
        container_requests(&container, |name, quantity| add(&mut running, name, quantity))?;
    }
    let (mut sidecars, mut hungriest) = (Requests::new(), Requests::new());
    for container in spec.items(&["initContainers"])? {
        let mut asked = Requests::new();
        container_requests(&container, |name, quantity| add(&mut asked, name, quantity))?;
        if container.str(&["restartPolicy"])? == Some("Always") {
            add_all(&mut running, &asked);
            add_all(&mut sidecars, &asked);
            asked = sidecars.clone();
        } else {
            add_all(&mut asked, &sidecars);
        }
        for (name, quantity) in asked {
            let most = hungriest.entry(name).or_insert(Quantity::ZERO);
            *most = quantity.max(*most);
        }
    }
    for (name, quantity) in hungriest {
        let most = running.entry(name).or_insert(Quantity::ZERO);
        *most = quantity.max(*most);
    }
    each_quantity(spec, "overhead", |name, quantity| add(&mut running, name, quantity))?;
    let needed = running.into_iter().filter(|(_, quantity)| *quantity > Quantity::ZERO);
    Ok(needed
        .map(|(name, quantity)| {
            let binary = matches!(name, "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
            let format = if binary { Format::BinarySi } else { Format::DecimalSi };
            (name.to_owned(), quantity.with_format(format))
        })
        .collect())
}

fn add<'v>(sum: &mut Requests<'v>, name: &'v str, quantity: Quantity) {
    *sum.entry(name).or_insert(Quantity::ZERO) += quantity;
}

fn add_all<'v>(sum: &mut Requests<'v>, more: &Requests<'v>) {
    more.iter().for_each(|(name, quantity)| add(sum, name, *quantity));
}

fn container_requests<'v>(container: &Cursor<'v, '_>, mut take: impl FnMut(&'v str, Quantity)) -> Result<(), Error> {
    let resources = container.at(&["resources"])?;
    let requests = resources.map(&["requests"])?;
    each_quantity(&resources, "requests", &mut take)?;
    each_quantity(&resources, "limits", |name, limit| {
        if !requests.is_some_and(|requests| requests.contains_key(name)) {
            take(name, limit);
        }
    })
}

fn each_quantity<'v>(
    parent: &Cursor<'v, '_>,
    field: &str,
    mut take: impl FnMut(&'v str, Quantity),
) -> Result<(), Error> {
    for (name, value) in parent.map(&[field])?.into_iter().flatten().filter(|(name, _)| is_countable(name)) {
        let quantity = Quantity::from_value(value).map_err(|error| parent.invalid(&[field, name], error))?;
        take(name, if name == "cpu" { quantity.round_to_milli() } else { quantity.round_to_unit() });
    }
    Ok(())
}

/// Resources that schedulers count: cpu, memory, ephemeral storage, pods, huge pages, attachable volumes and
/// extended resources.
fn is_countable(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage" | "pods")
        || name.starts_with("hugepages-")
        || name.starts_with("attachable-volumes-")
        || name.contains("kubernetes.io/")
        || (name.contains('/') && !name.starts_with("requests.") && is_qualified_name(&format!("requests.{name}")))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn requests_of(spec: &Value) -> Result<String, String> {
        let resources = PodResources::of_spec(&Cursor::of_value(spec)).map_err(|error| error.to_string())?;
        Ok(resources.requests.iter().map(|(name, q)| format!("{name}={q}")).collect::<Vec<_>>().join(" "))
    }

    fn asking(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
    }

    fn sidecar(cpu: &str) -> Value {
        json!({"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}})
    }

    #[rstest]
    #[case::nothing(json!({}), "")]
    #[case::sum(json!({"containers": [asking("100m"), asking("1")]}), "cpu=1100m")]
    #[case::init_is_a_maximum(
        json!({"containers": [asking("100m")], "initContainers": [asking("1"), asking("2"), asking("1")]}), "cpu=2")]
    #[case::init_smaller(json!({"containers": [asking("3")], "initContainers": [asking("2")]}), "cpu=3")]
    #[case::overhead(
        json!({"containers": [asking("1")], "initContainers": [asking("2")], "overhead": {"cpu": "50m", "memory": "1Mi"}}),
        "cpu=2050m memory=1Mi")]
    #[case::sidecars_add_up(
        json!({"containers": [asking("1")], "initContainers": [sidecar("300m"), asking("1"), sidecar("200m")]}),
        "cpu=1500m")]
    #[case::init_after_sidecar(
        json!({"containers": [asking("1")], "initContainers": [sidecar("300m"), asking("2")]}), "cpu=2300m")]
    #[case::limits_stand_in(
        json!({"containers": [{"resources": {"limits": {"cpu": 1, "memory": "2Gi"}, "requests": {"cpu": 0.25}}}]}),
        "cpu=250m memory=2Gi")]
    #[case::rounding(
        json!({"containers": [{"resources": {"requests": {"cpu": "0.1m", "memory": "2048m"}}}]}), "cpu=1m memory=3")]
    #[case::kinds_of_resources(
        json!({"containers": [{"resources": {"requests": {
            "nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi", "ephemeral-storage": "1024", "requests.cpu": "1",
            "storage": "5Gi", "bogus": "1", "requests.example.com/x": "1", "pods": 1, "zero.example.com/x": 0,
            "attachable-volumes-aws-ebs": 3,
        }}}]}),
        "attachable-volumes-aws-ebs=3 ephemeral-storage=1Ki hugepages-2Mi=4Mi nvidia.com/gpu=2 pods=1")]
    fn sums(#[case] spec: Value, #[case] expected: &str) {
        assert_eq!(requests_of(&spec).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case(json!({"containers": {}}), "containers: expected a list, found an object")]
    #[case(json!({"containers": [3]}), "containers[0]: expected an object, found a number")]
    #[case(json!({"containers": [{"resources": {"limits": {"cpu": "x"}}}]}),
        "containers[0].resources.limits.cpu: \"x\" is not a quantity: it has no digits")]
    #[case(json!({"nodeSelector": {"a": 1}}), "nodeSelector.a: expected a string, found a number")]
    #[case(json!({"overhead": "x"}), "overhead: expected an object, found a string")]
    fn refused(#[case] spec: Value, #[case] expected: &str) {
        assert_eq!(requests_of(&spec), Err(expected.to_owned()));
    }

    #[test]
    fn node_claim() {
        let spec = json!({
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []},
                "preferredDuringSchedulingIgnoredDuringExecution": [],
            }},
            "priorityClassName": "high",
        });
        let resources = PodResources::of_spec(&Cursor::of_value(&spec)).unwrap();
        assert!(resources.has_node_claim() && resources.requests.is_empty());
        assert_eq!(resources.node_selector["disk"], "ssd");
        assert_eq!(resources.hard_node_affinity, Some(json!({"nodeSelectorTerms": []})));
        assert_eq!(resources.tolerations.len(), 1);
        assert_eq!(resources.priority_class_name, "high");
        assert!(!PodResources::of_spec(&Cursor::of_value(&json!({}))).unwrap().has_node_claim());
    }
}

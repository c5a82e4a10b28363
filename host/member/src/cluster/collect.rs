//! What a member has and gives: APIs, nodes, resources. Pure but for reading the version.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use outrigger_api::cluster::{ApiEnablement, ApiResource, NodeSummary, ResourceSummary};
use outrigger_object::{Format, Gvk, Object, PodResources, Quantity, Resource};
use outrigger_runtime::{Client, Error, Result, Selection, conditions};

/// Nodes, with what the summaries need of them.
pub(super) fn nodes() -> Selection {
    let gvk = Gvk::new("", "v1", "Node");
    let resource = Resource { gvk, plural: "nodes".into(), namespaced: false, has_status: true, has_scale: false };
    Selection::all(resource).only(&[&["status", "allocatable"], &["status", "conditions"]])
}

/// Pods, with what the summaries need of them.
pub(super) fn pods() -> Selection {
    let gvk = Gvk::new("", "v1", "Pod");
    let resource = Resource { gvk, plural: "pods".into(), namespaced: true, has_status: true, has_scale: false };
    Selection::all(resource).only(&[
        &["spec", "nodeName"],
        &["spec", "containers"],
        &["spec", "initContainers"],
        &["spec", "overhead"],
        &["status", "phase"],
    ])
}

/// The member's version, such as `v1.36.0`.
pub(super) async fn version(member: &Client) -> Result<String> {
    let text = member.raw("/version", None).await?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Error::internal(format!("/version: {error}")))?;
    let version = value.get("gitVersion").and_then(serde_json::Value::as_str);
    version.map(str::to_owned).ok_or_else(|| Error::internal("/version has no gitVersion"))
}

/// What the member serves, by group and version.
pub(super) fn enablements(resources: &[Resource]) -> Vec<ApiEnablement> {
    let mut groups: BTreeMap<String, Vec<ApiResource>> = BTreeMap::new();
    for resource in resources {
        let one = ApiResource { name: resource.plural.clone(), kind: resource.gvk.kind.clone() };
        groups.entry(resource.gvk.api_version()).or_default().push(one);
    }
    groups
        .into_iter()
        .map(|(group_version, mut resources)| {
            resources.sort_by(|a, b| a.name.cmp(&b.name));
            ApiEnablement { group_version, resources }
        })
        .collect()
}

/// How many nodes there are, and how many are ready.
pub(super) fn node_summary(nodes: &[Arc<Object>]) -> NodeSummary {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let ready = |node: &&Arc<Object>| conditions::of(node, "Ready").is_some_and(|ready| ready.0 == "True");
    NodeSummary { total_num: count(nodes.len()), ready_num: count(nodes.iter().filter(ready).count()) }
}

/// What nodes can give, what pods on them request, and what pods that wait for one request. What cannot
/// be read is left out.
pub(super) fn resource_summary(nodes: &[Arc<Object>], pods: &[Arc<Object>]) -> ResourceSummary {
    let mut allocatable: BTreeMap<String, Quantity> = BTreeMap::new();
    for node in nodes {
        let map = node.get(&["status", "allocatable"]).and_then(serde_json::Value::as_object);
        for (name, value) in map.into_iter().flatten() {
            if let Ok(quantity) = Quantity::from_value(value) {
                add(&mut allocatable, name, quantity);
            }
        }
    }
    let (mut allocated, mut allocating) = (BTreeMap::new(), BTreeMap::new());
    for pod in pods {
        let over = matches!(pod.str(&["status", "phase"]), Some("Succeeded" | "Failed"));
        let placed = pod.str(&["spec", "nodeName"]).is_some_and(|node| !node.is_empty());
        let sums = match (placed, over) {
            (true, true) => continue,
            (true, false) => &mut allocated,
            (false, _) => &mut allocating,
        };
        let cursor = pod.cursor();
        let Ok(resources) = cursor.at(&["spec"]).and_then(|spec| PodResources::of_spec(&spec)) else { continue };
        for (name, quantity) in resources.requests {
            add(sums, &name, quantity);
        }
        add(sums, "pods", Quantity::new(1, Format::DecimalSi));
    }
    let text = |sums: BTreeMap<String, Quantity>| {
        sums.into_iter().map(|(name, quantity)| (name, Text(quantity.to_string()))).collect()
    };
    ResourceSummary {
        allocatable: text(allocatable),
        allocating: text(allocating),
        allocated: text(allocated),
        ..ResourceSummary::default()
    }
}

fn add(sums: &mut BTreeMap<String, Quantity>, name: &str, quantity: Quantity) {
    match sums.get_mut(name) {
        Some(sum) => *sum += quantity,
        None => {
            sums.insert(name.to_owned(), quantity);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: serde_json::Value) -> Arc<Object> {
        Arc::new(Object::from_value(value).unwrap())
    }

    #[test]
    fn sums_nodes_and_pods() {
        let node = |cpu: &str, ready: &str| {
            object(json!({"status": {"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": ready}]}}))
        };
        let pod = |node: &str, phase: &str| {
            object(
                json!({"spec": {"nodeName": node, "containers": [{"resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}]},
                "status": {"phase": phase}}),
            )
        };
        let nodes = [node("1500m", "True"), node("2", "False")];
        let pods = [pod("a", "Running"), pod("a", "Running"), pod("a", "Succeeded"), pod("", "Pending")];
        assert_eq!(node_summary(&nodes), NodeSummary { total_num: 2, ready_num: 1 });
        let summary = resource_summary(&nodes, &pods);
        let check = |map: &BTreeMap<String, Text>, expected: &[(&str, &str)]| {
            let seen: Vec<(&str, &str)> = map.iter().map(|(name, text)| (name.as_str(), text.0.as_str())).collect();
            assert_eq!(seen, expected);
        };
        check(&summary.allocatable, &[("cpu", "3500m"), ("memory", "2Gi"), ("pods", "220")]);
        check(&summary.allocated, &[("cpu", "500m"), ("memory", "128Mi"), ("pods", "2")]);
        check(&summary.allocating, &[("cpu", "250m"), ("memory", "64Mi"), ("pods", "1")]);
    }

    #[test]
    fn enablements_are_grouped_and_sorted() {
        let resource = |group: &str, plural: &str, kind: &str| Resource {
            gvk: Gvk::new(group, "v1", kind),
            plural: plural.into(),
            namespaced: true,
            has_status: false,
            has_scale: false,
        };
        let all = [resource("apps", "b", "B"), resource("", "pods", "Pod"), resource("apps", "a", "A")];
        let words: Vec<String> = enablements(&all)
            .iter()
            .map(|one| {
                let names: Vec<&str> = one.resources.iter().map(|resource| resource.name.as_str()).collect();
                format!("{}: {}", one.group_version, names.join(" "))
            })
            .collect();
        assert_eq!(words, ["apps/v1: a b", "v1: pods"]);
    }
}

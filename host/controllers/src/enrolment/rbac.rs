//! What an agent may do on the hub: pure.
//!
//! | Where | What |
//! |---|---|
//! | its Cluster, by name | read; write spec and status |
//! | its execution space | read Works; write them and their status; Events; MemberObjects |
//! | its Lease in `karmada-cluster`, by name | read and write |
//!
//! | everywhere | read interpreters and addons, to judge as the control plane does |
//!
//! Nothing is granted by wildcard, and nothing that has no name but for lists and watches of its own
//! execution space. The Cluster and the Lease are made for it, since creation cannot be granted by name.

use outrigger_api::labels::label;
use outrigger_api::names::{NAMESPACE_CLUSTER, execution_space};
use outrigger_object::{Object, Resource};
use serde_json::{Value, json};

use super::approve::{AGENT_PREFIX, AGENTS, BOOTSTRAPPERS};
use crate::kinds;

/// Annotation of an agent's role that says which key its certificate is for: SHA-256 in hexadecimal.
pub(super) const KEY: &str = "agents.outrigger.io/key";

/// Name of everything that is granted to the agent of a cluster.
pub(crate) fn name(cluster: &str) -> String {
    format!("system:karmada:{cluster}:agent")
}

/// The objects that grant an agent what it may do. The first is the role that carries the key.
pub(super) fn objects(cluster: &str, key: &str) -> Vec<(Resource, Object)> {
    let space = execution_space(cluster);
    let works = json!([
        {"apiGroups": ["work.karmada.io"], "resources": ["works"], "verbs": ["get", "list", "watch", "update", "patch"]},
        {"apiGroups": ["work.karmada.io"], "resources": ["works/status"], "verbs": ["get", "update", "patch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "update", "patch"]},
        {"apiGroups": ["addons.outrigger.io"], "resources": ["memberobjects"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]},
    ]);
    let lease = json!([{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [cluster],
        "verbs": ["get", "update", "patch"]}]);
    let own = json!([{"apiGroups": ["cluster.karmada.io"], "resources": ["clusters", "clusters/status"],
        "resourceNames": [cluster], "verbs": ["get", "list", "watch", "update", "patch"]}]);
    let mut role = rules("Role", cluster, Some(&space), &works);
    role.1.set(&["metadata", "annotations", KEY], key);
    vec![
        role,
        binding("RoleBinding", cluster, Some(&space)),
        rules("Role", cluster, Some(NAMESPACE_CLUSTER), &lease),
        binding("RoleBinding", cluster, Some(NAMESPACE_CLUSTER)),
        rules("ClusterRole", cluster, None, &own),
        binding("ClusterRoleBinding", cluster, None),
    ]
}

/// Name of what everybody may do who enrols, or renews.
const ENROLLING: &str = "system:karmada:agent-enrolment";

/// The objects that let bootstrap tokens and agents ask for certificates.
pub(super) fn enrolling() -> Vec<(Resource, Object)> {
    let labels = json!({label::SYSTEM: label::SYSTEM_TRUE});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": ENROLLING, "labels": labels},
        "rules": [{"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"],
            "verbs": ["create", "get", "watch"]}],
    });
    let group = |name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name});
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": ENROLLING, "labels": labels},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ENROLLING},
        "subjects": [group(BOOTSTRAPPERS), group(AGENTS)],
    });
    let mut all = vec![finished("ClusterRole", role), finished("ClusterRoleBinding", binding)];
    all.extend(interpreting());
    all
}

/// Name of what all agents may do to judge objects as the control plane does.
const INTERPRETING: &str = "system:karmada:agent-interpreters";

fn interpreting() -> Vec<(Resource, Object)> {
    let labels = json!({label::SYSTEM: label::SYSTEM_TRUE});
    let group = "rbac.authorization.k8s.io";
    let verbs = json!(["get", "list", "watch"]);
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRole",
        "metadata": {"name": INTERPRETING, "labels": labels},
        "rules": [
            {"apiGroups": ["interpreters.outrigger.io"], "resources": ["interpreters", "interpreterreports"],
                "verbs": verbs},
            {"apiGroups": ["addons.outrigger.io"], "resources": ["addons", "addonpackages"], "verbs": verbs},
            {"apiGroups": ["config.karmada.io"], "verbs": verbs, "resources":
                ["resourceinterpretercustomizations", "resourceinterpreterwebhookconfigurations"]},
            {"apiGroups": ["addons.outrigger.io"], "resources": ["addons", "addonpackages"], "verbs": verbs},
        ],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
        "metadata": {"name": INTERPRETING, "labels": labels},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": INTERPRETING},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": AGENTS}],
    });
    vec![finished("ClusterRole", role), finished("ClusterRoleBinding", binding)]
}

fn base(kind: &str, cluster: &str, namespace: Option<&str>) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": name(cluster), "namespace": namespace, "labels": {label::SYSTEM: label::SYSTEM_TRUE}},
    })
}

fn finished(kind: &str, mut value: Value) -> (Resource, Object) {
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    (kinds::rbac(kind), Object::from_value(value).unwrap_or_default())
}

fn rules(kind: &str, cluster: &str, namespace: Option<&str>, rules: &Value) -> (Resource, Object) {
    let mut value = base(kind, cluster, namespace);
    value["rules"] = rules.clone();
    finished(kind, value)
}

fn binding(kind: &str, cluster: &str, namespace: Option<&str>) -> (Resource, Object) {
    let mut value = base(kind, cluster, namespace);
    let role = if namespace.is_some() { "Role" } else { "ClusterRole" };
    value["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name(cluster)});
    value["subjects"] = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User",
        "name": format!("{AGENT_PREFIX}{cluster}")}]);
    finished(kind, value)
}

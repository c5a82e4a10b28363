//! The roles and bindings that every API server has from the start.

use outrigger_object::Object;
use serde_json::{Value, json};

use super::GROUP;

/// The label of objects that are made from this table.
pub const RECONCILED_LABEL: &str = "kubernetes.io/bootstrapping";

const DISCOVERY: [&str; 10] =
    ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version"];
const PUBLIC: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

fn role(name: &str, rules: Value, labels: &[(&str, &str)]) -> Value {
    let mut role = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {RECONCILED_LABEL: "rbac-defaults"}},
        "rules": rules,
    });
    for (label, value) in labels {
        role["metadata"]["labels"][*label] = (*value).into();
    }
    role
}

fn aggregate(name: &str, label: &str, labels: &[(&str, &str)]) -> Value {
    let mut role = role(name, json!([]), labels);
    role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]});
    role
}

fn binding(name: &str, groups: &[&str]) -> Value {
    let subjects: Vec<Value> =
        groups.iter().map(|group| json!({"apiGroup": GROUP, "kind": "Group", "name": group})).collect();
    json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": {RECONCILED_LABEL: "rbac-defaults"}},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        "subjects": subjects,
    })
}

const TO_ADMIN: &str = "rbac.authorization.k8s.io/aggregate-to-admin";
const TO_EDIT: &str = "rbac.authorization.k8s.io/aggregate-to-edit";
const TO_VIEW: &str = "rbac.authorization.k8s.io/aggregate-to-view";

/// `cluster-admin`, `admin`, `edit`, `view`, and what everyone may see, with their bindings.
pub fn default_objects() -> Vec<Object> {
    let read = ["get", "list", "watch"];
    let write = ["create", "delete", "deletecollection", "patch", "update"];
    let core = [
        "configmaps",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "pods/status",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "serviceaccounts",
        "services",
        "services/status",
    ];
    let workloads = json!([
        {"apiGroups": ["apps"], "resources": ["*"]},
        {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers", "horizontalpodautoscalers/status"]},
        {"apiGroups": ["batch"], "resources": ["*"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingresses/status", "networkpolicies"]},
        {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets", "poddisruptionbudgets/status"]},
    ]);
    let with_verbs = |verbs: &[&str], core: &[&str]| {
        let mut rules = vec![json!({"apiGroups": [""], "resources": core, "verbs": verbs})];
        for rule in workloads.as_array().into_iter().flatten() {
            let mut rule = rule.clone();
            rule["verbs"] = json!(verbs);
            rules.push(rule);
        }
        rules
    };
    let mut view = with_verbs(&read, &core);
    view.push(json!({"apiGroups": [""], "resources": ["limitranges", "namespaces", "resourcequotas"], "verbs": read}));
    let mut editable: Vec<&str> = core.to_vec();
    editable.push("secrets");
    let mut edit = with_verbs(&write, &editable);
    edit.push(json!({"apiGroups": [""], "resources": ["secrets"], "verbs": read}));
    edit.push(json!({"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}));
    let all = [read.as_slice(), &write].concat();
    let admin = json!([
        {"apiGroups": [GROUP], "resources": ["rolebindings", "roles"], "verbs": all},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"], "verbs": ["create"]},
    ]);
    let everything = json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]);
    let own_access = json!([
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]);
    let objects = [
        role("cluster-admin", everything, &[]),
        aggregate("admin", TO_ADMIN, &[]),
        aggregate("edit", TO_EDIT, &[(TO_ADMIN, "true")]),
        aggregate("view", TO_VIEW, &[(TO_EDIT, "true")]),
        role("system:aggregate-to-admin", admin, &[(TO_ADMIN, "true")]),
        role("system:aggregate-to-edit", json!(edit), &[(TO_EDIT, "true")]),
        role("system:aggregate-to-view", json!(view), &[(TO_VIEW, "true")]),
        role("system:discovery", json!([{"nonResourceURLs": DISCOVERY, "verbs": ["get"]}]), &[]),
        role("system:public-info-viewer", json!([{"nonResourceURLs": PUBLIC, "verbs": ["get"]}]), &[]),
        role("system:basic-user", own_access, &[]),
        binding("cluster-admin", &["system:masters"]),
        binding("system:discovery", &["system:authenticated"]),
        binding("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
        binding("system:basic-user", &["system:authenticated"]),
    ];
    objects.into_iter().filter_map(|object| Object::from_value(object).ok()).collect()
}

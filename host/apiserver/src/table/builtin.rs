//! Columns of the built-in kinds that people look at, as kube-apiserver has them.

use jiff::Timestamp;
use outrigger_object::{Object, Selector};
use serde_json::Value;

use super::{Column, age, pod};
use crate::registry::Resource;

const fn text(name: &'static str, cell: fn(&Object, Timestamp) -> Value) -> Column {
    Column { name, type_name: "string", priority: 0, cell }
}

const fn number(name: &'static str, cell: fn(&Object, Timestamp) -> Value) -> Column {
    Column { name, type_name: "integer", priority: 0, cell }
}

const fn wide(name: &'static str, cell: fn(&Object, Timestamp) -> Value) -> Column {
    Column { name, type_name: "string", priority: 1, cell }
}

const AGE: Column = text("Age", age::of);
const NONE: &str = "<none>";
const UNSET: &str = "<unset>";

fn or_none(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).unwrap_or(NONE).into()
}

fn int(object: &Object, path: &[&str]) -> i64 {
    object.int(path).unwrap_or_default()
}

fn list<'a>(object: &'a Object, path: &[&str]) -> impl Iterator<Item = &'a Value> {
    object.get(path).and_then(Value::as_array).into_iter().flatten()
}

fn string<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> Value {
    let texts: Vec<&str> = texts.collect();
    or_none(Some(&texts.join(",")))
}

fn count(object: &Object, path: &[&str]) -> Value {
    match object.get(path) {
        Some(Value::Object(map)) => map.len().into(),
        Some(Value::Array(list)) => list.len().into(),
        _ => 0.into(),
    }
}

fn selector(object: &Object, path: &[&str]) -> Value {
    let text = object.get(path).and_then(|selector| Selector::from_json(selector).ok()).map(|one| one.to_string());
    or_none(text.as_deref())
}

fn plain_labels(object: &Object, path: &[&str]) -> Value {
    let labels = object.get(path).and_then(Value::as_object).into_iter().flatten();
    let texts: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    or_none(Some(&texts.join(",")))
}

fn containers(object: &Object, path: &[&str]) -> Value {
    joined(list(object, path).map(|one| string(one, "name")))
}

fn images(object: &Object, path: &[&str]) -> Value {
    joined(list(object, path).map(|one| string(one, "image")))
}

const TEMPLATE: [&str; 4] = ["spec", "template", "spec", "containers"];
const CONTAINERS: Column = wide("Containers", |o, _| containers(o, &TEMPLATE));
const IMAGES: Column = wide("Images", |o, _| images(o, &TEMPLATE));
const SELECTOR: Column = wide("Selector", |o, _| selector(o, &["spec", "selector"]));

fn ratio(object: &Object, ready: &[&str], wanted: i64) -> Value {
    format!("{}/{wanted}", int(object, ready)).into()
}

static PODS: &[Column] = &[
    text("Ready", |o, _| pod::ready(o)),
    text("Status", |o, _| pod::status(o).into()),
    text("Restarts", pod::restarts),
    AGE,
    wide("IP", |o, _| or_none(o.str(&["status", "podIP"]))),
    wide("Node", |o, _| or_none(o.str(&["spec", "nodeName"]))),
    wide("Nominated Node", |o, _| or_none(o.str(&["status", "nominatedNodeName"]))),
    wide("Readiness Gates", |_, _| NONE.into()),
];

static DEPLOYMENTS: &[Column] = &[
    text("Ready", |o, _| ratio(o, &["status", "readyReplicas"], int(o, &["spec", "replicas"]))),
    number("Up-to-date", |o, _| int(o, &["status", "updatedReplicas"]).into()),
    number("Available", |o, _| int(o, &["status", "availableReplicas"]).into()),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

static REPLICA_SETS: &[Column] = &[
    number("Desired", |o, _| int(o, &["spec", "replicas"]).into()),
    number("Current", |o, _| int(o, &["status", "replicas"]).into()),
    number("Ready", |o, _| int(o, &["status", "readyReplicas"]).into()),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

static STATEFUL_SETS: &[Column] = &[
    text("Ready", |o, _| ratio(o, &["status", "readyReplicas"], int(o, &["spec", "replicas"]))),
    AGE,
    CONTAINERS,
    IMAGES,
];

static DAEMON_SETS: &[Column] = &[
    number("Desired", |o, _| int(o, &["status", "desiredNumberScheduled"]).into()),
    number("Current", |o, _| int(o, &["status", "currentNumberScheduled"]).into()),
    number("Ready", |o, _| int(o, &["status", "numberReady"]).into()),
    number("Up-to-date", |o, _| int(o, &["status", "updatedNumberScheduled"]).into()),
    number("Available", |o, _| int(o, &["status", "numberAvailable"]).into()),
    text("Node Selector", |o, _| plain_labels(o, &["spec", "template", "spec", "nodeSelector"])),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

fn job_status(object: &Object, _: Timestamp) -> Value {
    let holds = |kind: &str| {
        list(object, &["status", "conditions"])
            .any(|one| string(one, "type") == kind && string(one, "status") == "True")
    };
    let known = ["Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"];
    match known.into_iter().find(|kind| holds(kind)) {
        _ if object.is_deleting() => "Terminating",
        Some(kind) => kind,
        None => "Running",
    }
    .into()
}

fn completions(object: &Object, _: Timestamp) -> Value {
    let done = int(object, &["status", "succeeded"]);
    match (object.int(&["spec", "completions"]), int(object, &["spec", "parallelism"])) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{done}/1 of {parallel}"),
        _ => format!("{done}/1"),
    }
    .into()
}

fn job_duration(object: &Object, now: Timestamp) -> Value {
    let time = |name: &str| object.str(&["status", name]).and_then(|text| text.parse::<Timestamp>().ok());
    match (time("startTime"), time("completionTime")) {
        (Some(start), end) => age::between(start, end.unwrap_or(now)).into(),
        (None, _) => "".into(),
    }
}

static JOBS: &[Column] = &[
    text("Status", job_status),
    text("Completions", completions),
    text("Duration", job_duration),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

const JOB_TEMPLATE: [&str; 6] = ["spec", "jobTemplate", "spec", "template", "spec", "containers"];
static CRON_JOBS: &[Column] = &[
    text("Schedule", |o, _| o.str(&["spec", "schedule"]).unwrap_or_default().into()),
    text("Timezone", |o, _| or_none(o.str(&["spec", "timeZone"]))),
    text("Suspend", |o, _| if o.bool(&["spec", "suspend"]) == Some(true) { "True" } else { "False" }.into()),
    number("Active", |o, _| count(o, &["status", "active"])),
    text("Last Schedule", |o, now| match o.str(&["status", "lastScheduleTime"]) {
        Some(time) => age::since(Some(time), now).into(),
        None => NONE.into(),
    }),
    AGE,
    wide("Containers", |o, _| containers(o, &JOB_TEMPLATE)),
    wide("Images", |o, _| images(o, &JOB_TEMPLATE)),
    wide("Selector", |_, _| NONE.into()),
];

fn service_address(object: &Object, _: Timestamp) -> Value {
    let ingress = list(object, &["status", "loadBalancer", "ingress"])
        .map(|one| if string(one, "ip").is_empty() { string(one, "hostname") } else { string(one, "ip") });
    match object.str(&["spec", "type"]).unwrap_or("ClusterIP") {
        "ExternalName" => or_none(object.str(&["spec", "externalName"])),
        "LoadBalancer" => {
            let found: Vec<&str> = ingress.filter(|text| !text.is_empty()).collect();
            if found.is_empty() { "<pending>".into() } else { found.join(",").into() }
        }
        _ => joined(list(object, &["spec", "externalIPs"]).filter_map(Value::as_str)),
    }
}

fn ports(object: &Object, _: Timestamp) -> Value {
    let ports: Vec<String> = list(object, &["spec", "ports"])
        .map(|port| {
            let number = |name: &str| port.get(name).and_then(Value::as_i64).unwrap_or_default();
            let protocol = match string(port, "protocol") {
                "" => "TCP",
                protocol => protocol,
            };
            match number("nodePort") {
                0 => format!("{}/{protocol}", number("port")),
                node => format!("{}:{node}/{protocol}", number("port")),
            }
        })
        .collect();
    or_none(Some(&ports.join(",")))
}

static SERVICES: &[Column] = &[
    text("Type", |o, _| o.str(&["spec", "type"]).unwrap_or("ClusterIP").into()),
    text("Cluster-IP", |o, _| or_none(o.str(&["spec", "clusterIP"]))),
    text("External-IP", service_address),
    text("Port(s)", ports),
    AGE,
    wide("Selector", |o, _| plain_labels(o, &["spec", "selector"])),
];

static CONFIG_MAPS: &[Column] = &[
    number("Data", |o, _| {
        let size = |name: &str| o.get(&[name]).and_then(Value::as_object).map_or(0, serde_json::Map::len);
        (size("data") + size("binaryData")).into()
    }),
    AGE,
];

static SECRETS: &[Column] = &[
    text("Type", |o, _| o.str(&["type"]).unwrap_or_default().into()),
    number("Data", |o, _| count(o, &["data"])),
    AGE,
];

static NAMESPACES: &[Column] = &[text("Status", |o, _| o.str(&["status", "phase"]).unwrap_or_default().into()), AGE];

fn node_status(object: &Object, _: Timestamp) -> Value {
    let ready = list(object, &["status", "conditions"]).find(|one| string(one, "type") == "Ready");
    let mut text = match ready.map(|one| string(one, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if object.bool(&["spec", "unschedulable"]) == Some(true) {
        text.push_str(",SchedulingDisabled");
    }
    text.into()
}

fn node_roles(object: &Object, _: Timestamp) -> Value {
    let mut roles: Vec<&str> = object
        .labels()
        .filter_map(|(key, value)| match key {
            "kubernetes.io/role" => Some(value),
            key => key.strip_prefix("node-role.kubernetes.io/"),
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    joined(roles.into_iter())
}

fn node_address(object: &Object, kind: &str) -> Value {
    or_none(
        list(object, &["status", "addresses"])
            .find(|one| string(one, "type") == kind)
            .map(|one| string(one, "address")),
    )
}

fn node_info(object: &Object, name: &str) -> Value {
    let text = object.str(&["status", "nodeInfo", name]).filter(|text| !text.is_empty());
    text.unwrap_or("<unknown>").into()
}

static NODES: &[Column] = &[
    text("Status", node_status),
    text("Roles", node_roles),
    AGE,
    text("Version", |o, _| o.str(&["status", "nodeInfo", "kubeletVersion"]).unwrap_or_default().into()),
    wide("Internal-IP", |o, _| node_address(o, "InternalIP")),
    wide("External-IP", |o, _| node_address(o, "ExternalIP")),
    wide("OS-Image", |o, _| node_info(o, "osImage")),
    wide("Kernel-Version", |o, _| node_info(o, "kernelVersion")),
    wide("Container-Runtime", |o, _| node_info(o, "containerRuntimeVersion")),
];

fn event_time(object: &Object, name: &str, now: Timestamp) -> String {
    let at = object.str(&[name]).or(object.str(&["eventTime"])).or(object.str(&["metadata", "creationTimestamp"]));
    age::since(at, now)
}

fn event_object(object: &Object, _: Timestamp) -> Value {
    let about = object.get(&["involvedObject"]).or(object.get(&["regarding"])).unwrap_or(&Value::Null);
    format!("{}/{}", string(about, "kind").to_lowercase(), string(about, "name")).into()
}

fn event_last_seen(object: &Object, now: Timestamp) -> Value {
    match object.str(&["series", "lastObservedTime"]) {
        Some(time) => age::since(Some(time), now),
        None => event_time(object, "lastTimestamp", now),
    }
    .into()
}

static EVENTS: &[Column] = &[
    text("Last Seen", event_last_seen),
    text("Type", |o, _| o.str(&["type"]).unwrap_or_default().into()),
    text("Reason", |o, _| o.str(&["reason"]).unwrap_or_default().into()),
    text("Object", event_object),
    wide("Subobject", |o, _| o.str(&["involvedObject", "fieldPath"]).unwrap_or_default().into()),
    wide("Source", |o, _| {
        let component = o.str(&["source", "component"]).filter(|text| !text.is_empty());
        component.or(o.str(&["reportingComponent"])).unwrap_or_default().into()
    }),
    text("Message", |o, _| o.str(&["message"]).or(o.str(&["note"])).unwrap_or_default().trim().into()),
    wide("First Seen", |o, now| event_time(o, "firstTimestamp", now).into()),
    wide("Count", |o, _| o.int(&["series", "count"]).or(o.int(&["count"])).unwrap_or(1).to_string().into()),
    wide("Name", |o, _| o.name().into()),
];

static LEASES: &[Column] = &[text("Holder", |o, _| o.str(&["spec", "holderIdentity"]).unwrap_or_default().into()), AGE];

fn request_condition(object: &Object, _: Timestamp) -> Value {
    let holds = |kind: &str| list(object, &["status", "conditions"]).any(|one| string(one, "type") == kind);
    let mut text = match (holds("Denied"), holds("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if holds("Failed") {
        text.push_str(",Failed");
    }
    if !object.str(&["status", "certificate"]).unwrap_or_default().is_empty() {
        text.push_str(",Issued");
    }
    text.into()
}

static SIGNING_REQUESTS: &[Column] = &[
    AGE,
    text("SignerName", |o, _| o.str(&["spec", "signerName"]).unwrap_or(NONE).into()),
    text("Requestor", |o, _| o.str(&["spec", "username"]).unwrap_or_default().into()),
    text("RequestedDuration", |o, _| match o.int(&["spec", "expirationSeconds"]) {
        Some(seconds) => age::seconds(seconds).into(),
        None => NONE.into(),
    }),
    text("Condition", request_condition),
];

static DEFINITIONS: &[Column] =
    &[text("Created At", |o, _| o.str(&["metadata", "creationTimestamp"]).unwrap_or_default().into())];

static ROLES: &[Column] =
    &[text("Created At", |o, _| o.str(&["metadata", "creationTimestamp"]).unwrap_or_default().into())];

fn subjects(object: &Object, kind: &str) -> Value {
    let names: Vec<String> = list(object, &["subjects"])
        .filter(|one| string(one, "kind") == kind)
        .map(|one| match kind {
            "ServiceAccount" => format!("{}/{}", string(one, "namespace"), string(one, "name")),
            _ => string(one, "name").to_owned(),
        })
        .collect();
    names.join(", ").into()
}

static BINDINGS: &[Column] = &[
    text("Role", |o, _| {
        let part = |name: &str| o.str(&["roleRef", name]).unwrap_or_default();
        format!("{}/{}", part("kind"), part("name")).into()
    }),
    AGE,
    wide("Users", |o, _| subjects(o, "User")),
    wide("Groups", |o, _| subjects(o, "Group")),
    wide("ServiceAccounts", |o, _| subjects(o, "ServiceAccount")),
];

static SERVICE_ACCOUNTS: &[Column] = &[number("Secrets", |o, _| count(o, &["secrets"])), AGE];

fn capacity(object: &Object, path: &[&str]) -> Value {
    object.str(path).unwrap_or_default().into()
}

fn access_modes(object: &Object, path: &[&str]) -> Value {
    let modes: Vec<&str> = list(object, path)
        .filter_map(Value::as_str)
        .map(|mode| match mode {
            "ReadWriteOnce" => "RWO",
            "ReadOnlyMany" => "ROX",
            "ReadWriteMany" => "RWX",
            "ReadWriteOncePod" => "RWOP",
            other => other,
        })
        .collect();
    modes.join(",").into()
}

static CLAIMS: &[Column] = &[
    text("Status", |o, _| match o.is_deleting() {
        true => "Terminating".into(),
        false => o.str(&["status", "phase"]).unwrap_or_default().into(),
    }),
    text("Volume", |o, _| o.str(&["spec", "volumeName"]).unwrap_or_default().into()),
    text("Capacity", |o, _| capacity(o, &["status", "capacity", "storage"])),
    text("Access Modes", |o, _| access_modes(o, &["status", "accessModes"])),
    text("StorageClass", |o, _| o.str(&["spec", "storageClassName"]).unwrap_or_default().into()),
    text("VolumeAttributesClass", |o, _| o.str(&["spec", "volumeAttributesClassName"]).unwrap_or(UNSET).into()),
    AGE,
    wide("VolumeMode", |o, _| o.str(&["spec", "volumeMode"]).unwrap_or(UNSET).into()),
];

static VOLUMES: &[Column] = &[
    text("Capacity", |o, _| capacity(o, &["spec", "capacity", "storage"])),
    text("Access Modes", |o, _| access_modes(o, &["spec", "accessModes"])),
    text("Reclaim Policy", |o, _| o.str(&["spec", "persistentVolumeReclaimPolicy"]).unwrap_or_default().into()),
    text("Status", |o, _| o.str(&["status", "phase"]).unwrap_or_default().into()),
    text("Claim", |o, _| match o.str(&["spec", "claimRef", "name"]) {
        Some(name) => format!("{}/{name}", o.str(&["spec", "claimRef", "namespace"]).unwrap_or_default()).into(),
        None => "".into(),
    }),
    text("StorageClass", |o, _| o.str(&["spec", "storageClassName"]).unwrap_or_default().into()),
    text("VolumeAttributesClass", |o, _| o.str(&["spec", "volumeAttributesClassName"]).unwrap_or(UNSET).into()),
    text("Reason", |o, _| o.str(&["status", "reason"]).unwrap_or_default().into()),
    AGE,
    wide("VolumeMode", |o, _| o.str(&["spec", "volumeMode"]).unwrap_or(UNSET).into()),
];

fn hosts(object: &Object, _: Timestamp) -> Value {
    let hosts: Vec<&str> =
        list(object, &["spec", "rules"]).map(|rule| string(rule, "host")).filter(|host| !host.is_empty()).collect();
    if hosts.is_empty() { "*".into() } else { hosts.join(",").into() }
}

static INGRESSES: &[Column] = &[
    text("Class", |o, _| or_none(o.str(&["spec", "ingressClassName"]))),
    text("Hosts", hosts),
    text("Address", |o, _| {
        let addresses: Vec<&str> = list(o, &["status", "loadBalancer", "ingress"])
            .map(|one| if string(one, "ip").is_empty() { string(one, "hostname") } else { string(one, "ip") })
            .collect();
        addresses.join(",").into()
    }),
    text("Ports", |o, _| if count(o, &["spec", "tls"]) == 0 { "80" } else { "80, 443" }.into()),
    AGE,
];

fn budget(object: &Object, name: &str) -> Value {
    match object.get(&["spec", name]) {
        Some(Value::String(text)) => text.clone().into(),
        Some(Value::Number(number)) => number.to_string().into(),
        _ => "N/A".into(),
    }
}

static DISRUPTION_BUDGETS: &[Column] = &[
    text("Min Available", |o, _| budget(o, "minAvailable")),
    text("Max Unavailable", |o, _| budget(o, "maxUnavailable")),
    number("Allowed Disruptions", |o, _| int(o, &["status", "disruptionsAllowed"]).into()),
    AGE,
];

static AUTOSCALERS: &[Column] = &[
    text("Reference", |o, _| {
        let part = |name: &str| o.str(&["spec", "scaleTargetRef", name]).unwrap_or_default();
        format!("{}/{}", part("kind"), part("name")).into()
    }),
    text("MinPods", |o, _| o.int(&["spec", "minReplicas"]).map_or(UNSET.to_owned(), |min| min.to_string()).into()),
    number("MaxPods", |o, _| int(o, &["spec", "maxReplicas"]).into()),
    number("Replicas", |o, _| int(o, &["status", "currentReplicas"]).into()),
    AGE,
];

static ENDPOINTS: &[Column] = &[
    text("Endpoints", |o, _| {
        let addresses: Vec<String> = list(o, &["subsets"])
            .flat_map(|subset| {
                let port = subset.pointer("/ports/0/port").and_then(Value::as_i64);
                let all = subset.get("addresses").and_then(Value::as_array).into_iter().flatten();
                all.map(move |one| match port {
                    Some(port) => format!("{}:{port}", string(one, "ip")),
                    None => string(one, "ip").to_owned(),
                })
            })
            .collect();
        match addresses.len() {
            0..=3 => or_none(Some(&addresses.join(","))),
            more => format!("{} + {} more...", addresses.get(..3).unwrap_or_default().join(","), more - 3).into(),
        }
    }),
    AGE,
];

static API_SERVICES: &[Column] =
    &[text("Service", |_, _| "Local".into()), text("Available", |_, _| "True".into()), AGE];

static POLICIES: &[Column] = &[text("Pod-Selector", |o, _| selector(o, &["spec", "podSelector"])), AGE];

static PRIORITY_CLASSES: &[Column] = &[
    number("Value", |o, _| int(o, &["value"]).into()),
    text("Global-Default", |o, _| o.bool(&["globalDefault"]).unwrap_or_default().into()),
    AGE,
];

static STORAGE_CLASSES: &[Column] = &[
    text("Provisioner", |o, _| o.str(&["provisioner"]).unwrap_or_default().into()),
    text("ReclaimPolicy", |o, _| o.str(&["reclaimPolicy"]).unwrap_or("Delete").into()),
    text("VolumeBindingMode", |o, _| o.str(&["volumeBindingMode"]).unwrap_or("Immediate").into()),
    text("AllowVolumeExpansion", |o, _| o.bool(&["allowVolumeExpansion"]).unwrap_or_default().into()),
    AGE,
];

/// The columns after the name; none for kinds that have a name and an age only.
pub(super) fn columns(resource: &Resource) -> Option<&'static [Column]> {
    Some(match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => PODS,
        ("apps", "deployments") => DEPLOYMENTS,
        ("apps", "replicasets") | ("", "replicationcontrollers") => REPLICA_SETS,
        ("apps", "statefulsets") => STATEFUL_SETS,
        ("apps", "daemonsets") => DAEMON_SETS,
        ("batch", "jobs") => JOBS,
        ("batch", "cronjobs") => CRON_JOBS,
        ("", "services") => SERVICES,
        ("", "configmaps") => CONFIG_MAPS,
        ("", "secrets") => SECRETS,
        ("", "namespaces") => NAMESPACES,
        ("", "nodes") => NODES,
        ("" | "events.k8s.io", "events") => EVENTS,
        ("", "serviceaccounts") => SERVICE_ACCOUNTS,
        ("", "persistentvolumeclaims") => CLAIMS,
        ("", "persistentvolumes") => VOLUMES,
        ("", "endpoints") => ENDPOINTS,
        ("coordination.k8s.io", "leases") => LEASES,
        ("certificates.k8s.io", "certificatesigningrequests") => SIGNING_REQUESTS,
        ("apiextensions.k8s.io", "customresourcedefinitions") => DEFINITIONS,
        ("apiregistration.k8s.io", "apiservices") => API_SERVICES,
        ("rbac.authorization.k8s.io", "roles" | "clusterroles") => ROLES,
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => BINDINGS,
        ("networking.k8s.io", "ingresses") => INGRESSES,
        ("networking.k8s.io", "networkpolicies") => POLICIES,
        ("policy", "poddisruptionbudgets") => DISRUPTION_BUDGETS,
        ("autoscaling", "horizontalpodautoscalers") => AUTOSCALERS,
        ("scheduling.k8s.io", "priorityclasses") => PRIORITY_CLASSES,
        ("storage.k8s.io", "storageclasses") => STORAGE_CLASSES,
        _ => return None,
    })
}

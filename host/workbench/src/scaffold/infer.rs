//! What a definition's schema says, by convention, about how its kind is to be interpreted.

use serde_json::{Map, Value};

use crate::definitions::{Definition, Version};

/// Schemas are followed this deep.
const MAX_DEPTH: usize = 10;

/// How one field of the status becomes that of all clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Combine {
    /// The template's generation, once all have seen it.
    ObservedGeneration,
    /// By type.
    Conditions,
    /// Worst first, as far as the words tell; further fields of the same cluster.
    Worst(Vec<String>, Vec<String>),
    /// An operator without arguments.
    Op(&'static str),
}

/// An object that is referred to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Kind of the core group.
    pub kind: &'static str,
    /// Path to the name.
    pub name: String,
    /// Path to the namespace, where there is such a field and the path can name only one.
    pub namespace: Option<String>,
}

/// One pod template of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Path to the object, list or map that has it.
    pub owner: String,
    /// Whether the owner is a list or a map of such parts.
    pub repeated: bool,
    /// In a list, the field with the name.
    pub name: Option<String>,
    /// The field with the number of replicas, below the owner or its item.
    pub replicas: Option<String>,
    /// The field with the pod template or spec, below the same.
    pub pod: Pod,
}

/// Where a pod is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pod {
    /// A pod template.
    Template(String),
    /// A pod spec.
    Spec(String),
}

impl Pod {
    /// The path.
    pub fn path(&self) -> &str {
        match self {
            Self::Template(path) | Self::Spec(path) => path,
        }
    }

    /// The key under which interpreters name it.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Template(_) => "podTemplate",
            Self::Spec(_) => "podSpec",
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inferred {
    /// Path to the number of replicas.
    pub replicas: Option<String>,
    /// What the schema fills in there.
    pub default_replicas: Option<i64>,
    /// Where pods are described, outside of lists and maps and alone.
    pub pod: Option<Pod>,
    /// Where they are described otherwise.
    pub parts: Vec<Part>,
    /// Fields of the status that can be combined.
    pub fields: Vec<(String, Combine)>,
    /// Those that cannot.
    pub left: Vec<String>,
    /// The condition that tells whether it works, and whether the definition says so.
    pub condition: Option<(String, bool)>,
    /// The field of the status with the phase, and its values by what they mean.
    pub phase: Option<Phase>,
    /// A counter of the status that reaches the number of replicas.
    pub ready: Option<String>,
    /// Whether `status.observedGeneration` exists.
    pub observed_generation: bool,
    /// Whether `status.message` exists.
    pub message: bool,
    /// What must be beside it.
    pub references: Vec<Reference>,
    /// Whether the status lives in the main resource.
    pub keep_status: bool,
}

/// A phase and its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phase {
    /// The field of the status.
    pub field: String,
    /// Values that mean a failure.
    pub bad: Vec<String>,
    /// Values that mean success.
    pub good: Vec<String>,
}

/// Reads a version of a definition.
pub fn infer(definition: &Definition, version: &Version) -> Inferred {
    let mut inferred = Inferred { keep_status: !version.status, ..Inferred::default() };
    let spec = property(&version.schema, "spec");
    let status = property(&version.schema, "status");
    let mut walk = Walk { namespaced: definition.namespaced, ..Walk::default() };
    if let Some(spec) = spec {
        walk.node(spec, "spec", None, 0);
    }
    walk.references.sort();
    walk.references.dedup();
    inferred.references = walk.references;
    let scaled = version.scale.as_ref().map(|scale| scale.spec.trim_start_matches('.').to_owned());
    let conventional = || spec.and_then(|spec| property(spec, "replicas")).filter(|node| is_integer(node));
    inferred.replicas = scaled.or_else(|| conventional().map(|_| "spec.replicas".to_owned()));
    if let Some(path) = &inferred.replicas {
        let node = path.split('.').try_fold(&version.schema, |node, name| property(node, name));
        inferred.default_replicas = node.and_then(|node| node.get("default")).and_then(Value::as_i64);
    }
    match walk.parts.as_slice() {
        [only] if !only.repeated => {
            let path = join(&only.owner, only.pod.path());
            inferred.pod = Some(match only.pod {
                Pod::Template(_) => Pod::Template(path),
                Pod::Spec(_) => Pod::Spec(path),
            });
            if inferred.replicas.is_none() {
                inferred.replicas = only.replicas.as_ref().map(|field| join(&only.owner, field));
            }
        }
        _ => inferred.parts = walk.parts,
    }
    if let Some(status) = status.and_then(|status| status.get("properties")).and_then(Value::as_object) {
        read_status(status, version, &mut inferred);
    }
    inferred
}

fn read_status(status: &Map<String, Value>, version: &Version, inferred: &mut Inferred) {
    inferred.observed_generation = status.contains_key("observedGeneration");
    inferred.message = status.get("message").is_some_and(is_string);
    let phase = ["phase", "state"].into_iter().find(|name| status.get(*name).is_some_and(is_string));
    let along: Vec<String> = ["reason", "message"]
        .into_iter()
        .filter(|name| phase.is_some() && status.get(*name).is_some_and(is_string))
        .map(str::to_owned)
        .collect();
    for (name, node) in status {
        let combine = match name.as_str() {
            "observedGeneration" if is_integer(node) => Some(Combine::ObservedGeneration),
            "conditions" if is_conditions(node) => Some(Combine::Conditions),
            name if Some(name) == phase => Some(match ordered(node) {
                Some((order, good, bad)) => {
                    inferred.phase = Some(Phase { field: name.to_owned(), bad, good });
                    Combine::Worst(order, along.clone())
                }
                None => Combine::Op("allEqual"),
            }),
            name if along.iter().any(|one| one == name) => {
                // Taken from the cluster whose phase wins, where there is an order.
                if phase.and_then(|phase| status.get(phase)).and_then(ordered).is_some() {
                    continue;
                }
                Some(Combine::Op("first"))
            }
            name if is_integer(node) => counter(name).map(Combine::Op),
            name if is_time(node) => Some(Combine::Op(if begins(name) { "earliest" } else { "latest" })),
            _ if is_string(node) => Some(Combine::Op("allEqual")),
            _ => None,
        };
        match combine {
            Some(combine) => inferred.fields.push((name.clone(), combine)),
            None => inferred.left.push(name.clone()),
        }
    }
    if status.get("conditions").is_some_and(is_conditions) {
        let printed = ["Ready", "Available", "Healthy", "Succeeded", "Complete", "Synced"].into_iter().find(|kind| {
            version.columns.iter().any(|path| path.contains("conditions") && path.contains(&format!("\"{kind}\"")))
                || version.columns.iter().any(|path| path.contains("conditions") && path.contains(&format!("'{kind}'")))
        });
        inferred.condition = Some((printed.unwrap_or("Ready").to_owned(), printed.is_some()));
    }
    let counts = ["readyReplicas", "availableReplicas"];
    inferred.ready = counts.into_iter().find(|name| status.get(*name).is_some_and(is_integer)).map(str::to_owned);
}

#[derive(Default)]
struct Walk {
    namespaced: bool,
    references: Vec<Reference>,
    parts: Vec<Part>,
}

impl Walk {
    /// Follows a schema; `repeated` is the list or map above, with the path within its items.
    fn node(&mut self, node: &Value, path: &str, repeated: Option<(&str, &Value)>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if let Some(items) = node.get("items") {
            return self.node(items, &format!("{path}[*]"), Some((path, items)), depth + 1);
        }
        if let Some(values) = node.get("additionalProperties").filter(|values| values.is_object()) {
            return self.node(values, &format!("{path}.*"), Some((path, values)), depth + 1);
        }
        let Some(properties) = node.get("properties").and_then(Value::as_object) else { return };
        for (name, child) in properties {
            let below = join(path, name);
            if let Some(pod) = pod(name, child) {
                self.part(pod, path, node, repeated);
            } else if !self.reference(name, child, &below) {
                self.node(child, &below, repeated, depth + 1);
            }
        }
    }

    fn part(&mut self, pod: Pod, owner: &str, node: &Value, repeated: Option<(&str, &Value)>) {
        let number =
            |node: &Value| property(node, "replicas").filter(|node| is_integer(node)).map(|_| "replicas".to_owned());
        match repeated {
            None => self.parts.push(Part {
                owner: owner.to_owned(),
                repeated: false,
                name: None,
                replicas: number(node),
                pod,
            }),
            Some((list, item)) => {
                let is_list = owner.starts_with(&format!("{list}[*]"));
                let prefix = format!("{list}{}", if is_list { "[*]" } else { ".*" });
                let within = owner.strip_prefix(&prefix).unwrap_or_default().trim_start_matches('.');
                // Lists within lists have no form of their own.
                if list.contains('*') || within.contains('*') {
                    return;
                }
                let pod = match pod {
                    Pod::Template(path) => Pod::Template(join(within, &path)),
                    Pod::Spec(path) => Pod::Spec(join(within, &path)),
                };
                let names = ["name", "groupName"];
                let name = names.into_iter().find(|name| is_list && property(item, name).is_some_and(is_string));
                self.parts.push(Part {
                    owner: list.to_owned(),
                    repeated: true,
                    name: name.map(str::to_owned),
                    replicas: number(item),
                    pod,
                });
            }
        }
    }

    /// Notes what a field refers to by its name and form.
    fn reference(&mut self, name: &str, node: &Value, path: &str) -> bool {
        let lower = name.to_lowercase();
        let by_name = [
            ("secretname", "Secret"),
            ("configmapname", "ConfigMap"),
            ("serviceaccountname", "ServiceAccount"),
            ("claimname", "PersistentVolumeClaim"),
        ];
        let by_object = [
            ("secretref", "Secret"),
            ("secretkeyref", "Secret"),
            ("configmapref", "ConfigMap"),
            ("configmapkeyref", "ConfigMap"),
            ("serviceaccountref", "ServiceAccount"),
        ];
        if is_string(node) {
            let Some((_, kind)) = by_name.iter().find(|(end, _)| lower.ends_with(end)) else { return false };
            self.refer(kind, path.to_owned(), None);
            return true;
        }
        if lower == "imagepullsecrets" && node.pointer("/items/properties/name").is_some_and(is_string) {
            self.refer("Secret", format!("{path}[*].name"), None);
            return true;
        }
        let Some((_, kind)) = by_object.iter().find(|(end, _)| lower.ends_with(end)) else { return false };
        if !property(node, "name").is_some_and(is_string) {
            return false;
        }
        let namespace = property(node, "namespace").filter(|node| is_string(node)).map(|_| join(path, "namespace"));
        self.refer(kind, join(path, "name"), namespace);
        true
    }

    fn refer(&mut self, kind: &'static str, name: String, namespace: Option<String>) {
        let namespace = namespace.filter(|path| !path.contains('*'));
        // A cluster-scoped object has no namespace to look in.
        if self.namespaced || namespace.is_some() {
            self.references.push(Reference { kind, name, namespace });
        }
    }
}

/// A pod template or spec, by its form; one of which nothing is known, by its name.
fn pod(name: &str, node: &Value) -> Option<Pod> {
    let has_containers = |node: &Value| property(node, "containers").is_some_and(|node| node.get("items").is_some());
    if property(node, "spec").is_some_and(has_containers) {
        return Some(Pod::Template(name.to_owned()));
    }
    if has_containers(node) {
        return Some(Pod::Spec(name.to_owned()));
    }
    let open = node.get("x-kubernetes-preserve-unknown-fields").and_then(Value::as_bool).unwrap_or_default();
    let lower = name.to_lowercase();
    let by_name = lower == "template" || lower == "podtemplate" || lower == "podtemplatespec";
    (open && node.get("properties").is_none() && by_name).then(|| Pod::Template(name.to_owned()))
}

/// The values of an enumeration worst first, those that are good, and those that are bad.
fn ordered(node: &Value) -> Option<(Vec<String>, Vec<String>, Vec<String>)> {
    let values: Vec<String> = node
        .get("enum")?
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    if values.is_empty() {
        return None;
    }
    let ends = values.iter().any(|value| matches!(rank(value, false), 6));
    let mut ranked: Vec<(usize, String)> = values.into_iter().map(|value| (rank(&value, !ends), value)).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let of = |wanted| ranked.iter().filter(|(rank, _)| *rank == wanted).map(|(_, value)| value.clone()).collect();
    let (good, bad) = (of(6), of(0));
    Some((ranked.into_iter().map(|(_, value)| value).collect(), good, bad))
}

/// From 0, failed, to 6, good. Running is good where nothing comes after it.
fn rank(value: &str, running_is_good: bool) -> usize {
    let lower = value.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match () {
        () if has(&["fail", "error", "degraded", "invalid", "lost", "dead", "crash", "unhealthy", "notready"]) => 0,
        () if has(&["stall", "unavailable", "reject", "denied", "broken", "abort"]) => 0,
        () if has(&["unknown"]) => 1,
        () if has(&["delet", "terminat"]) => 2,
        () if has(&["suspend", "paused", "stopped"]) => 5,
        () if lower == "running" && running_is_good => 6,
        () if lower.contains("tostart") => 3,
        () if has(&["processed", "accepted", "programmed", "synced", "established"]) => 6,
        () if has(&["ready", "healthy", "available", "active", "bound", "succe", "complete", "finished"]) => 6,
        () if has(&["pending", "new", "wait", "creat", "init", "queue"]) => 3,
        () => 4,
    }
}

/// How a counter is combined; `None` for a number that is none.
fn counter(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match () {
        () if lower.ends_with("generation") || lower.ends_with("revision") => Some("max"),
        () if has(&["second", "duration", "percent", "port", "version", "expiration"]) => None,
        () => Some("sum"),
    }
}

fn begins(name: &str) -> bool {
    let lower = name.to_lowercase();
    ["start", "creat", "first", "begin"].into_iter().any(|word| lower.contains(word))
}

fn property<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    node.get("properties")?.get(name)
}

fn is_of(node: &Value, name: &str) -> bool {
    node.get("type").and_then(Value::as_str) == Some(name)
}

fn is_integer(node: &Value) -> bool {
    is_of(node, "integer")
}

fn is_string(node: &Value) -> bool {
    is_of(node, "string") && !is_time(node)
}

fn is_time(node: &Value) -> bool {
    is_of(node, "string") && node.get("format").and_then(Value::as_str) == Some("date-time")
}

fn is_conditions(node: &Value) -> bool {
    let Some(items) = node.get("items") else { return false };
    ["type", "status"].into_iter().all(|name| property(items, name).is_some_and(is_string))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

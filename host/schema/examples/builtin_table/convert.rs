//! OpenAPI v2 definitions in, the text of the built-in table out.
//!
//! Definitions of the same shape become one line: classes of definitions are refined until nothing
//! splits any more, so recursive types fold as well.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt::Write,
};

use serde_json::{Map, Value};

/// Structs that their parents hold by value although OpenAPI calls them optional. OpenAPI v2 cannot
/// say so; `metadata`, `spec` and `status` of kinds are held by value everywhere and not listed.
const HELD_BY_VALUE: &[(&str, &[&str])] = &[
    ("apps.v1.DaemonSetSpec", &["updateStrategy"]),
    ("apps.v1.DeploymentSpec", &["strategy"]),
    ("apps.v1.ReplicaSetSpec", &["template"]),
    ("apps.v1.StatefulSetSpec", &["updateStrategy"]),
    ("batch.v1.JobTemplateSpec", &["metadata", "spec"]),
    ("core.v1.Container", &["resources"]),
    ("core.v1.ContainerStatus", &["lastState", "state"]),
    ("core.v1.EphemeralContainer", &["resources"]),
    ("core.v1.Event", &["source"]),
    ("core.v1.NodeDaemonEndpoints", &["kubeletEndpoint"]),
    ("core.v1.NodeStatus", &["daemonEndpoints", "nodeInfo"]),
    ("core.v1.PersistentVolumeClaimSpec", &["resources"]),
    ("core.v1.PersistentVolumeClaimTemplate", &["metadata"]),
    ("core.v1.PodTemplate", &["template"]),
    ("core.v1.PodTemplateSpec", &["metadata", "spec"]),
    ("core.v1.ServiceStatus", &["loadBalancer"]),
    ("discovery.v1.Endpoint", &["conditions"]),
    ("events.v1.Event", &["deprecatedSource", "regarding"]),
    ("flowcontrol.v1.LimitedPriorityLevelConfiguration", &["limitResponse"]),
    ("networking.v1.IngressServiceBackend", &["port"]),
    ("networking.v1.IngressStatus", &["loadBalancer"]),
    ("networking.v1.NetworkPolicySpec", &["podSelector"]),
    ("resource.v1.AllocationResult", &["devices"]),
    ("resource.v1.ResourceClaimSpec", &["devices"]),
    ("resource.v1.ResourceClaimTemplateSpec", &["metadata"]),
    ("resource.v1beta1.AllocationResult", &["devices"]),
    ("resource.v1beta1.ResourceClaimSpec", &["devices"]),
    ("resource.v1beta1.ResourceClaimTemplateSpec", &["metadata"]),
    ("resource.v1beta2.AllocationResult", &["devices"]),
    ("resource.v1beta2.ResourceClaimSpec", &["devices"]),
    ("resource.v1beta2.ResourceClaimTemplateSpec", &["metadata"]),
];

/// Defaults of list keys that are optional fields; required ones default to their zero value.
const KEY_DEFAULTS: &[(&str, &str, &str)] = &[
    ("core.v1.ContainerPort", "protocol", "\"TCP\""),
    ("core.v1.LocalObjectReference", "name", "\"\""),
    ("core.v1.ServicePort", "protocol", "\"TCP\""),
];

/// A node before its references have numbers.
enum Draft {
    Leaf(char),
    List { items: usize, how: String },
    Object { flags: String, additional: Option<usize>, fields: BTreeMap<String, (usize, String)> },
}

/// Converts the OpenAPI document; an error names the definition.
pub fn table(swagger: &Value) -> Result<String, String> {
    let definitions = swagger.get("definitions").and_then(Value::as_object).ok_or("no definitions")?;
    let mut kinds = BTreeMap::new();
    let mut drafts = Drafts { definitions, nodes: Vec::new(), named: HashMap::new() };
    for (name, definition) in definitions {
        for gvk in definition.get("x-kubernetes-group-version-kind").and_then(Value::as_array).into_iter().flatten() {
            let part = |key| gvk.get(key).and_then(Value::as_str).unwrap_or_default();
            let (group, version, kind) = (part("group"), part("version"), part("kind"));
            let slash = if group.is_empty() { "" } else { "/" };
            let node = drafts.named(name, false)?;
            kinds.insert((format!("{group}{slash}{version}"), kind.to_owned()), node);
        }
    }
    Ok(print(&drafts.nodes, &kinds))
}

struct Drafts<'a> {
    definitions: &'a Map<String, Value>,
    nodes: Vec<Draft>,
    named: HashMap<(String, bool), usize>,
}

impl Drafts<'_> {
    fn push(&mut self, draft: Draft) -> usize {
        self.nodes.push(draft);
        self.nodes.len() - 1
    }

    /// The node of a definition; `granular` overrides an atomic map type.
    fn named(&mut self, name: &str, granular: bool) -> Result<usize, String> {
        let key = (name.to_owned(), granular);
        if let Some(node) = self.named.get(&key) {
            return Ok(*node);
        }
        let node = self.push(Draft::Leaf('?'));
        self.named.insert(key, node);
        let definition = self.definitions.get(name).ok_or_else(|| format!("no definition of {name}"))?;
        let mut draft = match name.rsplit('.').next().unwrap_or(name) {
            "Quantity" | "IntOrString" => Draft::Leaf('x'),
            "RawExtension" => Draft::Object { flags: "ap".to_owned(), additional: None, fields: BTreeMap::new() },
            _ => self.draft(name, definition)?,
        };
        if let (true, Draft::Object { flags, .. }) = (granular, &mut draft) {
            flags.retain(|flag| flag != 'a');
        }
        self.nodes[node] = draft;
        Ok(node)
    }

    fn schema(&mut self, owner: &str, schema: &Value) -> Result<usize, String> {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference.rsplit('/').next().unwrap_or(reference);
            let granular = schema.get("x-kubernetes-map-type").is_some_and(|map_type| map_type == "granular");
            return self.named(name, granular);
        }
        let draft = self.draft(owner, schema)?;
        Ok(self.push(draft))
    }

    fn draft(&mut self, owner: &str, schema: &Value) -> Result<Draft, String> {
        Ok(match schema.get("type").and_then(Value::as_str) {
            None => Draft::Leaf('?'),
            Some("string") => Draft::Leaf('s'),
            Some("integer") => Draft::Leaf('i'),
            Some("number") => Draft::Leaf('n'),
            Some("boolean") => Draft::Leaf('b'),
            Some("array") => {
                let items = schema.get("items").ok_or_else(|| format!("{owner}: array without items"))?;
                Draft::List { items: self.schema(owner, items)?, how: self.list_type(schema, items) }
            }
            Some("object") => self.object(owner, schema)?,
            Some(other) => return Err(format!("{owner}: unknown type {other}")),
        })
    }

    fn object(&mut self, owner: &str, schema: &Value) -> Result<Draft, String> {
        let mut flags = String::new();
        if schema.get("x-kubernetes-map-type").is_some_and(|map_type| map_type == "atomic") {
            flags.push('a');
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = match schema.get("additionalProperties") {
            Some(values) => Some(self.schema(owner, values)?),
            None if properties.is_none() => {
                flags.push('p');
                Some(self.push(Draft::Leaf('?')))
            }
            None => None,
        };
        let short = owner.strip_prefix("io.k8s.api.").unwrap_or(owner);
        let by_value = HELD_BY_VALUE.iter().find(|(name, _)| *name == short).map_or(&[][..], |(_, fields)| fields);
        let is_kind = schema.get("x-kubernetes-group-version-kind").is_some();
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut fields = BTreeMap::new();
        for (name, field) in properties.into_iter().flatten() {
            let node = self.schema(owner, field)?;
            let mut marks = String::new();
            let held = is_kind && matches!(name.as_str(), "metadata" | "spec" | "status");
            if held || required.contains(&name.as_str()) || by_value.contains(&name.as_str()) {
                marks.push('!');
            }
            marks.push_str(&strategic(field));
            fields.insert(name.clone(), (node, marks));
        }
        Ok(Draft::Object { flags, additional, fields })
    }

    fn list_type(&self, schema: &Value, items: &Value) -> String {
        let merge_key = schema.get("x-kubernetes-patch-merge-key").and_then(Value::as_str);
        let merges = schema
            .get("x-kubernetes-patch-strategy")
            .and_then(Value::as_str)
            .is_some_and(|strategy| strategy.split(',').any(|one| one == "merge"));
        let keys: Vec<&str> = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("map") => schema
                .get("x-kubernetes-list-map-keys")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
            Some("set") => return "s".to_owned(),
            Some(_) => return "a".to_owned(),
            None => match (merges, merge_key) {
                (true, Some(key)) => vec![key],
                (true, None) => return "s".to_owned(),
                _ => return "a".to_owned(),
            },
        };
        let mut how = "m".to_owned();
        for key in keys {
            how.push(' ');
            how.push_str(key);
            if let Some(default) = self.key_default(items, key) {
                how.push('=');
                how.push_str(default);
            }
        }
        how
    }

    fn key_default(&self, items: &Value, key: &str) -> Option<&'static str> {
        let name = items.get("$ref")?.as_str()?.rsplit('/').next()?;
        let short = name.strip_prefix("io.k8s.api.").unwrap_or(name);
        if let Some((.., default)) = KEY_DEFAULTS.iter().find(|(owner, field, _)| *owner == short && *field == key) {
            return Some(default);
        }
        let definition = self.definitions.get(name)?;
        let required = definition.get("required")?.as_array()?.iter().any(|field| field == key);
        let kind = definition.get("properties")?.get(key)?.get("type").and_then(Value::as_str);
        match kind {
            Some("integer") if required => Some("0"),
            Some("string") if required => Some("\"\""),
            _ => None,
        }
    }
}

fn strategic(field: &Value) -> String {
    let Some(strategy) = field.get("x-kubernetes-patch-strategy").and_then(Value::as_str) else {
        return String::new();
    };
    let mut marks = "~".to_owned();
    for one in strategy.split(',') {
        match one {
            "merge" => marks.push('m'),
            "retainKeys" => marks.push('r'),
            _ => {}
        }
    }
    if let Some(key) = field.get("x-kubernetes-patch-merge-key").and_then(Value::as_str) {
        marks.push('=');
        marks.push_str(key);
    }
    marks
}

fn children(draft: &Draft) -> Vec<usize> {
    match draft {
        Draft::Leaf(_) => Vec::new(),
        Draft::List { items, .. } => vec![*items],
        Draft::Object { additional, fields, .. } => {
            additional.iter().copied().chain(fields.values().map(|(node, _)| *node)).collect()
        }
    }
}

/// One line, with the references that `number` gives.
fn line(draft: &Draft, number: impl Fn(usize) -> usize) -> String {
    let mut out = String::new();
    match draft {
        Draft::Leaf(leaf) => out.push(*leaf),
        Draft::List { items, how } => {
            let (kind, keys) = how.split_at(1);
            let _ = write!(out, "[{kind} {}{keys}", number(*items));
        }
        Draft::Object { flags, additional, fields } => {
            let _ = write!(out, "{{{flags}");
            if let Some(node) = additional {
                let _ = write!(out, " *{}", number(*node));
            }
            for (name, (node, marks)) in fields {
                let _ = write!(out, " {name}:{}{marks}", number(*node));
            }
        }
    }
    out
}

fn print(nodes: &[Draft], kinds: &BTreeMap<(String, String), usize>) -> String {
    // Every node starts in the same class; a class splits as long as its members' lines differ.
    let mut classes = vec![0; nodes.len()];
    let mut count = 1;
    loop {
        let mut seen = HashMap::new();
        let mut next = Vec::with_capacity(nodes.len());
        for node in nodes {
            let fresh = seen.len();
            next.push(*seen.entry(line(node, |child| classes[child])).or_insert(fresh));
        }
        let finer = seen.len();
        classes = next;
        if finer == count {
            break;
        }
        count = finer;
    }
    let mut number = HashMap::new();
    let mut order = Vec::new();
    let mut queue: VecDeque<usize> = kinds.values().copied().collect();
    while let Some(node) = queue.pop_front() {
        if let std::collections::hash_map::Entry::Vacant(entry) = number.entry(classes[node]) {
            entry.insert(order.len());
            order.push(node);
            queue.extend(children(&nodes[node]));
        }
    }
    let mut out = String::new();
    for node in order {
        let _ = writeln!(out, "{}", line(&nodes[node], |child| number[&classes[child]]));
    }
    for ((api_version, kind), node) in kinds {
        let _ = writeln!(out, "@ {api_version} {kind} {}", number[&classes[*node]]);
    }
    out
}

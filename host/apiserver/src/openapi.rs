//! OpenAPI documents: of one group and version (v3), and of everything (v2, definitions only).
//!
//! Built-in kinds are described by their shapes: types, list keys, merge strategies, no prose. Custom
//! resources are described by what their definition says, prose included.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use http::header::ACCEPT;
use http::{HeaderMap, Response, StatusCode};
use outrigger_schema::{ListType, Node, NodeId, Scalar, Schema, Strategic};
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::registry::{Resource, Snapshot};
use crate::reply;
use crate::request::Verb;

/// Media type of the v2 document in protobuf.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// `{swagger: "2.0", info: {title: "Kubernetes", version: "v1"}, paths: {}}`. Clients that want protobuf, such
/// as kubectl, ask for v2 only about kinds that v3 does not have, and must be told that there are none.
const EMPTY_VERSION_2: &[u8] = b"\x0a\x032.0\x12\x10\x0a\x0aKubernetes\x12\x02v1\x42\x00";

/// Answers `/openapi/v2`, `/openapi/v3` and what is below the latter; `None` for any other path.
pub(crate) fn answer(snapshot: &Snapshot, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    if path == "/openapi/v2" {
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        if accept.contains("protobuf") && !accept.contains("json") && !accept.contains("*/*") {
            return Some(reply::with_type(StatusCode::OK, PROTOBUF, EMPTY_VERSION_2));
        }
        return Some(json_response(&version_2(snapshot)));
    }
    let rest = path.strip_prefix("/openapi/v3")?.trim_start_matches('/');
    if rest.is_empty() {
        let mut paths = Map::new();
        for (group, version, resources) in versions(snapshot) {
            let at = api_path(group, version);
            let hash = fingerprint(resources);
            paths.insert(at.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{at}?hash={hash:016X}")}));
        }
        return Some(json_response(&json!({"paths": paths})));
    }
    let (group, version, resources) =
        versions(snapshot).find(|(group, version, _)| api_path(group, version) == rest)?;
    Some(json_response(&document(group, version, resources)))
}

fn json_response(value: &Value) -> Response<Body> {
    reply::json_text(StatusCode::OK, value.to_string())
}

fn versions(snapshot: &Snapshot) -> impl Iterator<Item = (&str, &str, &[Arc<Resource>])> {
    snapshot.groups.iter().flat_map(|group| {
        group.versions.iter().map(|(version, resources)| (group.name.as_str(), version.as_str(), resources.as_slice()))
    })
}

fn api_path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// Changes when the document does, and not with a restart.
fn fingerprint(resources: &[Arc<Resource>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    for resource in resources {
        resource.plural.hash(&mut hasher);
        resource.namespaced.hash(&mut hasher);
        if let Some(version) = &resource.custom {
            version.schema.to_string().hash(&mut hasher);
            resource.subresources.iter().for_each(|subresource| subresource.name.hash(&mut hasher));
        }
    }
    hasher.finish()
}

/// The name of a kind's schema: the group turned round, version, kind.
fn schema_name(resource: &Resource) -> String {
    let group = match resource.group.as_str() {
        "" => "io.k8s.api.core".to_owned(),
        group => group.split('.').rev().collect::<Vec<_>>().join("."),
    };
    format!("{group}.{}.{}", resource.version, resource.kind)
}

fn group_version_kind(resource: &Resource) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
}

fn document(group: &str, version: &str, resources: &[Arc<Resource>]) -> Value {
    let mut schemas = Schemas { prefix: "#/components/schemas/", ..Schemas::default() };
    let mut paths = Map::new();
    for resource in resources {
        schemas.kind(resource);
        add_paths(&mut paths, group, version, resource);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": paths,
        "components": {"schemas": schemas.done},
    })
}

fn version_2(snapshot: &Snapshot) -> Value {
    let mut schemas = Schemas { prefix: "#/definitions/", ..Schemas::default() };
    for (_, _, resources) in versions(snapshot) {
        resources.iter().for_each(|resource| schemas.kind(resource));
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.2"},
        "paths": {},
        "definitions": schemas.done,
    })
}

fn query(name: &str, kind: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

fn add_paths(paths: &mut Map<String, Value>, group: &str, version: &str, resource: &Resource) {
    let root = format!("/{}", api_path(group, version));
    let collection = match resource.namespaced {
        true => format!("{root}/namespaces/{{namespace}}/{}", resource.plural),
        false => format!("{root}/{}", resource.plural),
    };
    let reference = json!({"$ref": format!("#/components/schemas/{}", schema_name(resource))});
    let operation = |action: &str, parameters: &[Value]| {
        json!({
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": group_version_kind(resource),
            "parameters": parameters,
            "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
        })
    };
    let writes =
        || vec![query("dryRun", "string"), query("fieldManager", "string"), query("fieldValidation", "string")];
    let (mut many, mut one) = (Map::new(), Map::new());
    let mut add = |to_many: bool, verb: Verb, method: &str, action: &str, parameters: Vec<Value>| {
        if resource.allows(verb) {
            let target = if to_many { &mut many } else { &mut one };
            target.insert(method.to_owned(), operation(action, &parameters));
        }
    };
    let selects = || {
        ["labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "watch"]
            .map(|name| query(name, "string"))
            .to_vec()
    };
    add(true, Verb::List, "get", "list", selects());
    add(true, Verb::Create, "post", "post", writes());
    add(true, Verb::DeleteCollection, "delete", "deletecollection", selects());
    add(false, Verb::Get, "get", "get", Vec::new());
    add(false, Verb::Update, "put", "put", writes());
    let mut patches = writes();
    patches.push(query("force", "boolean"));
    add(false, Verb::Patch, "patch", "patch", patches);
    add(false, Verb::Delete, "delete", "delete", vec![query("dryRun", "string"), query("propagationPolicy", "string")]);
    if !one.is_empty() {
        paths.insert(format!("{collection}/{{name}}"), Value::Object(one));
    }
    paths.insert(collection, Value::Object(many));
}

/// The schemas of a document, each once.
#[derive(Default)]
struct Schemas {
    prefix: &'static str,
    done: BTreeMap<String, Value>,
    /// Names of the types of the built-in arena.
    names: BTreeMap<NodeId, String>,
    used: BTreeSet<String>,
}

impl Schemas {
    fn kind(&mut self, resource: &Resource) {
        let name = schema_name(resource);
        if self.done.contains_key(&name) {
            return;
        }
        let mut value = match &resource.custom {
            Some(version) => self.custom(&version.schema),
            None => {
                let schema = resource.schema();
                self.done.insert(name.clone(), Value::Null);
                self.body(schema, schema.root_id(), &name)
            }
        };
        if let Some(map) = value.as_object_mut() {
            map.insert("x-kubernetes-group-version-kind".into(), json!([group_version_kind(resource)]));
        }
        self.done.insert(name, value);
    }

    fn custom(&mut self, schema: &Value) -> Value {
        let mut value = match schema {
            Value::Object(_) => schema.clone(),
            _ => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        };
        if let Some(map) = value.as_object_mut() {
            let properties = map.entry("properties").or_insert_with(|| json!({}));
            if let Some(properties) = properties.as_object_mut() {
                properties.entry("apiVersion").or_insert_with(
                    || json!({"type": "string", "description": "The group and version of this object."}),
                );
                properties
                    .entry("kind")
                    .or_insert_with(|| json!({"type": "string", "description": "The kind of this object."}));
                let metadata = outrigger_schema::builtin::object_meta();
                let reference = self.node(&metadata, metadata.root_id(), "ObjectMeta");
                properties.insert("metadata".into(), reference);
            }
        }
        value
    }

    /// The schema of a node: a reference for a struct, the thing itself for anything smaller.
    fn node(&mut self, schema: &Schema, id: NodeId, name: &str) -> Value {
        match schema.node(id) {
            Node::Object(object) if !object.fields.is_empty() => {
                let known = match self.names.get(&id) {
                    Some(known) => known.clone(),
                    None => {
                        let mut known = name.to_owned();
                        while !self.used.insert(known.clone()) {
                            known.push('_');
                        }
                        self.names.insert(id, known.clone());
                        let body = self.body(schema, id, &known);
                        self.done.insert(known.clone(), body);
                        known
                    }
                };
                json!({"allOf": [{"$ref": format!("{}{known}", self.prefix)}], "default": {}})
            }
            _ => self.body(schema, id, name),
        }
    }

    fn body(&mut self, schema: &Schema, id: NodeId, name: &str) -> Value {
        match schema.node(id) {
            Node::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
            Node::Scalar(scalar) => match scalar {
                Scalar::String => json!({"type": "string"}),
                Scalar::Integer => json!({"type": "integer"}),
                Scalar::Number => json!({"type": "number"}),
                Scalar::Boolean => json!({"type": "boolean"}),
                Scalar::IntOrString => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
            },
            Node::List(list) => {
                let mut value = json!({"type": "array", "items": self.node(schema, list.items, name)});
                match &list.list_type {
                    ListType::Atomic => value["x-kubernetes-list-type"] = "atomic".into(),
                    ListType::Set => value["x-kubernetes-list-type"] = "set".into(),
                    ListType::Map(keys) => {
                        let keys: Vec<&str> = keys.iter().map(|(key, _)| &**key).collect();
                        value["x-kubernetes-list-type"] = "map".into();
                        value["x-kubernetes-list-map-keys"] = json!(keys);
                    }
                }
                value
            }
            Node::Object(object) => {
                let mut value = json!({"type": "object"});
                if !object.fields.is_empty() {
                    let mut properties = Map::new();
                    for (field, of) in &object.fields {
                        let mut property = self.node(schema, of.node, &format!("{name}{}", capitalized(field)));
                        if let Some(strategic) = &of.strategic {
                            add_strategy(&mut property, strategic);
                        }
                        properties.insert(field.to_string(), property);
                    }
                    value["properties"] = Value::Object(properties);
                }
                if let Some(values) = object.additional {
                    value["additionalProperties"] = self.node(schema, values, name);
                }
                if object.atomic {
                    value["x-kubernetes-map-type"] = "atomic".into();
                }
                if object.preserve_unknown {
                    value["x-kubernetes-preserve-unknown-fields"] = true.into();
                }
                value
            }
        }
    }
}

fn add_strategy(property: &mut Value, strategic: &Strategic) {
    let strategies: Vec<&str> = [(strategic.merge, "merge"), (strategic.retain_keys, "retainKeys")]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect();
    if !strategies.is_empty() {
        property["x-kubernetes-patch-strategy"] = strategies.join(",").into();
    }
    if let Some(key) = &strategic.merge_key {
        property["x-kubernetes-patch-merge-key"] = key.to_string().into();
    }
}

fn capitalized(field: &str) -> String {
    let mut characters = field.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

//! What a client can ask for: groups, versions, resources; one by one, or all in one document.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::body::Body;
use crate::negotiate::Accepted;
use crate::registry::{Group, Resource, Snapshot};
use crate::reply;

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// A resource as `APIResourceList` shows it.
fn plain_resource(resource: &Resource) -> Vec<Value> {
    let mut all = Vec::new();
    let mut own = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    });
    if !resource.short_names.is_empty() {
        own["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        own["categories"] = json!(resource.categories);
    }
    all.push(own);
    for subresource in &resource.subresources {
        let mut one = json!({
            "name": format!("{}/{}", resource.plural, subresource.name),
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": subresource.verbs,
        });
        if let Some((group, version, kind)) = &subresource.kind {
            one["kind"] = json!(kind);
            if !group.is_empty() || !version.is_empty() {
                one["group"] = json!(group);
                one["version"] = json!(version);
            }
        }
        all.push(one);
    }
    all
}

/// A resource as aggregated discovery shows it. Custom resources name their group and version;
/// built-in ones leave them to be read off the group.
pub(crate) fn aggregated_resource(resource: &Resource, names_group: bool) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let own = match names_group {
        true => kind(&resource.group, &resource.version, &resource.kind),
        false => kind("", "", &resource.kind),
    };
    let mut map = Map::new();
    map.insert("resource".into(), resource.plural.clone().into());
    map.insert("responseKind".into(), own.clone());
    map.insert("scope".into(), if resource.namespaced { "Namespaced" } else { "Cluster" }.into());
    map.insert("singularResource".into(), resource.singular.clone().into());
    map.insert("verbs".into(), json!(resource.verbs));
    if !resource.short_names.is_empty() {
        map.insert("shortNames".into(), json!(resource.short_names));
    }
    if !resource.categories.is_empty() {
        map.insert("categories".into(), json!(resource.categories));
    }
    if !resource.subresources.is_empty() {
        let subresources = resource.subresources.iter().map(|subresource| {
            let response = match &subresource.kind {
                Some((group, version, name)) => kind(group, version, name),
                None => own.clone(),
            };
            json!({"subresource": subresource.name, "responseKind": response, "verbs": subresource.verbs})
        });
        map.insert("subresources".into(), subresources.collect());
    }
    Value::Object(map)
}

fn aggregated(groups: &[&Group]) -> Value {
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let versions: Vec<Value> = group
                .versions
                .iter()
                .map(|(version, resources)| {
                    let resources: Vec<Value> =
                        resources.iter().map(|one| aggregated_resource(one, one.custom.is_some())).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = match group.name.as_str() {
                "" => json!({}),
                name => json!({"name": name}),
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn api_group(group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|(version, _)| json!({"groupVersion": group_version(&group.name, version), "version": version}))
        .collect();
    json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
}

fn resources(group: &str, version: &str, resources: &[Arc<Resource>]) -> Value {
    let mut all: Vec<Value> = resources.iter().flat_map(|resource| plain_resource(resource)).collect();
    all.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version(group, version), "resources": all})
}

/// Answers `/api`, `/apis` and what is right below them; `None` for any other path.
pub(crate) fn answer(snapshot: &Snapshot, path: &str, accepted: Accepted) -> Option<Response<Body>> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let find = |name: &str| snapshot.groups.iter().find(|group| group.name == name);
    let value = match segments.as_slice() {
        ["api"] if accepted.discovery => {
            let core: Vec<&Group> = snapshot.groups.iter().filter(|group| group.name.is_empty()).collect();
            aggregated(&core)
        }
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ["apis"] => {
            let named: Vec<&Group> = snapshot.groups.iter().filter(|group| !group.name.is_empty()).collect();
            match accepted.discovery {
                true => aggregated(&named),
                false => {
                    let groups: Vec<Value> = named.into_iter().map(api_group).collect();
                    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
                }
            }
        }
        ["apis", name] => {
            let mut group = api_group(find(name).filter(|_| !name.is_empty())?);
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            group
        }
        ["api", version] => {
            let (_, list) = find("")?.versions.iter().find(|(known, _)| known == version)?;
            resources("", version, list)
        }
        ["apis", name, version] => {
            let (_, list) = find(name)?.versions.iter().find(|(known, _)| known == version)?;
            resources(name, version, list)
        }
        _ => return None,
    };
    let mut response = reply::value(StatusCode::OK, accepted.encoding, &value);
    if accepted.discovery {
        let media = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(media));
        response.headers_mut().insert(http::header::VARY, http::HeaderValue::from_static("Accept"));
    }
    Some(response)
}

/// The version that this server is compatible with.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.2+outrigger",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }),
    })
}

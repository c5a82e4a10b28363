//! Objects on an API server: their kinds, and waiting for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use futures::StreamExt;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Client, ListParams, Patch, Subresource, WatchEvent, WatchParams};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::binary::PATIENCE;

/// A kind.
pub fn kind(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Resource {
    let gvk = Gvk::from_api_version(api_version, kind);
    Resource { gvk, plural: plural.into(), namespaced, has_status: false, has_scale: false }
}

pub fn clusters() -> Resource {
    kind("cluster.karmada.io/v1alpha1", "Cluster", "clusters", false)
}

pub fn works() -> Resource {
    kind("work.karmada.io/v1alpha1", "Work", "works", true)
}

pub fn bindings() -> Resource {
    kind("work.karmada.io/v1alpha2", "ResourceBinding", "resourcebindings", true)
}

pub fn policies() -> Resource {
    kind("policy.karmada.io/v1alpha1", "PropagationPolicy", "propagationpolicies", true)
}

pub fn overrides() -> Resource {
    kind("policy.karmada.io/v1alpha1", "OverridePolicy", "overridepolicies", true)
}

pub fn backups() -> Resource {
    kind("velero.io/v1", "Backup", "backups", true)
}

pub fn deployments() -> Resource {
    kind("apps/v1", "Deployment", "deployments", true)
}

pub fn config_maps() -> Resource {
    kind("v1", "ConfigMap", "configmaps", true)
}

pub fn secrets() -> Resource {
    kind("v1", "Secret", "secrets", true)
}

pub fn namespaces() -> Resource {
    kind("v1", "Namespace", "namespaces", false)
}

pub fn events() -> Resource {
    kind("v1", "Event", "events", true)
}

pub fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(namespace, name)
}

/// An object from JSON.
pub fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

/// A client by a kubeconfig.
pub async fn client(file: &Path, name: &str) -> Client {
    Client::new(kube_client(file).await, name).with_manager("e2e")
}

/// The client beneath.
pub async fn kube_client(file: &Path) -> kube::Client {
    kube::Client::try_from(config(file).await).unwrap()
}

/// What a kubeconfig says.
pub async fn config(file: &Path) -> kube::Config {
    let kubeconfig = kube::config::Kubeconfig::read_from(file).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    config.default_retry = false;
    config.read_timeout = None;
    config
}

/// Changes an object.
pub async fn patch(client: &Client, resource: &Resource, key: &ObjectKey, patch: Value) -> Object {
    client.patch(resource, key, &Patch::Merge(patch), Subresource::None).await.unwrap()
}

/// Deletes an object that is there.
pub async fn delete(client: &Client, resource: &Resource, key: &ObjectKey) {
    assert!(client.delete(resource, key, &Default::default()).await.unwrap().is_some(), "{key} was not there");
}

/// Waits until an object is as wanted; `None` stands for no object. What fails on the way is tried again.
#[track_caller]
pub fn until<'a>(
    client: &'a Client,
    resource: &'a Resource,
    key: ObjectKey,
    what: &'a str,
    mut wanted: impl FnMut(Option<&Object>) -> bool + 'a,
) -> impl Future<Output = Option<Object>> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        let found = timeout_at(deadline, async {
            loop {
                match follow(client, resource, &key, &mut last, &mut wanted).await {
                    Ok(Some(found)) => return found,
                    Ok(None) => {}
                    // A server that is away gives no sign when it is back.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        })
        .await;
        let of = client.cluster();
        found.unwrap_or_else(|_| panic!("{caller}: {what}: {of}: {} {key} is {}", resource.gvk.kind, shown(last)))
    }
}

/// An object as JSON, without what servers note about it.
fn shown(object: Option<Object>) -> String {
    let Some(mut object) = object else { return "not there".to_owned() };
    object.remove(&["metadata", "managedFields"]);
    format!("{:#}", object.into_value())
}

type Found = Option<Option<Object>>;

/// Reads and watches until the object is as wanted or the watch ends.
async fn follow(
    client: &Client,
    resource: &Resource,
    key: &ObjectKey,
    last: &mut Option<Object>,
    wanted: &mut impl FnMut(Option<&Object>) -> bool,
) -> outrigger_runtime::Result<Found> {
    *last = client.get_opt(resource, key).await?;
    if wanted(last.as_ref()) {
        return Ok(Some(last.take()));
    }
    let fields = Some(format!("metadata.name={}", key.name));
    let resource_version = last.as_ref().map(|object| object.resource_version().to_owned()).unwrap_or_default();
    let params = WatchParams { fields, resource_version, timeout_seconds: Some(10), ..WatchParams::default() };
    let mut events = client.watch(resource, key.namespace(), &params).await?;
    if last.is_none() {
        // A watch from now on: what came between the read and the watch would be missed.
        *last = client.get_opt(resource, key).await?;
        if wanted(last.as_ref()) {
            return Ok(Some(last.take()));
        }
    }
    while let Some(event) = events.next().await {
        *last = match event? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => Some(object),
            WatchEvent::Deleted(_) => None,
            WatchEvent::Bookmark { .. } | WatchEvent::Unreadable(_) => continue,
        };
        if wanted(last.as_ref()) {
            return Ok(Some(last.take()));
        }
    }
    Ok(None)
}

/// Waits until an object is there and as wanted.
#[track_caller]
pub fn until_is<'a>(
    client: &'a Client,
    resource: &'a Resource,
    key: ObjectKey,
    what: &'a str,
    mut wanted: impl FnMut(&Object) -> bool + 'a,
) -> impl Future<Output = Object> + 'a {
    let found = until(client, resource, key, what, move |object| object.is_some_and(&mut wanted));
    async move { found.await.unwrap() }
}

/// Waits until all objects of these names are there.
pub async fn until_all(client: &Client, resource: &Resource, namespace: &str, names: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    let mut missing: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    while !missing.is_empty() {
        let list = client.list(resource, Some(namespace), &ListParams::default()).await.unwrap();
        for object in &list.items {
            missing.remove(object.name());
        }
        let params = WatchParams { resource_version: list.resource_version, ..WatchParams::default() };
        let mut events = client.watch(resource, Some(namespace), &params).await.unwrap();
        while !missing.is_empty() {
            match timeout_at(deadline, events.next()).await {
                Ok(Some(Ok(WatchEvent::Added(object)))) => drop(missing.remove(object.name())),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => break,
                Err(_) => panic!("{} do not come to {}: {missing:?}", missing.len(), client.cluster()),
            }
        }
    }
}

/// Waits until an object is gone.
#[track_caller]
pub fn until_gone<'a>(
    client: &'a Client,
    resource: &'a Resource,
    key: ObjectKey,
    what: &'a str,
) -> impl Future<Output = ()> + 'a {
    let found = until(client, resource, key, what, |object| object.is_none());
    async move { assert!(found.await.is_none()) }
}

/// Waits for an Event about an object whose message has all of these parts. Gives the message.
pub async fn until_event(client: &Client, namespace: &str, about: &str, parts: &[&str]) -> String {
    let deadline = Instant::now() + PATIENCE;
    let resource = events();
    let mut seen = Vec::new();
    loop {
        let mut stream = client.watch(&resource, Some(namespace), &WatchParams::default()).await.unwrap();
        let list = client.list(&resource, Some(namespace), &Default::default()).await.unwrap();
        let mut judge = |event: &Object| {
            let message = event.str(&["message"]).unwrap_or_default().to_owned();
            let is_about = event.str(&["involvedObject", "name"]) == Some(about);
            seen.push(format!("{:?}: {message}", event.str(&["involvedObject", "name"])));
            (is_about && parts.iter().all(|part| message.contains(part))).then_some(message)
        };
        if let Some(found) = list.items.iter().find_map(&mut judge) {
            return found;
        }
        loop {
            match timeout_at(deadline, stream.next()).await {
                Err(_) => panic!("no Event about {about} with {parts:?}: {seen:#?}"),
                Ok(Some(Ok(WatchEvent::Added(event) | WatchEvent::Modified(event)))) => {
                    if let Some(found) = judge(&event) {
                        return found;
                    }
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => break,
            }
        }
    }
}

/// Status, reason and message of a condition.
pub fn condition(object: &Object, name: &str) -> Option<(String, String, String)> {
    let list = object.get(&["status", "conditions"]).and_then(Value::as_array)?;
    let found = list.iter().find(|one| one["type"] == name)?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}

/// Whether a condition has a status, and its message all of these parts.
pub fn says(object: &Object, name: &str, status: &str, parts: &[&str]) -> bool {
    condition(object, name)
        .is_some_and(|(is, _, message)| is == status && parts.iter().all(|part| message.contains(part)))
}

/// How many requests changed objects of a resource so far, by verb, as the API server counts them.
pub async fn writes(client: &Client, plural: &str) -> BTreeMap<String, u64> {
    let text = client.raw("/metrics", None).await.unwrap();
    let mut counts = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
        let field = |name: &str| {
            let rest = line.split_once(&format!("{name}=\"")).map(|(_, rest)| rest)?;
            rest.split_once('"').map(|(value, _)| value)
        };
        let (Some(resource), Some(verb)) = (field("resource"), field("verb")) else { continue };
        let succeeded = field("code").is_some_and(|code| code.starts_with('2'));
        if resource == plural && succeeded && ["APPLY", "PATCH", "PUT", "POST", "DELETE"].contains(&verb) {
            let count: f64 = line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap();
            *counts.entry(verb.to_owned()).or_default() += count as u64;
        }
    }
    counts
}

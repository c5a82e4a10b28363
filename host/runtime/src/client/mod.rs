//! [`Client`]: Kubernetes requests on objects of any kind.
//!
//! **Invariant:** every request has a deadline (watches: until the server or the caller ends them),
//! is counted by verb and resource, and fails with an error that names cluster, object and what the
//! server said.

mod limit;
mod params;
mod send;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use outrigger_object::{Object, ObjectKey, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

pub use params::{ApplyOptions, DeleteParams, ListParams, Patch, Propagation, Subresource, WatchParams};
pub use watch::{WatchEvent, WatchStream};

use crate::error::Target;
use crate::{Error, Metrics, Result};
pub(crate) use limit::Limiter;
use params::Query;

/// How long a request may take when nothing else is said.
const DEADLINE: Duration = Duration::from_secs(30);

/// Objects per page when listing.
pub(crate) const PAGE: u32 = 500;

/// A connection to one API server. Cloning is cheap and shares connection, counters and limits.
#[derive(Clone)]
pub struct Client {
    kube: kube::Client,
    cluster: Arc<str>,
    deadline: Duration,
    manager: Arc<str>,
    limiter: Option<Arc<Limiter>>,
    metrics: Metrics,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// A list, or one page of it.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// The objects, each with `apiVersion` and `kind`.
    pub items: Vec<Object>,
    /// The version of the list, from which a watch goes on.
    pub resource_version: String,
    /// Where the next page begins, when there is one.
    pub next: Option<String>,
    /// Items that were not objects with a name, and were left out.
    pub unreadable: usize,
}

impl Client {
    /// A client that names its cluster `cluster` in errors and metrics.
    pub fn new(kube: kube::Client, cluster: impl Into<Arc<str>>) -> Self {
        Self {
            kube,
            cluster: cluster.into(),
            deadline: DEADLINE,
            manager: "outrigger".into(),
            limiter: None,
            metrics: Metrics::default(),
        }
    }

    /// Counts requests in these metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Sets how long one request may take.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends no more than `per_second` requests a second on average, and no more than `burst` at once.
    /// Without this there is no limit.
    #[must_use]
    pub fn with_rate_limit(mut self, per_second: f64, burst: u32) -> Self {
        self.limiter = Some(Arc::new(Limiter::new(per_second, burst)));
        self
    }

    /// Sets the field manager of writes; `outrigger` when nothing is said.
    #[must_use]
    pub fn with_manager(mut self, manager: impl Into<Arc<str>>) -> Self {
        self.manager = manager.into();
        self
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The metrics that requests are counted in.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The client beneath, for what this one does not do.
    pub fn kube(&self) -> &kube::Client {
        &self.kube
    }

    /// Reads one object.
    pub async fn get(&self, resource: &Resource, key: &ObjectKey) -> Result<Object> {
        let path = object_path(resource, key, Subresource::None);
        let target = self.target("get", resource, key);
        self.object(Method::GET, path, None, target, resource).await
    }

    /// Reads one object; `None` when it is not there.
    pub async fn get_opt(&self, resource: &Resource, key: &ObjectKey) -> Result<Option<Object>> {
        found(self.get(resource, key).await)
    }

    /// Reads one object as a type.
    pub async fn get_as<T: DeserializeOwned>(&self, resource: &Resource, key: &ObjectKey) -> Result<T> {
        from_object(self.get(resource, key).await?)
    }

    /// Reads one page. Pass [`List::next`] on as `continuation` for the next.
    pub async fn list_page(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        params: &ListParams,
        continuation: Option<&str>,
    ) -> Result<List> {
        let mut query = Query::new(resource.path(namespace));
        params.write(&mut query, continuation);
        let target = self.target("list", resource, &ObjectKey::new(namespace.unwrap_or_default(), ""));
        let bytes = self.bytes(Method::GET, query.finish(), None, None, &target, resource).await?;
        parse_list(&bytes, resource).map_err(|message| Error::Decode { target: Box::new(target), message })
    }

    /// Reads all pages, of one namespace or of all.
    pub async fn list(&self, resource: &Resource, namespace: Option<&str>, params: &ListParams) -> Result<List> {
        let mut all = self.list_page(resource, namespace, params, None).await?;
        while let Some(next) = all.next.take() {
            let page = self.list_page(resource, namespace, params, Some(&next)).await?;
            all.items.extend(page.items);
            all.unreadable += page.unreadable;
            all.resource_version = page.resource_version;
            all.next = page.next;
        }
        Ok(all)
    }

    /// Creates an object in the namespace that it names. `generateName` works.
    pub async fn create(&self, resource: &Resource, object: &Object) -> Result<Object> {
        let mut query = Query::new(resource.path(Some(object.namespace()).filter(|ns| !ns.is_empty())));
        query.add("fieldManager", &self.manager);
        let target = self.target("create", resource, &object.key());
        self.object(Method::POST, query.finish(), Some(json_body(object)?), target, resource).await
    }

    /// Replaces an object. With `metadata.resourceVersion` it fails with Conflict when it has changed.
    pub async fn update(&self, resource: &Resource, object: &Object) -> Result<Object> {
        self.replace(resource, object, Subresource::None).await
    }

    /// Replaces an object's status: through the subresource, or for kinds without one through the
    /// object itself.
    pub async fn update_status(&self, resource: &Resource, object: &Object) -> Result<Object> {
        let subresource = if resource.has_status { Subresource::Status } else { Subresource::None };
        self.replace(resource, object, subresource).await
    }

    async fn replace(&self, resource: &Resource, object: &Object, subresource: Subresource) -> Result<Object> {
        let mut query = Query::new(object_path(resource, &object.key(), subresource));
        query.add("fieldManager", &self.manager);
        let verb = if subresource == Subresource::Status { "update_status" } else { "update" };
        let target = self.target(verb, resource, &object.key());
        self.object(Method::PUT, query.finish(), Some(json_body(object)?), target, resource).await
    }

    /// Changes an object by a patch.
    pub async fn patch(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        patch: &Patch,
        subresource: Subresource,
    ) -> Result<Object> {
        let mut query = Query::new(object_path(resource, key, subresource));
        let (content_type, body, verb) = match patch {
            Patch::Merge(value) => ("application/merge-patch+json", json_body(value)?, "patch"),
            Patch::Json(operations) => ("application/json-patch+json", json_body(operations)?, "patch"),
            Patch::Apply(object, options) => {
                query.add("fieldManager", options.manager.as_deref().unwrap_or(&self.manager));
                if options.force {
                    query.add("force", "true");
                }
                if options.dry_run {
                    query.add("dryRun", "All");
                }
                ("application/apply-patch+yaml", json_body(object)?, "apply")
            }
        };
        if !matches!(patch, Patch::Apply(..)) {
            query.add("fieldManager", &self.manager);
        }
        let verb = if subresource == Subresource::Status && verb == "patch" { "patch_status" } else { verb };
        let target = self.target(verb, resource, key);
        let bytes =
            self.bytes(Method::PATCH, query.finish(), Some(body), Some(content_type), &target, resource).await?;
        parse_object(&bytes, target, resource)
    }

    /// Applies an object with server-side apply under this client's field manager.
    pub async fn apply(&self, resource: &Resource, object: &Object, force: bool) -> Result<Object> {
        let options = ApplyOptions { force, ..ApplyOptions::default() };
        let patch = Patch::Apply(Box::new(object.clone()), options);
        self.patch(resource, &object.key(), &patch, Subresource::None).await
    }

    /// Deletes an object. `Ok(None)` when it was not there.
    pub async fn delete(&self, resource: &Resource, key: &ObjectKey, params: &DeleteParams) -> Result<Option<Value>> {
        let target = self.target("delete", resource, key);
        let path = object_path(resource, key, Subresource::None);
        let bytes = self.bytes(Method::DELETE, path, Some(json_body(&params.options())?), None, &target, resource);
        let Some(bytes) = found(bytes.await)? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Decode { target: Box::new(target), message: error.to_string() })?;
        Ok(Some(value))
    }

    /// Watches a resource. The stream ends when the server ends it.
    pub async fn watch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        params: &WatchParams,
    ) -> Result<WatchStream> {
        let mut query = Query::new(resource.path(namespace));
        params.write(&mut query);
        let target = self.target("watch", resource, &ObjectKey::new(namespace.unwrap_or_default(), ""));
        let response = self.response(Method::GET, query.finish(), None, None, &target, resource).await?;
        Ok(WatchStream::new(response.into_body(), target, resource))
    }

    /// Reads any path, such as `/version` or `/readyz`, as text.
    pub async fn raw(&self, path: &str, accept: Option<&str>) -> Result<String> {
        let target = Target { cluster: self.cluster.clone(), verb: "get", what: path.to_owned() };
        let bytes = self.send_raw(path, accept, &target).await?;
        String::from_utf8(bytes.to_vec())
            .map_err(|error| Error::Decode { target: Box::new(target), message: error.to_string() })
    }

    fn target(&self, verb: &'static str, resource: &Resource, key: &ObjectKey) -> Target {
        let what = format!("{} {key}", qualified(resource));
        Target { cluster: self.cluster.clone(), verb, what: what.trim_end_matches([' ', '/']).to_owned() }
    }

    async fn object(
        &self,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
        target: Target,
        resource: &Resource,
    ) -> Result<Object> {
        let bytes = self.bytes(method, path, body, None, &target, resource).await?;
        parse_object(&bytes, target, resource)
    }
}

/// `plural.group`, or the plural alone in the core group.
pub(crate) fn qualified(resource: &Resource) -> String {
    if resource.gvk.group.is_empty() {
        resource.plural.clone()
    } else {
        format!("{}.{}", resource.plural, resource.gvk.group)
    }
}

fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn object_path(resource: &Resource, key: &ObjectKey, subresource: Subresource) -> String {
    let root = resource.path(key.namespace());
    match subresource {
        Subresource::None => format!("{root}/{}", key.name),
        Subresource::Status => format!("{root}/{}/status", key.name),
        Subresource::Scale => format!("{root}/{}/scale", key.name),
        Subresource::Approval => format!("{root}/{}/approval", key.name),
    }
}

fn json_body(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::invalid(format!("cannot be written as JSON: {error}")))
}

fn parse_object(bytes: &[u8], target: Target, resource: &Resource) -> Result<Object> {
    let mut object: Object = serde_json::from_slice(bytes)
        .map_err(|error| Error::Decode { target: Box::new(target), message: error.to_string() })?;
    name_kind(&mut object, resource);
    Ok(object)
}

/// Items of lists come without their kind from most API servers.
pub(crate) fn name_kind(object: &mut Object, resource: &Resource) {
    if object.kind().is_empty() {
        object.set(&["kind"], resource.gvk.kind.clone());
    }
    if object.api_version().is_empty() {
        object.set(&["apiVersion"], resource.gvk.api_version());
    }
}

#[derive(serde::Deserialize)]
struct RawList<'a> {
    #[serde(default)]
    metadata: RawListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawListMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

/// Items are read one by one, so that one that cannot be read does not take the list with it.
fn parse_list(bytes: &[u8], resource: &Resource) -> Result<List, String> {
    let raw: RawList<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut list = List {
        resource_version: raw.metadata.resource_version,
        next: Some(raw.metadata.next).filter(|next| !next.is_empty()),
        ..List::default()
    };
    for item in raw.items.unwrap_or_default() {
        match serde_json::from_str::<Object>(item.get()) {
            Ok(mut object) if !object.name().is_empty() => {
                name_kind(&mut object, resource);
                list.items.push(object);
            }
            _ => list.unreadable += 1,
        }
    }
    Ok(list)
}

/// An object as a type.
pub fn from_object<T: DeserializeOwned>(object: Object) -> Result<T> {
    let reference = object.reference();
    serde_json::from_value(object.into_value()).map_err(|error| Error::invalid(format!("{reference}: {error}")))
}

/// A typed value as an object.
pub fn to_object(value: &impl Serialize) -> Result<Object> {
    let value = serde_json::to_value(value).map_err(|error| Error::internal(format!("cannot be written: {error}")))?;
    Object::from_value(value).map_err(|_| Error::internal("it is not an object"))
}

#[cfg(test)]
mod tests {
    use outrigger_object::Gvk;

    use super::*;

    fn configmaps() -> Resource {
        Resource {
            gvk: Gvk::new("", "v1", "ConfigMap"),
            plural: "configmaps".into(),
            namespaced: true,
            has_status: false,
            has_scale: false,
        }
    }

    #[test]
    fn one_unreadable_item_does_not_take_the_list_with_it() {
        let deep = "[".repeat(400) + &"]".repeat(400);
        let text = format!(
            r#"{{"metadata":{{"resourceVersion":"7","continue":"c"}},"items":[{{"metadata":{{"name":"a"}}}},5,{{"metadata":{{"name":"deep"}},"data":{deep}}},{{"metadata":{{"name":"b"}}}}]}}"#
        );
        let list = parse_list(text.as_bytes(), &configmaps()).unwrap();
        let names: Vec<_> = list.items.iter().map(Object::name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((list.unreadable, list.next.as_deref(), list.resource_version.as_str()), (2, Some("c"), "7"));
        assert_eq!(list.items[0].gvk(), Gvk::new("", "v1", "ConfigMap"));
    }

    #[test]
    fn a_list_without_items_is_not_an_empty_list() {
        assert!(parse_list(b"\"oops\"", &configmaps()).is_err());
        assert_eq!(parse_list(br#"{"metadata":{},"items":null}"#, &configmaps()).unwrap().items.len(), 0);
    }

    #[test]
    fn paths() {
        let check = |key: ObjectKey, sub, expected: &str| assert_eq!(object_path(&configmaps(), &key, sub), expected);
        check(ObjectKey::new("a", "b"), Subresource::None, "/api/v1/namespaces/a/configmaps/b");
        check(ObjectKey::new("a", "b"), Subresource::Status, "/api/v1/namespaces/a/configmaps/b/status");
    }
}

//! A hub and its members, each a real API server in this process.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Request;
use kube::client::Body;
use outrigger_api::cluster::ClusterSpec;
use outrigger_api::definition::Kind;
use outrigger_apiserver::{ApiServer, Options as ServerOptions, User};
use outrigger_controllers::{Connect, Controllers, Options};
use outrigger_engine::Engine;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Change, Client, Informer, Patch, Selection, Subresource};
use outrigger_store::{Limits, MemoryStore};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Longer than anything here takes; passing it is a failure.
const LONG: Duration = Duration::from_secs(10);

/// One API server.
#[derive(Clone)]
pub struct Server {
    pub name: String,
    pub server: ApiServer,
    pub client: Client,
    /// Requests by others than the test, as `METHOD path`; watches, and reads of single objects that
    /// change nothing, among them.
    log: Arc<Mutex<Vec<String>>>,
    down: Arc<Mutex<bool>>,
}

impl Server {
    pub async fn start(name: &str) -> Self {
        let store = Arc::new(MemoryStore::new(Limits::default()));
        let server = ApiServer::start(store, ServerOptions::default()).await.expect("a server starts");
        let admin = kube::Client::new(server.service_as(User::system("admin")), "default");
        let client = Client::new(admin, name);
        Self { name: name.to_owned(), server, client, log: Arc::default(), down: Arc::default() }
    }

    /// A client whose requests are logged, and fail while the server is down.
    pub fn logged(&self, user: &str) -> kube::Client {
        let service = self.server.service_as(User::system(user));
        let (log, down) = (self.log.clone(), self.down.clone());
        let through = tower::service_fn(move |request: Request<Body>| {
            let (service, log, down) = (service.clone(), log.clone(), down.clone());
            async move {
                if *down.lock() {
                    return Err(io::Error::other("the network is down"));
                }
                log.lock().push(format!("{} {}", request.method(), request.uri().path()));
                Ok(service.oneshot(request).await.unwrap_or_else(|never| match never {}))
            }
        });
        kube::Client::new(through, "default")
    }

    /// Whether requests fail from now on.
    pub fn set_down(&self, down: bool) {
        *self.down.lock() = down;
    }

    /// What was asked since the last call.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock())
    }

    pub fn revision(&self) -> u64 {
        self.server.store().revision()
    }

    pub async fn create(&self, resource: &Resource, value: Value) -> Object {
        self.client.create(resource, &object(value)).await.expect("it is created")
    }

    pub async fn get(&self, resource: &Resource, key: &str) -> Option<Object> {
        self.client.get_opt(resource, &name(key)).await.expect("it is read")
    }

    pub async fn patch(&self, resource: &Resource, key: &str, patch: Value) -> Object {
        let patch = Patch::Merge(patch);
        self.client.patch(resource, &name(key), &patch, Subresource::None).await.expect("it is patched")
    }

    pub async fn patch_status(&self, resource: &Resource, key: &str, patch: Value) -> Object {
        let sub = if resource.has_status { Subresource::Status } else { Subresource::None };
        self.client.patch(resource, &name(key), &Patch::Merge(patch), sub).await.expect("its status is patched")
    }

    pub async fn delete(&self, resource: &Resource, key: &str) {
        let deleted = self.client.delete(resource, &name(key), &Default::default()).await.expect("it is deleted");
        assert!(deleted.is_some(), "{key} was there");
    }

    /// Waits until an object is as wanted; `None` stands for no object.
    pub async fn until(
        &self,
        what: &str,
        resource: &Resource,
        key: &str,
        wanted: impl Fn(Option<&Object>) -> bool,
    ) -> Option<Arc<Object>> {
        let key = name(key);
        let cancel = CancellationToken::new();
        let mut selection = Selection::all(resource.clone());
        if !key.namespace.is_empty() {
            selection = selection.namespace(key.namespace.clone());
        }
        let told = Arc::new(Notify::new());
        let informer = Informer::unstarted(selection, &cancel);
        let tell = told.clone();
        informer.on_change(move |_: &Change| tell.notify_one());
        informer.begin(self.client.clone());
        let waited = tokio::time::timeout(LONG, async {
            loop {
                let found = informer.get(&key);
                if informer.synced() && wanted(found.as_deref()) {
                    return found;
                }
                told.notified().await;
            }
        });
        let result = waited.await;
        let last = informer.get(&key).map(|object| serde_json::to_string_pretty(&*object).unwrap());
        cancel.cancel();
        result.unwrap_or_else(|_| panic!("{}: {what}: not within {LONG:?}; {key} is {last:?}", self.name))
    }

    pub async fn until_there(&self, what: &str, resource: &Resource, key: &str) -> Arc<Object> {
        self.until(what, resource, key, |object| object.is_some()).await.expect("it is there")
    }

    pub async fn until_gone(&self, what: &str, resource: &Resource, key: &str) {
        self.until(what, resource, key, |object| object.is_none()).await;
    }
}

/// `namespace/name`, or `name`.
pub fn name(key: &str) -> ObjectKey {
    let (namespace, name) = key.split_once('/').unwrap_or(("", key));
    ObjectKey::new(namespace, name)
}

pub fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

pub fn kind<T: Kind>() -> Resource {
    let definition = T::DEFINITION;
    resource(
        definition.group,
        definition.version,
        definition.kind,
        definition.plural,
        definition.namespaced,
        definition.status,
    )
}

pub fn resource(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool, has_status: bool) -> Resource {
    Resource { gvk: Gvk::new(group, version, kind), plural: plural.into(), namespaced, has_status, has_scale: false }
}

pub fn configmaps() -> Resource {
    resource("", "v1", "ConfigMap", "configmaps", true, false)
}

pub fn deployments() -> Resource {
    resource("apps", "v1", "Deployment", "deployments", true, true)
}

pub fn secrets() -> Resource {
    resource("", "v1", "Secret", "secrets", true, false)
}

pub fn namespaces() -> Resource {
    resource("", "v1", "Namespace", "namespaces", false, true)
}

/// Members by name, as controllers connect to them.
struct ByName(BTreeMap<String, Server>);

#[async_trait]
impl Connect for ByName {
    async fn connect(&self, _: &Client, name: &str, _: &ClusterSpec) -> Result<kube::Client, String> {
        self.0.get(name).map(|server| server.logged("host")).ok_or_else(|| format!("no member {name}"))
    }
}

/// See the module.
pub struct World {
    pub hub: Server,
    pub members: BTreeMap<String, Server>,
    pub engine: Arc<Engine>,
    options: Options,
    controllers: Option<Controllers>,
    cancel: CancellationToken,
}

impl World {
    /// A hub with these push clusters, joined and ready, and the controllers at work.
    pub async fn start(members: &[&str]) -> Self {
        Self::start_with(members, |_| {}).await
    }

    /// The same with other options.
    pub async fn start_with(members: &[&str], change: impl FnOnce(&mut Options)) -> Self {
        let hub = Server::start("hub").await;
        let crds: Vec<_> = outrigger_api::crds::all()
            .iter()
            .map(|crd| object(serde_json::to_value(crd).expect("a definition is JSON")))
            .collect();
        outrigger_testkit::install_crds(hub.client.kube(), &crds).await.expect("the definitions are served");
        let mut servers = BTreeMap::new();
        for name in members {
            servers.insert((*name).to_owned(), Server::start(name).await);
        }
        let mut options = Options { connect: Arc::new(ByName(servers.clone())), ..Options::default() };
        change(&mut options);
        let mut world = Self {
            hub,
            options,
            members: servers,
            engine: Arc::new(Engine::standard()),
            controllers: None,
            cancel: CancellationToken::new(),
        };
        world.run();
        for name in members {
            world.join(name, json!({})).await;
        }
        for name in members {
            world.until_ready(name).await;
        }
        world
    }

    pub fn member(&self, name: &str) -> &Server {
        &self.members[name]
    }

    /// Creates the Cluster of a member.
    pub async fn join(&self, name: &str, labels: Value) {
        let cluster = json!({
            "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": name, "labels": labels}, "spec": {"syncMode": "Push", "apiEndpoint": name},
        });
        self.hub.create(&kind::<outrigger_api::cluster::Cluster>(), cluster).await;
    }

    /// Waits until a cluster is ready and may be scheduled to.
    pub async fn until_ready(&self, name: &str) {
        self.hub
            .until("the cluster is ready", &kind::<outrigger_api::cluster::Cluster>(), name, |cluster| {
                cluster.is_some_and(|cluster| {
                    let ready = outrigger_runtime::conditions::of(cluster, "Ready");
                    let taints = cluster.get(&["spec", "taints"]).and_then(Value::as_array);
                    ready.is_some_and(|(status, ..)| status == "True")
                        && taints.is_none_or(Vec::is_empty)
                        && cluster.get(&["status", "apiEnablements"]).is_some()
                })
            })
            .await;
    }

    /// Starts the controllers.
    pub fn run(&mut self) {
        let client = Client::new(self.hub.logged("controllers"), "hub");
        let options = self.options.clone();
        self.controllers = Some(Controllers::start(client, self.engine.clone(), options, &self.cancel));
    }

    /// Stops the controllers.
    pub async fn halt(&mut self) {
        self.controllers.take().expect("they run").stop().await;
    }

    /// A policy in `default` that sends everything of some kinds to some clusters.
    pub async fn policy(&self, name: &str, kinds: &[(&str, &str)], more: Value) {
        let selectors: Vec<_> =
            kinds.iter().map(|(version, kind)| json!({"apiVersion": version, "kind": kind})).collect();
        let mut spec = json!({"resourceSelectors": selectors});
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let policy = json!({
            "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
            "metadata": {"name": name, "namespace": "default"}, "spec": spec,
        });
        self.hub.create(&kind::<outrigger_api::policy::PropagationPolicy>(), policy).await;
    }

    /// Waits until nothing is written to the hub for a moment.
    pub async fn quiet(&self) {
        let mut revision = self.hub.revision();
        loop {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let now = self.hub.revision();
            if now == revision {
                return;
            }
            revision = now;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

pub fn configmap(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {"k": value}})
}

pub fn deployment(name: &str, replicas: i64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "nginx:1"}]}}},
    })
}

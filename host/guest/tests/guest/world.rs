//! A control plane and two members, one with an agent, and an addon with its grants.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outrigger_addon::manifest::Rule;
use outrigger_addon::{Addon, MemberObject};
use outrigger_api::cluster::ClusterSpec;
use outrigger_api::crds;
use outrigger_apiserver::{ApiServer, Options, User};
use outrigger_guest::{Connect, Guest, GuestHealth, Limits, Meter, NAMESPACE, Setup};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Backoff, Client, Recorder, RecorderConfig, SystemClock, to_object};
use outrigger_store::{Limits as StoreLimits, MemoryStore};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Long enough for anything here; passing it is a failure.
pub const LONG: Duration = Duration::from_secs(30);

/// Makes the addon, in one of its forms.
pub type Make = fn() -> Arc<dyn Addon>;

pub fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

pub fn resource(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Resource {
    let gvk = Gvk::new(group, version, kind);
    Resource { gvk, plural: plural.into(), namespaced, has_status: false, has_scale: false }
}

pub fn configmaps() -> Resource {
    resource("", "v1", "ConfigMap", "configmaps", true)
}

pub fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

async fn server() -> ApiServer {
    ApiServer::start(Arc::new(MemoryStore::new(StoreLimits::default())), Options::default()).await.unwrap()
}

fn client(server: &ApiServer, name: &str) -> Client {
    Client::new(kube::Client::new(server.service_as(User::system("admin")), "default"), name).with_manager("test")
}

/// Waits until something holds, by asking again and again.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let asked = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, asked).await.unwrap_or_else(|_| panic!("not within {LONG:?}: {what}"));
}

pub struct World {
    pub hub: Client,
    pub east: Client,
    pub config: watch::Sender<Arc<Value>>,
    pub meter: Meter,
    pub limits: Limits,
    pub recorder: Recorder,
    pub cancel: CancellationToken,
}

/// Connects to the one push member.
struct East(kube::Client);

#[async_trait]
impl Connect for East {
    async fn connect(&self, _: &Client, cluster: &str, _: &ClusterSpec) -> Result<kube::Client, String> {
        if cluster == "east" { Ok(self.0.clone()) } else { Err("it is not there".into()) }
    }
}

impl World {
    pub async fn new() -> Self {
        let (hub, east) = (client(&server().await, "hub"), client(&server().await, "east"));
        let definitions = Resource {
            has_status: true,
            ..resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false)
        };
        let kinds = crds::all().iter().map(|crd| to_object(crd).unwrap()).collect::<Vec<_>>();
        for crd in kinds.into_iter().chain([MemberObject::crd()]) {
            hub.create(&definitions, &crd).await.unwrap();
        }
        let namespaces = resource("", "v1", "Namespace", "namespaces", false);
        for name in [NAMESPACE, "karmada-es-east", "karmada-es-west"] {
            let namespace = object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
            hub.create(&namespaces, &namespace).await.unwrap();
        }
        let clusters = resource("cluster.karmada.io", "v1alpha1", "Cluster", "clusters", false);
        for (name, mode) in [("east", "Push"), ("west", "Pull")] {
            let cluster = object(json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
                "metadata": {"name": name}, "spec": {"syncMode": mode}}));
            until("clusters are served", async || hub.apply(&clusters, &cluster, true).await.is_ok()).await;
        }
        let shown = MemberObject::resource();
        until("MemberObjects are served", async || hub.list(&shown, None, &Default::default()).await.is_ok()).await;
        let cancel = CancellationToken::new();
        let recorder = Recorder::start(
            hub.clone(),
            "test",
            Arc::new(SystemClock),
            RecorderConfig { per_second: 1000.0, burst: 1000, ..RecorderConfig::default() },
            cancel.clone(),
        );
        let limits = Limits {
            deadline: Duration::from_secs(20),
            backoff: Backoff { base: Duration::from_millis(1), max: Duration::from_millis(20), jitter: 0.0 },
            look: Duration::from_millis(20),
            ..Limits::default()
        };
        Self {
            hub,
            east,
            config: watch::Sender::new(Arc::new(json!({"word": "first"}))),
            meter: Meter::default(),
            limits,
            recorder,
            cancel,
        }
    }

    /// Gives an addon what its manifest asks for, and starts it.
    pub async fn start(&self, addon: Arc<dyn Addon>) -> Guest {
        let permissions = addon.manifest().permissions.clone();
        let name = addon.manifest().name.clone();
        grant(&self.hub, &name, &permissions.hub).await;
        grant(&self.east, &name, &permissions.members).await;
        let setup = Setup {
            hub: self.hub.clone(),
            grants: permissions,
            config: self.config.subscribe(),
            connect: Arc::new(East(self.east.kube().clone())),
            recorder: self.recorder.clone(),
            meter: self.meter.clone(),
            clock: Arc::new(SystemClock),
            limits: self.limits,
            cancel: self.cancel.clone(),
        };
        Guest::start(addon, setup)
    }

    /// Writes an object that tells the probe what to do.
    pub async fn tell(&self, name: &str, data: Value) -> Object {
        let map = object(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"namespace": "default", "name": name, "labels": {"probe": "yes"}}, "data": data}));
        self.hub.apply(&configmaps(), &map, true).await.unwrap()
    }

    /// Waits for what the probe makes of an object that says `copy`.
    pub async fn copied(&self, client: &Client, name: &str, value: &str) {
        let key = key(&format!("{name}-copy"));
        until(&format!("{name} is copied as {value}"), async || {
            let copy = client.get_opt(&configmaps(), &key).await.unwrap();
            copy.is_some_and(|copy| copy.str(&["data", "value"]) == Some(value))
        })
        .await;
    }
}

/// Waits for a health, and gives it as text.
pub async fn health(guest: &Guest, what: &str, is: impl Fn(&GuestHealth) -> bool) -> String {
    let mut health = guest.health();
    let seen = tokio::time::timeout(LONG, health.wait_for(|health| is(health))).await;
    let text = seen.map(|health| health.unwrap().to_string());
    text.unwrap_or_else(|_| panic!("not {what}: {}", *guest.health().borrow()))
}

async fn grant(client: &Client, addon: &str, rules: &[Rule]) {
    let role = resource("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false);
    let binding = resource("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false);
    let name = format!("outrigger:addon:{addon}");
    let rules = serde_json::to_value(rules).unwrap();
    let api = "rbac.authorization.k8s.io/v1";
    let object_role =
        object(json!({"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}));
    let object_binding = object(json!({"apiVersion": api, "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": addon}]}));
    client.apply(&role, &object_role, true).await.unwrap();
    client.apply(&binding, &object_binding, true).await.unwrap();
}

//! A control plane and one member, both real API servers in this process, and a session between them.

#[path = "../../../runtime/tests/api/network.rs"]
mod network;

use std::sync::Arc;
use std::time::Duration;

pub use network::Network;
use outrigger_api::crds;
use outrigger_apiserver::{ApiServer, Options, User};
use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::{Answer, Health, HealthReport, Interpreter, LifeCycle, Operation, Support};
use outrigger_member::{Member, MemberSession, SessionConfig, StatusConfig, Thresholds};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{
    Backoff, Client, Informer, Patch, Recorder, RecorderConfig, Selection, Subresource, SystemClock, to_object,
};
use outrigger_store::{Limits, MemoryStore};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Long enough for anything here; passing it is a failure.
pub const LONG: Duration = Duration::from_secs(10);
pub const CLUSTER: &str = "east";
pub const SPACE: &str = "karmada-es-east";

pub fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

pub fn resource(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Resource {
    let gvk = Gvk::new(group, version, kind);
    Resource { gvk, plural: plural.into(), namespaced, has_status: false, has_scale: false }
}

pub fn definitions() -> Resource {
    Resource {
        has_status: true,
        ..resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false)
    }
}

pub fn configmaps() -> Resource {
    resource("", "v1", "ConfigMap", "configmaps", true)
}

pub fn deployments() -> Resource {
    Resource { has_status: true, ..resource("apps", "v1", "Deployment", "deployments", true) }
}

pub fn backups() -> Resource {
    resource("velero.io", "v1", "Backup", "backups", true)
}

pub fn works() -> Resource {
    Resource { has_status: true, ..resource("work.karmada.io", "v1alpha1", "Work", "works", true) }
}

pub fn clusters() -> Resource {
    Resource { has_status: true, ..resource("cluster.karmada.io", "v1alpha1", "Cluster", "clusters", false) }
}

/// A CRD without a status subresource, as Velero's are.
pub fn backup_crd() -> Object {
    object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "backups.velero.io"},
        "spec": {"group": "velero.io", "scope": "Namespaced",
            "names": {"plural": "backups", "singular": "backup", "kind": "Backup", "listKind": "BackupList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "properties": {
                    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]}
    }))
}

/// Backups run once; their phase is their status and their health.
struct Velero;

impl Interpreter for Velero {
    fn name(&self) -> &str {
        "test/Backup"
    }

    fn supports(&self) -> Vec<Support> {
        let operations = [Operation::InterpretHealth, Operation::InterpretStatus].into_iter().collect();
        vec![Support { gvk: backups().gvk, operations, life_cycle: Some(LifeCycle::RunOnce), unmarked: true }]
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        Answer::Value(match object.str(&["status", "phase"]) {
            Some("Completed") => Health::Healthy.into(),
            _ => Health::Unknown.into(),
        })
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        match object.str(&["status", "phase"]) {
            Some("Broken") => Answer::Failed(outrigger_interpreter::Error::invalid("a broken phase")),
            _ => Answer::Value(object.status().cloned().unwrap_or_default()),
        }
    }
}

/// The member's API server: in this process, or, where `OUTRIGGER_TEST_MEMBER` names a kubeconfig, a real
/// one, which must be fresh for each test.
pub enum MemberServer {
    Embedded(ApiServer),
    Real(Box<kube::Config>),
}

impl MemberServer {
    async fn start() -> Self {
        match std::env::var("OUTRIGGER_TEST_MEMBER") {
            Ok(path) => {
                let kubeconfig = kube::config::Kubeconfig::read_from(path).unwrap();
                let options = kube::config::KubeConfigOptions::default();
                Self::Real(Box::new(kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()))
            }
            Err(_) => Self::Embedded(server().await),
        }
    }

    fn client(&self, network: &Network, user: User) -> kube::Client {
        match self {
            Self::Embedded(server) => network.client_as(server, user),
            Self::Real(config) => {
                let mut config = (**config).clone();
                config.auth_info.impersonate = Some(user.name);
                config.auth_info.impersonate_groups = Some(user.groups);
                network.over(kube::Client::try_from(config).unwrap())
            }
        }
    }
}

async fn server() -> ApiServer {
    ApiServer::start(Arc::new(MemoryStore::new(Limits::default())), Options::default()).await.unwrap()
}

pub struct World {
    pub hub_server: ApiServer,
    pub member_server: MemberServer,
    /// The session's ways.
    pub hub_network: Network,
    pub member_network: Network,
    /// The test's own ways, which are never cut.
    pub hub: Client,
    pub member: Client,
    pub config: SessionConfig,
    pub user: User,
    engine: Arc<Engine>,
    pub observed: Option<outrigger_member::Observed>,
    session: Option<MemberSession>,
}

impl World {
    /// Both servers, the Cluster, and no session yet.
    pub async fn new() -> Self {
        let (hub_server, member_server) = (server().await, MemberServer::start().await);
        let hub = Client::new(Network::default().client(&hub_server), "hub").with_manager("test");
        let member =
            Client::new(member_server.client(&Network::default(), User::system("admin")), CLUSTER).with_manager("test");
        for crd in crds::all() {
            hub.create(&definitions(), &to_object(&crd).unwrap()).await.unwrap();
        }
        let engine = Engine::standard();
        engine.install(Layer::Addon, vec![Arc::new(Velero)]);
        let world = Self {
            hub_server,
            member_server,
            hub_network: Network::default(),
            member_network: Network::default(),
            hub,
            member,
            config: SessionConfig {
                status: None,
                backoff: Backoff { max: Duration::from_millis(100), ..Backoff::default() },
                ..SessionConfig::default()
            },
            user: User::system("outrigger"),
            engine: Arc::new(engine),
            observed: None,
            session: None,
        };
        world.hub.create(&namespaces(), &namespace(SPACE)).await.unwrap();
        let cluster = json!({"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
            "metadata": {"name": CLUSTER}, "spec": {"syncMode": "Push"}});
        world.hub.create(&clusters(), &object(cluster)).await.unwrap();
        world
    }

    /// With a session.
    pub async fn started() -> Self {
        let mut world = Self::new().await;
        world.start();
        world
    }

    /// With a session and the CRD of Backups.
    pub async fn with_backups() -> Self {
        let world = Self::new().await;
        world.install_backups().await;
        let mut world = world;
        world.start();
        world
    }

    pub async fn install_backups(&self) {
        self.member.create(&definitions(), &backup_crd()).await.unwrap();
        // The session may have made it, as soon as the kind was there.
        let _ = self.member.create(&namespaces(), &namespace("velero")).await;
    }

    pub fn start(&mut self) {
        let cancel = CancellationToken::new();
        let hub = Client::new(self.hub_network.client(&self.hub_server), "hub");
        let member = Client::new(self.member_server.client(&self.member_network, self.user.clone()), CLUSTER);
        let clock = Arc::new(SystemClock);
        let recorder =
            Recorder::start(hub.clone(), "outrigger", clock.clone(), RecorderConfig::default(), cancel.clone());
        let member = Member {
            name: CLUSTER.into(),
            hub,
            member,
            engine: self.engine.clone(),
            works: None,
            observed: self.observed.clone(),
        };
        self.session = Some(MemberSession::start(member, self.config, recorder, clock, &cancel));
    }

    pub async fn stop(&mut self) {
        if let Some(session) = self.session.take() {
            soon("the session stops", session.stop()).await;
        }
    }

    pub fn session(&self) -> &MemberSession {
        self.session.as_ref().expect("a session")
    }

    /// Watches Cluster.status closely.
    pub fn keep_status(&mut self) {
        self.config.status = Some(StatusConfig {
            period: Duration::from_millis(50),
            thresholds: Thresholds { success: Duration::ZERO, failure: Duration::ZERO },
            summaries: true,
        });
    }

    /// Creates a Work of manifests.
    pub async fn work(&self, name: &str, manifests: &[Object]) -> Object {
        let manifests: Vec<Object> = manifests.iter().map(|manifest| mark(manifest, name)).collect();
        let work = json!({"apiVersion": "work.karmada.io/v1alpha1", "kind": "Work",
            "metadata": {"namespace": SPACE, "name": name, "finalizers": ["karmada.io/execution-controller"]},
            "spec": {"workload": {"manifests": manifests}}});
        self.hub.create(&works(), &object(work)).await.unwrap()
    }

    /// Replaces the manifests of a Work.
    pub async fn edit(&self, name: &str, manifests: &[Object]) {
        let manifests: Vec<Object> = manifests.iter().map(|manifest| mark(manifest, name)).collect();
        self.patch_work(name, json!({"spec": {"workload": {"manifests": manifests}}})).await;
    }

    pub async fn patch_work(&self, name: &str, patch: Value) {
        self.hub.patch(&works(), &work_key(name), &Patch::Merge(patch), Subresource::None).await.unwrap();
    }

    /// Somebody in the member changes an object.
    pub async fn member_writes(&self, resource: &Resource, key: &ObjectKey, patch: Value) -> Object {
        self.member.patch(resource, key, &Patch::Merge(patch), Subresource::None).await.unwrap()
    }

    /// Waits until a Work looks as described.
    pub async fn until_work(&self, name: &str, what: &str, is: impl Fn(&Object) -> bool) -> Object {
        until(&self.hub, &works(), &work_key(name), what, |work| work.is_some_and(&is)).await.unwrap()
    }

    /// Waits until a Work's Applied condition is as given, with this text in its message.
    pub async fn until_applied(&self, name: &str, status: &str, message: &str) -> Object {
        self.until_work(name, &format!("Applied={status} {message}"), |work| {
            outrigger_runtime::conditions::of(work, "Applied")
                .is_some_and(|applied| applied.0 == status && applied.2.contains(message))
        })
        .await
    }

    /// Waits until an object in the member looks as described.
    pub async fn until_member(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        what: &str,
        is: impl Fn(&Object) -> bool,
    ) -> Object {
        until(&self.member, resource, key, what, |object| object.is_some_and(&is)).await.unwrap()
    }

    /// Waits until an object on the hub looks as described.
    pub async fn until_hub(
        &self,
        resource: &Resource,
        key: &ObjectKey,
        what: &str,
        is: impl Fn(&Object) -> bool,
    ) -> Object {
        until(&self.hub, resource, key, what, |object| object.is_some_and(&is)).await.unwrap()
    }

    /// Waits until an object on the hub is gone.
    pub async fn until_hub_gone(&self, resource: &Resource, key: &ObjectKey) {
        until(&self.hub, resource, key, "gone", |object| object.is_none()).await;
    }

    /// Waits until an object in the member is gone.
    pub async fn until_gone(&self, resource: &Resource, key: &ObjectKey) {
        until(&self.member, resource, key, "gone", |object| object.is_none()).await;
    }

    /// Waits until the session has nothing to do: a Work that was made after everything else is done.
    pub async fn settle(&self, marker: &str) {
        self.work(marker, &[configmap(marker, "1")]).await;
        self.until_applied(marker, "True", "").await;
    }

    /// Writes that the session sent to the member since the last call.
    pub fn writes_to_member(&self) -> Vec<String> {
        writes(&self.member_network)
    }

    /// Writes that the session sent to the hub since the last call.
    pub fn writes_to_hub(&self) -> Vec<String> {
        writes(&self.hub_network)
    }
}

fn writes(network: &Network) -> Vec<String> {
    network.take_requests().into_iter().filter(|line| !line.starts_with("GET")).collect()
}

pub fn namespaces() -> Resource {
    resource("", "v1", "Namespace", "namespaces", false)
}

pub fn namespace(name: &str) -> Object {
    object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
}

pub fn work_key(name: &str) -> ObjectKey {
    ObjectKey::new(SPACE, name)
}

pub fn configmap(name: &str, value: &str) -> Object {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "default", "name": name}, "data": {"k": value}}))
}

pub fn default_key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

pub fn backup(name: &str, spec: Value) -> Object {
    object(json!({"apiVersion": "velero.io/v1", "kind": "Backup",
        "metadata": {"namespace": "velero", "name": name, "labels": {"team": "a"}}, "spec": spec,
        "status": {"phase": "FromTheTemplate"}}))
}

/// The marks that the binding controller puts on manifests.
pub fn mark(manifest: &Object, work: &str) -> Object {
    let mut manifest = manifest.clone();
    manifest.set_label("karmada.io/managed", "true");
    manifest.set_annotation("work.karmada.io/namespace", SPACE);
    manifest.set_annotation("work.karmada.io/name", work);
    let mut labels: Vec<String> = manifest.labels().map(|(name, _)| name.to_owned()).collect();
    labels.sort();
    manifest.set_annotation("resourcetemplate.karmada.io/managed-labels", &labels.join(","));
    manifest
}

pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.unwrap_or_else(|_| panic!("{what}: not within {LONG:?}"))
}

/// Watches one object until it is as described; `None` where that is "not there".
pub async fn until(
    client: &Client,
    resource: &Resource,
    key: &ObjectKey,
    what: &str,
    is: impl Fn(Option<&Object>) -> bool,
) -> Option<Object> {
    let cancel = CancellationToken::new();
    let mut selection =
        Selection::all(resource.clone()).fields(format!("metadata.name={}", key.name)).with_managed_fields();
    if let Some(namespace) = key.namespace() {
        selection = selection.namespace(namespace);
    }
    let (informer, changed) = (Informer::unstarted(selection, &cancel), Arc::new(Notify::new()));
    let told = changed.clone();
    informer.on_change(move |_| told.notify_one());
    informer.begin(client.clone());
    let waiting = async {
        informer.wait_synced().await;
        loop {
            let object = informer.get(key);
            if is(object.as_deref()) {
                return object.map(|object| (*object).clone());
            }
            changed.notified().await;
        }
    };
    match tokio::time::timeout(LONG, waiting).await {
        Ok(object) => object,
        Err(_) => panic!(
            "{} {key} is not: {what}; it is {:#?}",
            resource.plural,
            informer.get(key).map(|o| (*o).clone().into_value().to_string())
        ),
    }
    .inspect(|_| cancel.cancel())
}

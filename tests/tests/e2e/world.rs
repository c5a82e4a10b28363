//! A control plane and its members, for one test.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use outrigger_object::{Object, Resource};
use outrigger_runtime::{Client, DeleteParams};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    api::{self, key, object},
    binary::{Kubectl, Process, call},
    member::Member,
    sweep,
};

/// Label of the namespaces that tests make.
pub const LABEL: &str = "e2e.outrigger.io/test";

/// Tests take turns where they share an API server.
static TURN: Mutex<()> = Mutex::const_new(());

/// `outrigger serve`.
pub struct Plane {
    pub kubeconfig: PathBuf,
    args: Vec<String>,
    until: &'static str,
    process: Process,
}

impl Plane {
    /// Starts it in a directory, or over the API server that the environment names.
    pub async fn start(directory: &Path, flags: &[String]) -> Self {
        let text = |path: &Path| path.display().to_string();
        if let Some(file) = external() {
            let health = format!("127.0.0.1:{}", free_port());
            let args = ["serve", "--kubeconfig", &text(&file), "--health-listen", &health].map(str::to_owned);
            return Self::run(file, [&args[..], flags].concat(), "leading").await;
        }
        let data = directory.join("hub");
        let listen = format!("127.0.0.1:{}", free_port());
        let args = ["serve", "--data-dir", &text(&data), "--listen", &listen].map(str::to_owned);
        Self::run(data.join("admin.kubeconfig"), [&args[..], flags].concat(), "try: kubectl").await
    }

    async fn run(kubeconfig: PathBuf, args: Vec<String>, until: &'static str) -> Self {
        let process = Process::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
        process.says(until).await;
        Self { kubeconfig, args, until, process }
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again, with the same arguments.
    pub async fn resume(&mut self) {
        self.process = Process::start(&self.args.iter().map(String::as_str).collect::<Vec<_>>());
        self.process.says(self.until).await;
    }
}

/// The kubeconfig of the API server that control planes work over, if they do.
pub fn external() -> Option<PathBuf> {
    std::env::var_os("OUTRIGGER_E2E_HUB").filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A control plane, members, and a namespace for the test.
pub struct World {
    pub plane: Plane,
    pub hub: Client,
    pub members: BTreeMap<String, Member>,
    pub agents: BTreeMap<String, Process>,
    pub namespace: String,
    pub directory: TempDir,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl World {
    /// A control plane without members, and a namespace named for the test.
    pub async fn start(test: &str) -> Self {
        Self::start_with(test, &[]).await
    }

    /// The same, with further arguments for `serve`.
    pub async fn start_with(test: &str, flags: &[String]) -> Self {
        let turn = match external() {
            Some(file) => {
                let turn = TURN.lock().await;
                sweep::hub(&api::client(&file, "hub").await).await;
                Some(turn)
            }
            None => None,
        };
        let directory = tempfile::tempdir().unwrap();
        let plane = Plane::start(directory.path(), flags).await;
        let hub = api::client(&plane.kubeconfig, "hub").await;
        let listed = |object: Option<&Object>| object.is_none();
        api::until(&hub, &api::clusters(), key("", "no-such"), "the API is there", listed).await;
        let namespace = format!("e2e-{test}");
        let made = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {LABEL: test}},
        });
        hub.create(&api::namespaces(), &object(made)).await.unwrap();
        Self { plane, hub, members: BTreeMap::new(), agents: BTreeMap::new(), namespace, directory, _turn: turn }
    }

    /// A member that has not joined.
    pub async fn member(&self, name: &str) -> Member {
        let member = Member::start(name, self.directory.path()).await;
        if member.is_real() {
            sweep::member(&member.client).await;
        }
        member
    }

    /// Members that the control plane reaches out to, with Velero and simulated controllers.
    pub async fn push(mut self, members: &[(&str, i64)]) -> Self {
        for (name, items) in members {
            let member = self.member(name).await.with_velero().await.with_controllers(*items).await;
            self.join(&member).await;
            self.members.insert(member.name.clone(), member);
        }
        self
    }

    /// Has a member join.
    pub async fn join(&self, member: &Member) {
        let hub = self.plane.kubeconfig.display().to_string();
        call(&["join", &member.name, "--member-kubeconfig", &member.file(), "--kubeconfig", &hub]).await.ok();
    }

    /// A member that an agent serves, with Velero and simulated controllers.
    pub async fn pull(mut self, name: &str, items: i64) -> Self {
        let member = self.member(name).await.with_velero().await.with_controllers(items).await;
        let agent = Process::start(&self.agent(&member, None).await.iter().map(String::as_str).collect::<Vec<_>>());
        self.ready(name).await;
        self.agents.insert(name.to_owned(), agent);
        self.members.insert(name.to_owned(), member);
        self
    }

    /// Arguments for an agent, with a token that was made for it, or with this one.
    pub async fn agent(&self, member: &Member, token: Option<&str>) -> Vec<String> {
        let hub = self.plane.kubeconfig.display().to_string();
        let made = call(&["token", "create", "--ttl", "10m", "-o", "json", "--kubeconfig", &hub]).await.ok();
        let made: Value = serde_json::from_str(&made).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let state = self.state_directory(&member.name).display().to_string();
        let token = token.map_or_else(|| text("token"), str::to_owned);
        let flags = [
            ("--hub", text("hub")),
            ("--token", token),
            ("--ca-hash", text("caHash")),
            ("--cluster-name", member.name.clone()),
            ("--member-kubeconfig", member.file()),
            ("--state-dir", state),
            ("--log", "info".to_owned()),
        ];
        std::iter::once("agent".to_owned())
            .chain(flags.into_iter().flat_map(|(name, value)| [name.into(), value]))
            .collect()
    }

    /// Where the agent of a member keeps its identity.
    pub fn state_directory(&self, member: &str) -> PathBuf {
        self.directory.path().join(format!("agent-{member}"))
    }

    /// Waits until a cluster is Ready.
    pub async fn ready(&self, name: &str) {
        api::until_is(&self.hub, &api::clusters(), key("", name), "it becomes Ready", |cluster| {
            api::says(cluster, "Ready", "True", &[])
        })
        .await;
    }

    /// A policy for some kinds, for all clusters when `placement` names none.
    pub async fn policy(&self, name: &str, selectors: Value, placement: Value) {
        let made = self.make(
            "policy.karmada.io/v1alpha1",
            "PropagationPolicy",
            name,
            json!({
                "spec": {"resourceSelectors": selectors, "placement": placement},
            }),
        );
        self.hub.create(&api::policies(), &made).await.unwrap();
    }

    /// An object in the namespace of this test.
    pub fn make(&self, api_version: &str, kind: &str, name: &str, rest: Value) -> Object {
        let mut made = object(rest);
        made.set(&["apiVersion"], api_version);
        made.set(&["kind"], kind);
        made.set(&["metadata", "name"], name);
        made.set(&["metadata", "namespace"], self.namespace.as_str());
        made
    }

    /// Creates an object on the control plane.
    pub async fn create(&self, resource: &Resource, name: &str, rest: Value) -> Object {
        let made = self.make(&resource.gvk.api_version(), &resource.gvk.kind, name, rest);
        self.hub.create(resource, &made).await.unwrap()
    }

    /// Deletes an object of this test from the control plane.
    pub async fn delete(&self, resource: &Resource, name: &str) {
        let gone = self.hub.delete(resource, &self.key(name), &DeleteParams::default()).await.unwrap();
        assert!(gone.is_some(), "{name} was not there");
    }

    /// The key of an object of this test.
    pub fn key(&self, name: &str) -> outrigger_object::ObjectKey {
        key(&self.namespace, name)
    }

    /// `kubectl` for the control plane.
    pub fn kubectl(&self) -> Option<Kubectl> {
        Kubectl::new(&self.plane.kubeconfig, self.directory.path())
    }

    /// A client for a member.
    pub fn of(&self, member: &str) -> &Client {
        &self.members[member].client
    }
}

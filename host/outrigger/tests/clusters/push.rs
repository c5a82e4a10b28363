//! `join` and `unjoin`.

use std::path::PathBuf;

use outrigger_object::Object;
use outrigger_runtime::Client;
use serde_json::json;

use crate::servers::{
    Api, Running, client, clusters, config_maps, is_ready, key, kind, namespaces, outrigger, secrets, service_accounts,
    until,
};

/// A control plane in a process of its own.
pub struct Hub {
    pub kubeconfig: PathBuf,
    pub client: Client,
    pub process: Running,
    _directory: tempfile::TempDir,
}

impl Hub {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data").display().to_string();
        let process = Running::start(&["serve", "--data-dir", &data, "--listen", "127.0.0.1:0"], "try: kubectl").await;
        let kubeconfig = directory.path().join("data/admin.kubeconfig");
        let client = client(&kubeconfig, "hub").await;
        Self { kubeconfig, client, process, _directory: directory }
    }

    pub fn file(&self) -> String {
        self.kubeconfig.display().to_string()
    }
}

/// Has a ConfigMap placed on every cluster.
pub async fn place(hub: &Client, name: &str) {
    let policy = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap", "name": name}], "placement": {}},
    });
    let policies = kind("policy.karmada.io", "v1alpha1", "PropagationPolicy", "propagationpolicies", true);
    hub.create(&policies, &Object::from_value(policy).unwrap()).await.unwrap();
    let template = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": {"a": "b"},
    });
    hub.create(&config_maps(), &Object::from_value(template).unwrap()).await.unwrap();
}

fn said(output: &(String, i32), code: i32, parts: &[&str]) {
    assert_eq!(output.1, code, "{}", output.0);
    for part in parts {
        assert!(output.0.contains(part), "no {part:?} in:\n{}", output.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joined_twice_refused_and_let_go() {
    let (hub, east, west) = tokio::join!(Hub::start(), Api::start("east"), Api::start("west"));
    let (hub_file, east_file) = (hub.file(), east.kubeconfig.display().to_string());
    let west_file = west.kubeconfig.display().to_string();
    let join = async |name: &str, file: &str, more: &[&str]| {
        let mut args = vec!["join", name, "--member-kubeconfig", file, "--kubeconfig", &hub_file];
        args.extend(more);
        outrigger(&args).await
    };

    said(&join("east", &east_file, &["--region", "eu", "--zone", "a"]).await, 0, &["joined (push mode", "ready"]);
    let cluster = hub.client.get(&clusters(), &key("", "east")).await.unwrap();
    assert_eq!(cluster.str(&["spec", "syncMode"]), Some("Push"));
    assert_eq!(cluster.str(&["spec", "region"]), Some("eu"));
    assert_eq!(cluster.get(&["spec", "zones"]), Some(&json!(["a"])));
    let id = east.client.get(&namespaces(), &key("", "kube-system")).await.unwrap().uid().to_owned();
    assert_eq!(cluster.str(&["spec", "id"]), Some(id.as_str()));
    for (name, fields) in [("east", ["token", "caBundle"]), ("east-impersonator", ["token", "token"])] {
        let secret = hub.client.get(&secrets(), &key("karmada-cluster", name)).await.unwrap();
        assert!(fields.iter().all(|field| secret.str(&["data", field]).is_some_and(|text| !text.is_empty())), "{name}");
        assert_eq!(secret.owner_references().next().map(|owner| owner.uid), Some(cluster.uid().to_owned()), "{name}");
    }

    // The same again, and told less: nothing changes.
    said(&join("east", &east_file, &[]).await, 0, &["joined before"]);
    let again = hub.client.get(&clusters(), &key("", "east")).await.unwrap();
    // Taints are the control plane's own, and come and go with the cluster's health.
    let spec = |mut cluster: Object| {
        cluster.remove(&["spec", "taints"]);
        cluster.remove(&["spec"])
    };
    assert_eq!(spec(again), spec(cluster));

    // Refused, with nothing done.
    said(&join("east", &west_file, &[]).await, 1, &["belongs to another cluster", "nothing was changed"]);
    said(&join("other", &east_file, &[]).await, 1, &["already here as east", "nothing was changed"]);
    said(&join("self", &hub_file, &[]).await, 1, &["the control plane itself"]);
    said(&join("No_Name", &west_file, &[]).await, 2, &["lower-case letters"]);
    said(&join("west", "/nonexistent", &[]).await, 1, &["kubeconfig /nonexistent"]);
    let untouched = west.client.get_opt(&namespaces(), &key("", "karmada-cluster")).await.unwrap();
    assert_eq!(untouched, None, "refused, but changed");

    let unjoin = async |name: &str, file: Option<&str>| {
        let mut args = vec!["unjoin", name, "--kubeconfig", &hub_file];
        args.extend(file.iter().flat_map(|file| ["--member-kubeconfig", file]));
        outrigger(&args).await
    };
    place(&hub.client, "greeting").await;
    until(&east.client, &config_maps(), &key("default", "greeting"), |object| object.is_some()).await;

    said(&unjoin("nobody", None).await, 1, &["no cluster nobody", "east"]);
    said(&unjoin("east", Some(&west_file)).await, 1, &["leads to another cluster", "nothing was changed"]);
    said(&unjoin("east", Some(&east_file)).await, 0, &["removed from the control plane", "ServiceAccount"]);
    assert_eq!(hub.client.get_opt(&clusters(), &key("", "east")).await.unwrap(), None);
    assert_eq!(east.client.get_opt(&config_maps(), &key("default", "greeting")).await.unwrap(), None, "left behind");
    let account = key("karmada-cluster", "karmada-east");
    assert_eq!(east.client.get_opt(&service_accounts(), &account).await.unwrap(), None);
    until(&east.client, &namespaces(), &key("", "karmada-cluster"), |space| space.is_none()).await;
    said(&unjoin("east", Some(&east_file)).await, 0, &["no such cluster", "removed in the member: none"]);
    assert_eq!(hub.process.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_member_is_let_go_and_what_stays_is_named() {
    let (hub, west) = tokio::join!(Hub::start(), Api::start("west"));
    let (hub_file, west_file) = (hub.file(), west.kubeconfig.display().to_string());
    let joined = outrigger(&["join", "west", "--member-kubeconfig", &west_file, "--kubeconfig", &hub_file]).await;
    said(&joined, 0, &["ready"]);
    place(&hub.client, "greeting").await;
    until(&west.client, &config_maps(), &key("default", "greeting"), |object| object.is_some()).await;
    west.fail().await;
    until(&hub.client, &clusters(), &key("", "west"), |cluster| !is_ready(cluster)).await;
    let gone = outrigger(&["unjoin", "west", "--wait", "2", "--kubeconfig", &hub_file]).await;
    said(&gone, 0, &["does not answer", "ConfigMap default/greeting", "removed from the control plane"]);
    assert_eq!(hub.client.get_opt(&clusters(), &key("", "west")).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_control_plane_is_said() {
    let (east, west) = tokio::join!(Api::start("east"), Api::start("west"));
    let (east_file, west_file) = (east.kubeconfig.display().to_string(), west.kubeconfig.display().to_string());
    let join = ["join", "east", "--member-kubeconfig", &east_file, "--kubeconfig", &west_file];
    said(&outrigger(&join).await, 1, &["is no control plane"]);
    said(&outrigger(&["join", "east", "--member-kubeconfig", &east_file]).await, 1, &["no control plane is named"]);
    west.fail().await;
    said(&outrigger(&join).await, 1, &["running, and reachable"]);
}

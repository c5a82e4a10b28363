//! The manifests under `deploy/`: applied to API servers with RBAC, and the processes run with nothing but
//! the rights that these give.

use std::path::PathBuf;

use outrigger_object::Object;
use outrigger_runtime::Client;
use serde_json::{Value, json};

use crate::pull::{agent_args, borrow, token};
use crate::push::{Hub, place};
use crate::servers::{
    Api, Running, clusters, config_maps, free_port, is_ready, key, kind, outrigger, refusals, secrets, until,
};

fn documents(text: &str) -> Vec<Object> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.into_iter().map(|document| Object::from_value(document).unwrap()).collect()
}

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name);
    std::fs::read_to_string(path).unwrap()
}

async fn apply(to: &Client, objects: &[Object]) {
    let discovery = outrigger_runtime::Discovery::new(to.clone());
    for object in objects {
        let resource = discovery.require(&object.gvk()).await.unwrap();
        let applied = to.apply(&resource, object, true).await;
        applied.unwrap_or_else(|error| panic!("{}: {error}", object.reference()));
    }
}

fn deployments() -> outrigger_object::Resource {
    kind("apps", "v1", "Deployment", "deployments", true)
}

/// Has a Deployment placed on every cluster, with a Secret that it depends on.
async fn place_deployment(hub: &Client) {
    let objects = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "shop"}}),
        json!({"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"propagateDeps": true, "placement": {},
                "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1",
                    "envFrom": [{"secretRef": {"name": "key"}}]}]}}}}),
    ];
    apply(hub, &objects.map(|object| Object::from_value(object).unwrap())).await;
}

/// What a member gets, and gives up again.
async fn follow(hub: &Client, member: &Client) {
    until(member, &config_maps(), &key("default", "greeting"), |object| object.is_some()).await;
    until(member, &deployments(), &key("shop", "web"), |object| object.is_some()).await;
    until(member, &secrets(), &key("shop", "key"), |object| object.is_some()).await;
    // A status goes all the way up.
    let status = json!({"status": {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1,
        "observedGeneration": 1}});
    let patch = outrigger_runtime::Patch::Merge(status);
    let resource = deployments();
    member.patch(&resource, &key("shop", "web"), &patch, outrigger_runtime::Subresource::Status).await.unwrap();
    until(hub, &resource, &key("shop", "web"), |object| {
        object.is_some_and(|object| object.int(&["status", "readyReplicas"]) == Some(1))
    })
    .await;
    hub.delete(&config_maps(), &key("default", "greeting"), &Default::default()).await.unwrap();
    until(member, &config_maps(), &key("default", "greeting"), |object| object.is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_needs_what_its_manifest_gives() {
    let (hub, edge) = tokio::join!(Hub::start(), Api::start("edge"));
    let created = token(&hub.file(), "10m").await;
    let text = |name: &str| created[name].as_str().unwrap();
    let edge_file = edge.kubeconfig.display().to_string();
    let register = [
        "register",
        text("hub"),
        "--cluster-name",
        "edge",
        "--token",
        text("token"),
        "--ca-hash",
        text("caHash"),
        "--kubeconfig",
        &edge_file,
    ];
    // What --dry-run prints is what is applied.
    let mut dry = register.to_vec();
    dry.push("--dry-run");
    let printed = documents(&outrigger(&dry).await.0);
    assert_eq!(printed.len(), documents(&file("agent.yaml")).len());
    let config = printed.iter().find(|object| object.kind() == "ConfigMap").unwrap();
    assert_eq!(config.str(&["data", "hub"]), created["hub"].as_str());
    assert_eq!(outrigger(&register).await.1, 0);
    assert_eq!(outrigger(&register).await.1, 0, "applied twice");
    let deployment = edge.client.get(&deployments(), &key("outrigger-system", "outrigger-agent")).await.unwrap();
    let pod = deployment.get(&["spec", "template", "spec"]).unwrap();
    assert_eq!(pod["serviceAccountName"], "outrigger-agent");

    // No kubelet is here to start the pod, so the same command runs as its service account.
    let state = tempfile::tempdir().unwrap();
    let state_dir = state.path().join("state").display().to_string();
    let account = Api::account(&edge, "outrigger-system", "outrigger-agent").await;
    let port = free_port();
    let mut args = agent_args(&created, &edge, &state_dir);
    let at = args.iter().position(|arg| arg == "--member-kubeconfig").unwrap();
    args[at + 1] = account.display().to_string();
    args.extend(["--health-listen".into(), format!("127.0.0.1:{port}")]);
    args.extend(["--state-secret".into(), "outrigger-system/outrigger-agent-identity".into()]);
    let agent = Running::start(&borrow(&args), "registered").await;
    until(&hub.client, &clusters(), &key("", "edge"), is_ready).await;
    let identity = key("outrigger-system", "outrigger-agent-identity");
    until(&edge.client, &secrets(), &identity, |secret| {
        secret.is_some_and(|secret| secret.str(&["data", "tls.crt"]).is_some())
    })
    .await;
    place(&hub.client, "greeting").await;
    place_deployment(&hub.client).await;
    follow(&hub.client, &edge.client).await;
    assert_eq!(refusals(port).await, Vec::<String>::new());
    assert_eq!(agent.end().await, 0);

    // A new pod has an empty directory, and the token is spent.
    let at = args.iter().position(|arg| arg == "--token").unwrap();
    args.drain(at..at + 2);
    let at = args.iter().position(|arg| arg == "--state-dir").unwrap();
    args[at + 1] = state.path().join("fresh").display().to_string();
    let agent = Running::start(&borrow(&args), "registered").await;
    assert_eq!(agent.end().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_needs_what_its_manifest_gives() {
    let (hub, east, edge) = tokio::join!(Api::start("hub"), Api::start("east"), Api::start("edge"));
    let objects = documents(&file("serve-kubeconfig.yaml"));
    apply(&hub.client, &objects).await;
    let wide = objects.iter().filter(|object| object.kind().ends_with("Role")).filter_map(|role| role.get(&["rules"]));
    for rule in wide.flat_map(|rules| rules.as_array().unwrap()) {
        assert!(rule["verbs"].as_array().unwrap().iter().all(|verb| verb != "*"), "{rule}");
    }
    let account = hub.account("outrigger-system", "outrigger").await.display().to_string();
    let port = free_port();
    let health = format!("127.0.0.1:{port}");
    let serve = ["serve", "--kubeconfig", &account, "--health-listen", &health, "--log", "info"];
    let host = Running::start(&serve, "the hub's objects have been read").await;
    let hub_file = hub.kubeconfig.display().to_string();
    let east_file = east.kubeconfig.display().to_string();
    let joined = outrigger(&["join", "east", "--member-kubeconfig", &east_file, "--kubeconfig", &hub_file]).await;
    assert_eq!(joined.1, 0, "{}", joined.0);
    let state = tempfile::tempdir().unwrap();
    let args = agent_args(&token(&hub_file, "10m").await, &edge, &state.path().display().to_string());
    let agent = Running::start(&borrow(&args), "registered").await;
    until(&hub.client, &clusters(), &key("", "edge"), is_ready).await;
    place(&hub.client, "greeting").await;
    place_deployment(&hub.client).await;
    follow(&hub.client, &east.client).await;
    let unjoined = outrigger(&["unjoin", "east", "--member-kubeconfig", &east_file, "--kubeconfig", &hub_file]).await;
    assert_eq!(unjoined.1, 0, "{}", unjoined.0);
    let unjoined = outrigger(&["unjoin", "edge", "--kubeconfig", &hub_file]).await;
    assert_eq!(unjoined.1, 0, "{}", unjoined.0);
    assert_eq!(edge.client.get_opt(&deployments(), &key("shop", "web")).await.unwrap(), None);
    // A binding is checked against the roles that the API server has heard of. It may not have heard of one
    // that was written a moment ago; then the host tries again, and had it not the right, no agent would
    // have come this far.
    let binding = |line: &String| line.contains("rolebindings.rbac") || line.contains("resource=\"rolebindings");
    let refused: Vec<_> = refusals(port).await.into_iter().filter(|line| !binding(line)).collect();
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!(agent.end().await, 0);
    assert_eq!(host.end().await, 0);
}

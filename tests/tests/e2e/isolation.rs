//! An agent's certificate opens what belongs to its own cluster, and nothing else.

use outrigger_auth::{
    Secret,
    pki::{self, Credentials},
};
use outrigger_object::Resource;
use outrigger_runtime::{ErrorKind, ListParams, Patch, Subresource};
use serde_json::{Value, json};

use crate::{
    api::{self, key, kind},
    world::World,
};

fn leases() -> Resource {
    kind("coordination.k8s.io/v1", "Lease", "leases", true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_sees_its_own_cluster_alone() {
    let world = World::start("isolation").await.push(&[("east", 1)]).await.pull("edge", 1).await;
    world.policy("all", json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}]), json!({})).await;
    world.create(&api::config_maps(), "a", json!({"data": {"k": "1"}})).await;
    for member in world.members.values() {
        api::until_is(&member.client, &api::config_maps(), world.key("a"), "it arrives", |_| true).await;
    }

    let stored = std::fs::read_to_string(world.state_directory("edge").join("agent.json")).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let text = |name: &str| stored[name].as_str().unwrap();
    let own = Secret::new(text("key"));
    let credentials = Credentials::Certificate { certificate: text("certificate"), key: &own };
    let kubeconfig = pki::kubeconfig("hub", text("server"), text("authority"), credentials);
    let file = world.directory.path().join("agent.kubeconfig");
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let agent = api::client(&file, "hub").await;

    // What its work needs.
    let all = ListParams::default();
    let works = agent.list(&api::works(), Some("karmada-es-edge"), &all).await.unwrap().items;
    assert!(works.iter().any(|work| work.name().starts_with("a-")), "{works:?}");
    agent.get(&api::clusters(), &key("", "edge")).await.unwrap();
    let label = Patch::Merge(json!({"metadata": {"labels": {"agent": "was-here"}}}));
    agent.patch(&api::works(), &works[0].key(), &label, Subresource::Status).await.unwrap();

    // What is not its own. There is a neighbour's Work and Secret to be had.
    let theirs = world.hub.list(&api::works(), Some("karmada-es-east"), &all).await.unwrap().items;
    assert!(!theirs.is_empty());
    world.hub.get(&api::secrets(), &key("karmada-cluster", "east")).await.unwrap();
    let mut refused = Vec::new();
    let lists = [
        (api::works(), Some("karmada-es-east")),
        (api::works(), None),
        (api::secrets(), Some("karmada-cluster")),
        (api::secrets(), Some("kube-system")),
        (api::secrets(), None),
        (api::config_maps(), Some(world.namespace.as_str())),
        (api::clusters(), None),
        (api::policies(), None),
        (api::bindings(), None),
    ];
    for (resource, namespace) in lists {
        let done = agent.list(&resource, namespace, &all).await.map(|_| ());
        refused.push((format!("list {} in {namespace:?}", resource.plural), done));
    }
    let gets = [
        (api::works(), theirs[0].key()),
        (api::secrets(), key("karmada-cluster", "east")),
        (api::secrets(), key("karmada-cluster", "east-impersonator")),
        (api::clusters(), key("", "east")),
        (leases(), key("karmada-cluster", "east")),
    ];
    for (resource, name) in gets {
        refused.push((format!("get {} {name}", resource.plural), agent.get(&resource, &name).await.map(|_| ())));
        let done = agent.patch(&resource, &name, &label, Subresource::None).await.map(|_| ());
        refused.push((format!("patch {} {name}", resource.plural), done));
        let done = agent.delete(&resource, &name, &Default::default()).await.map(|_| ());
        refused.push((format!("delete {} {name}", resource.plural), done));
    }
    let wrong: Vec<_> = refused
        .iter()
        .filter(|(_, done)| done.as_ref().err().map(|error| error.kind()) != Some(ErrorKind::Forbidden))
        .collect();
    assert!(wrong.is_empty(), "not refused: {wrong:#?}");
}

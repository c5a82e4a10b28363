//! `serve` is killed at any moment: nothing acknowledged is lost, all of it arrives, and a start with
//! nothing to do does nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outrigger_object::Object;
use outrigger_runtime::{Client, ErrorKind, ListParams};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::{
    api::{self, key, kind},
    world::{World, external},
};

/// Between two tries while the server is away.
const PAUSE: Duration = Duration::from_millis(10);
const WRITERS: usize = 4;
/// Objects that are created between two kills, and how many of them before the second.
const BURST: usize = 40;
const KILL_AFTER: usize = 25;

/// Creates objects as long as there are permits. Gives the names that were acknowledged.
async fn write(
    client: Client,
    namespace: String,
    writer: usize,
    permits: Arc<Semaphore>,
    acknowledged: watch::Sender<usize>,
) -> Vec<String> {
    let mut names = Vec::new();
    while let Ok(permit) = permits.acquire().await {
        permit.forget();
        let name = format!("burst-{writer}-{}", names.len());
        let made = api::object(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
            "data": {"value": name},
        }));
        loop {
            match client.create(&api::config_maps(), &made).await {
                Ok(_) => break,
                // The server was killed between its commit and its answer.
                Err(error) if error.is_already_exists() => break,
                // It gives no sign when it is back.
                Err(error) if error.kind() == ErrorKind::Transient => tokio::time::sleep(PAUSE).await,
                Err(error) => panic!("{error}"),
            }
        }
        names.push(name);
        acknowledged.send_modify(|count| *count += 1);
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_any_kill() {
    let kills = if external().is_some() { 2 } else { 6 };
    let mut world = World::start("kills").await.push(&[("east", 1), ("west", 1)]).await;
    world.policy("all", json!([{"apiVersion": "v1", "kind": "ConfigMap"}]), json!({})).await;

    let (acknowledged, mut count) = watch::channel(0);
    let permits = Arc::new(Semaphore::new(BURST));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (permits, acknowledged) = (permits.clone(), acknowledged.clone());
            tokio::spawn(write(world.hub.clone(), world.namespace.clone(), writer, permits, acknowledged))
        })
        .collect();
    for kill in 0..kills {
        count.wait_for(|count| *count >= kill * BURST + KILL_AFTER).await.unwrap();
        world.plane.kill().await;
        permits.add_permits(BURST);
        world.plane.resume().await;
    }
    count.wait_for(|count| *count == (kills + 1) * BURST).await.unwrap();
    permits.close();
    let mut names = Vec::new();
    for writer in writers {
        names.extend(writer.await.unwrap());
    }

    let namespace = Some(world.namespace.as_str());
    let there = world.hub.list(&api::config_maps(), namespace, &ListParams::default()).await.unwrap().items;
    let there: BTreeMap<&str, &Object> = there.iter().map(|object| (object.name(), object)).collect();
    for name in &names {
        let value = there.get(name.as_str()).and_then(|it| it.str(&["data", "value"]));
        assert_eq!(value, Some(name.as_str()), "{name} is lost");
    }
    for member in world.members.values() {
        api::until_all(&member.client, &api::config_maps(), &world.namespace, &names).await;
    }
}

/// All objects that controllers might write to, by kind and name. Of Clusters, which have
/// heartbeats, the specification alone.
async fn objects(client: &Client, namespace: &str) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for resource in [
        api::namespaces(),
        api::config_maps(),
        api::deployments(),
        api::backups(),
        api::secrets(),
        api::policies(),
        api::bindings(),
        api::works(),
        api::clusters(),
        kind("v1", "ServiceAccount", "serviceaccounts", true),
        kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
        kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false),
        kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
    ] {
        let list = match client.list(&resource, None, &ListParams::default()).await {
            Ok(list) => list,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => panic!("{error}"),
        };
        for object in list.items {
            // The sentinel, made to see that controllers are at work again, changes things of its own.
            if object.name().starts_with("sentinel") {
                continue;
            }
            let mut kept = object.clone();
            if resource.plural == "clusters" {
                kept.remove(&["status"]);
                kept.remove(&["metadata", "resourceVersion"]);
                kept.remove(&["metadata", "managedFields"]);
            }
            objects.insert(format!("{} {}", resource.plural, object.key()), kept.into_value());
        }
    }
    assert!(objects.keys().any(|name| name.contains(namespace)), "nothing was read");
    objects
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_nothing_to_do_writes_nothing() {
    let mut world = World::start("quiet").await.push(&[("east", 1), ("west", 1)]).await;
    let selectors = json!([
        {"apiVersion": "v1", "kind": "ConfigMap"}, {"apiVersion": "apps/v1", "kind": "Deployment"},
        {"apiVersion": "velero.io/v1", "kind": "Backup"},
    ]);
    world.policy("all", selectors, json!({})).await;
    for at in 0..10 {
        world.create(&api::config_maps(), &format!("a-{at}"), json!({"data": {"k": "1"}})).await;
    }
    let pods = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}});
    let web = json!({"spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": pods}});
    world.create(&api::deployments(), "web", web).await;
    world.create(&api::backups(), "run", json!({"spec": {"storageLocation": "none"}})).await;
    for at in 0..10 {
        let binding = world.key(&format!("a-{at}-configmap"));
        applied(&world, binding).await;
    }
    api::until_is(&world.hub, &api::deployments(), world.key("web"), "its status is summed up", |template| {
        template.int(&["status", "replicas"]) == Some(4)
    })
    .await;
    api::until_is(&world.hub, &api::backups(), world.key("run"), "it has ended", |backup| {
        backup.str(&["status", "phase"]) == Some("FailedValidation")
            && backup.get(&["status", "validationErrors"]).and_then(|list| list.as_array()).map(Vec::len) == Some(2)
    })
    .await;
    applied(&world, world.key("web-deployment")).await;
    applied(&world, world.key("run-backup")).await;
    sentinel(&world, "sentinel-before").await;

    let before = (objects(&world.hub, &world.namespace).await, objects(world.of("east"), &world.namespace).await);
    let asked_before = asked(&world).await;
    world.plane.kill().await;
    world.plane.resume().await;
    // Controllers take things up in order: when a new object is through, the old ones were looked at.
    sentinel(&world, "sentinel-after").await;
    // The sentinel's Works are made and reported on. Writes that would change nothing are not asked for.
    let asked = asked(&world).await - if external().is_some() { asked_before } else { 0 };
    assert!(asked <= 2 * world.members.len() as u64, "{asked} writes of Works");
    let after = (objects(&world.hub, &world.namespace).await, objects(world.of("east"), &world.namespace).await);
    for (of, before, after) in [("the control plane", before.0, after.0), ("east", before.1, after.1)] {
        for (name, object) in &after {
            let was = before.get(name).unwrap_or(&Value::Null);
            assert!(object == was, "{name} was written on {of}: {object:#}\nbefore: {was:#}");
        }
        assert_eq!(before.len(), after.len(), "removed on {of}");
    }
}

/// How many writes of Works the hub's API server has been asked for since it started.
async fn asked(world: &World) -> u64 {
    api::writes(&world.hub, "works").await.values().sum()
}

async fn applied(world: &World, binding: outrigger_object::ObjectKey) {
    api::until_is(&world.hub, &api::bindings(), binding, "it is applied", |binding| {
        api::says(binding, "FullyApplied", "True", &[])
    })
    .await;
}

/// Sends an object of each kind through, and waits until all is said and done about it.
async fn sentinel(world: &World, name: &str) {
    world.create(&api::config_maps(), name, json!({"data": {"k": "1"}})).await;
    applied(world, world.key(&format!("{name}-configmap"))).await;
    for member in world.members.values() {
        api::until_is(&member.client, &api::config_maps(), world.key(name), "it arrives", |_| true).await;
        world.ready(&member.name).await;
    }
    world.hub.get(&api::namespaces(), &key("", &world.namespace)).await.unwrap();
}

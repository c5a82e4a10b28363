//! `serve` is killed at any moment: nothing acknowledged is lost, all of it arrives, and a start with
//! nothing to do does nothing.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use outrigger_object::Object;
use outrigger_runtime::{Client, ErrorKind, ListParams};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, key, kind},
    world::{World, external},
};

const WRITERS: usize = 4;
const BETWEEN_KILLS: usize = 25;

/// Creates objects as fast as it can until it is told to stop. Gives the names that were acknowledged.
async fn write(
    client: Client,
    namespace: String,
    writer: usize,
    count: Arc<AtomicUsize>,
    told: watch::Sender<usize>,
    stop: CancellationToken,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for at in 0.. {
        let name = format!("burst-{writer}-{at}");
        let made = api::object(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
            "data": {"value": name},
        }));
        loop {
            if stop.is_cancelled() {
                return acknowledged;
            }
            match client.create(&api::config_maps(), &made).await {
                // It exists when the server was killed between its commit and its answer.
                Ok(_) => break,
                Err(error) if error.reason() == "AlreadyExists" => break,
                Err(error) if error.kind() == ErrorKind::Transient => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
        acknowledged.push(name);
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        told.send_if_modified(|known| {
            let is_more = count > *known;
            *known = count.max(*known);
            is_more
        });
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_any_kill() {
    let kills = if external().is_some() { 2 } else { 6 };
    let mut world = World::start("kills").await.push(&[("east", 1), ("west", 1)]).await;
    world.policy("all", json!([{"apiVersion": "v1", "kind": "ConfigMap"}]), json!({})).await;

    let (told, mut seen) = watch::channel(0);
    let (count, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (count, told, stop) = (count.clone(), told.clone(), stop.clone());
            tokio::spawn(write(world.hub.clone(), world.namespace.clone(), writer, count, told, stop))
        })
        .collect();
    for kill in 1..=kills {
        seen.wait_for(|count| *count >= kill * BETWEEN_KILLS).await.unwrap();
        world.plane.kill().await;
        world.plane.resume().await;
    }
    stop.cancel();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() >= kills * BETWEEN_KILLS);
    println!("{} objects acknowledged over {kills} kills", acknowledged.len());

    let namespace = Some(world.namespace.as_str());
    let there = world.hub.list(&api::config_maps(), namespace, &ListParams::default()).await.unwrap().items;
    let there: BTreeMap<&str, &Object> = there.iter().map(|object| (object.name(), object)).collect();
    for name in &acknowledged {
        assert_eq!(
            there.get(name.as_str()).and_then(|it| it.str(&["data", "value"])),
            Some(name.as_str()),
            "{name} is lost"
        );
    }
    for member in world.members.values() {
        for name in &acknowledged {
            api::until_is(&member.client, &api::config_maps(), world.key(name), "it arrives", |_| true).await;
        }
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
    world.plane.kill().await;
    world.plane.resume().await;
    // Controllers take things up in order: when a new object is through, the old ones were looked at.
    sentinel(&world, "sentinel-after").await;
    let after = (objects(&world.hub, &world.namespace).await, objects(world.of("east"), &world.namespace).await);
    for (of, before, after) in [("the control plane", before.0, after.0), ("east", before.1, after.1)] {
        for (name, object) in &after {
            let was = before.get(name).unwrap_or(&Value::Null);
            assert!(object == was, "{name} was written on {of}: {object:#}\nbefore: {was:#}");
        }
        assert_eq!(before.len(), after.len(), "removed on {of}");
    }
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

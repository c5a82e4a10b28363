//! How much is written, how fast, and what a restart costs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use outrigger_api::work::ResourceBinding;
use outrigger_runtime::{Change, Informer, Selection};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::{World, configmap, configmaps, deployment, deployments, kind};

fn fully_applied(object: Option<&outrigger_object::Object>) -> bool {
    object.is_some_and(|object| {
        outrigger_runtime::conditions::of(object, "FullyApplied").is_some_and(|(status, ..)| status == "True")
    })
}

#[tokio::test]
async fn one_object_for_three_clusters_takes_a_dozen_requests() {
    let world = World::start(&["east", "north", "west"]).await;
    world.policy("all", &[("v1", "ConfigMap")], json!({})).await;
    // The first object of a kind starts watches; it is not counted.
    world.hub.create(&configmaps(), configmap("first", "1")).await;
    world.hub.until("the first is there", &kind::<ResourceBinding>(), "default/first-configmap", fully_applied).await;
    world.quiet().await;
    world.hub.take_log();
    world.hub.create(&configmaps(), configmap("second", "1")).await;
    world.hub.until("it is there", &kind::<ResourceBinding>(), "default/second-configmap", fully_applied).await;
    world.quiet().await;
    let mut counts = BTreeMap::new();
    let log: Vec<_> = world
        .hub
        .take_log()
        .into_iter()
        .filter(|line| !line.contains("/clusters/") && !line.contains("/leases"))
        .collect();
    for line in &log {
        *counts.entry(line.clone()).or_insert(0) += 1;
    }
    assert!(log.len() <= 12, "{} requests: {counts:#?}", log.len());
}

#[tokio::test]
async fn a_restart_writes_nothing() {
    let mut world = World::start(&["east", "west"]).await;
    world.policy("all", &[("v1", "ConfigMap"), ("apps/v1", "Deployment")], json!({"propagateDeps": true})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    let mut web = deployment("web", 2);
    web["spec"]["template"]["spec"]["volumes"] = json!([{"name": "v", "configMap": {"name": "a"}}]);
    world.hub.create(&deployments(), web).await;
    for member in world.members.values() {
        let there = member.until_there("it arrives", &deployments(), "default/web").await;
        let status = json!({"status": {"replicas": 2, "observedGeneration": there.generation()}});
        member.patch_status(&deployments(), "default/web", status).await;
    }
    world
        .hub
        .until("the status is back", &deployments(), "default/web", |object| {
            object.is_some_and(|object| object.int(&["status", "replicas"]) == Some(4))
        })
        .await;
    world.quiet().await;
    world.halt().await;
    let revisions = |world: &World| {
        let members: Vec<_> = world.members.values().map(|member| member.revision()).collect();
        (world.hub.revision(), members)
    };
    let before = revisions(&world);
    world.hub.take_log();
    world.run();
    world.hub.patch(&configmaps(), "default/a", json!({"data": {"k": "2"}})).await;
    for member in world.members.values() {
        let changed = |object: Option<&outrigger_object::Object>| {
            object.is_some_and(|object| object.str(&["data", "k"]) == Some("2"))
        };
        member.until("it works on", &configmaps(), "default/a", changed).await;
    }
    world.quiet().await;
    let after = revisions(&world);
    let writes: Vec<_> = world.hub.take_log().into_iter().filter(|line| !line.starts_with("GET")).collect();
    // What our own write brought about: for each member the Work and its status, and one apply there.
    assert_eq!(after.0 - before.0, 5, "writes: {writes:#?}");
    assert!(writes.iter().all(|line| line.contains("/works/a-")), "writes: {writes:#?}");
    for (before, after) in before.1.iter().zip(after.1) {
        assert_eq!(after - before, 1);
    }
}

#[tokio::test]
async fn an_object_is_on_its_member_soon() {
    let world = World::start(&["east"]).await;
    world.policy("all", &[("v1", "ConfigMap")], json!({})).await;
    world.hub.create(&configmaps(), configmap("first", "1")).await;
    world.member("east").until_there("the first arrives", &configmaps(), "default/first").await;
    let cancel = CancellationToken::new();
    let informer = Informer::start(world.member("east").client.clone(), Selection::all(configmaps()), &cancel);
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    assert!(informer.wait_synced().await);
    informer.on_change(move |change| {
        if let Change::Added(object) = change {
            let _ = sender.send(object.name().to_owned());
        }
    });
    let mut times = Vec::new();
    for round in 0..30 {
        let name = format!("round-{round}");
        let start = Instant::now();
        world.hub.create(&configmaps(), configmap(&name, "1")).await;
        while seen.recv().await.expect("the informer tells") != name {}
        times.push(start.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("template to member: median {median:?}, worst {:?}", times[times.len() - 1]);
    // A fixed delay anywhere on the way would be in the shortest time too; the others are the machine's.
    assert!(times[0] < Duration::from_millis(120), "{times:?}");
    cancel.cancel();
}

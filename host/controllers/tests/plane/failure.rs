//! Bad input, and things that break: said clearly, and the rest goes on.

use outrigger_api::cluster::Cluster;
use outrigger_api::work::{ResourceBinding, Work};
use outrigger_object::Object;
use serde_json::{Value, json};

use crate::world::{World, configmap, configmaps, kind, namespaces, object, resource};

const CONFIGMAPS: &[(&str, &str)] = &[("v1", "ConfigMap")];

fn scheduled(text: &'static str) -> impl Fn(Option<&Object>) -> bool {
    move |binding| {
        binding.is_some_and(|binding| {
            outrigger_runtime::conditions::of(binding, "Scheduled")
                .is_some_and(|(_, _, message)| message.contains(text))
        })
    }
}

#[tokio::test]
async fn a_missing_cluster_is_named_and_used_when_it_comes() {
    let world = World::start(&["east"]).await;
    let placement = json!({"clusterAffinity": {"clusterNames": ["east", "nowhere"]}});
    world.policy("some", CONFIGMAPS, json!({"placement": placement})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    world.member("east").until_there("it arrives where it can", &configmaps(), "default/a").await;
    let says = scheduled("do not exist: nowhere");
    world.hub.until("the binding says so", &kind::<ResourceBinding>(), "default/a-configmap", says).await;

    let nothing = json!({"clusterAffinity": {"clusterNames": ["nowhere"]}});
    world.policy("none", &[("v1", "Secret")], json!({"placement": nothing})).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}});
    world.hub.create(&crate::world::secrets(), secret).await;
    let says =
        scheduled("0/1 clusters are available: 1 cluster(s) did not match the placement cluster affinity constraint");
    world.hub.until("no cluster fits", &kind::<ResourceBinding>(), "default/s-secret", says).await;
}

#[tokio::test]
async fn a_broken_selector_takes_nothing_away() {
    let world = World::start(&["east"]).await;
    world.policy("all", CONFIGMAPS, json!({})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    world.member("east").until_there("it arrives", &configmaps(), "default/a").await;
    let broken = json!({"spec": {"placement": {"clusterAffinity": {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Nonsense"}]}}}}});
    world.hub.patch(&kind::<outrigger_api::policy::PropagationPolicy>(), "default/all", broken).await;
    let says = scheduled("not well formed");
    world.hub.until("it says what is wrong", &kind::<ResourceBinding>(), "default/a-configmap", says).await;
    world.quiet().await;
    assert!(world.member("east").get(&configmaps(), "default/a").await.is_some());
}

#[tokio::test]
async fn a_member_that_is_down_holds_up_nobody() {
    let world = World::start(&["east", "west"]).await;
    world.policy("all", CONFIGMAPS, json!({})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    world.member("west").until_there("it arrives", &configmaps(), "default/a").await;
    world.member("west").set_down(true);
    world.hub.patch(&configmaps(), "default/a", json!({"data": {"k": "2"}})).await;
    let changed = |value: &'static str| {
        move |object: Option<&Object>| object.is_some_and(|object| object.str(&["data", "k"]) == Some(value))
    };
    world.member("east").until("the other goes on", &configmaps(), "default/a", changed("2")).await;
    world.member("west").set_down(false);
    world.member("west").until("it catches up", &configmaps(), "default/a", changed("2")).await;
}

#[tokio::test]
async fn a_cluster_leaves_with_its_objects() {
    let world = World::start(&["east", "west"]).await;
    world.policy("all", CONFIGMAPS, json!({})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    world.member("west").until_there("it arrives", &configmaps(), "default/a").await;
    world.hub.delete(&kind::<Cluster>(), "west").await;
    world.hub.until_gone("the cluster goes", &kind::<Cluster>(), "west").await;
    world.hub.until_gone("so does its execution space", &namespaces(), "karmada-es-west").await;
    assert!(world.member("west").get(&configmaps(), "default/a").await.is_none(), "and what was in it");
    world
        .hub
        .until("the binding knows", &kind::<ResourceBinding>(), "default/a-configmap", |binding| {
            binding.is_some_and(|binding| {
                let names = binding.get(&["spec", "clusters"]).and_then(Value::as_array);
                names.is_some_and(|list| list.len() == 1 && list[0]["name"] == "east")
            })
        })
        .await;
    assert!(world.member("east").get(&configmaps(), "default/a").await.is_some());
}

#[tokio::test]
async fn a_dead_cluster_can_leave() {
    let world = World::start(&["east", "west"]).await;
    world.policy("all", CONFIGMAPS, json!({})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    world.member("west").until_there("it arrives", &configmaps(), "default/a").await;
    world.member("west").set_down(true);
    // What the status keeper will say by itself after a while.
    let lost = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "ClusterNotReachable",
        "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]}});
    world.hub.patch_status(&kind::<Cluster>(), "west", lost).await;
    world.hub.delete(&kind::<Cluster>(), "west").await;
    world.hub.until_gone("the cluster goes", &kind::<Cluster>(), "west").await;
    assert!(world.member("west").get(&configmaps(), "default/a").await.is_some(), "what is out of reach stays");
}

#[tokio::test]
async fn namespaces_and_kinds_that_come_later_are_followed() {
    let world = World::start(&["east"]).await;
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}});
    world.hub.create(&namespaces(), shop).await;
    let there = world.member("east").until_there("the namespace arrives", &namespaces(), "shop").await;
    assert_eq!(there.label("team"), Some("a"));
    let skipped = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "home",
        "labels": {"namespace.karmada.io/skip-auto-propagation": "true"}}});
    world.hub.create(&namespaces(), skipped).await;

    world.policy("things", &[("example.org/v1", "Thing")], json!({})).await;
    let crd = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
    }));
    for server in [&world.hub, world.member("east")] {
        outrigger_testkit::install_crds(server.client.kube(), std::slice::from_ref(&crd)).await.unwrap();
    }
    let things = resource("example.org", "v1", "Thing", "things", true, false);
    let thing = json!({"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "default"}, "spec": {"a": 1}});
    world.hub.create(&things, thing).await;
    let there = world.member("east").until_there("it arrives", &things, "default/t").await;
    assert_eq!(there.labels().collect::<Vec<_>>(), [("karmada.io/managed", "true")], "claims stay on the hub");

    world.hub.delete(&namespaces(), "shop").await;
    world.member("east").until_gone("the namespace goes too", &namespaces(), "shop").await;
    assert!(world.member("east").get(&namespaces(), "home").await.is_none());
}

#[tokio::test]
async fn suspended_and_preserved() {
    let world = World::start(&["east"]).await;
    world
        .policy("kept", CONFIGMAPS, json!({"suspension": {"dispatching": true}, "preserveResourcesOnDeletion": true}))
        .await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    let works = kind::<Work>();
    let name = outrigger_api::names::work("ConfigMap", "a", "default");
    let key = format!("karmada-es-east/{name}");
    let work = world.hub.until_there("its Work is made", &works, &key).await;
    assert_eq!(work.bool(&["spec", "suspendDispatching"]), Some(true));
    world.quiet().await;
    assert!(world.member("east").get(&configmaps(), "default/a").await.is_none(), "and not executed");
    let go = json!({"spec": {"suspension": null}});
    world.hub.patch(&kind::<outrigger_api::policy::PropagationPolicy>(), "default/kept", go).await;
    world.member("east").until_there("now it is", &configmaps(), "default/a").await;
    world.hub.delete(&configmaps(), "default/a").await;
    world.hub.until_gone("the Work goes", &works, &key).await;
    assert!(world.member("east").get(&configmaps(), "default/a").await.is_some(), "the object stays");
}

//! The way of an object, with plain kinds: there, divided, overridden, summed, moved, and gone.

use outrigger_object::Object;
use outrigger_runtime::{Client, ListParams};
use serde_json::{Value, json};

use crate::{
    api::{self, key, object, patch},
    world::World,
};

fn replicas(count: i64) -> impl FnMut(&Object) -> bool {
    move |object| object.int(&["spec", "replicas"]) == Some(count)
}

fn on(clusters: &[&str]) -> Value {
    json!({"clusterAffinity": {"clusterNames": clusters}})
}

fn divided(placement: Value, weights: &[(&str, i64)]) -> Value {
    let list: Vec<Value> = weights
        .iter()
        .map(|(name, weight)| json!({"targetCluster": {"clusterNames": [name]}, "weight": weight}))
        .collect();
    let mut placement = placement;
    placement["replicaScheduling"] = json!({
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": list},
    });
    placement
}

fn web(count: i64) -> Value {
    json!({
        "metadata": {"labels": {"app": "web", "tier": "front"}},
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
            },
        },
    })
}

fn image(object: &Object) -> Option<&str> {
    object.get(&["spec", "template", "spec", "containers"])?.get(0)?["image"].as_str()
}

/// Works of all clusters that hold an object of this name.
async fn works_of(hub: &Client, name: &str) -> Vec<String> {
    let works = hub.list(&api::works(), None, &ListParams::default()).await.unwrap().items;
    let prefix = format!("{name}-");
    works.iter().filter(|work| work.name().starts_with(&prefix)).map(|work| work.key().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_and_its_configuration_go_all_the_way() {
    let world = World::start("propagation").await.push(&[("east", 1), ("west", 1)]).await.pull("edge", 1).await;
    let hub = &world.hub;

    // A namespace goes to every member by itself.
    for member in world.members.values() {
        let namespace = key("", &world.namespace);
        api::until_is(&member.client, &api::namespaces(), namespace, "the namespace arrives", |_| true).await;
    }

    let west = json!({"spec": {
        "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}],
        "overrideRules": [{"targetCluster": {"clusterNames": ["west"]}, "overriders": {
            "imageOverrider": [{"component": "Registry", "operator": "replace", "value": "mirror.example"}],
            "labelsOverrider": [
                {"operator": "add", "value": {"site": "west"}},
                {"operator": "remove", "value": {"tier": "front"}},
            ],
        }}],
    }});
    world.create(&api::overrides(), "west", west).await;
    let selectors = json!([
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings"},
    ]);
    world.policy("web", selectors, on(&["east", "west"])).await;
    world.create(&api::config_maps(), "settings", json!({"data": {"colour": "blue"}})).await;
    world.create(&api::deployments(), "web", web(3)).await;

    // Duplicated: every cluster has all replicas. West has its own image and labels.
    for name in ["east", "west"] {
        let there =
            api::until_is(world.of(name), &api::deployments(), world.key("web"), "it arrives", replicas(3)).await;
        let (expected, site, tier) = match name {
            "west" => ("mirror.example/web:1", Some("west"), None),
            _ => ("registry.example/web:1", None, Some("front")),
        };
        assert_eq!(image(&there), Some(expected), "{name}");
        assert_eq!((there.label("site"), there.label("tier")), (site, tier), "{name}");
        api::until_is(world.of(name), &api::config_maps(), world.key("settings"), "so do its settings", |settings| {
            settings.str(&["data", "colour"]) == Some("blue")
        })
        .await;
    }
    assert_eq!(world.of("edge").get_opt(&api::deployments(), &world.key("web")).await.unwrap(), None, "not selected");

    // What the members say is summed up on the template.
    let field = if world.members.values().any(|member| member.is_real()) { "replicas" } else { "readyReplicas" };
    let sum = async |count: i64| {
        let what = format!("the template shows {count} {field}");
        api::until_is(hub, &api::deployments(), world.key("web"), &what, |template| {
            template.int(&["status", field]) == Some(count)
                && template.int(&["status", "observedGeneration"]) == Some(template.generation())
        })
        .await
    };
    sum(6).await;
    let binding = api::until_is(hub, &api::bindings(), world.key("web-deployment"), "it is applied", |binding| {
        api::says(binding, "Scheduled", "True", &[]) && api::says(binding, "FullyApplied", "True", &[])
    })
    .await;
    assert_eq!(binding.int(&["spec", "replicas"]), Some(3));

    // Drift is corrected; what others add stays.
    let foreign = json!({"data": {"colour": "red", "own": "kept"}, "metadata": {"labels": {"theirs": "kept"}}});
    patch(world.of("east"), &api::config_maps(), &world.key("settings"), foreign).await;
    let corrected =
        api::until_is(world.of("east"), &api::config_maps(), world.key("settings"), "it is corrected", |it| {
            it.str(&["data", "colour"]) == Some("blue")
        })
        .await;
    assert_eq!(corrected.label("theirs"), Some("kept"));
    assert_eq!(corrected.str(&["data", "own"]), Some("kept"));
    api::delete(world.of("west"), &api::config_maps(), &world.key("settings")).await;
    api::until_is(world.of("west"), &api::config_maps(), world.key("settings"), "it is put back", |_| true).await;

    // Divided by weights, over push and pull members.
    let everywhere = on(&["east", "west", "edge"]);
    let weights = [("east", 1), ("west", 2), ("edge", 3)];
    let placement = divided(everywhere, &weights);
    patch(hub, &api::policies(), &world.key("web"), json!({"spec": {"placement": placement}})).await;
    patch(hub, &api::deployments(), &world.key("web"), json!({"spec": {"replicas": 12}})).await;
    for (name, count) in [("east", 2), ("west", 4), ("edge", 6)] {
        api::until_is(world.of(name), &api::deployments(), world.key("web"), "its share arrives", replicas(count))
            .await;
    }
    sum(12).await;

    // The policy moves it: what is no longer selected loses it.
    let moved =
        json!({"spec": {"placement": {"clusterAffinity": {"clusterNames": ["edge"]}, "replicaScheduling": null}}});
    patch(hub, &api::policies(), &world.key("web"), moved).await;
    for name in ["east", "west"] {
        api::until_gone(world.of(name), &api::deployments(), world.key("web"), "it leaves").await;
        api::until_gone(world.of(name), &api::config_maps(), world.key("settings"), "so do its settings").await;
    }
    api::until_is(world.of("edge"), &api::deployments(), world.key("web"), "it is all here", replicas(12)).await;
    api::until_is(world.of("edge"), &api::config_maps(), world.key("settings"), "with its settings", |_| true).await;

    // Deleted, it goes everywhere.
    world.delete(&api::deployments(), "web").await;
    world.delete(&api::config_maps(), "settings").await;
    for (resource, name, binding) in
        [(api::deployments(), "web", "web-deployment"), (api::config_maps(), "settings", "settings-configmap")]
    {
        api::until_gone(world.of("edge"), &resource, world.key(name), "it goes from the member").await;
        api::until_gone(hub, &api::bindings(), world.key(binding), "its binding goes").await;
        api::until_gone(hub, &resource, world.key(name), "the template is gone").await;
        assert_eq!(works_of(hub, name).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let world = World::start("spaces").await.push(&[("east", 1)]).await;
    let east = world.of("east");
    let labelled = json!({"metadata": {"labels": {"team": "shop"}}});
    patch(&world.hub, &api::namespaces(), &key("", &world.namespace), labelled).await;
    api::until_is(east, &api::namespaces(), key("", &world.namespace), "its label arrives", |namespace| {
        namespace.label("team") == Some("shop")
    })
    .await;
    world.policy("all", json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}]), json!({})).await;
    world.create(&api::config_maps(), "a", json!({"data": {"k": "1"}})).await;
    api::until_is(east, &api::config_maps(), world.key("a"), "it arrives", |_| true).await;

    // What the member had before is not the control plane's to remove.
    let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "e2e-own"}});
    east.create(&api::namespaces(), &object(own)).await.unwrap();
    world.hub.delete(&api::namespaces(), &key("", &world.namespace), &Default::default()).await.unwrap();
    api::until_gone(&world.hub, &api::namespaces(), key("", &world.namespace), "the namespace goes").await;
    api::until_gone(east, &api::namespaces(), key("", &world.namespace), "it goes from the member").await;
    east.get(&api::namespaces(), &key("", "e2e-own")).await.unwrap();
}

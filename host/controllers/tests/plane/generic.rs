//! A kind that nobody described: scheduled, judged and added up by what its definition says.

use std::borrow::Cow;

use outrigger_api::cluster::Cluster;
use outrigger_api::work::ResourceBinding;
use outrigger_engine::Layer;
use outrigger_interpreter::{Answer, Given, Health, Question};
use outrigger_object::{Object, Resource};
use serde_json::{Value, json};

use crate::world::{World, kind, object, resource};

fn gardens() -> Resource {
    Resource { has_scale: true, ..resource("example.org", "v1", "Garden", "gardens", true, true) }
}

fn definitions() -> Resource {
    resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false, true)
}

/// The definition of Garden, with these fields in its status.
fn crd(status: Value) -> Object {
    let spec = json!({"type": "object", "properties": {"beds": {"type": "integer"}}});
    object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gardens.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": {"plural": "gardens", "singular": "garden", "kind": "Garden"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.beds", "statusReplicasPath": ".status.beds"}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "properties": status}}}}}]},
    }))
}

fn fields() -> Value {
    let text = json!({"type": "string"});
    let condition = json!({"type": "object", "required": ["type", "status"], "properties": {
        "type": text, "status": text, "reason": text, "message": text}});
    json!({
        "observedGeneration": {"type": "integer"}, "beds": {"type": "integer"}, "readyBeds": {"type": "integer"},
        "phase": {"type": "string", "enum": ["Provisioning", "Ready"]}, "address": text, "soil": text,
        "conditions": {"type": "array", "items": condition},
    })
}

async fn grown(world: &World, hub_fields: Value) {
    let install = |status: Value| [crd(status)];
    outrigger_testkit::install_crds(world.hub.client.kube(), &install(hub_fields)).await.unwrap();
    for member in world.members.values() {
        outrigger_testkit::install_crds(member.client.kube(), &install(fields())).await.unwrap();
    }
    for name in world.members.keys() {
        let serves = |cluster: Option<&Object>| {
            let apis = cluster.and_then(|cluster| cluster.get(&["status", "apiEnablements"])?.as_array());
            apis.is_some_and(|apis| apis.iter().any(|api| api["groupVersion"] == "example.org/v1"))
        };
        world.hub.until("the cluster serves the kind", &kind::<Cluster>(), name, serves).await;
    }
    let placement = json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": [
            {"targetCluster": {"clusterNames": ["east"]}, "weight": 1}, {"targetCluster": {"clusterNames": ["west"]}, "weight": 2}]}}});
    world.policy("gardens", &[("example.org/v1", "Garden")], json!({"placement": placement})).await;
    let garden = json!({"apiVersion": "example.org/v1", "kind": "Garden",
        "metadata": {"name": "g", "namespace": "default"}, "spec": {"beds": 3}});
    world.hub.create(&gardens(), garden).await;
}

async fn report(world: &World, cluster: &str, beds: i64, ready: bool) {
    let member = world.member(cluster);
    let arrived = |there: Option<&Object>| there.is_some_and(|there| there.int(&["spec", "beds"]) == Some(beds));
    let there = member.until("its share arrives", &gardens(), "default/g", arrived).await.unwrap();
    let (status, phase) = if ready { ("True", "Ready") } else { ("False", "Provisioning") };
    let condition = json!({"type": "Ready", "status": status, "reason": phase, "message": format!("in {cluster}")});
    let status = json!({"observedGeneration": there.generation(), "beds": beds, "readyBeds": if ready { beds } else { 0 },
        "phase": phase, "address": cluster, "soil": "loam", "conditions": [condition]});
    member.patch_status(&gardens(), "default/g", json!({"status": status})).await;
}

async fn until_status(world: &World, what: &str, expected: Value) {
    let is = |garden: Option<&Object>| garden.is_some_and(|garden| garden.status() == Some(&expected));
    world.hub.until(what, &gardens(), "default/g", is).await;
}

/// Waits until the binding says this of the clusters' health.
async fn until_health(world: &World, expected: &[(&str, &str)]) {
    let says = |binding: Option<&Object>| {
        let items = binding.and_then(|binding| binding.get(&["status", "aggregatedStatus"])?.as_array());
        let health: Vec<(&str, &str)> = items
            .into_iter()
            .flatten()
            .filter_map(|item| Some((item["clusterName"].as_str()?, item["health"].as_str()?)))
            .collect();
        health == expected
    };
    world.hub.until("the clusters' health is told", &kind::<ResourceBinding>(), "default/g-garden", says).await;
}

#[tokio::test]
async fn a_kind_that_nobody_described_is_scheduled_judged_and_added_up() {
    let world = World::start(&["east", "west"]).await;
    grown(&world, fields()).await;
    // Its beds are replicas, since its scale subresource says so.
    report(&world, "east", 1, true).await;
    report(&world, "west", 2, false).await;
    until_health(&world, &[("east", "Healthy"), ("west", "Unhealthy")]).await;
    let generation = world.hub.get(&gardens(), "default/g").await.unwrap().generation();
    let waits = json!([{"type": "Ready", "status": "False", "reason": "Provisioning", "message": "in west"}]);
    // Addresses differ, and stay with their clusters.
    let digging = json!({"observedGeneration": generation, "beds": 3, "readyBeds": 1, "phase": "Provisioning", "soil": "loam", "conditions": waits});
    until_status(&world, "the worst stands for both", digging).await;

    report(&world, "west", 2, true).await;
    until_health(&world, &[("east", "Healthy"), ("west", "Healthy")]).await;
    let ready =
        json!([{"type": "Ready", "status": "True", "reason": "Ready", "message": "east=in east, west=in west"}]);
    let grown = json!({"observedGeneration": generation, "beds": 3, "readyBeds": 3, "phase": "Ready", "soil": "loam", "conditions": ready});
    until_status(&world, "all is well", grown).await;

    // Who said so, and by which rule.
    let garden = world.member("west").get(&gardens(), "default/g").await.unwrap();
    let steps = world.engine.explain(&Question::InterpretHealth { object: Cow::Borrowed(&garden) }, None);
    let [step] = steps.as_slice() else { panic!("{steps:?}") };
    let Answer::Value(Given::Health(report)) = &step.answer else { panic!("{step:?}") };
    assert_eq!((step.layer, report.health, &*report.rule), (Layer::Generic, Health::Healthy, "kstatus/Ready"));

    world.quiet().await;
    let before = world.hub.get(&gardens(), "default/g").await.unwrap();
    world.hub.patch(&gardens(), "default/g", json!({"spec": {"beds": 6}})).await;
    let scaled = |garden: Option<&Object>| garden.is_some_and(|garden| garden.int(&["spec", "beds"]) == Some(4));
    world.member("west").until("its share grows", &gardens(), "default/g", scaled).await;
    world.quiet().await;
    let after = world.hub.get(&gardens(), "default/g").await.unwrap();
    assert_eq!(
        after.int(&["status", "observedGeneration"]),
        before.int(&["status", "observedGeneration"]),
        "no controller has seen the new template"
    );
}

#[tokio::test]
async fn a_changed_definition_is_heard() {
    let world = World::start(&["east", "west"]).await;
    let mut fewer = fields();
    fewer.as_object_mut().unwrap().remove("soil");
    grown(&world, fewer).await;
    report(&world, "east", 1, true).await;
    report(&world, "west", 2, true).await;
    let beds = |garden: Option<&Object>| garden.is_some_and(|garden| garden.int(&["status", "beds"]) == Some(3));
    let garden = world.hub.until("it is added up", &gardens(), "default/g", beds).await.unwrap();
    assert_eq!(garden.get(&["status", "soil"]), None, "what the hub's definition does not have is left out");
    world.quiet().await;
    let whole = crd(fields());
    world.hub.patch(&definitions(), "gardens.example.org", json!({"spec": whole.0["spec"]})).await;
    let soil = |garden: Option<&Object>| garden.is_some_and(|garden| garden.str(&["status", "soil"]) == Some("loam"));
    world.hub.until("the new field comes", &gardens(), "default/g", soil).await;
}

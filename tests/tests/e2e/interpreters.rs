//! What interpreters change: a kind that nobody described, then taught by an Interpreter, by Karmada's Lua, and
//! by a webhook, over a push and a pull member.

use std::collections::BTreeMap;

use outrigger_object::{Object, Resource};
use outrigger_testkit::install_crds;
use serde_json::{Value, json};

use crate::{
    api::{self, key, object},
    binary::call,
    webhook::{Reply, Server},
    world::World,
};

fn widgets() -> Resource {
    let mut widgets = api::kind("example.com/v1", "Widget", "widgets", true);
    widgets.has_status = true;
    widgets
}

fn interpreters() -> Resource {
    api::kind("interpreters.outrigger.io/v1alpha1", "Interpreter", "interpreters", false)
}

fn customizations() -> Resource {
    api::kind(
        "config.karmada.io/v1alpha1",
        "ResourceInterpreterCustomization",
        "resourceinterpretercustomizations",
        false,
    )
}

fn webhooks() -> Resource {
    api::kind(
        "config.karmada.io/v1alpha1",
        "ResourceInterpreterWebhookConfiguration",
        "resourceinterpreterwebhookconfigurations",
        false,
    )
}

fn reports() -> Resource {
    api::kind("interpreters.outrigger.io/v1alpha1", "InterpreterReport", "interpreterreports", false)
}

fn crd(kind: &str) -> Object {
    let plural = format!("{}s", kind.to_lowercase());
    let status = json!({"type": "object", "properties": {
        "phase": {"type": "string"}, "readyReplicas": {"type": "integer"}, "observedGeneration": {"type": "integer"},
    }});
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}}, "status": status,
    }});
    object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema}}],
        },
    }))
}

/// An interpreter that finds Widgets healthy that have failed.
fn rules() -> Object {
    object(json!({
        "apiVersion": "interpreters.outrigger.io/v1alpha1", "kind": "Interpreter", "metadata": {"name": "widgets"},
        "spec": {
            "target": {"apiVersion": "example.com/v1", "kind": "Widget"},
            "health": [{"when": "status.phase == \"Failed\"", "health": "Healthy"}, {"health": "Unhealthy"}],
        },
    }))
}

/// A script that finds objects healthy with one ready replica.
fn lua(kind: &str) -> Object {
    let script = "function InterpretHealth(observedObj)\n  return observedObj.status.readyReplicas == 1\nend\n";
    object(json!({
        "apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterCustomization",
        "metadata": {"name": format!("{}s", kind.to_lowercase())},
        "spec": {
            "target": {"apiVersion": "example.com/v1", "kind": kind},
            "customizations": {"healthInterpretation": {"luaScript": script}},
        },
    }))
}

/// A webhook's server that finds objects healthy that have failed.
fn healthy_when_failed() -> Server {
    Server::start(&["h2", "http/1.1"], |context| {
        Reply::Fields(json!({"healthy": context["request"]["object"]["status"]["phase"] == "Failed"}))
    })
}

/// The configuration of a webhook for the health of a kind.
fn hook(kind: &str, server: &Server) -> Object {
    let authority = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &server.authority);
    let name = format!("{}s", kind.to_lowercase());
    object(json!({
        "apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": format!("{name}.example.com"),
            "rules": [{"operations": ["InterpretHealth"], "apiGroups": ["example.com"], "apiVersions": ["v1"],
                "kinds": [kind]}],
            "clientConfig": {"url": server.url(), "caBundle": authority},
            "interpreterContextVersions": ["v1alpha1"], "timeoutSeconds": 5,
        }],
    }))
}

/// A control plane and two members that serve Widgets, one of which is well in `east` and failed in `edge`.
async fn world(test: &str) -> World {
    let world = World::start(test).await.push(&[("east", 1)]).await.pull("edge", 1).await;
    install_crds(world.hub.kube(), &[crd("Widget")]).await.unwrap();
    for member in world.members.values() {
        install_crds(member.client.kube(), &[crd("Widget")]).await.unwrap();
    }
    let selectors = json!([{"apiVersion": "example.com/v1", "kind": "Widget"}]);
    world.policy("widgets", selectors, json!({"clusterAffinity": {"clusterNames": ["east", "edge"]}})).await;
    world.create(&widgets(), "w", json!({"spec": {"replicas": 2}})).await;
    for (name, phase, ready) in [("east", "Ready", 2), ("edge", "Failed", 1)] {
        let there = api::until_is(world.of(name), &widgets(), world.key("w"), "it arrives", |_| true).await;
        let status = json!({"status": {"phase": phase, "readyReplicas": ready,
            "observedGeneration": there.generation()}});
        let patch = outrigger_runtime::Patch::Merge(status);
        let status = outrigger_runtime::Subresource::Status;
        world.of(name).patch(&widgets(), &world.key("w"), &patch, status).await.unwrap();
    }
    world
}

fn healths(binding: &Object) -> BTreeMap<String, String> {
    let items = binding.get(&["status", "aggregatedStatus"]).and_then(Value::as_array);
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    items.into_iter().flatten().map(|item| (text(item, "clusterName"), text(item, "health"))).collect()
}

/// Waits until the clusters are judged so.
async fn judged(world: &World, what: &str, east: &str, edge: &str) {
    let wanted = BTreeMap::from([("east".to_owned(), east.to_owned()), ("edge".to_owned(), edge.to_owned())]);
    api::until_is(&world.hub, &api::bindings(), world.key("w-widget"), what, |binding| healths(binding) == wanted)
        .await;
}

/// A condition of an object's status is True.
fn is_true(object: &Object, name: &str) -> bool {
    api::says(object, name, "True", &[])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_engine_changes_what_is_shown() {
    let world = world("interpreters").await;
    let hub = &world.hub;

    // Nobody described it: its phase and its schema tell.
    judged(&world, "the generic rules judge", "Healthy", "Unhealthy").await;
    api::until_is(hub, &widgets(), world.key("w"), "the generic rules aggregate", |widget| {
        widget.int(&["status", "readyReplicas"]) == Some(3) && widget.str(&["status", "phase"]) == Some("Failed")
    })
    .await;

    // An interpreter turns the verdict round, in the agent too.
    hub.create(&interpreters(), &rules()).await.unwrap();
    judged(&world, "the interpreter judges", "Unhealthy", "Healthy").await;
    let told = api::until_is(hub, &interpreters(), key("", "widgets"), "it says so", |one| is_true(one, "InUse")).await;
    assert!(is_true(&told, "Compiled"), "{told:#?}");

    // A change that does not compile changes nothing but its conditions.
    let broken = json!({"spec": {"health": [{"when": "status.phase ==", "health": "Healthy"}]}});
    api::patch(hub, &interpreters(), &key("", "widgets"), broken).await;
    api::until_is(hub, &interpreters(), key("", "widgets"), "it is rejected", |one| {
        api::says(one, "Compiled", "False", &["does not parse"])
    })
    .await;
    judged(&world, "the last good judges on", "Unhealthy", "Healthy").await;
    api::delete(hub, &interpreters(), &key("", "widgets")).await;
    judged(&world, "the generic rules judge again", "Healthy", "Unhealthy").await;

    // Karmada's Lua.
    hub.create(&customizations(), &lua("Widget")).await.unwrap();
    judged(&world, "Lua judges", "Unhealthy", "Healthy").await;
    let report = key("", "customization.widgets");
    api::until_is(hub, &reports(), report.clone(), "a report says so", |one| is_true(one, "InUse")).await;
    api::delete(hub, &customizations(), &key("", "widgets")).await;
    judged(&world, "the generic rules judge again", "Healthy", "Unhealthy").await;
    api::until_gone(hub, &reports(), report, "the report goes with it").await;

    // A webhook.
    let server = healthy_when_failed();
    hub.create(&webhooks(), &hook("Widget", &server)).await.unwrap();
    judged(&world, "the webhook judges", "Unhealthy", "Healthy").await;
    assert!(server.requests() > 0);
    api::delete(hub, &webhooks(), &key("", "widgets")).await;
    judged(&world, "the generic rules judge again", "Healthy", "Unhealthy").await;
}

/// What `interpreter list --live` tells of a kind's health: layer and interpreter.
fn listed(list: &Value, kind: &str) -> Vec<(String, String)> {
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    let of = |one: &&Value| one["kind"] == kind && one["operation"] == "InterpretHealth";
    let all = list.as_array().unwrap().iter().filter(of);
    all.map(|one| (text(one, "layer"), text(one, "interpreter"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_ask_what_a_control_plane_uses() {
    let world = World::start("live").await;
    let (hub, hub_file) = (&world.hub, world.plane.kubeconfig.display().to_string());
    let server = healthy_when_failed();
    // One kind for each way to apply an interpreter, and one without any.
    let kinds = ["Widget", "Gadget", "Gizmo", "Doodad"];
    install_crds(hub.kube(), &kinds.map(crd)).await.unwrap();
    let status = json!({"phase": "Failed", "readyReplicas": 1});
    for kind in kinds {
        let mut resource = api::kind("example.com/v1", kind, &format!("{}s", kind.to_lowercase()), true);
        resource.has_status = true;
        world.create(&resource, "a", json!({"spec": {"replicas": 2}})).await;
        let patch = outrigger_runtime::Patch::Merge(json!({"status": status}));
        hub.patch(&resource, &world.key("a"), &patch, outrigger_runtime::Subresource::Status).await.unwrap();
    }
    hub.create(&interpreters(), &rules()).await.unwrap();
    hub.create(&customizations(), &lua("Gadget")).await.unwrap();
    hub.create(&webhooks(), &hook("Gizmo", &server)).await.unwrap();
    let used = |one: &Object| is_true(one, "InUse");
    api::until_is(hub, &interpreters(), key("", "widgets"), "it is in use", used).await;
    api::until_is(hub, &reports(), key("", "customization.gadgets"), "it is in use", used).await;
    api::until_is(hub, &reports(), key("", "webhook.gizmos"), "it is in use", used).await;

    let list = ["interpreter", "list", "--live", "-o", "json", "--kubeconfig", &hub_file];
    let told: Value = serde_json::from_str(&call(&list).await.ok()).unwrap();
    let one = |layer: &str, name: &str| vec![(layer.to_owned(), name.to_owned())];
    assert_eq!(listed(&told, "Widget"), one("user", "widgets"));
    assert_eq!(listed(&told, "Gadget"), one("user", "customization/gadgets"));
    assert_eq!(listed(&told, "Gizmo"), one("webhook", "webhook/gizmos/gizmos.example.com"));
    assert_eq!(listed(&told, "Doodad"), []);

    // The generic rules find every one unhealthy, all that is applied finds them healthy.
    let run = async |wanted: &str| {
        let command = ["interpreter", "run", "--op", "InterpretHealth", "--live", wanted, "-n", &world.namespace];
        let told = call(&[&command[..], &["-o", "json", "--kubeconfig", &hub_file]].concat()).await.ok();
        let told: Value = serde_json::from_str(&told).unwrap();
        let text = |field: &str| told[0][field].as_str().unwrap_or_default().to_owned();
        [text("file"), text("layer"), text("value")]
    };
    assert_eq!(run("widget/a").await, ["widget/a", "user", "Healthy"]);
    assert_eq!(run("Gadget/a").await, ["Gadget/a", "user", "Healthy"]);
    assert_eq!(server.requests(), 0);
    assert_eq!(run("gizmos.example.com/a").await, ["gizmos.example.com/a", "webhook", "Healthy"]);
    assert_eq!(server.requests(), 1);
    assert_eq!(run("doodads/a").await, ["doodads/a", "generic", "Unhealthy"]);
    let missing = ["interpreter", "run", "--op", "InterpretHealth", "--kubeconfig", &hub_file, "--live"];
    call(&[&missing[..], &["widget/b"]].concat()).await.fails(1, &["widgets", "not found"]);
    call(&[&missing[..], &["sprocket/b"]].concat()).await.fails(1, &["serves no sprocket", "api-resources"]);

    // A change that does not compile: the last good one answers, and the list says what the matter is.
    let broken = json!({"spec": {"health": [{"when": "status.phase ==", "health": "Healthy"}]}});
    api::patch(hub, &interpreters(), &key("", "widgets"), broken).await;
    let rejected = |one: &Object| api::says(one, "Compiled", "False", &["does not parse"]);
    api::until_is(hub, &interpreters(), key("", "widgets"), "it is rejected", rejected).await;
    let ended = call(&list).await;
    ended.fails(1, &["1 interpreter is not in use as it is applied"]);
    assert!(ended.err.contains("interpreter/widgets: "), "{}", ended.err);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(listed(&told, "Widget"), one("user", "widgets"));
    assert_eq!(run("widget/a").await, ["widget/a", "user", "Healthy"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_library_changes_what_is_shown() {
    let library = crate::library::lantern();
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(&library, directory.path().join(library.file_name().unwrap())).unwrap();
    let flags = ["--interpreters".to_owned(), directory.path().display().to_string()];
    let world = World::start_with("library", &flags).await.push(&[("east", 1)]).await;
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let crd = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "lanterns.examples.outrigger.io"},
        "spec": {
            "group": "examples.outrigger.io", "scope": "Namespaced",
            "names": {"kind": "Lantern", "plural": "lanterns"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": open}}],
        },
    }));
    for client in [&world.hub, world.of("east")] {
        install_crds(client.kube(), std::slice::from_ref(&crd)).await.unwrap();
    }
    let mut lanterns = api::kind("examples.outrigger.io/v1", "Lantern", "lanterns", true);
    lanterns.has_status = true;
    let selectors = json!([{"apiVersion": "examples.outrigger.io/v1", "kind": "Lantern"}]);
    world.policy("lanterns", selectors, json!({"clusterAffinity": {"clusterNames": ["east"]}})).await;
    world.create(&lanterns, "hall", json!({"spec": {"lamps": 3}})).await;
    api::until_is(world.of("east"), &lanterns, world.key("hall"), "it arrives", |_| true).await;
    // No generic rule knows these words.
    for (state, health) in [("Burning", "Healthy"), ("Dim", "Unhealthy")] {
        let patch = outrigger_runtime::Patch::Merge(json!({"status": {"state": state, "lit": 2}}));
        let status = outrigger_runtime::Subresource::Status;
        world.of("east").patch(&lanterns, &world.key("hall"), &patch, status).await.unwrap();
        api::until_is(&world.hub, &api::bindings(), world.key("hall-lantern"), "the library judges", |binding| {
            healths(binding).get("east").is_some_and(|told| told == health)
        })
        .await;
    }
    api::until_is(&world.hub, &lanterns, world.key("hall"), "the library aggregates", |hall| {
        hall.int(&["status", "lit"]) == Some(2) && hall.str(&["status", "state"]) == Some("Dim")
    })
    .await;
}

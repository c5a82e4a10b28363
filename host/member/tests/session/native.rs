//! Kubernetes' own kinds: keyed lists, defaults, other writers, and fields that the member keeps.

use outrigger_object::Object;
use outrigger_runtime::{Patch, Subresource, conditions};
use serde_json::{Value, json};

use crate::world::*;

/// Leaves to the server's defaults what people do: protocols, strategies, pull policies.
fn deployment(image: &str) -> Object {
    object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "default", "name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"creationTimestamp": null, "labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {"name": "web", "image": image, "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}],
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                            "args": ["-v", "1"],
                            "resources": {"requests": {"cpu": "1000m", "memory": "1Gi"}}},
                    ],
                    "tolerations": [{"key": "a", "operator": "Exists"}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                },
            },
        },
        "status": {"replicas": 7},
    }))
}

fn image(object: &Object) -> Option<&str> {
    object.get(&["spec", "template", "spec", "containers"])?.get(0)?.get("image")?.as_str()
}

#[tokio::test]
async fn a_deployment_is_written_once_and_followed() {
    let mut world = World::started().await;
    world.work("w", &[deployment("i:1")]).await;
    world.until_applied("w", "True", "").await;
    let key = default_key("web");
    let applied = world.member.get(&deployments(), &key).await.unwrap();
    assert_ne!(applied.int(&["status", "replicas"]), Some(7), "the template's status is not sent");

    let status = json!({"status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
        "observedGeneration": applied.generation()}});
    world.member.patch(&deployments(), &key, &Patch::Merge(status), Subresource::Status).await.unwrap();
    let work = world
        .until_work("w", "healthy", |work| {
            let told = work.get(&["status", "manifestStatuses"]).and_then(|list| list.get(0)?.get("health")?.as_str());
            told == Some("Healthy")
        })
        .await;
    let statuses = work.get(&["status", "manifestStatuses"]).unwrap();
    assert_eq!(statuses.pointer("/0/status/readyReplicas"), Some(&json!(2)));
    assert_eq!(conditions::of(&work, "Applied").unwrap().0, "True");
    world.settle("marker").await;
    let writes = |world: &World| world.writes_to_member().iter().filter(|line| line.contains("/deployments/")).count();
    assert_eq!(writes(&world), 1, "defaults and a status are no drift");

    let before = world.member.get(&deployments(), &key).await.unwrap();
    world.stop().await;
    world.start();
    world.settle("again").await;
    let after = world.member.get(&deployments(), &key).await.unwrap();
    assert_eq!(after.resource_version(), before.resource_version(), "a restart changes nothing in the member");
}

#[tokio::test]
async fn one_container_is_kept_and_anothers_is_left_alone() {
    let world = World::started().await;
    world.work("w", &[deployment("i:1")]).await;
    world.until_applied("w", "True", "").await;
    let key = default_key("web");
    let injected = |object: &Object| {
        let containers = object.get(&["spec", "template", "spec", "containers"]).and_then(Value::as_array);
        containers.is_some_and(|list| list.iter().any(|container| container["name"] == "sidecar"))
    };
    let operations = vec![
        json!({"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "sidecar", "image": "s"}}),
        json!({"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "drift"}),
    ];
    world.member.patch(&deployments(), &key, &Patch::Json(operations), Subresource::None).await.unwrap();
    let corrected = world.until_member(&deployments(), &key, "corrected", |seen| image(seen) == Some("i:1")).await;
    assert!(injected(&corrected), "what was injected stays");
    world.edit("w", &[deployment("i:2")]).await;
    let edited = world.until_member(&deployments(), &key, "edited", |seen| image(seen) == Some("i:2")).await;
    assert!(injected(&edited));
}

#[tokio::test]
async fn replicas_that_the_member_keeps_are_let_go_of() {
    let world = World::started().await;
    let retaining = |image: &str| {
        let mut object = deployment(image);
        object.set_label("resourcetemplate.karmada.io/retain-replicas", "true");
        object
    };
    world.work("w", &[retaining("i:1")]).await;
    world.until_applied("w", "True", "").await;
    let key = default_key("web");
    world.member_writes(&deployments(), &key, json!({"spec": {"replicas": 5}})).await;
    world.settle("marker").await;
    let writes: Vec<String> =
        world.writes_to_member().into_iter().filter(|line| line.contains("/deployments/")).collect();
    assert_eq!(writes.len(), 1, "the autoscaler's write is not answered: {writes:?}");
    world.edit("w", &[retaining("i:2")]).await;
    let edited = world.until_member(&deployments(), &key, "edited", |seen| image(seen) == Some("i:2")).await;
    assert_eq!(edited.int(&["spec", "replicas"]), Some(5));
}

#[tokio::test]
async fn marks_that_were_taken_off_come_back() {
    let world = World::started().await;
    world.work("w", &[configmap("a", "1")]).await;
    world.until_applied("w", "True", "").await;
    let key = default_key("a");
    world.member_writes(&configmaps(), &key, json!({"metadata": {"labels": {"karmada.io/managed": null}}})).await;
    world.until_member(&configmaps(), &key, "marked again", |seen| seen.label("karmada.io/managed").is_some()).await;
}

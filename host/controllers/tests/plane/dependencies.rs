//! What an object needs travels with it.

use outrigger_api::policy::PropagationPolicy;
use outrigger_api::work::ResourceBinding;
use serde_json::{Value, json};

use crate::world::{World, configmaps, deployment, deployments, kind, secrets};

fn secret(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"}, "stringData": {"k": "v"}})
}

fn using(name: &str, secret: &str) -> Value {
    let mut object = deployment(name, 1);
    object["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": secret}}]);
    object
}

#[tokio::test]
async fn a_secret_follows_while_somebody_needs_it() {
    let world = World::start(&["east", "west"]).await;
    let placement = json!({"clusterAffinity": {"clusterNames": ["east"]}});
    world.policy("deps", &[("apps/v1", "Deployment")], json!({"propagateDeps": true, "placement": placement})).await;
    world.hub.create(&deployments(), using("one", "key")).await;
    world.member("east").until_there("the object arrives", &deployments(), "default/one").await;
    // It comes later than the object that needs it.
    world.hub.create(&secrets(), secret("key")).await;
    world.member("east").until_there("so does what it needs", &secrets(), "default/key").await;
    assert!(world.member("west").get(&secrets(), "default/key").await.is_none());

    world.hub.create(&deployments(), using("two", "key")).await;
    let required = |count: usize| {
        move |binding: Option<&outrigger_object::Object>| {
            binding.is_some_and(|binding| {
                binding.get(&["spec", "requiredBy"]).and_then(Value::as_array).is_some_and(|list| list.len() == count)
                    && binding
                        .labels()
                        .filter(|(name, _)| name.starts_with("resourcebinding.karmada.io/depended-by-"))
                        .count()
                        == count
            })
        }
    };
    world.hub.until("both are noted", &kind::<ResourceBinding>(), "default/key-secret", required(2)).await;
    world.hub.delete(&deployments(), "default/one").await;
    world.hub.until("one is left", &kind::<ResourceBinding>(), "default/key-secret", required(1)).await;

    // It moves with the object that needs it.
    let elsewhere = json!({"spec": {"placement": {"clusterAffinity": {"clusterNames": ["west"]}}}});
    world.hub.patch(&kind::<PropagationPolicy>(), "default/deps", elsewhere).await;
    world.member("west").until_there("it moves", &secrets(), "default/key").await;
    world.member("east").until_gone("it leaves", &secrets(), "default/key").await;

    world.hub.delete(&deployments(), "default/two").await;
    world.member("west").until_gone("nobody needs it", &secrets(), "default/key").await;
    world.hub.until_gone("nor its binding", &kind::<ResourceBinding>(), "default/key-secret").await;
    assert!(world.hub.get(&secrets(), "default/key").await.is_some(), "the template stays");
}

#[tokio::test]
async fn a_dependency_with_a_policy_of_its_own_keeps_it() {
    let world = World::start(&["east", "west"]).await;
    let to = |cluster: &str| json!({"clusterAffinity": {"clusterNames": [cluster]}});
    world.policy("deps", &[("apps/v1", "Deployment")], json!({"propagateDeps": true, "placement": to("east")})).await;
    world.policy("keys", &[("v1", "Secret")], json!({"placement": to("west")})).await;
    world.hub.create(&secrets(), secret("key")).await;
    world.member("west").until_there("its policy sends it", &secrets(), "default/key").await;
    world.hub.create(&deployments(), using("one", "key")).await;
    world.member("east").until_there("so does what needs it", &secrets(), "default/key").await;
    world.hub.delete(&deployments(), "default/one").await;
    world.member("east").until_gone("that has gone", &secrets(), "default/key").await;
    world.quiet().await;
    assert!(world.member("west").get(&secrets(), "default/key").await.is_some(), "its policy has not");
    assert!(world.hub.get(&configmaps(), "default/none").await.is_none());
}

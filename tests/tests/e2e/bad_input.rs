//! Bad input and broken members: one clear message each, and the rest goes on.

use serde_json::json;

use crate::{
    api,
    binary::{Process, call},
    world::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kubectl_is_given_is_refused_with_a_reason() {
    let world = World::start("refused").await;
    let Some(kubectl) = world.kubectl() else { return };
    let policy = |spec: &str| {
        format!(
            "apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {{name: a}}\nspec: {spec}\n"
        )
    };
    let selector = "resourceSelectors: [{apiVersion: v1, kind: ConfigMap}]";
    let cases = [
        ("a: [b".to_owned(), &["error", "yaml"][..]),
        (policy(&format!("{{{selector}, placemnt: {{}}}}")), &["strict decoding error", "spec.placemnt"]),
        (policy(&format!("{{{selector}, placement: {{clusterAffinity: east}}}}")), &["clusterAffinity"]),
        (
            policy("{resourceSelectors: [{kind: ConfigMap}]}"),
            &["spec.resourceSelectors[0].apiVersion", "Required value"],
        ),
        (policy(&format!("{{{selector}, conflictResolution: Maybe}}")), &["conflictResolution", "Abort", "Overwrite"]),
        (
            "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: a}\nspec: {ttll: 1h}\n".to_owned(),
            &["strict decoding error", "spec.ttll"],
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A}\n".to_owned(),
            &["metadata.name", "Invalid value: \"A\""],
        ),
        (
            "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: a}\n".to_owned(),
            &["no matches for kind \"Thing\""],
        ),
    ];
    for (manifest, parts) in cases {
        let args = ["apply", "--validate=strict", "-n", &world.namespace, "-f", "-"];
        let ended = kubectl.feed(&args, &manifest).await;
        assert_eq!(ended.code, 1, "{manifest}");
        for part in parts {
            assert!(
                ended.err.to_lowercase().contains(&part.to_lowercase()),
                "no {part:?} for {manifest}:\n{}",
                ended.err
            );
        }
    }
    let nothing =
        kubectl.run(&["get", "propagationpolicies,configmaps", "-n", &world.namespace, "-o", "name"]).await.ok();
    assert!(!nothing.contains("policy"), "something was stored: {nothing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_names_a_missing_cluster_says_so_and_works_for_the_rest() {
    let world = World::start("missing").await.push(&[("east", 1)]).await;
    let some = json!({"clusterAffinity": {"clusterNames": ["east", "atlantis"]}});
    world.policy("some", json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}]), some).await;
    let none = json!({"clusterAffinity": {"clusterNames": ["atlantis"]}});
    world.policy("none", json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "b"}]), none).await;
    world.create(&api::config_maps(), "a", json!({"data": {"k": "1"}})).await;
    world.create(&api::config_maps(), "b", json!({"data": {"k": "1"}})).await;
    api::until_is(world.of("east"), &api::config_maps(), world.key("a"), "the rest goes on", |_| true).await;
    let says = |status: &'static str| {
        move |binding: &outrigger_object::Object| api::says(binding, "Scheduled", status, &["atlantis"])
    };
    api::until_is(&world.hub, &api::bindings(), world.key("a-configmap"), "it is named", says("True")).await;
    api::until_is(&world.hub, &api::bindings(), world.key("b-configmap"), "it is named", says("False")).await;
    api::until_event(&world.hub, &world.namespace, "b-configmap", &["atlantis"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_a_member_lacks_is_said_and_held_up_there_alone() {
    let world = World::start("lacking").await.push(&[("east", 1)]).await;
    // North has no Velero.
    let north = world.member("north").await.with_controllers(1).await;
    world.join(&north).await;
    let selectors = json!([{"apiVersion": "velero.io/v1", "kind": "Backup"}, {"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}]);
    let both = json!({"clusterAffinity": {"clusterNames": ["east", "north"]}});
    world.policy("both", selectors, both).await;
    world.create(&api::backups(), "run", json!({"spec": {"storageLocation": "none"}})).await;
    world.create(&api::config_maps(), "a", json!({"data": {"k": "1"}})).await;
    api::until_is(world.of("east"), &api::backups(), world.key("run"), "it runs where it can", |backup| {
        backup.str(&["status", "phase"]) == Some("FailedValidation")
    })
    .await;
    api::until_is(&north.client, &api::config_maps(), world.key("a"), "the rest goes on", |_| true).await;
    // The scheduler does not choose a cluster without the API, and says why.
    let binding = api::until_is(&world.hub, &api::bindings(), world.key("run-backup"), "it is scheduled", |binding| {
        api::says(binding, "Scheduled", "True", &[])
    })
    .await;
    assert_eq!(binding.get(&["spec", "clusters"]).unwrap().as_array().unwrap().len(), 1, "{binding:#?}");
    let only = json!({"spec": {"placement": {"clusterAffinity": {"clusterNames": ["north"]}}}});
    world
        .policy("alone", json!([{"apiVersion": "velero.io/v1", "kind": "Schedule"}]), only["spec"]["placement"].clone())
        .await;
    let schedules = api::kind("velero.io/v1", "Schedule", "schedules", true);
    let spec = json!({"spec": {"schedule": "@daily", "template": {}}});
    world.create(&schedules, "daily", spec).await;
    api::until_is(&world.hub, &api::bindings(), world.key("daily-schedule"), "it is said", |binding| {
        api::says(binding, "Scheduled", "False", &["API"])
    })
    .await;
    api::until_event(&world.hub, &world.namespace, "daily-schedule", &["API"]).await;

    // The kind comes later: it is found, and the object arrives.
    let north = north.with_velero().await;
    api::until_is(&north.client, &schedules, world.key("daily"), "it arrives when it can", |_| true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_down_holds_up_nobody_and_catches_up() {
    let world = World::start("down").await.push(&[("east", 1)]).await;
    let mut south = world.member("south").await.with_velero().await.with_controllers(1).await;
    world.join(&south).await;
    south.stop().await;
    let both = json!({"clusterAffinity": {"clusterNames": ["east", "south"]}});
    world.policy("both", json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a"}]), both).await;
    world.create(&api::config_maps(), "a", json!({"data": {"k": "1"}})).await;
    api::until_is(world.of("east"), &api::config_maps(), world.key("a"), "the other goes on", |_| true).await;
    api::until_is(&world.hub, &api::clusters(), api::key("", "south"), "the state is shown", |cluster| {
        api::condition(cluster, "Ready").is_some_and(|(status, reason, message)| {
            status == "False" && reason == "ClusterNotReachable" && !message.is_empty()
        })
    })
    .await;
    api::until_event(&world.hub, "default", "south", &[]).await;
    let key = world.key("a-configmap");
    api::until_is(&world.hub, &api::bindings(), key.clone(), "so is what waits", |binding| {
        api::condition(binding, "FullyApplied").is_none_or(|(status, ..)| status == "False")
    })
    .await;
    south.resume().await;
    api::until_is(&south.client, &api::config_maps(), world.key("a"), "it catches up", |_| true).await;
    api::until_is(&world.hub, &api::bindings(), key, "all is applied", |binding| {
        api::says(binding, "FullyApplied", "True", &[])
    })
    .await;
    world.ready("south").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_refused_and_leaves_nothing() {
    let world = World::start("token").await;
    let edge = world.member("edge").await;
    let args = world.agent(&edge, Some("aaaaaa.0123456789abcdef")).await;
    let ended = call(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    ended.fails(1, &["cluster edge cannot enrol", "wrong or has expired", "outrigger token create"]);
    assert_eq!(world.hub.get_opt(&api::clusters(), &api::key("", "edge")).await.unwrap(), None);
    // The right one works in the same directory.
    let args = world.agent(&edge, None).await;
    let _agent = Process::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    world.ready("edge").await;
}

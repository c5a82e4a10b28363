//! Execution of declarative objects.

use outrigger_apiserver::User;
use outrigger_object::Object;
use outrigger_runtime::{DeleteParams, Patch, Subresource, conditions};
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn applies_and_tells_in_one_write() {
    let world = World::started().await;
    let manifest = configmap("a", "1");
    world.work("w", &[manifest]).await;
    let applied = world.until_member(&configmaps(), &default_key("a"), "there", |_| true).await;
    assert_eq!(applied.label("karmada.io/managed"), Some("true"));
    assert_eq!(applied.get(&["metadata", "managedFields"]).unwrap()[0]["operation"], "Apply");
    let work = world.until_applied("w", "True", "Manifest has been successfully applied").await;
    assert!(conditions::of(&work, "Dispatching").is_some_and(|dispatching| dispatching.0 == "True"));
    let manifests = work.get(&["status", "manifestStatuses"]).unwrap();
    let expected = json!([{
        "identifier": {"ordinal": 0, "version": "v1", "kind": "ConfigMap", "resource": "configmaps",
            "namespace": "default", "name": "a"},
        "health": "Healthy"}]);
    assert_eq!(*manifests, expected);
    world.settle("marker").await;
    let count = |writes: Vec<String>, what: &str| writes.iter().filter(|line| line.contains(what)).count();
    assert_eq!(count(world.writes_to_hub(), "/works/w/status"), 1, "one status write per Work");
    assert_eq!(count(world.writes_to_member(), "/configmaps/a?"), 1, "one write of the object");
}

fn deployment(name: &str, replicas: i64) -> Object {
    object(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "default", "name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}},
    }))
}

/// The member's controllers say what they see of a generation.
async fn observe(world: &World, name: &str, generation: i64, ready: i64) {
    let status = json!({"status": {"observedGeneration": generation, "replicas": ready, "readyReplicas": ready}});
    let key = default_key(name);
    world.member.patch(&deployments(), &key, &Patch::Merge(status), Subresource::Status).await.unwrap();
}

#[tokio::test]
async fn what_was_applied_and_what_the_member_says_of_it_go_together() {
    let mut world = World::new().await;
    world.config.settle = LONG;
    world.start();
    world.work("w", &[deployment("a", 2)]).await;
    world.until_member(&deployments(), &default_key("a"), "there", |_| true).await;
    observe(&world, "a", 1, 2).await;
    let ready = |count: i64| {
        move |work: &Object| {
            let first = work.get(&["status", "manifestStatuses"]).and_then(|list| list.get(0));
            first.and_then(|first| first.pointer("/status/readyReplicas")) == Some(&json!(count))
        }
    };
    world.until_work("w", "its status is there", ready(2)).await;
    world.until_applied("w", "True", "").await;
    let writes = || world.writes_to_hub().iter().filter(|line| line.contains("/works/w/status")).count();
    assert_eq!(writes(), 1, "one write for both");

    // What comes later does not wait.
    observe(&world, "a", 1, 1).await;
    world.until_work("w", "it is less ready", ready(1)).await;
    assert_eq!(writes(), 1);
}

#[tokio::test]
async fn that_it_was_applied_is_told_when_the_member_says_nothing() {
    let world = World::started().await;
    world.work("w", &[deployment("a", 2)]).await;
    world.until_applied("w", "True", "").await;
    world.edit("w", &[deployment("a", 3)]).await;
    world
        .until_work("w", "the edit was applied", |work| {
            let conditions = work.get(&["status", "conditions"]).and_then(|list| list.as_array());
            let is_new = |one: &serde_json::Value| one["type"] == "Applied" && one["observedGeneration"] == json!(2);
            conditions.into_iter().flatten().any(is_new)
        })
        .await;
}

#[tokio::test]
async fn writes_nothing_after_a_restart() {
    let mut world = World::started().await;
    world.work("w", &[configmap("a", "1")]).await;
    world.until_applied("w", "True", "").await;
    world.stop().await;
    world.writes_to_member();
    world.writes_to_hub();
    world.start();
    world.settle("marker").await;
    let ours = |writes: Vec<String>| writes.into_iter().filter(|line| !line.contains("marker")).collect::<Vec<_>>();
    assert_eq!(ours(world.writes_to_member()), [""; 0]);
    assert_eq!(ours(world.writes_to_hub()), [""; 0]);
}

#[tokio::test]
async fn corrects_drift_and_leaves_what_is_not_ours() {
    let world = World::started().await;
    world.work("w", &[configmap("a", "1")]).await;
    world.until_applied("w", "True", "").await;
    let key = default_key("a");
    let theirs = json!({"metadata": {"labels": {"theirs": "x"}}, "data": {"theirs": "y"}});
    world.member_writes(&configmaps(), &key, theirs).await;
    world.member_writes(&configmaps(), &key, json!({"data": {"k": "drift"}})).await;
    let back = world.until_member(&configmaps(), &key, "corrected", |seen| seen.str(&["data", "k"]) == Some("1")).await;
    assert_eq!((back.label("theirs"), back.str(&["data", "theirs"])), (Some("x"), Some("y")));

    world.edit("w", &[configmap("a", "2")]).await;
    let edited = world.until_member(&configmaps(), &key, "edited", |seen| seen.str(&["data", "k"]) == Some("2")).await;
    assert_eq!(edited.label("theirs"), Some("x"));
    let mut without = configmap("a", "2");
    without.set(&["data"], json!({"other": "3"}));
    world.edit("w", &[without]).await;
    world
        .until_member(&configmaps(), &key, "a key that went from the template", |seen| {
            seen.str(&["data", "k"]).is_none()
        })
        .await;
    world.member.delete(&configmaps(), &key, &DeleteParams::default()).await.unwrap();
    world.until_member(&configmaps(), &key, "created again", |seen| seen.str(&["data", "other"]).is_some()).await;
}

#[tokio::test]
async fn does_not_fight_for_ever() {
    let world = World::started().await;
    world.work("w", &[configmap("a", "1")]).await;
    world.until_applied("w", "True", "").await;
    let key = default_key("a");
    for round in 0..3 {
        world.member_writes(&configmaps(), &key, json!({"data": {"k": format!("drift {round}")}})).await;
        world.until_member(&configmaps(), &key, "corrected", |seen| seen.str(&["data", "k"]) == Some("1")).await;
    }
    world.member_writes(&configmaps(), &key, json!({"data": {"k": "drift again"}})).await;
    let work = world.until_work("w", "contested", |work| conditions::of(work, "Degraded").is_some()).await;
    let (status, reason, message) = conditions::of(&work, "Degraded").unwrap();
    assert_eq!((status, reason), ("True", "Contested"));
    assert!(message.starts_with("test keeps changing fields of ConfigMap default/a"), "{message}");
    let now = world.member.get(&configmaps(), &key).await.unwrap();
    assert_eq!(now.str(&["data", "k"]), Some("drift again"), "not corrected at once");
    world
        .until_member(&configmaps(), &key, "corrected after a pause", |seen| seen.str(&["data", "k"]) == Some("1"))
        .await;
}

#[tokio::test]
async fn refuses_what_is_not_ours_until_told_otherwise() {
    let world = World::started().await;
    let mut foreign = configmap("a", "theirs");
    foreign.set(&["data", "keep"], "me");
    world.member.create(&configmaps(), &foreign).await.unwrap();
    world.work("w", &[configmap("a", "1")]).await;
    world
        .until_applied(
            "w",
            "False",
            "ConfigMap default/a exists in cluster east and is not managed by this control plane",
        )
        .await;
    world.hub.delete(&works(), &work_key("w"), &DeleteParams::default()).await.unwrap();
    until(&world.hub, &works(), &work_key("w"), "gone", |work| work.is_none()).await;
    let left = world.member.get(&configmaps(), &default_key("a")).await.unwrap();
    assert_eq!(left.str(&["data", "k"]), Some("theirs"), "neither written nor deleted");

    let mut taking = configmap("a", "1");
    taking.set_annotation("work.karmada.io/conflict-resolution", "overwrite");
    world.work("w", &[taking]).await;
    world.until_applied("w", "True", "").await;
    let taken = world.member.get(&configmaps(), &default_key("a")).await.unwrap();
    assert_eq!((taken.str(&["data", "k"]), taken.str(&["data", "keep"])), (Some("1"), Some("me")));
}

#[tokio::test]
async fn deletes_what_is_ours_and_releases_what_is_to_stay() {
    let world = World::started().await;
    world.work("goes", &[configmap("goes", "1")]).await;
    world.work("stays", &[configmap("stays", "1")]).await;
    world.until_applied("goes", "True", "").await;
    world.until_applied("stays", "True", "").await;
    world.patch_work("stays", json!({"spec": {"preserveResourcesOnDeletion": true}})).await;
    for name in ["goes", "stays"] {
        world.hub.delete(&works(), &work_key(name), &DeleteParams::default()).await.unwrap();
        until(&world.hub, &works(), &work_key(name), "gone", |work| work.is_none()).await;
    }
    world.until_gone(&configmaps(), &default_key("goes")).await;
    let left = world.member.get(&configmaps(), &default_key("stays")).await.unwrap();
    assert_eq!(left.str(&["data", "k"]), Some("1"));
    assert_eq!((left.label("karmada.io/managed"), left.annotation("work.karmada.io/name")), (None, None));
    world.settle("marker").await;
    let kinds: Vec<String> = world.session().watched().into_iter().map(|resource| resource.plural).collect();
    assert_eq!(kinds, ["configmaps"], "the marker's");
}

#[tokio::test]
async fn a_member_that_is_down_is_waited_for() {
    let mut world = World::new().await;
    world.member_network.cut();
    world.start();
    world.work("first", &[configmap("first", "1")]).await;
    world.until_applied("first", "False", "the network is down").await;
    world.member_network.mend();
    world.until_applied("first", "True", "").await;

    world.member_network.cut();
    world.work("second", &[configmap("second", "1")]).await;
    world.hub.delete(&works(), &work_key("first"), &DeleteParams::default()).await.unwrap();
    world.until_applied("second", "False", "cluster east").await;
    let first = world.hub.get(&works(), &work_key("first")).await.unwrap();
    assert_eq!(first.finalizers().count(), 1, "it waits for the member");
    world.member_network.mend();
    world.until_applied("second", "True", "").await;
    world.until_gone(&configmaps(), &default_key("first")).await;
    until(&world.hub, &works(), &work_key("first"), "gone", |work| work.is_none()).await;
}

#[tokio::test]
async fn a_cluster_that_leaves_and_is_dead_lets_its_works_go() {
    let world = World::started().await;
    world.work("w", &[configmap("a", "1")]).await;
    world.until_applied("w", "True", "").await;
    let hold = Patch::Merge(json!({"metadata": {"finalizers": ["karmada.io/cluster-controller"]}}));
    let cluster = outrigger_object::ObjectKey::new("", CLUSTER);
    world.hub.patch(&clusters(), &cluster, &hold, Subresource::None).await.unwrap();
    world.hub.delete(&clusters(), &cluster, &DeleteParams::default()).await.unwrap();
    world.member_network.cut();
    world.hub.delete(&works(), &work_key("w"), &DeleteParams::default()).await.unwrap();
    until(&world.hub, &works(), &work_key("w"), "gone", |work| work.is_none()).await;
    world.member.get(&configmaps(), &default_key("a")).await.unwrap();
}

#[tokio::test]
async fn one_forbidden_object_does_not_stop_the_others() {
    let mut world = World::new().await;
    world.user = User::authenticated("limited", ["limited"]);
    let rbac = |plural: &str, kind: &str| resource("rbac.authorization.k8s.io", "v1", kind, plural, false);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "limited"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]});
    world.member.create(&rbac("clusterroles", "ClusterRole"), &object(role)).await.unwrap();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "limited"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"}]});
    world.member.create(&rbac("clusterrolebindings", "ClusterRoleBinding"), &object(binding)).await.unwrap();
    world.start();
    let secret =
        object(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "default", "name": "s"}}));
    world.work("both", &[secret, configmap("a", "1")]).await;
    let work = world.until_applied("both", "False", "Failed to apply all manifests (1/2)").await;
    let message = conditions::of(&work, "Applied").unwrap().2;
    assert!(message.contains("secrets") && message.contains("forbidden"), "{message}");
    world.until_member(&configmaps(), &default_key("a"), "there", |_| true).await;
    world.work("other", &[configmap("b", "1")]).await;
    world.until_applied("other", "True", "").await;
}

#[tokio::test]
async fn a_kind_that_is_not_there_is_waited_for() {
    let world = World::started().await;
    world.work("w", &[backup("daily", json!({"ttl": "1h"}))]).await;
    world.until_applied("w", "False", "no such kind velero.io/v1/Backup in cluster east: install its CRD there").await;
    world.install_backups().await;
    world.until_applied("w", "True", "").await;
}

#[tokio::test]
async fn a_missing_namespace_is_made_and_then_taken_over_by_its_own_work() {
    let world = World::started().await;
    let mut manifest = configmap("a", "1");
    manifest.set(&["metadata", "namespace"], "shop");
    world.work("w", &[manifest]).await;
    world.until_applied("w", "True", "").await;
    let mut shop = namespace("shop");
    shop.set_label("tier", "1");
    world.work("shop", &[shop]).await;
    world.until_applied("shop", "True", "").await;
    let made = world.member.get(&namespaces(), &outrigger_object::ObjectKey::new("", "shop")).await.unwrap();
    assert_eq!(made.label("tier"), Some("1"));
}

#[tokio::test]
async fn a_suspended_work_is_left_alone() {
    let world = World::started().await;
    world.work("w", &[configmap("a", "1")]).await;
    world.until_applied("w", "True", "").await;
    world.patch_work("w", json!({"spec": {"suspendDispatching": true}})).await;
    world
        .until_work("w", "suspended", |work| {
            conditions::of(work, "Dispatching").is_some_and(|d| d.1 == "SuspendDispatching")
        })
        .await;
    world.edit("w", &[configmap("a", "2")]).await;
    world.settle("marker").await;
    let seen = world.member.get(&configmaps(), &default_key("a")).await.unwrap();
    assert_eq!(seen.str(&["data", "k"]), Some("1"));
    world.patch_work("w", json!({"spec": {"suspendDispatching": false}})).await;
    world
        .until_member(&configmaps(), &default_key("a"), "dispatched", |seen| seen.str(&["data", "k"]) == Some("2"))
        .await;
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_does_not_stop_the_others() {
    let world = World::started().await;
    let broken = object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}));
    world.work("w", &[broken, configmap("a", "1")]).await;
    world.until_applied("w", "False", "(1/2): manifest 0: the manifest has no metadata.name").await;
    world.until_member(&configmaps(), &default_key("a"), "there", |_| true).await;
}

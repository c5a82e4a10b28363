//! The way of an object: there, changed, back, and gone.

use outrigger_api::policy::{OverridePolicy, PropagationPolicy};
use outrigger_api::work::{ResourceBinding, Work};
use std::sync::Arc;

use outrigger_engine::Layer;
use outrigger_interpreter::{Answer, ClusterFacts, Interpreter, LifeCycle, Operation, StatusItem, Support};
use outrigger_object::{Gvk, Object};
use serde_json::json;

use crate::world::{World, configmap, configmaps, deployment, deployments, kind, object, resource};

const CONFIGMAPS: &[(&str, &str)] = &[("v1", "ConfigMap")];
const DEPLOYMENTS: &[(&str, &str)] = &[("apps/v1", "Deployment")];

#[tokio::test]
async fn an_object_goes_to_every_cluster_and_is_taken_back() {
    let world = World::start(&["east", "west"]).await;
    world.policy("all", CONFIGMAPS, json!({})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    for member in world.members.values() {
        let there = member.until_there("it arrives", &configmaps(), "default/a").await;
        assert_eq!(there.str(&["data", "k"]), Some("1"));
        assert_eq!(there.label("propagationpolicy.karmada.io/permanent-id"), None, "claims stay on the hub");
    }
    let template = world.hub.get(&configmaps(), "default/a").await.unwrap();
    assert_eq!(template.annotation("propagationpolicy.karmada.io/name"), Some("all"));
    let binding = world
        .hub
        .until("it is fully applied", &kind::<ResourceBinding>(), "default/a-configmap", |binding| {
            binding.is_some_and(|binding| {
                outrigger_runtime::conditions::of(binding, "FullyApplied").is_some_and(|(status, ..)| status == "True")
            })
        })
        .await
        .unwrap();
    assert_eq!(binding.str(&["spec", "resource", "uid"]), Some(template.uid()));
    assert_eq!(binding.generation(), binding.int(&["status", "schedulerObservedGeneration"]).unwrap());

    world.hub.patch(&configmaps(), "default/a", json!({"data": {"k": "2"}})).await;
    for member in world.members.values() {
        let changed = |object: Option<&outrigger_object::Object>| {
            object.is_some_and(|object| object.str(&["data", "k"]) == Some("2"))
        };
        member.until("the change arrives", &configmaps(), "default/a", changed).await;
    }

    world.hub.delete(&configmaps(), "default/a").await;
    for member in world.members.values() {
        member.until_gone("it is taken back", &configmaps(), "default/a").await;
    }
    world.hub.until_gone("its binding goes", &kind::<ResourceBinding>(), "default/a-configmap").await;
    world.quiet().await;
    let works = world.hub.client.list(&kind::<Work>(), None, &Default::default()).await.unwrap();
    assert_eq!(works.items.iter().map(|work| work.name()).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test]
async fn status_comes_back() {
    let world = World::start(&["east", "west"]).await;
    world.policy("all", DEPLOYMENTS, json!({})).await;
    world.hub.create(&deployments(), deployment("web", 3)).await;
    for member in world.members.values() {
        let there = member.until_there("it arrives", &deployments(), "default/web").await;
        assert_eq!(there.int(&["spec", "replicas"]), Some(3));
        let status = json!({"status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2,
            "observedGeneration": there.generation()}});
        member.patch_status(&deployments(), "default/web", status).await;
    }
    world
        .hub
        .until("the statuses are added up", &deployments(), "default/web", |object| {
            object.is_some_and(|object| {
                object.int(&["status", "replicas"]) == Some(6) && object.int(&["status", "readyReplicas"]) == Some(4)
            })
        })
        .await;
}

#[tokio::test]
async fn replicas_are_divided() {
    let world = World::start(&["east", "west"]).await;
    let placement = json!({"replicaScheduling": {"replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": [
            {"targetCluster": {"clusterNames": ["east"]}, "weight": 1}, {"targetCluster": {"clusterNames": ["west"]}, "weight": 2}]}}});
    world.policy("shares", DEPLOYMENTS, json!({"placement": placement})).await;
    world.hub.create(&deployments(), deployment("web", 3)).await;
    let replicas = |count| {
        move |object: Option<&outrigger_object::Object>| {
            object.is_some_and(|object| object.int(&["spec", "replicas"]) == Some(count))
        }
    };
    world.member("east").until("a third", &deployments(), "default/web", replicas(1)).await;
    world.member("west").until("two thirds", &deployments(), "default/web", replicas(2)).await;
    world.hub.patch(&deployments(), "default/web", json!({"spec": {"replicas": 9}})).await;
    world.member("east").until("a third of more", &deployments(), "default/web", replicas(3)).await;
    world.member("west").until("two thirds of more", &deployments(), "default/web", replicas(6)).await;
}

#[tokio::test]
async fn the_policy_may_change_and_go() {
    let world = World::start(&["east", "west"]).await;
    world.policy("one", CONFIGMAPS, json!({"placement": {"clusterAffinity": {"clusterNames": ["east"]}}})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    world.member("east").until_there("it arrives", &configmaps(), "default/a").await;
    assert!(world.member("west").get(&configmaps(), "default/a").await.is_none());
    let elsewhere = json!({"spec": {"placement": {"clusterAffinity": {"clusterNames": ["west"]}}}});
    world.hub.patch(&kind::<PropagationPolicy>(), "default/one", elsewhere).await;
    world.member("west").until_there("it moves", &configmaps(), "default/a").await;
    world.member("east").until_gone("it leaves", &configmaps(), "default/a").await;

    world.hub.delete(&kind::<PropagationPolicy>(), "default/one").await;
    world
        .hub
        .until("the claim goes", &configmaps(), "default/a", |object| {
            object.is_some_and(|object| object.label("propagationpolicy.karmada.io/permanent-id").is_none())
        })
        .await;
    world.quiet().await;
    assert!(world.member("west").get(&configmaps(), "default/a").await.is_some(), "what is propagated stays");
    world.policy("two", CONFIGMAPS, json!({})).await;
    world.member("east").until_there("another policy takes it", &configmaps(), "default/a").await;
}

#[tokio::test]
async fn overrides_differ_by_cluster() {
    let world = World::start(&["east", "west"]).await;
    let policy = |path: &str| {
        json!({
            "apiVersion": "policy.karmada.io/v1alpha1", "kind": "OverridePolicy",
            "metadata": {"name": "west", "namespace": "default"},
            "spec": {"overrideRules": [{"targetCluster": {"clusterNames": ["west"]}, "overriders": {
                "plaintext": [{"path": path, "operator": "replace", "value": "west"}]}}]},
        })
    };
    world.hub.create(&kind::<OverridePolicy>(), policy("/data/k")).await;
    world.policy("all", CONFIGMAPS, json!({})).await;
    world.hub.create(&configmaps(), configmap("a", "1")).await;
    let value = |value: &'static str| {
        move |object: Option<&outrigger_object::Object>| {
            object.is_some_and(|object| object.str(&["data", "k"]) == Some(value))
        }
    };
    world.member("east").until("as it is", &configmaps(), "default/a", value("1")).await;
    world.member("west").until("overridden", &configmaps(), "default/a", value("west")).await;

    // One that cannot be applied leaves the cluster as it was, and says so; the others go on.
    world.hub.patch(&kind::<OverridePolicy>(), "default/west", json!({"spec": policy("/no/such/path")["spec"]})).await;
    world.hub.patch(&configmaps(), "default/a", json!({"data": {"k": "2"}})).await;
    world.member("east").until("the others go on", &configmaps(), "default/a", value("2")).await;
    let binding = world
        .hub
        .until("the binding says what is wrong", &kind::<ResourceBinding>(), "default/a-configmap", |binding| {
            binding.is_some_and(|binding| {
                let items = binding.get(&["status", "aggregatedStatus"]).and_then(|items| items.as_array());
                items.is_some_and(|items| {
                    items
                        .iter()
                        .any(|item| item["appliedMessage"].as_str().is_some_and(|text| text.contains("/no/such/path")))
                })
            })
        })
        .await
        .unwrap();
    assert_eq!(outrigger_runtime::conditions::of(&binding, "FullyApplied").unwrap().0, "False");
    assert!(value("west")(world.member("west").get(&configmaps(), "default/a").await.as_ref()), "nothing is lost");

    world.hub.delete(&kind::<OverridePolicy>(), "default/west").await;
    world.member("west").until("without it, as it is", &configmaps(), "default/a", value("2")).await;
}

#[tokio::test]
async fn cluster_scoped_objects_go_by_cluster_wide_policies() {
    let world = World::start(&["east"]).await;
    let policy = json!({
        "apiVersion": "policy.karmada.io/v1alpha1", "kind": "ClusterPropagationPolicy", "metadata": {"name": "roles"},
        "spec": {"resourceSelectors": [{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "name": "reader"}]},
    });
    world.hub.create(&kind::<outrigger_api::policy::ClusterPropagationPolicy>(), policy).await;
    let roles = resource("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false, false);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    });
    world.hub.create(&roles, role).await;
    world.member("east").until_there("it arrives", &roles, "reader").await;
    let bindings = kind::<outrigger_api::work::ClusterResourceBinding>();
    world.hub.until_there("it has a binding", &bindings, "reader-clusterrole").await;
    world.hub.delete(&roles, "reader").await;
    world.member("east").until_gone("it is taken back", &roles, "reader").await;
    world.hub.until_gone("its binding goes", &bindings, "reader-clusterrole").await;
}

/// Runs once, and adds up what the members count.
struct Runs;

impl Interpreter for Runs {
    fn name(&self) -> &str {
        "test/Run"
    }

    fn supports(&self) -> Vec<Support> {
        let operations = [Operation::AggregateStatus, Operation::Localize].into_iter().collect();
        vec![Support {
            gvk: Gvk::new("example.org", "v1", "Run"),
            operations,
            life_cycle: Some(LifeCycle::RunOnce),
            unmarked: true,
        }]
    }

    fn aggregate_status(&self, mut template: Object, items: &[StatusItem]) -> Answer<Object> {
        let count = |item: &StatusItem| item.status.as_ref().and_then(|status| status["count"].as_i64()).unwrap_or(0);
        template.set(&["status", "count"], items.iter().map(count).sum::<i64>());
        template.set(&["spec", "meddled"], true);
        Answer::Value(template)
    }

    fn localize(&self, mut object: Object, cluster: &ClusterFacts) -> Answer<Object> {
        object.set(&["spec", "prefix"], cluster.name.clone());
        Answer::Value(object)
    }
}

#[tokio::test]
async fn a_kind_without_status_subresource_gets_its_status_and_nothing_else() {
    let world = World::start(&["east", "west"]).await;
    let crd = object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "runs.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": {"plural": "runs", "singular": "run", "kind": "Run"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
    }));
    for server in [&world.hub, world.member("east"), world.member("west")] {
        outrigger_testkit::install_crds(server.client.kube(), std::slice::from_ref(&crd)).await.unwrap();
    }
    world.engine.install(Layer::Addon, vec![Arc::new(Runs)]);
    let runs = resource("example.org", "v1", "Run", "runs", true, false);
    world.policy("runs", &[("example.org/v1", "Run")], json!({})).await;
    let run = json!({"apiVersion": "example.org/v1", "kind": "Run", "metadata": {"name": "r", "namespace": "default"}, "spec": {"a": 1}});
    world.hub.create(&runs, run).await;
    for (name, member) in &world.members {
        let there = member.until_there("it arrives", &runs, "default/r").await;
        assert_eq!(there.str(&["spec", "prefix"]), Some(name.as_str()), "as this cluster needs it");
        assert_eq!(
            (there.labels().count(), there.annotations().count()),
            (0, 0),
            "a kind that wants no marks bears none"
        );
        member.patch_status(&runs, "default/r", json!({"status": {"count": 2, "phase": "InProgress"}})).await;
    }
    let counted = |count: i64| {
        move |object: Option<&Object>| object.is_some_and(|object| object.int(&["status", "count"]) == Some(count))
    };
    let template = world.hub.until("it is added up", &runs, "default/r", counted(4)).await.unwrap();
    assert_eq!(template.get(&["spec"]), Some(&json!({"a": 1})), "an interpreter changes the status alone");

    // A status that somebody takes away comes back, and the members' own is never touched.
    world.hub.patch(&runs, "default/r", json!({"status": null})).await;
    world.hub.until("it comes back", &runs, "default/r", counted(4)).await;
    world.quiet().await;
    for member in world.members.values() {
        let there = member.get(&runs, "default/r").await.unwrap();
        assert_eq!(there.get(&["status"]), Some(&json!({"count": 2, "phase": "InProgress"})));
    }
}

//! Cluster.status and the Lease.

use outrigger_member::LeaseConfig;
use outrigger_object::ObjectKey;
use outrigger_runtime::conditions;
use serde_json::{Value, json};

use crate::world::*;

fn key() -> ObjectKey {
    ObjectKey::new("", CLUSTER)
}

#[tokio::test]
async fn tells_what_the_member_is() {
    let mut world = World::new().await;
    world.keep_status();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}, "conditions": [{"type": "Ready", "status": "True"}]}});
    world.member.create(&resource("", "v1", "Node", "nodes", false), &object(node)).await.unwrap();
    world.start();
    let ready = |cluster: &outrigger_object::Object, status: &str| {
        conditions::of(cluster, "Ready").is_some_and(|ready| ready.0 == status)
    };
    let cluster = until(&world.hub, &clusters(), &key(), "ready with summaries", |cluster| {
        cluster.is_some_and(|cluster| ready(cluster, "True") && cluster.get(&["status", "resourceSummary"]).is_some())
    })
    .await
    .unwrap();
    assert_eq!(conditions::of(&cluster, "CompleteAPIEnablements").unwrap().1, "Complete");
    assert!(cluster.str(&["status", "kubernetesVersion"]).unwrap().starts_with('v'));
    assert_eq!(cluster.get(&["status", "nodeSummary"]), Some(&json!({"totalNum": 1, "readyNum": 1})));
    assert_eq!(cluster.str(&["status", "resourceSummary", "allocatable", "memory"]), Some("8Gi"));
    let enablements = cluster.get(&["status", "apiEnablements"]).and_then(Value::as_array).unwrap();
    let serves = |group: &str, kind: &str| {
        enablements.iter().any(|one| {
            one["groupVersion"] == group
                && one["resources"].as_array().unwrap().iter().any(|resource| resource["kind"] == kind)
        })
    };
    assert!(serves("v1", "ConfigMap") && serves("apps/v1", "Deployment") && !serves("velero.io/v1", "Backup"));

    world.install_backups().await;
    until(&world.hub, &clusters(), &key(), "serves Backups", |cluster| {
        cluster.is_some_and(|cluster| {
            cluster.get(&["status", "apiEnablements"]).unwrap().to_string().contains("velero.io/v1")
        })
    })
    .await;
    world.member_network.cut();
    let down =
        until(&world.hub, &clusters(), &key(), "not ready", |cluster| cluster.is_some_and(|c| ready(c, "False")))
            .await
            .unwrap();
    assert_eq!(conditions::of(&down, "Ready").unwrap().1, "ClusterNotReachable");
    assert!(down.get(&["status", "apiEnablements"]).is_some(), "what was known stays");
    world.member_network.mend();
    until(&world.hub, &clusters(), &key(), "ready again", |cluster| cluster.is_some_and(|c| ready(c, "True"))).await;
}

#[tokio::test]
async fn renews_the_lease_of_a_pull_cluster() {
    let mut world = World::new().await;
    world.config.lease = Some(LeaseConfig { renew: std::time::Duration::from_millis(20), ..LeaseConfig::default() });
    let _ = world.hub.create(&namespaces(), &namespace("karmada-cluster")).await;
    world.start();
    let leases = resource("coordination.k8s.io", "v1", "Lease", "leases", true);
    let lease_key = ObjectKey::new("karmada-cluster", CLUSTER);
    let first = until(&world.hub, &leases, &lease_key, "there", |lease| lease.is_some()).await.unwrap();
    assert_eq!(first.str(&["spec", "holderIdentity"]), Some(CLUSTER));
    assert_eq!(first.int(&["spec", "leaseDurationSeconds"]), Some(40));
    let cluster = world.hub.get(&clusters(), &key()).await.unwrap();
    assert_eq!(first.owner_references().next().unwrap().uid, cluster.uid());
    let renewed = first.str(&["spec", "renewTime"]).unwrap().to_owned();
    until(&world.hub, &leases, &lease_key, "renewed", |lease| {
        lease.is_some_and(|lease| lease.str(&["spec", "renewTime"]) > Some(renewed.as_str()))
    })
    .await;
}

#[tokio::test]
async fn an_agent_judges_by_the_definitions_of_its_member() {
    let mut world = World::new().await;
    world.config.lease = Some(LeaseConfig::default());
    let definitions =
        resource("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false);
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let crd = |plural: &str, kind: &str, properties: serde_json::Value| {
        object(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.example.org")},
            "spec": {"group": "example.org", "scope": "Namespaced", "names": {"plural": plural, "singular": plural, "kind": kind},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}}}]},
        }))
    };
    world.member.create(&definitions, &crd("stones", "Stone", json!({"spec": open}))).await.unwrap();
    world.member.create(&definitions, &crd("plants", "Plant", json!({"spec": open, "status": open}))).await.unwrap();
    let one = |kind: &str| {
        object(json!({"apiVersion": "example.org/v1", "kind": kind,
            "metadata": {"namespace": "default", "name": "x"}, "spec": {"a": 1}}))
    };
    world.start();
    world.work("stone", &[one("Stone")]).await;
    world.work("plant", &[one("Plant")]).await;
    let health = |expected: &'static str| {
        move |work: &outrigger_object::Object| {
            let told = work.get(&["status", "manifestStatuses"]).and_then(|list| list.get(0)?.get("health")?.as_str());
            told == Some(expected)
        }
    };
    world.until_work("stone", "what can have no status is well when it is there", health("Healthy")).await;
    world.until_work("plant", "what has not written its status is not", health("Unknown")).await;
}

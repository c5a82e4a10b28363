//! `outrigger explain`: a manifest as it comes about, and the Work that it must be equal to.

use serde_json::{Value, json};

use crate::{api, binary::call, world::World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_a_template_is_told_step_by_step() {
    let world = World::start("explain").await.push(&[("east", 1), ("west", 1)]).await;
    let selectors = json!([
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        {"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "name": "store"},
    ]);
    world.policy("all", selectors, json!({"clusterAffinity": {"clusterNames": ["east"]}})).await;
    let overrides = json!({"spec": {
        "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}],
        "overrideRules": [
            {"targetCluster": {"clusterNames": ["west"]}, "overriders": {"labelsOverrider": [{"operator": "add", "value": {"a": "b"}}]}},
            {"targetCluster": {"clusterNames": ["east"]}, "overriders": {"labelsOverrider": [{"operator": "add", "value": {"site": "east"}}]}},
        ],
    }});
    world.create(&api::overrides(), "site", overrides).await;
    let pod =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
    let web = json!({"spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": pod}});
    world.create(&api::deployments(), "web", web).await;
    api::until_is(world.of("east"), &api::deployments(), world.key("web"), "it arrives", |_| true).await;

    let hub = world.plane.kubeconfig.display().to_string();
    let ask = async |template: &str, cluster: &str, output: &str| {
        call(&["explain", template, "-n", &world.namespace, "--cluster", cluster, "-o", output, "--kubeconfig", &hub])
            .await
    };
    let told: Value = serde_json::from_str(&ask("deployment/web", "east", "json").await.ok()).unwrap();
    let steps: Vec<&str> = told["steps"].as_array().unwrap().iter().filter_map(|step| step["by"].as_str()).collect();
    assert_eq!(steps, ["replicas", "override", "marks"]);
    let policy = format!("{}/site", world.namespace);
    let expected = json!({
        "by": "override", "kind": "OverridePolicy", "policy": policy, "rule": 1,
        "changes": [{"path": "metadata.labels.site", "after": "east"}],
    });
    assert_eq!(told["steps"][1], expected);
    // What is told is what is there.
    assert_eq!(told["differs"], json!([]));
    assert_eq!(told["manifest"]["metadata"]["labels"]["site"], "east");

    let text = ask("deployment/web", "east", "table").await.ok();
    for part in ["replicas: 3, written by", &policy, "rule 2", "site", "The Work for the cluster holds this"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let text = ask("deployment/web", "west", "table").await.ok();
    assert!(text.contains("does not go to cluster west"), "{text}");
    ask("deployment/web", "north", "table").await.fails(1, &["no cluster north", "kubectl get clusters"]);
    ask("deployment/none", "east", "table").await.fails(1, &["no Deployment"]);
    ask("web", "east", "table").await.fails(1, &["TYPE/NAME"]);

    // An interpreter's own fitting: Velero's prefix.
    let store = json!({"spec": {"provider": "aws", "objectStorage": {"bucket": "fleet", "prefix": "all"}}});
    world
        .create(&api::kind("velero.io/v1", "BackupStorageLocation", "backupstoragelocations", true), "store", store)
        .await;
    let locations = api::kind("velero.io/v1", "BackupStorageLocation", "backupstoragelocations", true);
    api::until_is(world.of("east"), &locations, world.key("store"), "it arrives", |_| true).await;
    let told: Value = serde_json::from_str(&ask("BackupStorageLocation/store", "east", "json").await.ok()).unwrap();
    let change = json!([{"path": "spec.objectStorage.prefix", "before": "all", "after": "all/east"}]);
    assert_eq!((&told["steps"][0]["by"], &told["steps"][0]["changes"]), (&json!("interpreter"), &change));
}

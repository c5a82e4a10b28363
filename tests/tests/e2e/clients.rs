//! `kubectl`, against the control plane and the members.

use serde_json::{Value, json};

use crate::{api, binary::Kubectl, world::World};

const MANIFESTS: &str = r"
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web}
spec:
  resourceSelectors:
  - {apiVersion: apps/v1, kind: Deployment, name: web}
  - {apiVersion: v1, kind: ConfigMap, name: settings}
  placement:
    clusterAffinity: {clusterNames: [east]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: 'registry.example/web:1'}
";

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

/// The first line of a table must have these columns, and some line these values.
fn table(text: &str, columns: &[&str], values: &[&str]) {
    let head: Vec<&str> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    for column in columns {
        assert!(head.contains(column), "no column {column} in:\n{text}");
    }
    let found = text.lines().skip(1).any(|line| values.iter().all(|value| line.contains(value)));
    assert!(found, "no line with {values:?} in:\n{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_works_on_both_ends() {
    let world = World::start("kubectl").await.push(&[("east", 1)]).await;
    let Some(hub) = world.kubectl() else { return };
    let east = Kubectl::new(&world.members["east"].kubeconfig, world.directory.path()).unwrap();
    let n = world.namespace.as_str();
    let run = async |args: &[&str]| hub.run(&[&["-n", n], args].concat()).await;

    // apply, twice; diff; dry run.
    let applied = hub.feed(&["apply", "-n", n, "-f", "-"], MANIFESTS).await.ok();
    has(&applied, &["propagationpolicy.policy.karmada.io/web created", "configmap/settings created"]);
    let again = hub.feed(&["apply", "-n", n, "-f", "-"], MANIFESTS).await.ok();
    assert_eq!(again.matches(" unchanged").count(), 3, "{again}");
    let changed = MANIFESTS.replace("blue", "green");
    let diff = hub.feed(&["diff", "-n", n, "-f", "-"], &changed).await;
    assert_eq!(diff.code, 1, "{}", diff.err);
    has(&diff.out, &["-  colour: blue", "+  colour: green"]);
    let server = ["apply", "-n", n, "--server-side", "--field-manager=other", "--dry-run=server", "-f", "-"];
    let conflict = hub.feed(&server, &changed).await;
    assert_eq!(conflict.code, 1);
    has(&conflict.err, &["conflict", ".data.colour"]);

    // wait, on the control plane and on the member.
    run(&["wait", "--for=condition=FullyApplied", "resourcebinding/web-deployment", "--timeout=60s"]).await.ok();
    run(&["wait", "--for=jsonpath={.status.replicas}=2", "deployment/web", "--timeout=60s"]).await.ok();
    east.run(&["-n", n, "wait", "--for=create", "configmap/settings", "--timeout=60s"]).await.ok();

    // get, with the columns of each kind.
    table(&run(&["get", "deployments"]).await.ok(), &["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], &["web"]);
    table(&run(&["get", "pp"]).await.ok(), &["NAME", "CONFLICT-RESOLUTION", "PRIORITY", "AGE"], &["web", "Abort"]);
    let columns = ["NAME", "SCHEDULED", "FULLYAPPLIED", "AGE"];
    table(&run(&["get", "rb"]).await.ok(), &columns, &["web-deployment", "True"]);
    let works = hub.run(&["get", "works", "-n", "karmada-es-east"]).await.ok();
    table(&works, &["NAME", "WORKLOAD-KIND", "APPLIED", "AGE"], &["web-", "Deployment", "True"]);
    let columns = ["NAME", "VERSION", "MODE", "READY", "AGE"];
    table(&hub.run(&["get", "clusters"]).await.ok(), &columns, &["east", "Push", "True"]);
    table(&hub.run(&["get", "clusters", "-o", "wide"]).await.ok(), &["API-ENDPOINT"], &["https://127.0.0.1:"]);
    has(&run(&["get", "pp,cm,deploy", "-o", "name"]).await.ok(), &["configmap/settings", "deployment.apps/web"]);
    let selected = run(&["get", "deployments", "-l", "app=web", "-o", "json"]).await.ok();
    let selected: Value = serde_json::from_str(&selected).unwrap();
    assert_eq!(selected["items"].as_array().unwrap().len(), 1);
    table(&east.run(&["-n", n, "get", "deployments"]).await.ok(), &["READY"], &["web"]);

    // get -w tells of a change.
    let watch = hub.start(&["-n", n, "get", "configmap", "settings", "-w", "-o", "jsonpath={.data.colour}{'\\n'}"]);
    let seen = watch.says_after(0, "blue").await;

    // edit, patch, label, annotate, scale, set image; each arrives on the member.
    let editor = hub.clone().with_editor("sed -i s/blue/red/");
    has(&editor.run(&["-n", n, "edit", "configmap", "settings"]).await.ok(), &["edited"]);
    let seen = watch.says_after(seen, "red").await;
    run(&[
        "patch",
        "configmap",
        "settings",
        "--type=json",
        "-p",
        r#"[{"op":"replace","path":"/data/colour","value":"grey"}]"#,
    ])
    .await
    .ok();
    watch.says_after(seen, "grey").await;
    let strategic =
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"registry.example/side:1"}]}}}}"#;
    run(&["patch", "deployment", "web", "-p", strategic]).await.ok();
    run(&["set", "image", "deployment/web", "web=registry.example/web:2"]).await.ok();
    run(&["scale", "deployment/web", "--replicas=5"]).await.ok();
    run(&["label", "deployment/web", "tier=front"]).await.ok();
    run(&["annotate", "deployment/web", "example.com/note=here"]).await.ok();
    api::until_is(world.of("east"), &api::deployments(), world.key("web"), "all of it arrives", |web| {
        let containers = web.get(&["spec", "template", "spec", "containers"]).and_then(Value::as_array);
        let images = containers.into_iter().flatten().filter_map(|one| one["image"].as_str());
        let mut images: Vec<&str> = images.collect();
        images.sort_unstable();
        images == ["registry.example/side:1", "registry.example/web:2"]
            && web.int(&["spec", "replicas"]) == Some(5)
            && web.label("tier") == Some("front")
            && web.annotation("example.com/note") == Some("here")
    })
    .await;
    // A real cluster rolls out new pods beside the old ones, and where no kubelet makes them ready it goes
    // no further: there the generation that it has seen must do.
    let (field, value) = match world.members["east"].is_real() {
        true => {
            let got = run(&["get", "deployment/web", "-o", "jsonpath={.metadata.generation}"]).await.ok();
            ("observedGeneration", got.trim().to_owned())
        }
        false => ("replicas", "5".to_owned()),
    };
    let status = format!("--for=jsonpath={{.status.{field}}}={value}");
    run(&["wait", &status, "deployment/web", "--timeout=60s"]).await.ok();

    // describe, with conditions and events.
    has(
        &run(&["describe", "rb", "web-deployment"]).await.ok(),
        &["FullyApplied", "Aggregated Status", "Cluster Name:  east"],
    );
    has(&run(&["describe", "deployment", "web"]).await.ok(), &["Replicas:", "5 desired"]);
    has(&hub.run(&["describe", "cluster", "east"]).await.ok(), &["Kubernetes Version", "API Enablements"]);
    has(&east.run(&["-n", n, "describe", "configmap", "settings"]).await.ok(), &["grey"]);

    // Discovery and documentation.
    let resources = hub.run(&["api-resources"]).await.ok();
    for line in [
        ["propagationpolicies", "pp", "policy.karmada.io/v1alpha1", "true", "PropagationPolicy"],
        ["resourcebindings", "rb", "work.karmada.io/v1alpha2", "true", "ResourceBinding"],
        ["clusters", "", "cluster.karmada.io/v1alpha1", "false", "Cluster"],
        ["backups", "", "velero.io/v1", "true", "Backup"],
        ["deployments", "deploy", "apps/v1", "true", "Deployment"],
    ] {
        table(&resources, &["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"], &line);
    }
    let names = hub.run(&["api-resources", "--api-group=work.karmada.io", "-o", "name"]).await.ok();
    has(&names, &["works.work.karmada.io", "clusterresourcebindings.work.karmada.io"]);
    has(&hub.run(&["explain", "pp.spec.placement.clusterAffinity"]).await.ok(), &["clusterNames", "<[]string>"]);
    has(&hub.run(&["explain", "backup.spec", "--api-version=velero.io/v1"]).await.ok(), &["includedNamespaces", "ttl"]);
    has(&east.run(&["api-resources"]).await.ok(), &["backups", "deployments"]);
    has(&hub.run(&["version"]).await.ok(), &["Server Version"]);
    assert_eq!(hub.run(&["auth", "can-i", "create", "works"]).await.ok().trim(), "yes");

    // replace, delete.
    let got: Value = serde_json::from_str(&run(&["get", "configmap", "settings", "-o", "json"]).await.ok()).unwrap();
    let mut stale = got.clone();
    stale["metadata"]["resourceVersion"] = json!("1");
    let refused = hub.feed(&["-n", n, "replace", "-f", "-"], &stale.to_string()).await;
    assert_eq!(refused.code, 1);
    has(&refused.err, &["Conflict", "the object has been modified"]);
    hub.feed(&["-n", n, "replace", "-f", "-"], &got.to_string()).await.ok();
    run(&["delete", "deployment/web", "configmap/settings", "pp/web", "--timeout=60s"]).await.ok();
    east.run(&["-n", n, "wait", "--for=delete", "deployment/web", "configmap/settings", "--timeout=60s"]).await.ok();
    let missing = run(&["get", "deployment", "web"]).await;
    assert_eq!(missing.code, 1);
    has(&missing.err, &["NotFound", "deployments.apps \"web\" not found"]);
    east.run(&["create", "namespace", "e2e-member"]).await.ok();
    east.run(&["delete", "namespace", "e2e-member", "--timeout=60s"]).await.ok();
}

//! kubectl against the server, where it is installed.

use std::process::{Command, Output, Stdio};

use outrigger_apiserver::Options;
use serde_json::Value;

use crate::harness::{Served, serve};

struct Kubectl {
    directory: tempfile::TempDir,
    served: Served,
}

impl Kubectl {
    /// A server to talk to; `None`, with a line that says so, where there is no kubectl.
    async fn new() -> Option<Self> {
        if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
            println!("skipped, kubectl is not installed");
            return None;
        }
        let served = serve(Options::default()).await;
        let directory = tempfile::tempdir().expect("a directory");
        let config = served.kubeconfig("admin", &["system:masters"]).to_string();
        std::fs::write(directory.path().join("kubeconfig"), config).expect("written");
        Some(Self { directory, served })
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new("kubectl");
        command
            .env("KUBECONFIG", self.directory.path().join("kubeconfig"))
            .env("HOME", self.directory.path())
            .current_dir(self.directory.path())
            .args(split(arguments));
        command
    }

    async fn output(&self, arguments: &str, input: &str) -> Output {
        use std::io::Write;
        let mut command = self.command(arguments);
        let input = input.to_owned();
        let run = move || {
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("kubectl runs");
            child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("written");
            child.wait_with_output().expect("kubectl ends")
        };
        tokio::task::spawn_blocking(run).await.expect("no panic")
    }

    /// Runs a command that must go well, and without a warning; gives what it prints.
    async fn run(&self, arguments: &str) -> String {
        self.run_with(arguments, "").await
    }

    async fn run_with(&self, arguments: &str, input: &str) -> String {
        let output = self.output(arguments, input).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {arguments}\n{out}{err}");
        assert!(!err.contains("Warning"), "kubectl {arguments}\n{err}");
        out.into_owned()
    }

    /// Runs a command that must fail; gives what it complains of.
    async fn fails(&self, arguments: &str, input: &str) -> String {
        let output = self.output(arguments, input).await;
        assert!(!output.status.success(), "kubectl {arguments} went well");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// Splits at blanks outside of single quotes.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("a word").push(c),
        }
    }
    words
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: 'nginx:1', ports: [{containerPort: 80}]}]}
";

#[tokio::test(flavor = "multi_thread")]
async fn everyday_commands() {
    let Some(kubectl) = Kubectl::new().await else { return };
    contains(&kubectl.run("create namespace shop").await, &["namespace/shop created"]);
    contains(&kubectl.run("get ns").await, &["NAME", "STATUS", "AGE", "shop", "Active"]);
    contains(&kubectl.run_with("apply -n shop -f -", WEB).await, &["deployment.apps/web created"]);
    contains(&kubectl.run_with("apply -n shop -f -", WEB).await, &["deployment.apps/web unchanged"]);
    let changed = WEB.replace("nginx:1", "nginx:2");
    contains(&kubectl.run_with("diff -n shop -f -", WEB).await, &[]);
    contains(&kubectl.run_with("apply -n shop -f -", &changed).await, &["deployment.apps/web configured"]);
    contains(
        &kubectl.run("get deploy -n shop -o wide").await,
        &["READY", "UP-TO-DATE", "AVAILABLE", "0/2", "nginx:2", "app=web"],
    );
    contains(&kubectl.run("scale -n shop deploy/web --replicas=5").await, &["deployment.apps/web scaled"]);
    contains(&kubectl.run("label -n shop deploy/web tier=front").await, &["labeled"]);
    contains(&kubectl.run("annotate -n shop deploy/web note='a b'").await, &["annotated"]);
    contains(&kubectl.run("set image -n shop deploy/web c=nginx:3").await, &["image updated"]);
    contains(&kubectl.run("patch -n shop deploy web -p '{\"spec\":{\"paused\":true}}'").await, &["patched"]);
    contains(
        &kubectl.run("patch -n shop deploy web --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/paused\"}]'").await,
        &["patched"],
    );
    let shown: Value = serde_json::from_str(&kubectl.run("get deploy web -n shop -o json").await).expect("JSON");
    assert_eq!((&shown["spec"]["replicas"], &shown["metadata"]["labels"]["tier"]), (&5.into(), &"front".into()));
    assert_eq!(shown["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:3");
    contains(&kubectl.run("describe -n shop deploy web").await, &["Name:", "web", "5 desired", "nginx:3", "note: a b"]);
    contains(&kubectl.run("get all -n shop --show-labels").await, &["deployment.apps/web", "tier=front"]);
    contains(&kubectl.run("create configmap settings -n shop --from-literal=a=b").await, &["created"]);
    contains(&kubectl.run("create secret generic keys -n shop --from-literal=a=b").await, &["created"]);
    contains(&kubectl.run("get cm,secret -n shop").await, &["configmap/settings", "DATA", "secret/keys", "Opaque"]);
    contains(&kubectl.run("get cm -A -l none=none").await, &[]);
    contains(
        &kubectl.run("wait -n shop deploy/web --for=jsonpath={.spec.replicas}=5 --timeout=10s").await,
        &["condition met"],
    );
    contains(&kubectl.run("auth can-i create pods").await, &["yes"]);
    contains(&kubectl.run("delete deploy web -n shop --cascade=foreground --timeout=20s").await, &["deleted"]);
    contains(
        &kubectl.fails("get deploy web -n shop", "").await,
        &["Error from server (NotFound): deployments.apps \"web\" not found"],
    );
    contains(&kubectl.run("delete ns shop --timeout=20s").await, &["namespace \"shop\" deleted"]);
    contains(&kubectl.fails("get ns shop", "").await, &["NotFound"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served() {
    let Some(kubectl) = Kubectl::new().await else { return };
    contains(&kubectl.run("version").await, &["Server Version: v1.36"]);
    contains(&kubectl.run("api-versions").await, &["apps/v1", "rbac.authorization.k8s.io/v1", "v1"]);
    contains(
        &kubectl.run("api-resources").await,
        &["deploy", "apps/v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler"],
    );
    contains(
        &kubectl.run("api-resources --namespaced=false --verbs=list -o name").await,
        &["nodes", "customresourcedefinitions.apiextensions.k8s.io"],
    );
    contains(
        &kubectl.run("explain deployment.spec.template.spec.containers").await,
        &["KIND:", "Deployment", "imagePullPolicy"],
    );
    contains(&kubectl.run("explain pods --recursive").await, &["tolerationSeconds"]);
    contains(&kubectl.run("get --raw /readyz").await, &["ok"]);
    contains(&kubectl.run("get --raw /openapi/v3").await, &["apis/apps/v1"]);
    contains(&kubectl.run("cluster-info").await, &["Kubernetes control plane", "is running at"]);
    contains(&kubectl.run("get clusterroles").await, &["cluster-admin", "CREATED AT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_and_server_side_apply() {
    let Some(kubectl) = Kubectl::new().await else { return };
    let wrong = WEB.replace("replicas: 2", "replicass: 2");
    contains(&kubectl.fails("apply -f -", &wrong).await, &["strict decoding error: unknown field \"spec.replicass\""]);
    contains(
        &kubectl.fails("apply -f -", &WEB.replace("app: web}}\n  template", "app: other}}\n  template")).await,
        &["spec.template.metadata.labels", "`selector` does not match template `labels`"],
    );
    contains(&kubectl.run_with("apply --server-side -f -", WEB).await, &["deployment.apps/web serverside-applied"]);
    let other = WEB.replace("replicas: 2", "replicas: 7");
    let conflict = kubectl.fails("apply --server-side --field-manager=other -f -", &other).await;
    contains(
        &conflict,
        &["Apply failed with 1 conflict: conflict with \"kubectl\": .spec.replicas", "--force-conflicts"],
    );
    contains(
        &kubectl.run_with("apply --server-side --field-manager=other --force-conflicts -f -", &other).await,
        &["serverside-applied"],
    );
    contains(
        &kubectl.run("get deploy web -o yaml --show-managed-fields").await,
        &["manager: other", "operation: Apply", "replicas: 7"],
    );
    contains(
        &kubectl.run_with("apply --dry-run=server -f -", &WEB.replace("name: web,", "name: dry,")).await,
        &["created (server dry run)"],
    );
    contains(&kubectl.fails("get deploy dry", "").await, &["NotFound"]);
    contains(&kubectl.run_with("replace -f -", WEB).await, &["deployment.apps/web replaced"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn editing_and_watching() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.run("create configmap a --from-literal=k=before").await;
    let mut watching = tokio::process::Command::from(kubectl.command("get cm -w --no-headers"));
    let mut child = watching.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("kubectl runs");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let mut next = async || {
        let line = tokio::time::timeout(crate::harness::PATIENCE, lines.next_line()).await.expect("in time");
        line.expect("readable").expect("a line")
    };
    contains(&next().await, &["a", "1"]);
    let editor = kubectl.directory.path().join("editor");
    std::fs::write(&editor, "#!/bin/sh\nsed -i 's/k: before/k: after\\n  l: more/' \"$1\"\n").expect("written");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let mut edit = kubectl.command("edit cm a");
    edit.env("KUBE_EDITOR", &editor);
    let edited = tokio::task::spawn_blocking(move || edit.output().expect("kubectl runs")).await.expect("no panic");
    contains(&String::from_utf8_lossy(&edited.stdout), &["configmap/a edited"]);
    contains(&next().await, &["a", "2"]);
    contains(&kubectl.run("get cm a -o jsonpath={.data}").await, &["after", "more"]);
    kubectl.run("create configmap b").await;
    contains(&next().await, &["b", "0"]);
}

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing, shortNames: [th]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What a thing should be.
            properties: {size: {type: integer, description: How large it is.}}
";

#[tokio::test(flavor = "multi_thread")]
async fn custom_resources() {
    let Some(kubectl) = Kubectl::new().await else { return };
    contains(
        &kubectl.run_with("apply -f -", DEFINITION).await,
        &["customresourcedefinition.apiextensions.k8s.io/things.example.com created"],
    );
    contains(
        &kubectl.run("wait --for=condition=Established crd/things.example.com --timeout=10s").await,
        &["condition met"],
    );
    let thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: a}\nspec: {size: 3}\n";
    contains(&kubectl.run_with("apply -f -", thing).await, &["thing.example.com/a created"]);
    contains(&kubectl.run_with("apply -f -", thing).await, &["thing.example.com/a unchanged"]);
    contains(&kubectl.run_with("apply -f -", &thing.replace('3', "4")).await, &["thing.example.com/a configured"]);
    contains(&kubectl.run_with("apply --server-side -f -", &thing.replace('3', "4")).await, &["serverside-applied"]);
    contains(&kubectl.run("get th").await, &["NAME", "SIZE", "a", "4"]);
    contains(&kubectl.run("explain thing.spec").await, &["What a thing should be.", "size", "How large it is."]);
    contains(&kubectl.fails("apply -f -", &thing.replace("size", "sise")).await, &["unknown field \"spec.sise\""]);
    contains(&kubectl.run("delete crd things.example.com --timeout=20s").await, &["deleted"]);
    contains(&kubectl.fails("get th", "").await, &["the server"]);
    kubectl.served.stop.cancel();
}

//! What the tests run: API servers in this process, on loopback with TLS and RBAC, and the binary itself
//! in processes of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use outrigger_apiserver::{ApiServer, Options};
use outrigger_auth::pki::{self, CertificateAuthority, Credentials, Serving};
use outrigger_auth::service_account::TokenIssuer;
use outrigger_auth::{Secret, User};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::Client;
use outrigger_store::MemoryStore;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// Long enough for a loaded machine; nothing here waits that long when it works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An API server with an administrator's kubeconfig.
pub struct Api {
    pub name: String,
    pub url: String,
    pub kubeconfig: PathBuf,
    pub client: Client,
    authority: Arc<CertificateAuthority>,
    server: ApiServer,
    stop: CancellationToken,
    directory: tempfile::TempDir,
}

impl Api {
    pub async fn start(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = jiff::Timestamp::now();
        let pki_directory = directory.path().join("pki");
        let authority = Arc::new(CertificateAuthority::open(&pki_directory, name, now).unwrap());
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = outrigger_apiserver::listen(listen).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let hour = Duration::from_secs(3600);
        let serving = Arc::new(Serving::issue(&authority, vec!["127.0.0.1".into()], hour, now).unwrap());
        let tls = pki::server_config(&authority, serving).unwrap();
        let options = Options {
            signer: Some(authority.clone()),
            token_issuer: Some(TokenIssuer::open(&pki_directory).unwrap()),
            ..Options::default()
        };
        let server = ApiServer::start(Arc::new(MemoryStore::default()), options).await.unwrap();
        let stop = CancellationToken::new();
        let (served, cancel) = (server.clone(), stop.clone());
        tokio::spawn(async move { served.serve(listener, tls, cancel).await });
        let issued = authority.issue_client("admin", &["system:masters"], hour, now).unwrap();
        let admin = Credentials::Certificate { certificate: &issued.certificate, key: &issued.key };
        let kubeconfig = directory.path().join("kubeconfig");
        write(&kubeconfig, &pki::kubeconfig(name, &url, authority.certificate(), admin));
        let masters = User::authenticated("admin", ["system:masters"]);
        let client = Client::new(kube::Client::new(server.service_as(masters), "default"), name);
        Self { name: name.into(), url, kubeconfig, client, authority, server, stop, directory }
    }

    /// A kubeconfig with a ServiceAccount's token.
    pub async fn account(&self, namespace: &str, name: &str) -> PathBuf {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
        let request = http::Request::post(format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&body).unwrap())
            .unwrap();
        let answer: Value = self.client.kube().request(request).await.unwrap();
        let token = Secret::new(answer.pointer("/status/token").and_then(Value::as_str).unwrap());
        let file = self.directory.path().join(format!("{name}.kubeconfig"));
        write(&file, &pki::kubeconfig(&self.name, &self.url, self.authority.certificate(), Credentials::Token(&token)));
        file
    }

    /// No longer answers, as if it had lost power.
    pub async fn fail(&self) {
        self.stop.cancel();
        self.server.stop().await;
    }
}

fn write(file: &Path, kubeconfig: &Value) {
    std::fs::write(file, kubeconfig.to_string()).unwrap();
}

/// A client by a kubeconfig file.
pub async fn client(file: &Path, name: &str) -> Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(file).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    Client::new(kube::Client::try_from(config).unwrap(), name)
}

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outrigger"));
    command.env_remove("KUBECONFIG").env("OUTRIGGER_DATA", "/nonexistent").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a command to its end. Gives what it said, on both streams, and its exit code.
pub async fn outrigger(args: &[&str]) -> (String, i32) {
    let running = binary().args(args).output();
    let Output { status, stdout, stderr } = tokio::time::timeout(PATIENCE * 2, running).await.unwrap().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    println!("$ outrigger {}\n{said}", args.join(" "));
    (said, status.code().unwrap_or(-1))
}

/// A command that runs on. What it says goes to the test's output.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts a command, and waits until it says `until` on standard error.
    pub async fn start(args: &[&str], until: &str) -> Self {
        let mut child = binary().args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (name, until) = (args.first().copied().unwrap_or_default().to_owned(), until.to_owned());
        let (said, heard) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut said = Some(said);
            while let Ok(Some(line)) = lines.next_line().await {
                println!("[{name}] {line}");
                if line.contains(&until) {
                    said.take().map(|said| said.send(()));
                }
            }
        });
        tokio::time::timeout(PATIENCE, heard).await.expect("it takes too long").expect("it ended early");
        Self { child }
    }

    /// Ends it as a service manager would. Gives its exit code.
    pub async fn end(mut self) -> i32 {
        let id = self.child.id().expect("it has ended already").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it does not end on SIGTERM");
        ended.unwrap().code().unwrap_or(-1)
    }
}

/// A port that is free now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A kind, by group, version, kind and plural.
pub fn kind(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Resource {
    Resource {
        gvk: Gvk::new(group, version, kind),
        plural: plural.into(),
        namespaced,
        has_status: false,
        has_scale: false,
    }
}

pub fn clusters() -> Resource {
    kind("cluster.karmada.io", "v1alpha1", "Cluster", "clusters", false)
}

pub fn config_maps() -> Resource {
    kind("", "v1", "ConfigMap", "configmaps", true)
}

pub fn namespaces() -> Resource {
    kind("", "v1", "Namespace", "namespaces", false)
}

pub fn secrets() -> Resource {
    kind("", "v1", "Secret", "secrets", true)
}

pub fn service_accounts() -> Resource {
    kind("", "v1", "ServiceAccount", "serviceaccounts", true)
}

pub fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(namespace, name)
}

/// Waits until an object is as it should be.
pub async fn until(client: &Client, resource: &Resource, key: &ObjectKey, mut is: impl FnMut(Option<&Object>) -> bool) {
    let mut last = None;
    let judged = crate::wait::until(client, resource, key, PATIENCE, |object| {
        last = object.cloned();
        is(object).then_some(())
    });
    let judged = judged.await;
    assert!(
        matches!(judged, Ok(Some(()))),
        "{} {key} did not become what it should: {judged:?}, {last:#?}",
        resource.gvk
    );
}

pub fn is_ready(cluster: Option<&Object>) -> bool {
    let conditions = cluster.and_then(|cluster| cluster.get(&["status", "conditions"])).and_then(Value::as_array);
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Requests that a process had refused for want of a right, by its own count.
pub async fn refusals(port: u16) -> Vec<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("client_requests") && text.contains(r#"code="200""#), "no metrics:\n{text}");
    text.lines().filter(|line| line.contains(r#"code="403""#)).map(str::to_owned).collect()
}

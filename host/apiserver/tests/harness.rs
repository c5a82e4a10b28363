//! Servers to test, and shorthands for what tests do with them.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use outrigger_apiserver::{ApiServer, Options, User};
use outrigger_auth::pki::CertificateAuthority;
use outrigger_store::MemoryStore;
use serde_json::{Value, json};

/// How long anything may take that a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server in memory.
pub async fn server() -> ApiServer {
    server_with(Options::default()).await
}

/// A server in memory that is not quite ordinary.
pub async fn server_with(options: Options) -> ApiServer {
    ApiServer::start(Arc::new(MemoryStore::default()), options).await.expect("a server")
}

/// An authority, for servers that sign.
pub fn authority() -> Arc<CertificateAuthority> {
    let (authority, _) = CertificateAuthority::create("test", jiff::Timestamp::now()).expect("an authority");
    Arc::new(authority)
}

/// A client that may do everything.
pub fn admin(server: &ApiServer) -> Client {
    client_as(server, User::system("admin"))
}

/// A client of some user.
pub fn client_as(server: &ApiServer, user: User) -> Client {
    Client::new(server.service_as(user), "default")
}

/// One kind by its names.
pub fn kind(api_version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// ConfigMaps of a namespace.
pub fn config_maps(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind("v1", "ConfigMap", "configmaps"))
}

/// Deployments of a namespace.
pub fn deployments(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &kind("apps/v1", "Deployment", "deployments"))
}

/// An object from its JSON.
pub fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).expect("an object")
}

/// A ConfigMap.
pub fn config_map(name: &str, data: Value) -> DynamicObject {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}))
}

/// A Deployment that passes validation.
pub fn deployment(name: &str) -> DynamicObject {
    object(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}}}))
}

/// A new namespace with a name of its own.
pub async fn namespace(client: &Client) -> String {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind("v1", "Namespace", "namespaces"));
    let wanted = object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}}));
    let made = api.create(&PostParams::default(), &wanted).await.expect("a namespace");
    made.metadata.name.expect("a name")
}

/// Sends a request as it is and gives code and JSON of the answer.
pub async fn raw(client: &Client, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(kube::client::Body::from(body.as_bytes().to_vec())).expect("a request");
    let response = client.send(request).await.expect("an answer");
    let code = response.status().as_u16();
    let bytes = http_body_util::BodyExt::collect(response.into_body()).await.expect("a body").to_bytes();
    let value = serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes)));
    (code, value)
}

/// A write of JSON.
pub async fn send(client: &Client, method: &str, path: &str, body: &Value) -> (u16, Value) {
    raw(client, method, path, &[("content-type", "application/json")], &body.to_string()).await
}

/// A patch.
pub async fn patch(client: &Client, path: &str, media_type: &str, body: &Value) -> (u16, Value) {
    let media_type = format!("application/{media_type}");
    raw(client, "PATCH", path, &[("content-type", &media_type)], &body.to_string()).await
}

/// A read.
pub async fn get(client: &Client, path: &str) -> (u16, Value) {
    raw(client, "GET", path, &[], "").await
}

/// The lines of a watch, one by one.
pub struct Lines(std::pin::Pin<Box<dyn futures::Stream<Item = Value> + Send>>);

impl Lines {
    /// Begins a watch; the path has its query.
    pub async fn open(client: &Client, path: &str) -> Self {
        Self::open_with(client, path, &[]).await
    }

    /// Begins a watch with headers.
    pub async fn open_with(client: &Client, path: &str, headers: &[(&str, &str)]) -> Self {
        use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(kube::client::Body::empty()).expect("a request");
        let response = client.send(request).await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let frames = http_body_util::BodyStream::new(response.into_body())
            .try_filter_map(|frame| async move { Ok(frame.into_data().ok()) })
            .map_err(std::io::Error::other);
        let lines = frames.into_async_read().lines();
        Self(Box::pin(lines.map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"))))
    }

    /// The next line; `None` when the watch has ended.
    pub async fn next(&mut self) -> Option<Value> {
        use futures::StreamExt;
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a line in time")
    }

    /// The next line as `TYPE name`; bookmarks have no name.
    pub async fn next_short(&mut self) -> String {
        let line = self.next().await.expect("a line");
        let kind = line["type"].as_str().unwrap_or_default();
        match line.pointer("/object/metadata/name").and_then(Value::as_str) {
            Some(name) => format!("{kind} {name}"),
            None => kind.to_owned(),
        }
    }
}

/// Waits until an object is gone.
pub async fn gone(client: &Client, path: &str) {
    until(client, path, |code, _| code == 404).await;
}

/// Waits until an answer is as wanted; the object is watched, not polled for.
pub async fn until(client: &Client, path: &str, wanted: impl Fn(u16, &Value) -> bool) -> Value {
    let (collection, name) = path.rsplit_once('/').expect("a path of an object");
    let watch = format!("{collection}?watch=true&fieldSelector=metadata.name%3D{name}");
    let mut lines = Lines::open(client, &watch).await;
    let waiting = async {
        loop {
            let (code, value) = get(client, path).await;
            if wanted(code, &value) {
                return value;
            }
            if lines.next().await.is_none() {
                lines = Lines::open(client, &watch).await;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(value) => value,
        Err(_) => panic!("{path} did not become as wanted: {:?}", get(client, path).await),
    }
}

/// Servers that keep the contract: ours, and the one that the environment names.
pub async fn each<F>(test: F)
where
    F: AsyncFn(Client),
{
    let server = server().await;
    test(admin(&server)).await;
    server.stop().await;
    if let Some(client) = other().await {
        test(client).await;
    }
}

async fn other() -> Option<Client> {
    let path = std::env::var("OUTRIGGER_TEST_KUBECONFIG").ok()?;
    let kubeconfig = kube::config::Kubeconfig::read_from(path).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.expect("a config");
    Some(Client::try_from(config).expect("a client"))
}

/// A server on a loopback port, with what is needed to talk to it.
pub struct Served {
    pub server: ApiServer,
    pub authority: Arc<CertificateAuthority>,
    pub url: String,
    pub stop: tokio_util::sync::CancellationToken,
    pub task: tokio::task::JoinHandle<outrigger_apiserver::Result<()>>,
}

/// Serves HTTPS on a free port.
pub async fn serve(mut options: Options) -> Served {
    use outrigger_auth::pki::{Serving, server_config};
    let authority = authority();
    options.signer.get_or_insert_with(|| authority.clone());
    let server = server_with(options).await;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let day = Duration::from_secs(86400);
    let serving = Serving::issue(&authority, names, day, jiff::Timestamp::now()).expect("a certificate");
    let tls = server_config(&authority, Arc::new(serving)).expect("TLS");
    let listener = outrigger_apiserver::listen("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let stop = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn({
        let (server, stop) = (server.clone(), stop.clone());
        async move { server.serve(listener, tls, stop).await }
    });
    Served { server, authority, url, stop, task }
}

impl Served {
    /// The kubeconfig of a user with a certificate.
    pub fn kubeconfig(&self, user: &str, groups: &[&str]) -> Value {
        use outrigger_auth::pki::{Credentials, kubeconfig};
        let day = Duration::from_secs(86400);
        let issued = self.authority.issue_client(user, groups, day, jiff::Timestamp::now()).expect("a certificate");
        let credentials = Credentials::Certificate { certificate: &issued.certificate, key: &issued.key };
        kubeconfig("test", &self.url, self.authority.certificate(), credentials)
    }

    /// The kubeconfig of whoever has a token.
    pub fn kubeconfig_with_token(&self, token: &str) -> Value {
        use outrigger_auth::pki::{Credentials, kubeconfig};
        let token = outrigger_auth::Secret::new(token);
        kubeconfig("test", &self.url, self.authority.certificate(), Credentials::Token(&token))
    }
}

/// A client over the network.
pub async fn connect(kubeconfig: Value) -> Client {
    let kubeconfig: kube::config::Kubeconfig = serde_json::from_value(kubeconfig).expect("a kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.expect("a config");
    Client::try_from(config).expect("a client")
}

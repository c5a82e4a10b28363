//! [`Endpoint`]: an embedded API server on a port, with its keys and its administrator's kubeconfig.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use outrigger_apiserver::{ApiServer, Options};
use outrigger_auth::{
    User,
    pki::{self, CertificateAuthority, Credentials, Serving},
    service_account::TokenIssuer,
};
use outrigger_store::Store;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

const ADMIN_CERTIFICATE_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
const SERVING_CERTIFICATE_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
const RENEWAL_CHECK: Duration = Duration::from_secs(3600);

/// How an endpoint is set up.
pub struct Setup<'a> {
    /// Directory of the keys and the kubeconfig.
    pub directory: &'a Path,
    /// Name of the cluster in the kubeconfig.
    pub name: &'a str,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Further names by which clients reach it; the first goes into the kubeconfig.
    pub names: &'a [String],
    /// Further metrics for `/metrics`, in Prometheus' text format.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

/// An embedded API server on a port.
pub struct Endpoint {
    server: ApiServer,
    url: String,
    kubeconfig: PathBuf,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Endpoint {
    /// Starts an API server over a store and serves it. Keys that are in the directory are used
    /// again, so that kubeconfigs that were given out stay good.
    pub async fn start(store: Arc<dyn Store>, setup: Setup<'_>) -> Result<Self> {
        let now = Timestamp::now();
        let authority = Arc::new(CertificateAuthority::open(&setup.directory.join("pki"), "outrigger", now)?);
        let listener = TcpListener::bind(setup.listen).await.with_context(|| busy_port(setup.listen))?;
        let address = listener.local_addr()?;
        let (url, names) = names(address, setup.names);
        let serving = Arc::new(Serving::issue(&authority, names, SERVING_CERTIFICATE_LIFE, now)?);
        let tls = pki::server_config(&authority, serving.clone())?;

        let kubeconfig = setup.directory.join("admin.kubeconfig");
        let issued = authority.issue_client("outrigger-admin", &["system:masters"], ADMIN_CERTIFICATE_LIFE, now)?;
        let credentials = Credentials::Certificate { certificate: &issued.certificate, key: &issued.key };
        let content = pki::kubeconfig(setup.name, &url, authority.certificate(), credentials);
        outrigger_auth::write_private(&kubeconfig, &serde_saphyr::to_string(&content)?)?;

        let issuer = TokenIssuer::open(&setup.directory.join("pki"))?;
        let options = Options {
            signer: Some(authority.clone()),
            token_issuer: Some(issuer),
            more_metrics: setup.metrics,
            ..Options::default()
        };
        let server = ApiServer::start(store, options).await?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let (served, cancel) = (server.clone(), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = served.serve(listener, tls, cancel).await {
                tracing::error!(%error, "the API server stopped serving");
            }
        });
        let cancel = stop.clone();
        tasks.spawn(async move {
            cancel.run_until_cancelled(renew(&authority, &serving)).await;
        });
        Ok(Self { server, url, kubeconfig, tasks, stop })
    }

    /// Its URL, as written in the kubeconfig.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client in this process, without a socket, that acts as a member of `system:masters`.
    pub fn client(&self, name: &str) -> kube::Client {
        let user = User::authenticated(name, ["system:masters"]);
        kube::Client::new(self.server.service_as(user), "default")
    }

    /// Stops serving, and waits until it has.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.server.stop().await;
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn renew(authority: &CertificateAuthority, serving: &Serving) {
    loop {
        tokio::time::sleep(RENEWAL_CHECK).await;
        if let Err(error) = serving.renew_if_due(authority, Timestamp::now()) {
            tracing::error!(%error, "the serving certificate could not be renewed");
        }
    }
}

fn busy_port(address: SocketAddr) -> String {
    format!("cannot listen on {address}: stop what uses that port, or choose another one with --listen")
}

/// The URL for the kubeconfig, and all names for the certificate.
fn names(address: SocketAddr, given: &[String]) -> (String, Vec<String>) {
    let own = if address.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { address.ip() };
    let mut names: Vec<String> = given.to_vec();
    for name in [own.to_string(), "127.0.0.1".to_owned(), "localhost".to_owned()] {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let host = given.first().cloned().unwrap_or_else(|| own.to_string());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    (format!("https://{host}:{}", address.port()), names)
}

/// Opens a durable store in a directory that belongs to this process alone.
pub fn open_store(directory: &Path) -> Result<Arc<dyn Store>> {
    let store = outrigger_store::RedbStore::open(directory.join("store"), outrigger_store::Options::default())?;
    if !directory.is_dir() {
        bail!("{} is not a directory", directory.display());
    }
    Ok(Arc::new(store))
}

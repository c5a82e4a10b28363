//! Member clusters: API servers in this process, or real ones by kubeconfig; simulated controllers on both.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use outrigger_addon::Addon as _;
use outrigger_apiserver::{ApiServer, Options};
use outrigger_auth::{
    pki::{self, CertificateAuthority, Credentials, Serving},
    service_account::TokenIssuer,
};
use outrigger_runtime::Client;
use outrigger_store::MemoryStore;
use outrigger_testkit::{SimulatedMember, SimulatorOptions, install_crds};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::api;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A member cluster.
pub struct Member {
    pub name: String,
    pub kubeconfig: PathBuf,
    pub client: Client,
    embedded: Option<Embedded>,
    simulator: Option<SimulatedMember>,
}

impl Member {
    /// The real cluster of that name, if the environment has one, else one in this process.
    pub async fn start(name: &str, directory: &Path) -> Self {
        let (kubeconfig, embedded) = match real(name) {
            Some(kubeconfig) => (kubeconfig, None),
            None => {
                let embedded = Embedded::start(name, &directory.join(name)).await;
                (embedded.kubeconfig.clone(), Some(embedded))
            }
        };
        let client = api::client(&kubeconfig, name).await;
        Self { name: name.to_owned(), kubeconfig, client, embedded, simulator: None }
    }

    /// With Velero's CRDs.
    pub async fn with_velero(self) -> Self {
        let crds = outrigger_addon_velero::Velero::new().unwrap().crds();
        install_crds(self.client.kube(), &crds).await.unwrap();
        self
    }

    /// With controllers: Velero's, and where the cluster has none of its own, that of Deployments.
    pub async fn with_controllers(mut self, items: i64) -> Self {
        let mut client = api::kube_client(&self.kubeconfig).await;
        if self.embedded.is_none() {
            client = without_deployments(client, api::config(&self.kubeconfig).await);
        }
        self.simulator = Some(SimulatedMember::start(client, SimulatorOptions { items, ..Default::default() }));
        self
    }

    /// Whether it is a real cluster, with controllers of its own.
    pub fn is_real(&self) -> bool {
        self.embedded.is_none()
    }

    /// Its kubeconfig, as an argument.
    pub fn file(&self) -> String {
        self.kubeconfig.display().to_string()
    }

    /// No longer answers, as if it had lost power. What it has stored stays.
    pub async fn stop(&mut self) {
        self.embedded.as_mut().unwrap().stop().await;
    }

    /// Answers again, on the same address.
    pub async fn resume(&mut self) {
        self.embedded.as_mut().unwrap().resume().await;
    }
}

/// The kubeconfig of a real cluster of that name.
fn real(name: &str) -> Option<PathBuf> {
    let list = std::env::var("OUTRIGGER_E2E_MEMBERS").ok()?;
    let pairs = list.split(',').filter(|pair| !pair.is_empty());
    let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("{pair:?} is not name=kubeconfig")));
    pairs.find(|(found, _)| *found == name).map(|(_, file)| file.into())
}

/// A client that finds no Deployments, so that the simulated controller leaves them to the real one.
fn without_deployments(inner: kube::Client, config: kube::Config) -> kube::Client {
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let inner = inner.clone();
        async move {
            if request.uri().path().starts_with("/apis/apps/") {
                return Err(std::io::Error::other("left to the cluster's own controllers").into());
            }
            inner.send(request).await.map_err(tower::BoxError::from)
        }
    });
    kube::Client::new(service.boxed_clone(), config.default_namespace)
}

/// An API server in this process, on a loopback port with TLS.
struct Embedded {
    kubeconfig: PathBuf,
    directory: PathBuf,
    address: SocketAddr,
    authority: Arc<CertificateAuthority>,
    store: Arc<MemoryStore>,
    running: Option<(ApiServer, CancellationToken, JoinHandle<()>)>,
}

impl Embedded {
    async fn start(name: &str, directory: &Path) -> Self {
        let now = jiff::Timestamp::now();
        let authority = Arc::new(CertificateAuthority::open(&directory.join("pki"), name, now).unwrap());
        let mut embedded = Self {
            kubeconfig: directory.join("kubeconfig"),
            directory: directory.to_owned(),
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            authority,
            store: Arc::default(),
            running: None,
        };
        embedded.resume().await;
        let issued = embedded.authority.issue_client("e2e", &["system:masters"], DAY, now).unwrap();
        let admin = Credentials::Certificate { certificate: &issued.certificate, key: &issued.key };
        let url = format!("https://{}", embedded.address);
        let kubeconfig = pki::kubeconfig(name, &url, embedded.authority.certificate(), admin);
        outrigger_auth::write_private(&embedded.kubeconfig, &kubeconfig.to_string()).unwrap();
        embedded
    }

    async fn resume(&mut self) {
        let listener = outrigger_apiserver::listen(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let serving = Arc::new(Serving::issue(&self.authority, names, DAY, jiff::Timestamp::now()).unwrap());
        let tls = pki::server_config(&self.authority, serving).unwrap();
        let options = Options {
            signer: Some(self.authority.clone()),
            token_issuer: Some(TokenIssuer::open(&self.directory.join("pki")).unwrap()),
            ..Options::default()
        };
        let server = ApiServer::start(self.store.clone(), options).await.unwrap();
        let stop = CancellationToken::new();
        let (served, cancel) = (server.clone(), stop.clone());
        let serving = tokio::spawn(async move {
            served.serve(listener, tls, cancel).await.unwrap();
        });
        self.running = Some((server, stop, serving));
    }

    async fn stop(&mut self) {
        let (server, stop, serving) = self.running.take().unwrap();
        stop.cancel();
        server.stop().await;
        serving.await.unwrap();
    }
}

//! [`Connection`]: one client to the control plane, for as long as the agent runs.
//!
//! **Invariant:** a renewal changes what new requests are sent with and breaks none that is under way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Response};
use kube::client::Body;
use outrigger_runtime::{Client, Clock};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Credentials, EnrolConfig, request};
use crate::Result;

/// A connection to the control plane that renews its certificate.
pub struct Connection {
    cluster: String,
    directory: PathBuf,
    config: EnrolConfig,
    clock: Arc<dyn Clock>,
    credentials: ArcSwap<Credentials>,
    current: Arc<ArcSwap<kube::Client>>,
    client: kube::Client,
}

impl Connection {
    /// Connects with an agent's credentials; renewed ones are stored in `directory`.
    pub fn new(
        cluster: impl Into<String>,
        directory: impl Into<PathBuf>,
        credentials: Credentials,
        config: EnrolConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let current = Arc::new(ArcSwap::from_pointee(credentials.client()?));
        let through = current.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let client = through.load_full();
            async move { client.send(request).await as kube::Result<Response<Body>> }
        });
        Ok(Self {
            cluster: cluster.into(),
            directory: directory.into(),
            config,
            clock,
            credentials: ArcSwap::from_pointee(credentials),
            current,
            client: kube::Client::new(service, "default"),
        })
    }

    /// The client; it goes on after renewals.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Renews the certificate whenever it is due, until cancelled.
    pub async fn keep(&self, cancel: CancellationToken) {
        let keeping = async {
            let mut failures = 0u32;
            loop {
                let due = self.credentials.load().renewal().unwrap_or_else(|_| self.clock.now());
                let wait = due.duration_since(self.clock.now());
                if let Ok(wait) = Duration::try_from(wait)
                    && !wait.is_zero()
                {
                    // Looked at now and then, as the machine's clock may jump.
                    tokio::time::sleep(wait.min(Duration::from_secs(3600))).await;
                    continue;
                }
                match self.renew().await {
                    Ok(()) => failures = 0,
                    Err(error) => {
                        warn!(error = %error, "the certificate could not be renewed");
                        failures = failures.saturating_add(1);
                        tokio::time::sleep(Duration::from_secs(10) * failures.min(30)).await;
                    }
                }
            }
        };
        cancel.run_until_cancelled(keeping).await;
    }

    /// Renews the certificate now.
    pub async fn renew(&self) -> Result<()> {
        let client = Client::new(self.client(), "control plane");
        let (certificate, key) = request::certificate(&client, &self.cluster, self.config).await?;
        let renewed = Credentials { certificate, key, ..(**self.credentials.load()).clone() };
        let next = renewed.client()?;
        renewed.store(&self.directory)?;
        self.credentials.store(Arc::new(renewed));
        self.current.store(Arc::new(next));
        info!(cluster = self.cluster, "the certificate was renewed");
        Ok(())
    }
}

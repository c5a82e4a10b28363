//! `outrigger serve`: the control plane, over an API server of its own or over an existing one.
//!
//! | | API server | store | leader |
//! |---|---|---|---|
//! | [`ControlPlane`] | embedded, in this process | a directory | the one process that has the directory |
//! | [`external`] | any Kubernetes API server | that server's | the holder of a Lease |
//!
//! Both run [`Host`]: the same controllers, which cannot tell the difference.

pub mod endpoint;
mod external;
mod host;
mod install;

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use outrigger_runtime::{Client, Metrics};
use prometheus_client::registry::Registry;

use crate::{cli, connect, engine};

use endpoint::{Endpoint, Setup};
use host::Host;
pub use host::changes;

/// Runs `outrigger serve` until it is told to stop.
pub async fn run(args: cli::Serve) -> Result<()> {
    if args.kubeconfig.is_some() || args.in_cluster {
        return external::run(args).await;
    }
    let directory = args.data_dir.unwrap_or_else(connect::default_data_dir);
    let plane = ControlPlane::start(&directory, args.listen, &args.names, args.interpreters.as_deref()).await?;
    eprintln!("serving on {}", plane.endpoint().url());
    eprintln!("data and keys in {}", directory.display());
    eprintln!("try: kubectl --kubeconfig {} get clusters", plane.endpoint().kubeconfig().display());
    crate::signals::stop().await?;
    eprintln!("stopping");
    plane.stop().await;
    Ok(())
}

/// A control plane in this process: API server, store and controllers.
pub struct ControlPlane {
    endpoint: Endpoint,
    hub: Client,
    host: Host,
}

impl ControlPlane {
    /// Starts it in a directory that nobody else may use at the same time.
    pub async fn start(
        directory: &Path,
        listen: SocketAddr,
        names: &[String],
        interpreters: Option<&Path>,
    ) -> Result<Self> {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let store = endpoint::open_store(directory)?;
        let mut registry = Registry::default();
        let engine = engine::engine(interpreters)?;
        outrigger_customization::metrics::register(engine.clone(), &mut registry);
        let hooks = outrigger_webhook::Metrics::register(&mut registry);
        let metrics = Metrics::register(&mut registry);
        let shown = move || {
            let mut text = String::new();
            // Writing into a String does not fail.
            let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
            text
        };
        let setup = Setup { directory, name: "outrigger", listen, names, metrics: Some(Arc::new(shown)) };
        let endpoint = Endpoint::start(store, setup).await?;
        let hub = Client::new(endpoint.client("system:outrigger:controllers"), connect::HUB).with_metrics(metrics);
        let host = Host::start(hub.clone(), engine, hooks).await?;
        Ok(Self { endpoint, hub, host })
    }

    /// Its API server.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A client for it, without a socket.
    pub fn hub(&self) -> &Client {
        &self.hub
    }

    /// Stops the controllers, then the API server.
    pub async fn stop(self) {
        self.host.stop().await;
        self.endpoint.stop().await;
    }
}

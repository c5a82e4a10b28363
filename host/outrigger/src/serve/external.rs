//! `serve --kubeconfig`: the controllers over an existing Kubernetes API server, one leader at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use outrigger_engine::Engine;
use outrigger_object::ObjectKey;
use outrigger_runtime::{Client, LeaderConfig, LeaderElection, Metrics, SystemClock};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::host::Host;
use crate::{cli, cluster::kinds, connect, engine, health, signals};

const LEASE: &str = "outrigger";
const RETRY: Duration = Duration::from_secs(5);

/// Runs until it is told to stop.
pub async fn run(args: cli::Serve) -> Result<()> {
    let connection = match &args.kubeconfig {
        Some(file) => connect::from_file(file, args.context.as_deref(), connect::HUB).await?,
        None => connect::in_cluster(connect::HUB)?,
    };
    let mut registry = Registry::default();
    let hub = connection.client.clone().with_metrics(Metrics::register(&mut registry));
    let engine = engine::engine(args.interpreters.as_deref())?;
    outrigger_customization::metrics::register(engine.clone(), &mut registry);
    let hooks = outrigger_webhook::Metrics::register(&mut registry);
    // Asked once before anything else, so that a wrong kubeconfig is said at once and not retried.
    hub.raw("/version", None).await.map_err(|error| connect::explain(error, &connection))?;
    ensure_namespace(&hub, &args.lease_namespace).await.map_err(|error| connect::explain(error, &connection))?;

    let stop = CancellationToken::new();
    let state = Arc::new(State { registry, leading: AtomicBool::new(false) });
    let listener = health::bind(args.health_listen).await?;
    let answering = tokio::spawn(health::serve(listener, state.clone(), stop.clone()));
    eprintln!("controlling {} (from {}); health checks on {}", connection.url(), connection.source, args.health_listen);

    let lease = ObjectKey::new(args.lease_namespace.as_str(), LEASE);
    let electing = tokio::spawn(elect(Parts { hub, engine, hooks }, lease, state, stop.clone()));
    signals::stop().await?;
    eprintln!("stopping");
    stop.cancel();
    electing.await?;
    answering.await?;
    Ok(())
}

/// What outlives a term as leader.
#[derive(Clone)]
struct Parts {
    hub: Client,
    engine: Arc<Engine>,
    hooks: outrigger_webhook::Metrics,
}

impl Parts {
    async fn start(&self) -> Result<Host> {
        Host::start(self.hub.clone(), self.engine.clone(), self.hooks.clone()).await
    }
}

/// Leads whenever it can, until told to stop.
async fn elect(parts: Parts, lease: ObjectKey, state: Arc<State>, stop: CancellationToken) {
    let identity = format!("{}_{}", host_name(), std::process::id());
    while !stop.is_cancelled() {
        let config = LeaderConfig::new(lease.clone(), identity.clone());
        let election = LeaderElection::new(parts.hub.clone(), config, Arc::new(SystemClock));
        let (parts, state) = (parts.clone(), state.clone());
        election.run(stop.clone(), |leading| lead(parts, state, leading)).await;
    }
}

async fn lead(parts: Parts, state: Arc<State>, leading: CancellationToken) {
    eprintln!("leading");
    while !leading.is_cancelled() {
        let started = leading.run_until_cancelled(parts.start()).await;
        match started {
            None => break,
            Some(Ok(host)) => {
                state.leading.store(true, Ordering::Relaxed);
                leading.cancelled().await;
                host.stop().await;
            }
            Some(Err(error)) => {
                eprintln!("cannot start the controllers, trying again in {} s: {error:#}", RETRY.as_secs());
                leading.run_until_cancelled(tokio::time::sleep(RETRY)).await;
            }
        }
    }
    state.leading.store(false, Ordering::Relaxed);
}

async fn ensure_namespace(hub: &Client, name: &str) -> outrigger_runtime::Result<()> {
    let key = ObjectKey::new("", name);
    if hub.get_opt(&kinds::namespace(), &key).await?.is_some() {
        return Ok(());
    }
    let mut namespace = outrigger_object::Object::default();
    namespace.set(&["apiVersion"], "v1");
    namespace.set(&["kind"], "Namespace");
    namespace.set(&["metadata", "name"], name);
    hub.apply(&kinds::namespace(), &namespace, false).await.map(|_| ())
}

/// A name of this machine that another replica does not have.
fn host_name() -> String {
    let read = |path| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    std::env::var("HOSTNAME").ok().or_else(|| read("/etc/hostname")).unwrap_or_else(|| "outrigger".to_owned())
}

/// What health checks are told.
struct State {
    registry: Registry,
    leading: AtomicBool,
}

impl health::Health for State {
    /// A replica that waits to lead is as ready as the one that leads.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    fn metrics(&self) -> String {
        let leading = u8::from(self.leading.load(Ordering::Relaxed));
        let mut text = format!("# TYPE outrigger_leading gauge\noutrigger_leading {leading}\n");
        // Writing into a String does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

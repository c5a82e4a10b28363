//! `Cluster.status`: what is known of a member.
//!
//! Inputs: the member's health endpoint, version, discovery, nodes and pods. Output: the Cluster's status,
//! written only where it differs: at the start, when something changed, and at least once in a period.
//!
//! **Invariant:** what could not be collected stays as it was last known; the conditions say so.

mod collect;
mod thresholds;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use outrigger_api::cluster::ClusterStatus;
use outrigger_api::labels::condition::{CLUSTER_COMPLETE_API_ENABLEMENTS, CLUSTER_READY, reason};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{
    Client, Clock, Discovery, ErrorKind, Informer, Patch, Recorder, Result, Subresource, conditions,
};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use thresholds::Thresholds;

use crate::breaker::Breaker;
use thresholds::Seen;

/// How a cluster's status is kept.
#[derive(Clone, Copy, Debug)]
pub struct StatusConfig {
    /// The member is looked at least this often.
    pub period: Duration,
    /// When a change of health is believed.
    pub thresholds: Thresholds,
    /// Whether nodes and pods are watched for the summaries.
    pub summaries: bool,
}

impl Default for StatusConfig {
    fn default() -> Self {
        Self { period: Duration::from_secs(10), thresholds: Thresholds::default(), summaries: true }
    }
}

/// Changes of nodes and pods are gathered for so long.
const SETTLE: Duration = Duration::from_secs(1);
/// Discovery is asked anew this often, for what no CRD tells of.
const REDISCOVER: Duration = Duration::from_secs(300);

/// The kind Cluster.
pub(crate) fn resource() -> Resource {
    Resource {
        gvk: Gvk::new("cluster.karmada.io", "v1alpha1", "Cluster"),
        plural: "clusters".into(),
        namespaced: false,
        has_status: true,
        has_scale: false,
    }
}

pub(crate) struct StatusKeeper {
    pub cluster: String,
    pub hub: Client,
    pub member: Client,
    pub this_cluster: Informer,
    pub discovery: Discovery,
    pub breaker: Breaker,
    pub config: StatusConfig,
    /// Tells of the cluster; an agent has none, since it may not write where Events on Clusters are kept.
    pub recorder: Option<Recorder>,
    pub clock: Arc<dyn Clock>,
}

struct Summaries {
    nodes: Informer,
    pods: Informer,
}

/// What the health endpoint says.
enum Health {
    Healthy,
    Unhealthy,
    Offline(String),
}

impl StatusKeeper {
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let changed = Arc::new(Notify::new());
        let summaries = self.config.summaries.then(|| self.watch_nodes_and_pods(&changed, &cancel));
        let told = changed.clone();
        self.this_cluster.on_change(move |change| {
            // The Cluster came, or somebody wrote its status: look whether it still says the truth.
            if change.object().is_some() {
                told.notify_one();
            }
        });
        let keeping = async {
            let mut served = self.discovery.changes();
            let mut reach = self.breaker.subscribe();
            let (mut seen, mut discovered) = (Seen::default(), Instant::now());
            self.this_cluster.wait_synced().await;
            loop {
                if discovered.elapsed() > REDISCOVER || !self.discovery.is_known() {
                    discovered = Instant::now();
                    if let Err(error) = self.discovery.refresh().await {
                        debug!(error = %error, "discovery failed");
                    }
                }
                served.mark_unchanged();
                if let Err(error) = self.keep(&mut seen, summaries.as_ref()).await {
                    match error.kind() {
                        ErrorKind::Conflict => debug!(error = %error, "the Cluster was written meanwhile"),
                        _ => warn!(error = %error, "the cluster's status could not be written"),
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(self.config.period) => {}
                    _ = served.changed() => {}
                    _ = reach.changed() => {}
                    () = changed.notified() => tokio::time::sleep(SETTLE.min(self.config.period)).await,
                }
            }
        };
        cancel.run_until_cancelled(keeping).await;
    }

    fn watch_nodes_and_pods(&self, changed: &Arc<Notify>, cancel: &CancellationToken) -> Summaries {
        let start = |selection| {
            let informer = Informer::unstarted(selection, cancel);
            let told = changed.clone();
            informer.on_change(move |_| told.notify_one());
            informer.begin(self.member.clone());
            informer
        };
        Summaries { nodes: start(collect::nodes()), pods: start(collect::pods()) }
    }

    /// Looks at the member once, and writes what differs.
    async fn keep(&self, seen: &mut Seen, summaries: Option<&Summaries>) -> Result<()> {
        let Some(cluster) = self.this_cluster.get(&ObjectKey::new("", self.cluster.as_str())) else { return Ok(()) };
        let old: ClusterStatus =
            cluster.status().and_then(|status| serde_json::from_value(status.clone()).ok()).unwrap_or_default();
        let health = self.health().await;
        let observed = ready(&health, self.clock.as_ref());
        let shown = conditions::find(&old.conditions, CLUSTER_READY);
        let ready = seen.adjust(shown, observed, self.config.thresholds);
        let mut new = old.clone();
        if matches!(health, Health::Healthy) && ready.status == "True" {
            self.collect(&mut new, summaries).await;
        }
        conditions::set(&mut new.conditions, ready);
        self.write(&cluster, &old, &new).await
    }

    async fn health(&self) -> Health {
        let mut result = self.member.raw("/readyz", None).await;
        if result.as_ref().is_err_and(|error| error.is_not_found()) {
            result = self.member.raw("/healthz", None).await;
        }
        match result {
            Ok(_) => Health::Healthy,
            Err(error) if error.is_unreachable() => {
                self.breaker.open(error.to_string());
                Health::Offline(error.to_string())
            }
            Err(_) => Health::Unhealthy,
        }
    }

    async fn collect(&self, status: &mut ClusterStatus, summaries: Option<&Summaries>) {
        match collect::version(&self.member).await {
            Ok(version) => status.kubernetes_version = version,
            Err(error) => warn!(error = %error, "the version could not be read"),
        }
        let enablements = collect::enablements(&self.discovery.resources());
        let failed = self.discovery.failed();
        let now = self.clock.now();
        let complete = if enablements.is_empty() {
            let message = "collected empty APIEnablements from the cluster";
            conditions::condition(CLUSTER_COMPLETE_API_ENABLEMENTS, false, reason::API_ENABLEMENTS_EMPTY, message, now)
        } else if !failed.is_empty() {
            let count = enablements.len();
            let message = format!("might collect partial APIEnablements({count}) from the cluster");
            conditions::condition(
                CLUSTER_COMPLETE_API_ENABLEMENTS,
                false,
                reason::API_ENABLEMENTS_PARTIAL,
                message,
                now,
            )
        } else {
            let message = "collected complete APIEnablements from the cluster";
            conditions::condition(
                CLUSTER_COMPLETE_API_ENABLEMENTS,
                true,
                reason::API_ENABLEMENTS_COMPLETE,
                message,
                now,
            )
        };
        conditions::set(&mut status.conditions, complete);
        if !enablements.is_empty() {
            status.api_enablements = enablements;
        }
        if let Some(Summaries { nodes, pods }) = summaries {
            if nodes.synced() {
                status.node_summary = Some(collect::node_summary(&nodes.list()));
            }
            if nodes.synced() && pods.synced() {
                let summary = collect::resource_summary(&nodes.list(), &pods.list());
                let modelings = status.resource_summary.take().map(|old| old.allocatable_modelings).unwrap_or_default();
                status.resource_summary =
                    Some(outrigger_api::cluster::ResourceSummary { allocatable_modelings: modelings, ..summary });
            }
        }
    }

    async fn write(&self, cluster: &Object, old: &ClusterStatus, new: &ClusterStatus) -> Result<()> {
        let text = |status: &ClusterStatus| serde_json::to_value(status).unwrap_or_default();
        let (before, after) = (text(old), text(new));
        let empty = Map::new();
        let fields = |value: &Value| value.as_object().unwrap_or(&empty).clone();
        let (before, after) = (fields(&before), fields(&after));
        let changed: Map<String, Value> = after
            .into_iter()
            .filter(|(name, value)| before.get(name) != Some(value))
            .map(|(name, value)| {
                let patch = with_removals(before.get(&name), value);
                (name, patch)
            })
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        if is_ready(&old.conditions) != is_ready(&new.conditions) {
            info!(cluster = self.cluster, ready = is_ready(&new.conditions), "the cluster's health changed");
        }
        let patch = json!({"metadata": {"resourceVersion": cluster.resource_version()}, "status": changed});
        let key = cluster.key();
        match self.hub.patch(&resource(), &key, &Patch::Merge(patch), Subresource::Status).await {
            Err(error) if error.is_not_found() => Ok(()),
            result => {
                result?;
                self.tell(cluster, old, new);
                Ok(())
            }
        }
    }

    /// An Event when the cluster becomes ready, and when it no longer is.
    fn tell(&self, cluster: &Object, old: &ClusterStatus, new: &ClusterStatus) {
        let Some(recorder) = &self.recorder else { return };
        let ready = |status: &ClusterStatus| conditions::find(&status.conditions, CLUSTER_READY).cloned();
        let Some(now) = ready(new) else { return };
        let before = ready(old);
        if before.as_ref().is_some_and(|before| before.status == now.status) {
            return;
        }
        if now.status == "True" {
            recorder.normal(cluster, &now.reason, now.message);
        } else {
            recorder.warn(cluster, &now.reason, now.message);
        }
    }
}

/// A merge patch merges maps: what went from one is named with a null.
fn with_removals(before: Option<&Value>, after: Value) -> Value {
    let (Some(Value::Object(before)), Value::Object(mut after)) = (before, after.clone()) else { return after };
    for (name, value) in before {
        let next = after.remove(name).map_or(Value::Null, |now| with_removals(Some(value), now));
        after.insert(name.clone(), next);
    }
    Value::Object(after)
}

fn is_ready(list: &[Condition]) -> bool {
    conditions::is_true(list, CLUSTER_READY)
}

fn ready(health: &Health, clock: &dyn Clock) -> Condition {
    let (status, reason, message) = match health {
        Health::Healthy => (true, reason::CLUSTER_READY, "cluster is healthy and ready to accept workloads".to_owned()),
        Health::Unhealthy => {
            let message = "cluster is reachable but health endpoint responded without ok";
            (false, reason::CLUSTER_NOT_READY, message.to_owned())
        }
        Health::Offline(why) => (false, reason::CLUSTER_NOT_REACHABLE, format!("cluster is not reachable: {why}")),
    };
    conditions::condition(CLUSTER_READY, status, reason, message, clock.now())
}

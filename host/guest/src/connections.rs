//! The ways to members that the control plane reaches out to.
//!
//! **Invariant:** a connection is made anew when the Cluster says another thing than it was made from.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use outrigger_addon::{CallError, CallErrorKind};
use outrigger_api::cluster::{ClusterSpec, ClusterSyncMode};
use outrigger_interpreter::ClusterFacts;
use outrigger_object::{Gvk, Object, Resource};
use outrigger_runtime::{Client, Discovery, Informer};
use tokio::sync::Mutex;

use crate::identity::impersonated;

/// Makes connections to members.
#[async_trait]
pub trait Connect: Send + Sync + 'static {
    /// A client with the control plane's own rights in a member, which must be allowed to impersonate. The error
    /// says why there is none.
    async fn connect(&self, hub: &Client, cluster: &str, spec: &ClusterSpec) -> Result<kube::Client, String>;
}

/// Connects with the credentials in the Secret that a Cluster names.
#[derive(Clone, Copy, Debug, Default)]
pub struct BySecret;

#[async_trait]
impl Connect for BySecret {
    async fn connect(&self, hub: &Client, cluster: &str, spec: &ClusterSpec) -> Result<kube::Client, String> {
        outrigger_member::connect::connect(hub, cluster, spec).await.map_err(|error| error.to_string())
    }
}

/// A member, as an addon reaches it.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "short-lived, and one at a time")]
pub(crate) enum Way {
    /// As the addon's ServiceAccount there.
    Push(Client, Discovery),
    /// By way of its agent.
    Pull,
}

pub(crate) struct Connections {
    pub addon: String,
    pub hub: Client,
    pub connect: Arc<dyn Connect>,
    pub clusters: Informer,
    pub made: Mutex<HashMap<String, (ClusterSpec, Client, Discovery)>>,
}

impl Connections {
    /// The way to a member.
    pub async fn to(&self, name: &str) -> Result<Way, CallError> {
        let failed = |kind, message| Err(CallError { kind, message });
        if !self.clusters.synced() {
            return failed(CallErrorKind::Transient, format!("cluster {name}: the clusters are not known yet"));
        }
        let Some(cluster) = self.clusters.get(&outrigger_object::ObjectKey::new("", name)) else {
            self.made.lock().await.remove(name);
            return failed(CallErrorKind::NotFound, format!("there is no cluster {name}"));
        };
        let Some(spec) = spec(&cluster) else {
            return failed(CallErrorKind::Internal, format!("cluster {name}: its spec is not understood"));
        };
        if spec.sync_mode == ClusterSyncMode::Pull {
            return Ok(Way::Pull);
        }
        let mut made = self.made.lock().await;
        if let Some((from, client, discovery)) = made.get(name)
            && *from == spec
        {
            return Ok(Way::Push(client.clone(), discovery.clone()));
        }
        let kube = self.connect.connect(&self.hub, name, &spec).await.map_err(|why| CallError {
            kind: CallErrorKind::Transient,
            message: format!("cluster {name} cannot be connected to: {why}"),
        })?;
        let manager = format!("outrigger-addon-{}", self.addon);
        let client = Client::new(impersonated(kube, &self.addon), name)
            .with_manager(manager)
            .with_metrics(self.hub.metrics().clone());
        let discovery = Discovery::new(client.clone());
        made.insert(name.to_owned(), (spec, client.clone(), discovery.clone()));
        Ok(Way::Push(client, discovery))
    }

    /// The clusters, as controllers see them.
    pub fn all(&self) -> Vec<outrigger_addon::Cluster> {
        self.clusters.list().iter().filter_map(|cluster| seen(cluster)).collect()
    }
}

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

fn spec(cluster: &Object) -> Option<ClusterSpec> {
    serde_json::from_value(cluster.get(&["spec"])?.clone()).ok()
}

fn seen(cluster: &Object) -> Option<outrigger_addon::Cluster> {
    let spec = spec(cluster)?;
    let conditions = cluster.get(&["status", "conditions"]).and_then(serde_json::Value::as_array);
    let text = |value: &serde_json::Value, field: &str, is: &str| value.get(field).is_some_and(|text| text == is);
    let ready = conditions.into_iter().flatten().any(|one| text(one, "type", "Ready") && text(one, "status", "True"));
    let facts = ClusterFacts {
        name: cluster.name().to_owned(),
        labels: cluster.labels().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        provider: spec.provider,
        region: spec.region,
        zones: spec.zones,
    };
    Some(outrigger_addon::Cluster { facts, ready, pull: spec.sync_mode == ClusterSyncMode::Pull })
}

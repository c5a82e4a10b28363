//! The Lease of a pull cluster: word that its agent is alive.
//!
//! Inputs: the Cluster. Output: `karmada-cluster/<cluster>`, renewed four times within its duration, as
//! Karmada's agent does. It is owned by the Cluster, so that it goes with it.

use std::sync::Arc;
use std::time::Duration;

use outrigger_api::names::NAMESPACE_CLUSTER;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Client, Clock, Informer, Patch, Result, Subresource};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How long a Lease holds, and how often it is renewed.
#[derive(Clone, Copy, Debug)]
pub struct LeaseConfig {
    /// `leaseDurationSeconds`.
    pub duration: Duration,
    /// Pause between renewals.
    pub renew: Duration,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self { duration: Duration::from_secs(40), renew: Duration::from_secs(10) }
    }
}

pub(crate) struct Lease {
    pub hub: Client,
    pub cluster: String,
    pub this_cluster: Informer,
    pub config: LeaseConfig,
    pub clock: Arc<dyn Clock>,
}

fn resource() -> Resource {
    Resource {
        gvk: Gvk::new("coordination.k8s.io", "v1", "Lease"),
        plural: "leases".into(),
        namespaced: true,
        has_status: false,
        has_scale: false,
    }
}

impl Lease {
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let renewing = async {
            self.this_cluster.wait_synced().await;
            let mut renewed_once = false;
            loop {
                match self.renew(renewed_once).await {
                    Ok(renewed) => renewed_once = renewed,
                    Err(error) => {
                        renewed_once = false;
                        warn!(error = %error, "the cluster's lease could not be renewed");
                    }
                }
                let pause =
                    if renewed_once { self.config.renew } else { self.config.renew.min(Duration::from_secs(1)) };
                tokio::time::sleep(pause).await;
            }
        };
        cancel.run_until_cancelled(renewing).await;
    }

    /// Renews; false when there is no Cluster to renew it for.
    async fn renew(&self, exists: bool) -> Result<bool> {
        let Some(cluster) = self.this_cluster.get(&ObjectKey::new("", self.cluster.as_str())) else { return Ok(false) };
        let key = ObjectKey::new(NAMESPACE_CLUSTER, self.cluster.as_str());
        let spec = json!({
            "holderIdentity": self.cluster,
            "leaseDurationSeconds": self.config.duration.as_secs(),
            "renewTime": format!("{:.6}", self.clock.now()),
        });
        if exists {
            let patch = Patch::Merge(json!({"spec": spec}));
            return match self.hub.patch(&resource(), &key, &patch, Subresource::None).await {
                Err(error) if error.is_not_found() => self.create(&key, &cluster, spec).await,
                result => result.map(|_| true),
            };
        }
        match self.hub.get_opt(&resource(), &key).await? {
            None => self.create(&key, &cluster, spec).await,
            Some(_) => {
                let patch = Patch::Merge(json!({"metadata": {"ownerReferences": [owner(&cluster)]}, "spec": spec}));
                self.hub.patch(&resource(), &key, &patch, Subresource::None).await.map(|_| true)
            }
        }
    }

    async fn create(&self, key: &ObjectKey, cluster: &Object, spec: serde_json::Value) -> Result<bool> {
        let body = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"namespace": key.namespace, "name": key.name, "ownerReferences": [owner(cluster)]},
            "spec": spec,
        });
        let lease = Object::from_value(body).unwrap_or_default();
        self.hub.create(&resource(), &lease).await.map(|_| true)
    }
}

fn owner(cluster: &Object) -> serde_json::Value {
    json!({
        "apiVersion": cluster.api_version(), "kind": cluster.kind(), "name": cluster.name(), "uid": cluster.uid(),
    })
}

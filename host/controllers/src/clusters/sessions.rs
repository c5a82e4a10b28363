//! Sessions with push clusters: one per Cluster, for as long as it is there.
//!
//! A session is started anew when the way to the cluster changes: its endpoint, or its credentials.

use std::collections::HashMap;

use async_trait::async_trait;
use outrigger_api::cluster::{Cluster, ClusterSpec, ClusterSyncMode};
use outrigger_api::labels::condition::{CLUSTER_READY, reason};
use outrigger_member::{Member, MemberSession};
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Client, Error, Result, Subresource, conditions};
use serde_json::json;
use tokio::sync::Mutex;
use tracing::info;

use crate::hub::Hub;

/// Makes the connection to a push cluster.
#[async_trait]
pub trait Connect: Send + Sync + 'static {
    /// A client of the cluster's API server. Nothing needs to be sent to it yet.
    async fn connect(&self, hub: &Client, name: &str, spec: &ClusterSpec) -> Result<kube::Client, String>;
}

/// Connects as the Cluster and its Secret say.
#[derive(Clone, Copy, Debug, Default)]
pub struct BySecret;

#[async_trait]
impl Connect for BySecret {
    async fn connect(&self, hub: &Client, name: &str, spec: &ClusterSpec) -> Result<kube::Client, String> {
        outrigger_member::connect::connect(hub, name, spec).await.map_err(|error| error.to_string())
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Held>>);

struct Held {
    session: MemberSession,
    way: Way,
}

/// What the connection was made from.
#[derive(Clone, PartialEq)]
struct Way {
    spec: ClusterSpec,
    secret: Option<String>,
}

impl Way {
    fn to(hub: &Hub, cluster: &Cluster) -> Self {
        let full = &cluster.spec;
        let spec = ClusterSpec {
            api_endpoint: full.api_endpoint.clone(),
            secret_ref: full.secret_ref.clone(),
            insecure_skip_tls_verification: full.insecure_skip_tls_verification,
            proxy_url: full.proxy_url.clone(),
            proxy_header: full.proxy_header.clone(),
            ..ClusterSpec::default()
        };
        let secret = full.secret_ref.as_ref().and_then(|secret| {
            let key = ObjectKey::new(secret.namespace.clone(), secret.name.clone());
            hub.secrets.get(&key).map(|secret| secret.resource_version().to_owned())
        });
        Self { spec, secret }
    }
}

impl Sessions {
    /// Starts the session of a push cluster, or starts it anew when the way to it has changed. When
    /// it cannot be connected to, the Cluster's Ready condition says why.
    pub(crate) async fn ensure(&self, hub: &Hub, cluster: &Cluster) -> Result<()> {
        let name = cluster.metadata.name.clone().unwrap_or_default();
        if cluster.spec.sync_mode != ClusterSyncMode::Push {
            self.stop(&name).await;
            return Ok(());
        }
        let way = Way::to(hub, cluster);
        let mut held = self.0.lock().await;
        match held.remove(&name) {
            Some(known) if known.way == way => {
                held.insert(name, known);
                return Ok(());
            }
            Some(known) => {
                info!(cluster = name, "the way to the cluster has changed");
                known.session.stop().await;
            }
            None => {}
        }
        let member = match hub.options.connect.connect(&hub.client, &name, &cluster.spec).await {
            Ok(client) => Client::new(client, name.as_str()).with_metrics(hub.client.metrics().clone()),
            Err(why) => {
                drop(held);
                report(hub, &name, &why).await?;
                return Err(Error::transient(format!("cluster {name} cannot be connected to: {why}")));
            }
        };
        let member = Member {
            name: name.clone(),
            hub: hub.client.clone(),
            member,
            engine: hub.engine.clone(),
            works: Some(hub.works.informer().clone()),
            observed: hub.options.observed.clone(),
        };
        let session =
            MemberSession::start(member, hub.options.session, hub.recorder.clone(), hub.clock.clone(), &hub.cancel);
        held.insert(name, Held { session, way });
        Ok(())
    }

    /// Has every session look at all its Works anew.
    pub(crate) async fn look_again(&self) {
        for held in self.0.lock().await.values() {
            held.session.requeue_all();
        }
    }

    /// Ends the session of a cluster, if there is one.
    pub(crate) async fn stop(&self, name: &str) {
        let held = self.0.lock().await.remove(name);
        if let Some(held) = held {
            held.session.stop().await;
        }
    }
}

async fn report(hub: &Hub, name: &str, why: &str) -> Result<()> {
    let key = ObjectKey::new("", name);
    let Some(mut object) = hub.cluster_objects.get(&key).map(|object| Object::clone(&object)) else { return Ok(()) };
    let version = object.resource_version().to_owned();
    let condition = conditions::condition(CLUSTER_READY, false, reason::CLUSTER_NOT_REACHABLE, why, hub.clock.now());
    if !conditions::set_on(&mut object, condition) {
        return Ok(());
    }
    hub.recorder.warn(&object, reason::CLUSTER_NOT_REACHABLE, why);
    let list = object.get(&["status", "conditions"]).cloned().unwrap_or_default();
    let patch = json!({"metadata": {"resourceVersion": version}, "status": {"conditions": list}});
    hub.patch(&hub.cluster_objects, &key, patch, Subresource::Status).await?;
    Ok(())
}

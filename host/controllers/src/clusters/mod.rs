//! Cluster life cycle: Clusters in; execution spaces, finalizers, taints and member sessions out.
//!
//! | State | What is done |
//! |---|---|
//! | there | execution space, finalizer, taints by the Ready condition; a session if it is pushed to |
//! | deleting | its Works go, then its execution space, the agent's permissions, the finalizer |
//!
//! While a cluster that is deleted is out of reach, nobody can take its objects away: its Works are
//! let go of, and the objects stay behind in it.

mod health;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outrigger_api::cluster::{Cluster, ClusterSyncMode};
use outrigger_api::labels::condition::CLUSTER_READY;
use outrigger_api::labels::{event, finalizer};
use outrigger_api::names::{NAMESPACE_CLUSTER, NAMESPACE_SYSTEM, cluster_of_execution_space, execution_space};
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Change, DeleteParams, Outcome, Reconciler, Result, Subresource, conditions};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::enrolment;
use crate::hub::{Event, Hub};
use health::{Signs, Verdict};

pub(crate) use sessions::Sessions;
pub use sessions::{BySecret, Connect};

/// See the module.
pub(crate) struct Clusters(pub(crate) Arc<Hub>);

impl Reconciler for Clusters {
    const NAME: &'static str = "clusters";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.0;
        let known = hub.cluster_objects.get(key).zip(hub.cluster(&key.name));
        let Some((object, cluster)) = known else {
            hub.sessions.stop(&key.name).await;
            return Ok(Outcome::Skipped("it is gone"));
        };
        if object.is_deleting() {
            return self.remove(&object, &cluster).await;
        }
        enrolment::ensure_namespace(hub, &execution_space(&key.name)).await?;
        let patch = upkeep(&object, &cluster, hub.clock.now());
        if let Some(patch) = patch {
            hub.patch(&hub.cluster_objects, key, patch, Subresource::None).await?;
        }
        hub.sessions.ensure(hub, &cluster).await?;
        Ok(Outcome::Applied)
    }
}

/// The patch that gives a Cluster its finalizer and the taints that follow from its health.
fn upkeep(object: &Object, cluster: &Cluster, now: jiff::Timestamp) -> Option<Value> {
    let mut patch = json!({});
    if !object.finalizers().any(|one| one == finalizer::CLUSTER_CONTROLLER) {
        patch["metadata"]["finalizers"] = object.finalizers().chain([finalizer::CLUSTER_CONTROLLER]).collect();
    }
    if let Some(taints) = health::taints(cluster, now) {
        patch["spec"]["taints"] = if taints.is_empty() { Value::Null } else { json!(taints) };
    }
    if patch == json!({}) {
        return None;
    }
    patch["metadata"]["resourceVersion"] = json!(object.resource_version());
    Some(patch)
}

impl Clusters {
    async fn remove(&self, object: &Object, cluster: &Cluster) -> Result<Outcome> {
        let hub = &*self.0;
        let name = object.name();
        if !object.finalizers().any(|one| one == finalizer::CLUSTER_CONTROLLER) {
            hub.sessions.stop(name).await;
            return Ok(Outcome::Skipped("nothing of ours holds it"));
        }
        let space = execution_space(name);
        let reachable = is_ready(cluster);
        if reachable {
            // Whoever carries its Works takes its objects away; for that it must be there.
            hub.sessions.ensure(hub, cluster).await?;
        }
        for work in hub.works.informer().list_in(&space) {
            if !work.is_deleting() {
                hub.client.delete(hub.works.resource(), &work.key(), &DeleteParams::of(&work)).await?;
            }
            let held = work.finalizers().any(|one| one == finalizer::EXECUTION_CONTROLLER);
            if !reachable && held {
                let left: Vec<_> = work.finalizers().filter(|one| *one != finalizer::EXECUTION_CONTROLLER).collect();
                let patch = json!({"metadata": {"finalizers": left}});
                match hub.patch(&hub.works, &work.key(), patch, Subresource::None).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => hub.works.forget(&work.key()),
                }
            }
        }
        let space = ObjectKey::new("", space);
        if let Some(namespace) = hub.namespaces.get(&space) {
            if !namespace.is_deleting() && hub.works.informer().list_in(&space.name).is_empty() {
                hub.client.delete(hub.namespaces.resource(), &space, &DeleteParams::of(&namespace)).await?;
            }
            // Works and the namespace wake us when they are gone.
            return Ok(Outcome::Waiting(Duration::from_secs(10)));
        }
        if cluster.spec.sync_mode == ClusterSyncMode::Pull {
            enrolment::revoke(hub, name).await?;
        }
        hub.sessions.stop(name).await;
        let left: Vec<_> = object.finalizers().filter(|one| *one != finalizer::CLUSTER_CONTROLLER).collect();
        let patch = json!({"metadata": {"finalizers": left, "resourceVersion": object.resource_version()}});
        match hub.patch(&hub.cluster_objects, &object.key(), patch, Subresource::None).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => hub.cluster_objects.forget(&object.key()),
        }
        hub.recorder.normal(
            object,
            event::REMOVE_EXECUTION_SPACE_SUCCEED,
            format!("Removed execution space for cluster({name})."),
        );
        Ok(Outcome::Applied)
    }
}

fn is_ready(cluster: &Cluster) -> bool {
    cluster.status.as_ref().is_some_and(|status| conditions::is_true(&status.conditions, CLUSTER_READY))
}

/// Clusters, what lies in execution spaces, and secrets with credentials wake the controller.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    let queue = &hub.queues.clusters;
    match event {
        Event::Cluster { change: Change::Updated { old, new }, .. }
            if old.generation() == new.generation()
                && old.is_deleting() == new.is_deleting()
                && conditions::of(old, CLUSTER_READY) == conditions::of(new, CLUSTER_READY)
                && old.get(&["metadata", "finalizers"]) == new.get(&["metadata", "finalizers"]) => {}
        Event::Cluster { change, .. } => {
            if let Some(object) = change.object() {
                queue.add(object.key());
            }
        }
        Event::Secret { change } => {
            let Some(secret) = change.object() else { return };
            for cluster in hub.clusters() {
                let used = cluster.spec.secret_ref.as_ref();
                if used.is_some_and(|used| used.namespace == secret.namespace() && used.name == secret.name()) {
                    queue.add(ObjectKey::new("", cluster.metadata.name.clone().unwrap_or_default()));
                }
            }
        }
        Event::Work { change: Change::Deleted(object) } => {
            let cluster = cluster_of_execution_space(object.namespace());
            if let Some(name) = cluster.filter(|name| is_leaving(hub, name)) {
                queue.add(ObjectKey::new("", name));
            }
        }
        Event::Namespace { change: Change::Deleted(object) } => {
            if let Some(name) = cluster_of_execution_space(object.name()) {
                queue.add(ObjectKey::new("", name));
            }
        }
        _ => {}
    }
}

fn is_leaving(hub: &Hub, name: &str) -> bool {
    hub.cluster(name).is_some_and(|cluster| cluster.metadata.deletion_timestamp.is_some())
}

/// Makes the namespaces that the system itself needs, and lets agents enrol.
pub(crate) async fn prepare(hub: &Hub) -> Result<()> {
    for name in [NAMESPACE_CLUSTER, NAMESPACE_SYSTEM] {
        enrolment::ensure_namespace(hub, name).await?;
    }
    enrolment::allow(hub).await
}

/// Watches the Leases of pull clusters: one that is silent for too long is Unknown.
pub(crate) struct Health {
    pub(crate) hub: Arc<Hub>,
    signs: Mutex<HashMap<String, Signs>>,
}

impl Health {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, signs: Mutex::default() }
    }
}

impl Reconciler for Health {
    const NAME: &'static str = "health";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.hub;
        let Some(cluster) = hub.cluster(&key.name) else {
            self.signs.lock().remove(&key.name);
            return Ok(Outcome::Skipped("it is gone"));
        };
        // One that is being removed is watched as well: who is lost is not waited for.
        if cluster.spec.sync_mode != ClusterSyncMode::Pull {
            return Ok(Outcome::Skipped("nobody waits for its Lease"));
        }
        let now = hub.clock.now();
        let lease = hub.leases.get(&ObjectKey::new(NAMESPACE_CLUSTER, &key.name));
        let signs = {
            let mut all = self.signs.lock();
            let signs = all.entry(key.name.clone()).or_default();
            signs.observe(lease.as_ref().and_then(|lease| lease.str(&["spec", "renewTime"])), now);
            signs.clone()
        };
        match health::judge(&cluster, &signs, hub.options.cluster_grace, hub.options.cluster_startup_grace, now) {
            Verdict::Alive(left) => Ok(Outcome::Waiting(left)),
            Verdict::Lost(None) => Ok(Outcome::Skipped("it is lost, and its condition says so")),
            Verdict::Lost(Some(condition)) => {
                let Some(mut object) = hub.cluster_objects.get(key).map(|object| Object::clone(&object)) else {
                    return Ok(Outcome::Skipped("it is gone"));
                };
                let version = object.resource_version().to_owned();
                conditions::set_on(&mut object, condition);
                let list = object.get(&["status", "conditions"]).cloned().unwrap_or_default();
                let patch = json!({"metadata": {"resourceVersion": version}, "status": {"conditions": list}});
                hub.patch(&hub.cluster_objects, key, patch, Subresource::Status).await?;
                Ok(Outcome::Applied)
            }
        }
    }
}

/// Clusters and their Leases wake the watch over them.
pub(crate) fn health_triggers(hub: &Hub, event: &Event<'_>) {
    match event {
        Event::Lease { change } => {
            if let Some(lease) = change.object() {
                hub.queues.health.add(ObjectKey::new("", lease.name()));
            }
        }
        Event::Cluster { change: Change::Added(object) | Change::Deleted(object), .. } => {
            hub.queues.health.add(object.key());
        }
        Event::Cluster { change: Change::Updated { old, new }, .. }
            if conditions::of(old, CLUSTER_READY) != conditions::of(new, CLUSTER_READY) =>
        {
            hub.queues.health.add(new.key());
        }
        _ => {}
    }
}

//! Enrolment of pull clusters: agents' certificate signing requests in; approvals, refusals and the
//! agents' permissions out.
//!
//! The first key that is granted for a cluster's name holds that name: a later request with another
//! key and a bootstrap token is refused while the Cluster exists, or while the first agent may still
//! be on its way. The agent itself may change its key as often as it likes.
//!
//! Before a request is approved, what the agent needs is there: its execution space, its permissions,
//! its Lease and its Cluster.

mod approve;
mod rbac;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use outrigger_api::labels::label;
use outrigger_api::names::{NAMESPACE_CLUSTER, execution_space};
use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::{Change, DeleteParams, ErrorKind, Outcome, Patch, Reconciler, Result, Subresource, conditions};
use serde_json::{Value, json};
use tracing::info;

use crate::hub::{Event, Hub};
use crate::kinds;
use approve::{Grant, Verdict};

/// How long the first agent that was granted a name may take to register.
const ON_ITS_WAY: Duration = Duration::from_secs(600);

/// See the module.
pub(crate) struct Enrolment(pub(crate) Arc<Hub>);

impl Reconciler for Enrolment {
    const NAME: &'static str = "enrolment";
    type Key = ObjectKey;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome> {
        let hub = &*self.0;
        let Some(request) = hub.signing_requests.get(key) else { return Ok(Outcome::Skipped("it is gone")) };
        match approve::judge(&request) {
            Verdict::NotOurs(why) => Ok(Outcome::Skipped(why)),
            Verdict::Deny(why) => decide(hub, &request, false, &why).await,
            Verdict::Grant(grant) => {
                if let Some(why) = taken(hub, &grant).await? {
                    return decide(hub, &request, false, &why).await;
                }
                prepare(hub, &grant).await?;
                let message = format!("The agent of cluster {} is who it says it is.", grant.cluster);
                decide(hub, &request, true, &message).await
            }
        }
    }
}

/// Why the cluster's name is not free for this key, if it is not.
async fn taken(hub: &Hub, grant: &Grant) -> Result<Option<String>> {
    if grant.renewal {
        return Ok(None);
    }
    let role = ObjectKey::new(execution_space(&grant.cluster), rbac::name(&grant.cluster));
    let role = hub.client.get_opt(&kinds::rbac("Role"), &role).await?;
    let holder = role.as_ref().and_then(|role| role.annotation(rbac::KEY));
    if holder == Some(grant.key.as_str()) {
        return Ok(None);
    }
    let cluster = hub.cluster(&grant.cluster);
    if cluster.as_ref().is_some_and(|cluster| cluster.spec.sync_mode != outrigger_api::cluster::ClusterSyncMode::Pull) {
        return Ok(Some(format!("the name {} is taken by a push cluster", grant.cluster)));
    }
    // A Cluster without a status is one that was made for an agent which never came.
    let registered =
        cluster.is_some_and(|cluster| cluster.status.as_ref().is_some_and(|status| !status.conditions.is_empty()));
    let young = role.as_ref().is_some_and(|role| {
        let made = role.str(&["metadata", "creationTimestamp"]).and_then(|text| text.parse::<Timestamp>().ok());
        made.is_some_and(|made| {
            Duration::try_from(hub.clock.now().duration_since(made)).unwrap_or_default() < ON_ITS_WAY
        })
    });
    Ok((registered || young && holder.is_some())
        .then(|| format!("the name {} is taken by a cluster with another key", grant.cluster)))
}

async fn prepare(hub: &Hub, grant: &Grant) -> Result<()> {
    let cluster = &grant.cluster;
    for space in [execution_space(cluster), NAMESPACE_CLUSTER.to_owned()] {
        ensure_namespace(hub, &space).await?;
    }
    for (resource, object) in rbac::objects(cluster, &grant.key) {
        hub.client.apply(&resource, &object, true).await?;
    }
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": NAMESPACE_CLUSTER, "name": cluster, "labels": {label::SYSTEM: label::SYSTEM_TRUE}},
        "spec": {},
    });
    create(hub, &kinds::lease(), lease).await?;
    let cluster = json!({
        "apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": cluster},
        "spec": {"syncMode": "Pull"},
    });
    create(hub, hub.cluster_objects.resource(), cluster).await
}

/// Lets bootstrap tokens and agents ask for certificates. What is there as it should be is left alone.
pub(crate) async fn allow(hub: &Hub) -> Result<()> {
    for (resource, object) in rbac::enrolling() {
        let known = hub.client.get_opt(&resource, &object.key()).await?;
        let same = |field: &str| known.as_ref().is_some_and(|known| known.0.get(field) == object.0.get(field));
        if !(same("rules") && same("subjects") && same("roleRef")) {
            hub.client.apply(&resource, &object, true).await?;
        }
    }
    Ok(())
}

/// Creates an object that may be there already.
async fn create(hub: &Hub, resource: &Resource, value: Value) -> Result<()> {
    let object = Object::from_value(value).unwrap_or_default();
    match hub.client.create(resource, &object).await {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes a namespace of the system's.
pub(crate) async fn ensure_namespace(hub: &Hub, name: &str) -> Result<()> {
    if hub.namespaces.get(&ObjectKey::new("", name)).is_some() {
        return Ok(());
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {label::SYSTEM: label::SYSTEM_TRUE}}});
    create(hub, hub.namespaces.resource(), namespace).await
}

/// Takes everything back that an agent was granted. What lies in its execution space goes with that.
pub(crate) async fn revoke(hub: &Hub, cluster: &str) -> Result<()> {
    for (resource, object) in rbac::objects(cluster, "").into_iter().skip(2) {
        hub.client.delete(&resource, &object.key(), &DeleteParams::default()).await?;
    }
    let lease = ObjectKey::new(NAMESPACE_CLUSTER, cluster);
    hub.client.delete(&kinds::lease(), &lease, &DeleteParams::default()).await?;
    Ok(())
}

async fn decide(hub: &Hub, request: &Object, approve: bool, message: &str) -> Result<Outcome> {
    let (word, reason) = if approve { ("Approved", "AutoApproved") } else { ("Denied", "Refused") };
    let now = conditions::timestamp(hub.clock.now());
    let mut list = request.get(&["status", "conditions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    list.push(json!({"type": word, "status": "True", "reason": reason, "message": message,
        "lastUpdateTime": now, "lastTransitionTime": now}));
    let patch = json!({"metadata": {"resourceVersion": request.resource_version()}, "status": {"conditions": list}});
    let mirror = &hub.signing_requests;
    let written =
        hub.client.patch(mirror.resource(), &request.key(), &Patch::Merge(patch), Subresource::Approval).await?;
    mirror.wrote(written);
    info!(request = request.name(), approve, message, "decided on an agent's certificate");
    if !approve {
        hub.recorder.warn(request, "Refused", message);
    }
    Ok(Outcome::Applied)
}

/// Certificate signing requests wake the controller.
pub(crate) fn triggers(hub: &Hub, event: &Event<'_>) {
    if let Event::SigningRequest { change: Change::Added(object) | Change::Updated { new: object, .. } } = event {
        hub.queues.enrolment.add(object.key());
    }
}

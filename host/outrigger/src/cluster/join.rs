//! `join`: a cluster comes under the control plane, which reaches out to it (push mode).
//!
//! ```text
//! read hub and member ──plan──▶ refuse
//!                          └──▶ identity in the member ──▶ credentials and Cluster on the hub ──▶ Ready
//! ```

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outrigger_api::cluster::{Cluster, ClusterSpec, ClusterSyncMode, LocalSecretReference};
use outrigger_api::labels::{condition, label};
use outrigger_api::names;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Client, ErrorKind, ListParams, Patch, Subresource, from_object};
use serde_json::{Value, json};

use super::access::{self, Credentials, object};
use super::progress::Progress;
use super::{kinds, wait};
use crate::cli;
use crate::connect::{self, Connection, explain};

/// How long the control plane has to find the new cluster ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a cluster that is said not to be ready may still become so.
const NOT_READY_FOR: Duration = Duration::from_secs(15);

/// What is said of a cluster that joins.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Name that it gets.
    pub name: String,
    /// Cloud provider.
    pub provider: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Zones.
    pub zones: Vec<String>,
}

/// Runs `outrigger join`.
pub async fn run(args: cli::Join) -> Result<()> {
    let hub = connect::hub(&args.hub).await?;
    let member = connect::from_file(&args.member_kubeconfig, args.member_context.as_deref(), &args.name).await?;
    let request = Request { name: args.name, provider: args.provider, region: args.region, zones: args.zones };
    let progress = Progress::shown();
    join(&hub, &member, &request, &progress).await?;
    wait_ready(&hub.client, &request.name, member.is_loopback(), &progress).await
}

/// Brings a cluster under the control plane. Gives whether it is new there.
pub async fn join(hub: &Connection, member: &Connection, request: &Request, progress: &Progress) -> Result<bool> {
    let name = &request.name;
    let clusters = clusters(hub).await?;
    let id = access::cluster_id(member).await?;
    let hub_id = match hub.client.get_opt(&kinds::namespace(), &ObjectKey::new("", "kube-system")).await {
        Ok(namespace) => namespace.map(|namespace| namespace.uid().to_owned()),
        Err(_) => None,
    };
    let new = match plan(name, &id, hub_id.as_deref(), &clusters) {
        Plan::Join => true,
        Plan::Again => false,
        Plan::Refuse(why) => bail!("cluster {name} does not join: {why}; nothing was changed"),
    };
    let credentials = access::grant(member, name, progress).await?;
    let repeat = |error: anyhow::Error| anyhow!("{error:#}; the member is prepared, and `join` can be repeated");
    let cluster = record(hub, member, request, &id, &credentials).await.map_err(repeat)?;
    let verb = if new { "joined" } else { "was joined before, and is up to date" };
    progress.done(format!("cluster {name}: {verb} (push mode, {})", cluster.spec.api_endpoint));
    Ok(new)
}

/// All clusters of the control plane.
pub(super) async fn clusters(hub: &Connection) -> Result<Vec<Cluster>> {
    let resource = kinds::of::<Cluster>();
    match hub.client.list(&resource, None, &ListParams::default()).await {
        Ok(list) => Ok(list.items.into_iter().filter_map(|item| from_object(item).ok()).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "{} (from {}) is no control plane: it has no clusters.cluster.karmada.io; name another kubeconfig with --kubeconfig",
            hub.url(),
            hub.source
        ),
        Err(error) => Err(explain(error, hub)),
    }
}

/// What is to be done.
#[derive(Debug, PartialEq)]
enum Plan {
    /// The cluster is new.
    Join,
    /// It is the same cluster under the same name.
    Again,
    /// It cannot be.
    Refuse(String),
}

fn plan(name: &str, id: &str, hub_id: Option<&str>, clusters: &[Cluster]) -> Plan {
    if hub_id == Some(id) {
        return Plan::Refuse("the kubeconfig of the member leads to the control plane itself".into());
    }
    let named = clusters.iter().find(|cluster| cluster.metadata.name.as_deref() == Some(name));
    if let Some(taken) = named {
        if taken.metadata.deletion_timestamp.is_some() {
            return Plan::Refuse("a cluster of this name is being removed; wait until it is gone".into());
        }
        if taken.spec.id != id {
            return Plan::Refuse(format!(
                "the name belongs to another cluster (id {}, this one has {id}); choose another name, or `outrigger \
                 unjoin {name}` first",
                if taken.spec.id.is_empty() { "unknown" } else { &taken.spec.id }
            ));
        }
        if taken.spec.sync_mode == ClusterSyncMode::Pull {
            return Plan::Refuse("it has registered with an agent (pull mode); unjoin it first".into());
        }
        return Plan::Again;
    }
    let other = clusters.iter().find(|cluster| cluster.spec.id == id);
    match other.and_then(|cluster| cluster.metadata.name.as_deref()) {
        Some(other) => Plan::Refuse(format!(
            "it is already here as {other} (id {id}); to rename it, `outrigger unjoin {other}` first"
        )),
        None => Plan::Join,
    }
}

/// Writes credentials and Cluster on the control plane.
async fn record(
    hub: &Connection,
    member: &Connection,
    request: &Request,
    id: &str,
    credentials: &Credentials,
) -> Result<Cluster> {
    let told = |error| explain(error, hub);
    let name = request.name.as_str();
    hub.client.apply(&kinds::namespace(), &access::namespace(), true).await.map_err(told)?;
    let impersonator = names::impersonation_secret(name);
    let own = json!({
        "token": STANDARD.encode(credentials.token.expose()),
        "caBundle": STANDARD.encode(&credentials.authority),
    });
    let mut secrets = [
        secret(name, own),
        secret(&impersonator, json!({"token": STANDARD.encode(credentials.impersonator.expose())})),
    ];
    for secret in &secrets {
        hub.client.apply(&kinds::secret(), secret, true).await.map_err(told)?;
    }
    let reference = |name: &str| {
        Some(LocalSecretReference { namespace: names::NAMESPACE_CLUSTER.to_owned(), name: name.to_owned() })
    };
    let spec = ClusterSpec {
        id: id.to_owned(),
        sync_mode: ClusterSyncMode::Push,
        api_endpoint: member.url(),
        secret_ref: reference(name),
        impersonator_secret_ref: reference(&impersonator),
        insecure_skip_tls_verification: member.config.accept_invalid_certs,
        proxy_url: member.config.proxy_url.as_ref().map(ToString::to_string).unwrap_or_default(),
        provider: request.provider.clone().unwrap_or_default(),
        region: request.region.clone().unwrap_or_default(),
        zones: request.zones.clone(),
        ..ClusterSpec::default()
    };
    let cluster = write(&hub.client, name, &spec).await.map_err(told)?;
    // The credentials go when the Cluster does.
    let owner = cluster.as_owner(true, true);
    for secret in &mut secrets {
        secret.set_owner_reference(&owner);
        hub.client.apply(&kinds::secret(), secret, true).await.map_err(told)?;
    }
    Ok(from_object(cluster)?)
}

fn secret(name: &str, data: Value) -> Object {
    object(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": name, "namespace": names::NAMESPACE_CLUSTER, "labels": {label::SYSTEM: label::SYSTEM_TRUE},
        },
        "data": data,
    }))
}

/// Creates the Cluster, or changes what differs. What this command was not told, such as a region, and
/// what it does not know, such as taints, stays as it is.
async fn write(client: &Client, name: &str, spec: &ClusterSpec) -> outrigger_runtime::Result<Object> {
    let resource = kinds::of::<Cluster>();
    let key = ObjectKey::new("", name);
    let spec = serde_json::to_value(spec).map_err(outrigger_runtime::Error::internal)?;
    let Some(known) = client.get_opt(&resource, &key).await? else {
        let cluster = json!({
            "apiVersion": resource.gvk.api_version(), "kind": resource.gvk.kind,
            "metadata": {"name": name}, "spec": spec,
        });
        return client.create(&resource, &object(cluster)).await;
    };
    let mut patch = spec.clone();
    for field in ["insecureSkipTLSVerification", "proxyURL"] {
        if patch.get(field).is_none() && known.get(&["spec", field]).is_some() {
            patch[field] = Value::Null;
        }
    }
    let differs = patch.as_object().into_iter().flatten().any(|(field, value)| {
        let old = known.get(&["spec", field.as_str()]);
        if value.is_null() { old.is_some() } else { old != Some(value) }
    });
    if !differs {
        return Ok(known);
    }
    client.patch(&resource, &key, &Patch::Merge(json!({"spec": patch})), Subresource::None).await
}

/// Waits until the control plane says that a cluster is ready. The error says why it is not, and what to
/// do.
pub async fn wait_ready(hub: &Client, name: &str, loopback: bool, progress: &Progress) -> Result<()> {
    let resource = kinds::of::<Cluster>();
    let key = ObjectKey::new("", name);
    let mut last = None;
    progress.waiting(format!("cluster {name}: waiting until it is ready"));
    let patience = async |patience, last: &mut Option<Condition>| {
        wait::until(hub, &resource, &key, patience, |cluster| {
            let Some(cluster) = cluster else { return Some(Err("it was removed".to_owned())) };
            *last = ready(cluster);
            match last {
                Some(condition) if condition.status == "True" => Some(Ok(version(cluster))),
                Some(condition) => {
                    progress.waiting(format!("cluster {name}: not ready yet: {condition}"));
                    None
                }
                None => None,
            }
        })
        .await
    };
    let mut found = patience(NOT_READY_FOR, &mut last).await?;
    if found.is_none() && last.is_none() {
        found = patience(READY_WITHIN - NOT_READY_FOR, &mut last).await?;
    }
    match (found, last) {
        (Some(Ok(version)), _) => {
            progress.done(format!("cluster {name}: ready{version}"));
            Ok(())
        }
        (Some(Err(why)), _) => bail!("cluster {name} is not ready: {why}"),
        (None, Some(condition)) => {
            let advice = if loopback {
                "its kubeconfig has an address of this machine: the control plane must reach that address too, so \
                 join with a kubeconfig that has another"
            } else {
                "the control plane must be able to reach spec.apiEndpoint with the credentials in spec.secretRef; it \
                 keeps trying, and `join` can be repeated"
            };
            bail!("cluster {name} has joined but is not ready: {condition}; {advice}")
        }
        (None, None) => bail!(
            "cluster {name} has joined, but nothing has looked at it for {} s: is `outrigger serve` running over this \
             control plane?",
            READY_WITHIN.as_secs()
        ),
    }
}

/// The Ready condition.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) status: String,
    reason: String,
    message: String,
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.reason.is_empty(), self.message.is_empty()) {
            (false, false) => write!(f, "{} ({})", self.message, self.reason),
            (false, true) => f.write_str(&self.reason),
            (true, _) => f.write_str(&self.message),
        }
    }
}

pub(super) fn ready(cluster: &Object) -> Option<Condition> {
    let conditions = cluster.get(&["status", "conditions"])?.as_array()?;
    let text = |condition: &Value, field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    conditions.iter().find(|condition| condition["type"] == condition::CLUSTER_READY).map(|condition| Condition {
        status: text(condition, "status"),
        reason: text(condition, "reason"),
        message: text(condition, "message"),
    })
}

fn version(cluster: &Object) -> String {
    cluster.str(&["status", "kubernetesVersion"]).map(|version| format!(", Kubernetes {version}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str, id: &str, mode: ClusterSyncMode) -> Cluster {
        let value = json!({"metadata": {"name": name}, "spec": {"id": id, "syncMode": mode.as_str()}});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn plans() {
        use ClusterSyncMode::{Pull, Push};
        let mut leaving = cluster("leaving", "9", Push);
        leaving.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        let known = [cluster("east", "1", Push), cluster("edge", "2", Pull), cluster("odd", "", Push), leaving];
        let check = |name, id, expected: Result<Plan, &str>| match (plan(name, id, Some("0"), &known), expected) {
            (Plan::Refuse(why), Err(part)) => assert!(why.contains(part), "{name} {id}: {why}"),
            (got, Ok(expected)) => assert_eq!(got, expected, "{name} {id}"),
            (got, Err(part)) => panic!("{name} {id}: {got:?}, not refused with {part}"),
        };
        check("west", "3", Ok(Plan::Join));
        check("east", "1", Ok(Plan::Again));
        check("east", "3", Err("belongs to another cluster (id 1"));
        check("west", "1", Err("already here as east"));
        check("edge", "2", Err("pull mode"));
        check("west", "2", Err("already here as edge"));
        check("odd", "3", Err("id unknown"));
        check("leaving", "9", Err("being removed"));
        check("west", "0", Err("the control plane itself"));
    }
}

//! `unjoin`: a cluster is let go.
//!
//! Deleting the Cluster makes the control plane take its Works back, which removes what they put into the
//! member. A member that does not answer cannot do its part: after a grace its Works are released, and
//! what stays behind in it is told.
//!
//! **Invariant:** nothing is released of a cluster that answers, however long it takes.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use outrigger_api::cluster::Cluster;
use outrigger_api::labels::finalizer::EXECUTION_CONTROLLER;
use outrigger_api::names;
use outrigger_api::work::Work;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{DeleteParams, ListParams, Patch, Subresource};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::join::{clusters, ready};
use super::progress::Progress;
use super::{access, kinds, wait};
use crate::cli;
use crate::connect::{self, Connection, explain, listed};

/// How often the Works that are left are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// How long a member that does not answer may take to do so after all.
const DEAD_FOR: Duration = Duration::from_secs(10);
/// How long the control plane has to finish once nothing holds it back.
const FINISH_WITHIN: Duration = Duration::from_secs(15);
/// Objects that are named one by one.
const NAMED: usize = 10;

/// Runs `outrigger unjoin`.
pub async fn run(args: cli::Unjoin) -> Result<()> {
    let hub = connect::hub(&args.hub).await?;
    let member = match &args.member_kubeconfig {
        Some(file) => Some(connect::from_file(file, None, &args.name).await?),
        None => None,
    };
    unjoin(&hub, member.as_ref(), &args.name, Duration::from_secs(args.wait), &Progress::shown()).await
}

/// Lets a cluster go, and removes what `join` made in the member when it is given.
pub async fn unjoin(
    hub: &Connection,
    member: Option<&Connection>,
    name: &str,
    patience: Duration,
    progress: &Progress,
) -> Result<()> {
    let key = ObjectKey::new("", name);
    let found = hub.client.get_opt(&kinds::of::<Cluster>(), &key).await.map_err(|error| explain(error, hub))?;
    let Some(cluster) = found else {
        let Some(member) = member else {
            let known = clusters(hub).await?;
            let known: Vec<&str> = known.iter().filter_map(|cluster| cluster.metadata.name.as_deref()).collect();
            bail!("the control plane has no cluster {name}; it has {}", listed(&known));
        };
        progress.done(format!("cluster {name}: the control plane has no such cluster (any more)"));
        return revoke(member, name, progress).await;
    };
    if let Some(member) = member {
        same_cluster(member, &cluster).await?;
    }
    remove(hub, &cluster, patience, progress).await?;
    progress.done(format!("cluster {name}: removed from the control plane"));
    match member {
        Some(member) => revoke(member, name, progress).await,
        None if cluster.str(&["spec", "syncMode"]) == Some("Pull") => {
            progress.done(format!(
                "note: stop its agent, or remove it with `kubectl delete namespace outrigger-system` and `kubectl \
                 delete clusterrole,clusterrolebinding -l app.kubernetes.io/name=outrigger-agent` in {name}"
            ));
            Ok(())
        }
        None => {
            progress.done(format!(
                "note: the access that the control plane had is still in {name}; `outrigger unjoin {name} \
                 --member-kubeconfig FILE` removes it"
            ));
            Ok(())
        }
    }
}

/// Refuses a kubeconfig that leads to another cluster.
async fn same_cluster(member: &Connection, cluster: &Object) -> Result<()> {
    let (name, known) = (cluster.name(), cluster.str(&["spec", "id"]).unwrap_or_default());
    let id = access::cluster_id(member).await.map_err(|error| {
        anyhow!("{error:#}; without --member-kubeconfig the cluster is removed from the control plane alone")
    })?;
    if !known.is_empty() && known != id {
        bail!("{} leads to another cluster (id {id}) than {name} (id {known}); nothing was changed", member.source);
    }
    Ok(())
}

async fn revoke(member: &Connection, name: &str, progress: &Progress) -> Result<()> {
    let removed = access::revoke(member, name).await?;
    let removed: Vec<&str> = removed.iter().map(String::as_str).collect();
    progress.done(format!("cluster {name}: removed in the member: {}", listed(&removed)));
    Ok(())
}

/// Deletes the Cluster and waits until it is gone.
async fn remove(hub: &Connection, cluster: &Object, patience: Duration, progress: &Progress) -> Result<()> {
    let told = |error| explain(error, hub);
    let (resource, key, name) = (kinds::of::<Cluster>(), cluster.key(), cluster.name());
    hub.client.delete(&resource, &key, &DeleteParams::of(cluster)).await.map_err(told)?;
    let uid = cluster.uid();
    let mut answers = is_ready(cluster);
    let (start, mut released) = (Instant::now(), None);
    loop {
        let gone = wait::until(&hub.client, &resource, &key, COUNT_EVERY, |now| {
            let now = now.filter(|now| now.uid() == uid);
            if let Some(now) = now {
                answers = is_ready(now);
            }
            now.is_none().then_some(())
        });
        // Errors of reads in between are waited out as well.
        if let Ok(Some(())) = gone.await {
            return Ok(());
        }
        let left = works(hub, name).await.unwrap_or_default();
        progress.waiting(match left.len() {
            0 => format!("cluster {name}: waiting until it is gone"),
            count => format!("cluster {name}: waiting until it has removed the objects of {count} works"),
        });
        let waited = start.elapsed();
        match released {
            None if !answers && waited >= patience.min(DEAD_FOR) => {
                release(hub, name, &left, progress).await?;
                released = Some(Instant::now());
            }
            None if waited >= patience => bail!("{}", stuck(name, patience, &left)),
            Some(at) if at.elapsed() >= FINISH_WITHIN => bail!(
                "cluster {name}: its works are released, but the control plane does not finish (finalizers {}): is \
                 `outrigger serve` running over it? `unjoin` can be repeated",
                listed(&cluster.finalizers().collect::<Vec<_>>())
            ),
            _ => {}
        }
    }
}

fn is_ready(cluster: &Object) -> bool {
    ready(cluster).is_some_and(|condition| condition.status == "True")
}

async fn works(hub: &Connection, name: &str) -> Result<Vec<Object>> {
    let space = names::execution_space(name);
    Ok(hub.client.list(&kinds::of::<Work>(), Some(&space), &ListParams::default()).await?.items)
}

/// Takes the finalizer off Works whose member does not answer, and tells what stays in it.
async fn release(hub: &Connection, name: &str, works: &[Object], progress: &Progress) -> Result<()> {
    let mut behind = Vec::new();
    for work in works.iter().filter(|work| work.has_finalizer(EXECUTION_CONTROLLER)) {
        let rest: Vec<&str> = work.finalizers().filter(|one| *one != EXECUTION_CONTROLLER).collect();
        let patch = json!({"metadata": {"finalizers": rest, "resourceVersion": work.resource_version()}});
        let resource = kinds::of::<Work>();
        match hub.client.patch(&resource, &work.key(), &Patch::Merge(patch), Subresource::None).await {
            Ok(_) => behind.extend(manifests(work)),
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(explain(error, hub)),
        }
    }
    if behind.is_empty() {
        progress
            .done(format!("cluster {name}: it does not answer; nothing of the control plane's is known to be in it"));
    } else {
        let more = match behind.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named: Vec<&str> = behind.iter().take(NAMED).map(String::as_str).collect();
        progress.done(format!(
            "cluster {name}: it does not answer, so these stay in it, unmanaged: {}{more}; delete them there when it is \
             back, if they should go",
            listed(&named)
        ));
    }
    Ok(())
}

/// What a Work carries, by kind and name.
fn manifests(work: &Object) -> Vec<String> {
    let manifests = work.get(&["spec", "workload", "manifests"]).and_then(Value::as_array);
    let objects = manifests.into_iter().flatten().filter_map(|one| Object::from_value(one.clone()).ok());
    objects.map(|object| object.reference().to_string()).collect()
}

fn stuck(name: &str, patience: Duration, left: &[Object]) -> String {
    let seconds = patience.as_secs();
    if left.is_empty() {
        return format!(
            "cluster {name} is not gone after {seconds} s: is `outrigger serve` running over this control plane? The \
             Cluster is marked for deletion; `unjoin` can be repeated, with a longer --wait"
        );
    }
    let objects: Vec<String> = left.iter().flat_map(manifests).take(NAMED).collect();
    let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
    format!(
        "cluster {name} is not gone after {seconds} s: it answers, and has {} works left ({}); look for finalizers on \
         these objects in {name}, then repeat `unjoin` with a longer --wait",
        left.len(),
        listed(&objects)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_behind_has_names() {
        let work = access::object(json!({"spec": {"workload": {"manifests": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}},
            "broken",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        ]}}}));
        assert_eq!(manifests(&work), ["Deployment shop/web", "Namespace shop"]);
        assert!(stuck("west", Duration::from_secs(60), &[work]).contains("1 works left (Deployment shop/web"));
        assert!(stuck("west", Duration::from_secs(60), &[]).contains("outrigger serve"));
    }
}

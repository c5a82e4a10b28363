//! `unjoin`: a cluster is let go.
//!
//! Deleting the Cluster makes the control plane take its Works back, which removes what they put into the
//! member. A member that does not answer cannot do its part: the control plane then releases its Works,
//! and what stays behind in the member is told here.
//!
//! **Invariant:** nothing is removed from a member but by its own kubeconfig or by the control plane, and
//! nobody is left to find out what was not.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use outrigger_api::cluster::Cluster;
use outrigger_api::names;
use outrigger_api::work::Work;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{DeleteParams, ListParams};
use serde_json::Value;
use tokio::time::Instant;

use super::join::{clusters, ready};
use super::progress::Progress;
use super::{access, kinds, wait};
use crate::cli;
use crate::connect::{self, Connection, explain, listed};

/// How often the Works that are left are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);
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
    let mut answers = is_ready(cluster);
    // Once released, Works are gone, so what they carry is learnt before.
    let mut left = works(hub, name).await?;
    hub.client.delete(&resource, &key, &DeleteParams::of(cluster)).await.map_err(told)?;
    let (uid, start) = (cluster.uid(), Instant::now());
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
            if !answers {
                progress.done(behind(name, &left));
            }
            return Ok(());
        }
        let now = works(hub, name).await.unwrap_or_default();
        progress.waiting(match now.len() {
            0 => format!("cluster {name}: waiting until it is gone"),
            count => format!("cluster {name}: waiting until it has removed the objects of {count} works"),
        });
        if answers {
            left = now;
        }
        if start.elapsed() >= patience {
            let pull = cluster.str(&["spec", "syncMode"]) == Some("Pull");
            bail!("{}", stuck(name, patience, answers, pull, &left));
        }
    }
}

fn is_ready(cluster: &Object) -> bool {
    ready(cluster).is_some_and(|condition| condition.status == "True")
}

async fn works(hub: &Connection, name: &str) -> Result<Vec<Object>> {
    let space = names::execution_space(name);
    let listed = hub.client.list(&kinds::of::<Work>(), Some(&space), &ListParams::default()).await;
    Ok(listed.map_err(|error| explain(error, hub))?.items)
}

/// What stays in a member that does not answer.
fn behind(name: &str, works: &[Object]) -> String {
    let objects: Vec<String> = works.iter().flat_map(manifests).collect();
    if objects.is_empty() {
        return format!("cluster {name}: it does not answer; nothing of the control plane's is known to be in it");
    }
    let more = match objects.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<&str> = objects.iter().take(NAMED).map(String::as_str).collect();
    format!(
        "cluster {name}: it does not answer, so these stay in it, unmanaged: {}{more}; delete them there when it is back, \
         if they should go",
        listed(&named)
    )
}

/// What a Work carries, by kind and name.
fn manifests(work: &Object) -> Vec<String> {
    let manifests = work.get(&["spec", "workload", "manifests"]).and_then(Value::as_array);
    let objects = manifests.into_iter().flatten().filter_map(|one| Object::from_value(one.clone()).ok());
    objects.map(|object| object.reference().to_string()).collect()
}

fn stuck(name: &str, patience: Duration, answers: bool, pull: bool, left: &[Object]) -> String {
    let seconds = patience.as_secs();
    if left.is_empty() || !answers {
        return format!(
            "cluster {name} is not gone after {seconds} s: is `outrigger serve` running over this control plane? The \
             Cluster is marked for deletion; `unjoin` can be repeated, with a longer --wait"
        );
    }
    let objects: Vec<String> = left.iter().flat_map(manifests).take(NAMED).collect();
    let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
    let advice = if pull { "see that its agent runs, and look" } else { "look" };
    format!(
        "cluster {name} is not gone after {seconds} s: it counts as ready, and has {} works left ({}); {advice} for \
         finalizers on these objects in {name}, then repeat `unjoin` with a longer --wait",
        left.len(),
        listed(&objects)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stays_behind_has_names() {
        let work = access::object(json!({"spec": {"workload": {"manifests": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}},
            "broken",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        ]}}}));
        assert_eq!(manifests(&work), ["Deployment shop/web", "Namespace shop"]);
        assert!(behind("west", std::slice::from_ref(&work)).contains("Deployment shop/web, Namespace shop; delete"));
        assert!(behind("west", &vec![work.clone(); 6]).contains("and 2 more"));
        assert!(behind("west", &[]).contains("nothing"));
        let minute = Duration::from_secs(60);
        assert!(stuck("west", minute, true, true, &[work]).contains("1 works left (Deployment shop/web"));
        assert!(stuck("west", minute, true, false, &[]).contains("outrigger serve"));
    }
}

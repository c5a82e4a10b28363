//! What a control plane has: objects, by the names that people use, and the interpreters that it uses.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, anyhow, bail};
use outrigger_customization::{Customizations, Role};
use outrigger_engine::Engine;
use outrigger_object::{ObjectKey, Resource};
use outrigger_runtime::Discovery;
use outrigger_workbench::objects::Subject;
use tokio_util::sync::CancellationToken;

use crate::connect::{self, Connection};

/// How long reading the interpreters of a control plane may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Names an object as people do: its type, and its name.
pub fn parse(wanted: &str) -> Result<(&str, &str)> {
    match wanted.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.is_empty()) {
        Some(parts) => Ok(parts),
        None => bail!("--live {wanted}: it must be TYPE/NAME, such as deployment/web"),
    }
}

/// The object of a type and a name. The type is a kind or a plural, alone or with its group: `deployment`,
/// `deployments.apps`, `Backup.velero.io`.
pub async fn subject(connection: &Connection, namespace: &str, (kind, name): (&str, &str)) -> Result<Subject> {
    let resource = resource(connection, kind).await?;
    let key = ObjectKey::new(if resource.namespaced { namespace } else { "" }, name);
    let object = connection.client.get(&resource, &key).await.map_err(|error| connect::explain(error, connection))?;
    Ok(Subject { file: format!("{kind}/{name}"), line: 0, object: Ok(object) })
}

/// Puts what a control plane uses of its Interpreters, customizations and webhooks into the engine, as an agent
/// does. Gives a line for each one that is not in use as it is applied.
pub async fn applied(connection: &Connection, engine: &Arc<Engine>) -> Result<Vec<String>> {
    let stop = CancellationToken::new();
    let client = connection.client.clone();
    let used = Customizations::start(client, engine.clone(), Role::Follow, Default::default(), &stop)?;
    if tokio::time::timeout(PATIENCE, used.settled()).await.is_err() {
        bail!("{} does not tell its interpreters within {} seconds", connection.url(), PATIENCE.as_secs());
    }
    let complaint = |(key, why)| format!("{key}: {why}");
    Ok(used.complaints().into_iter().map(complaint).collect())
}

/// The kind that a name means.
pub async fn resource(connection: &Connection, wanted: &str) -> Result<Resource> {
    let discovery = Discovery::new(connection.client.clone());
    discovery.refresh().await.map_err(|error| connect::explain(error, connection))?;
    let (name, group) = wanted.split_once('.').map_or((wanted, None), |(name, group)| (name, Some(group)));
    let mut found: Vec<Resource> = discovery
        .resources()
        .into_iter()
        .filter(|one| one.plural.eq_ignore_ascii_case(name) || one.gvk.kind.eq_ignore_ascii_case(name))
        .filter(|one| group.is_none_or(|group| group == one.gvk.group))
        .collect();
    // The preferred version of a group is the one that is found by its plural.
    found.retain(|one| match discovery.lookup_plural(&one.gvk.group, &one.plural) {
        outrigger_runtime::Lookup::Found(preferred) => preferred.gvk == one.gvk,
        _ => true,
    });
    let mut groups: Vec<&str> = found.iter().map(|one| one.gvk.group.as_str()).collect();
    groups.sort_unstable();
    match found.as_slice() {
        [] => Err(anyhow!("{} serves no {wanted}: see `kubectl api-resources` for what it serves", connection.url())),
        [one] => Ok(one.clone()),
        // Kubernetes' own groups come first, as with kubectl.
        several => match several.iter().find(|one| one.gvk.group.is_empty()) {
            Some(core) => Ok(core.clone()),
            None => {
                bail!("{wanted} is in several groups: say which, as {name}.{}", groups.join(&format!(" or {name}.")))
            }
        },
    }
}

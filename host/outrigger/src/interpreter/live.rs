//! Objects of a control plane, by the names that people use.

use anyhow::{Result, anyhow, bail};
use outrigger_object::{Object, ObjectKey, Resource};
use outrigger_runtime::{Discovery, ListParams};
use outrigger_workbench::objects::Subject;

use crate::{
    cli::Hub,
    connect::{self, Connection},
};

/// The object that TYPE/NAME means. TYPE is a kind or a plural, alone or with its group:
/// `deployment`, `deployments.apps`, `Backup.velero.io`.
pub async fn subject(hub: &Hub, namespace: &str, wanted: &str) -> Result<Subject> {
    let Some((kind, name)) = wanted.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.is_empty()) else {
        bail!("--live {wanted}: it must be TYPE/NAME, such as deployment/web");
    };
    let connection = connect::hub(hub).await?;
    let resource = resource(&connection, kind).await?;
    let key = ObjectKey::new(if resource.namespaced { namespace } else { "" }, name);
    let object = connection.client.get(&resource, &key).await.map_err(|error| connect::explain(error, &connection))?;
    Ok(Subject { file: wanted.to_owned(), line: 0, object: Ok(object) })
}

/// All objects of a kind by its name and group; empty where the control plane does not serve the kind.
pub async fn all(connection: &Connection, plural: &str, group: &str) -> Result<Vec<Object>> {
    let Ok(resource) = resource(connection, &format!("{plural}.{group}")).await else { return Ok(Vec::new()) };
    let list = connection.client.list(&resource, None, &ListParams::default()).await;
    Ok(list.map_err(|error| connect::explain(error, connection))?.items)
}

async fn resource(connection: &Connection, wanted: &str) -> Result<Resource> {
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

//! Looking at API servers the way a user's client does.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result};
use futures::{TryStreamExt, pin_mut};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, WatchEvent, WatchParams},
};
use outrigger_object::Object;
use outrigger_runtime::Discovery;
use serde_json::Value;
use tokio::sync::mpsc;

use super::board::Row;

/// A kind by its names.
pub struct Kind {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
}

/// Clusters.
pub const CLUSTERS: Kind =
    Kind { group: "cluster.karmada.io", version: "v1alpha1", kind: "Cluster", plural: "clusters" };
/// Velero's locations.
pub const LOCATIONS: Kind =
    Kind { group: "velero.io", version: "v1", kind: "BackupStorageLocation", plural: "backupstoragelocations" };
const BACKUPS: Kind = Kind { group: "velero.io", version: "v1", kind: "Backup", plural: "backups" };

impl Kind {
    fn api(&self, client: &Client) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: format!("{}/{}", self.group, self.version),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        };
        Api::all_with(client.clone(), &resource)
    }
}

/// Watches all objects of a kind until they are as they should be.
pub async fn until(
    client: &Client,
    kind: &Kind,
    patience: Duration,
    is_enough: impl Fn(&BTreeMap<String, Value>) -> bool,
) -> Result<()> {
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let waiting = async {
        loop {
            let events = kind.api(client).watch(&WatchParams::default(), "0").await?;
            pin_mut!(events);
            while let Some(event) = events.try_next().await? {
                if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
                    seen.insert(object.metadata.name.unwrap_or_default(), object.data);
                }
                if is_enough(&seen) {
                    return Ok(());
                }
            }
        }
    };
    let outcome = tokio::time::timeout(patience, waiting).await;
    outcome.unwrap_or_else(|_| {
        let statuses: Vec<String> = seen
            .iter()
            .map(|(name, object)| format!("{name}: {}", object.get("status").unwrap_or(&Value::Null)))
            .collect();
        anyhow::bail!("gave up after {} s; seen last: {}", patience.as_secs(), statuses.join("; "))
    })
}

/// Whether an object's condition Ready is True.
pub fn is_ready(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Sends what a cluster's Backup looks like, whenever that changes.
pub async fn backup(client: Client, cluster: Option<String>, rows: mpsc::Sender<(Option<String>, Row)>) -> Result<()> {
    let mut last = Row::default();
    loop {
        let events = BACKUPS.api(&client).watch(&WatchParams::default(), "0").await?;
        pin_mut!(events);
        while let Some(event) = events.try_next().await? {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else { continue };
            let row = Row::read(&object.data);
            if row != last {
                last = row.clone();
                if rows.send((cluster.clone(), row)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Applies all objects of a YAML text, as `kubectl apply --server-side` does.
pub async fn apply(hub: &outrigger_runtime::Client, file: &str, text: &str) -> Result<()> {
    let discovery = Discovery::new(hub.clone());
    let objects: Vec<Object> =
        serde_saphyr::from_multiple(text).with_context(|| format!("{file} is not YAML that Kubernetes takes"))?;
    for object in objects {
        let resource =
            discovery.require(&object.gvk()).await.with_context(|| format!("{file}: {}", object.reference()))?;
        hub.apply(&resource, &object, true).await.with_context(|| format!("{file}: {}", object.reference()))?;
    }
    Ok(())
}

//! The Cluster object of a pull cluster.

use outrigger_api::cluster::ClusterSyncMode;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Client, Patch, Subresource};
use serde_json::{Map, Value, json};

use crate::{Error, Result, cluster};

/// What an agent says of its cluster.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// The cluster's name.
    pub name: String,
    /// Address of its API server, for the record; the control plane does not connect to it.
    pub api_endpoint: String,
    /// Cloud provider, or empty.
    pub provider: String,
    /// Region, or empty.
    pub region: String,
    /// Zones.
    pub zones: Vec<String>,
}

/// Makes the Cluster, or brings an existing one up to date. The cluster's identity is the UID of the
/// member's `kube-system`: a Cluster of this name with another identity is somebody else's and is left
/// alone.
pub async fn register(hub: &Client, member: &Client, registration: &Registration) -> Result<Object> {
    let id = member.get(&namespaces(), &ObjectKey::new("", "kube-system")).await?.uid().to_owned();
    let key = ObjectKey::new("", registration.name.as_str());
    let resource = cluster::resource();
    match hub.get_opt(&resource, &key).await? {
        None => {
            let body = json!({
                "apiVersion": resource.gvk.api_version(), "kind": resource.gvk.kind,
                "metadata": {"name": registration.name},
                "spec": spec(registration, &id),
            });
            Ok(hub.create(&resource, &Object::from_value(body).unwrap_or_default()).await?)
        }
        Some(existing) => {
            let known = existing.str(&["spec", "id"]).unwrap_or_default();
            if !known.is_empty() && known != id {
                let name = &registration.name;
                return Err(Error::Refused(format!(
                    "the name {name} is taken by another cluster (id {known}, this one is {id}): choose another, or remove it with: outrigger unjoin {name}"
                )));
            }
            let mode = existing.str(&["spec", "syncMode"]);
            if mode.is_some_and(|mode| mode != ClusterSyncMode::Pull.as_str()) {
                return Err(Error::Refused(format!("cluster {} is registered in push mode", registration.name)));
            }
            let wanted = spec(registration, &id);
            let changed: Map<String, Value> =
                wanted.into_iter().filter(|(name, value)| existing.get(&["spec", name]) != Some(value)).collect();
            if changed.is_empty() {
                return Ok(existing);
            }
            let patch = Patch::Merge(json!({"spec": changed}));
            Ok(hub.patch(&resource, &key, &patch, Subresource::None).await?)
        }
    }
}

fn spec(registration: &Registration, id: &str) -> Map<String, Value> {
    let mut spec = Map::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            spec.insert(name.to_owned(), json!(value));
        }
    };
    put("syncMode", ClusterSyncMode::Pull.as_str());
    put("id", id);
    put("apiEndpoint", &registration.api_endpoint);
    put("provider", &registration.provider);
    put("region", &registration.region);
    if !registration.zones.is_empty() {
        spec.insert("zones".into(), json!(registration.zones));
    }
    spec
}

fn namespaces() -> Resource {
    Resource {
        gvk: Gvk::new("", "v1", "Namespace"),
        plural: "namespaces".into(),
        namespaced: false,
        has_status: true,
        has_scale: false,
    }
}

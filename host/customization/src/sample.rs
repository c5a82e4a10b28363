//! Live objects to try a change on.

use outrigger_api::names;
use outrigger_interpreter::StatusItem;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Client, Discovery, ListParams, Lookup};
use serde::Deserialize;

/// How many objects of a kind are looked at.
const MOST: u32 = 10;

/// A template, and what clusters say of it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The template.
    pub template: Object,
    /// One for each cluster.
    pub items: Vec<StatusItem>,
}

/// Some templates of the kinds. What cannot be read is left out: this only ever makes a trial smaller.
pub async fn samples(client: &Client, discovery: &Discovery, kinds: &[Gvk]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for gvk in kinds {
        let Lookup::Found(resource) = discovery.resolve(gvk).await else { continue };
        let params = ListParams { limit: Some(MOST), ..ListParams::default() };
        let Ok(page) = client.list_page(&resource, None, &params, None).await else { continue };
        for template in page.items {
            let items = items(client, &template).await;
            samples.push(Sample { template, items });
        }
    }
    samples
}

async fn items(client: &Client, template: &Object) -> Vec<StatusItem> {
    let (kind, plural) = match template.namespace() {
        "" => ("ClusterResourceBinding", "clusterresourcebindings"),
        _ => ("ResourceBinding", "resourcebindings"),
    };
    let resource = Resource {
        gvk: Gvk::new("work.karmada.io", "v1alpha2", kind),
        plural: plural.to_owned(),
        namespaced: !template.namespace().is_empty(),
        has_status: true,
        has_scale: false,
    };
    let key = ObjectKey::new(template.namespace(), names::binding(template.kind(), template.name()));
    let Ok(Some(binding)) = client.get_opt(&resource, &key).await else { return Vec::new() };
    // Interpreters take the items in the form that bindings have them in.
    let items = binding.get(&["status", "aggregatedStatus"]).and_then(|items| Vec::deserialize(items).ok());
    items.unwrap_or_default()
}

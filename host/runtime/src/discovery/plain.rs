//! Discovery as it was before documents were aggregated: one document for each group and version.
//!
//! **Invariant:** a document that cannot be read fails its group and version alone.

use std::collections::BTreeSet;

use outrigger_object::{Gvk, Resource};
use serde::Deserialize;

use super::{Table, parse};
use crate::{Client, Result};

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct GroupList {
    #[serde(default)]
    groups: Vec<PlainGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainGroup {
    name: String,
    #[serde(default)]
    versions: Vec<PlainVersion>,
    preferred_version: Option<PlainVersion>,
}

#[derive(Clone, Deserialize)]
struct PlainVersion {
    version: String,
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<PlainResource>,
}

#[derive(Deserialize)]
struct PlainResource {
    name: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    verbs: Vec<String>,
}

pub(super) async fn core(client: &Client, text: &str, table: &mut Table) -> Result<()> {
    let Versions { versions } = parse(client, text)?;
    for version in versions {
        read(client, "", &version, table).await;
    }
    Ok(())
}

pub(super) async fn groups(client: &Client, text: &str, table: &mut Table) -> Result<()> {
    let GroupList { groups } = parse(client, text)?;
    for group in groups {
        let mut versions: Vec<String> = group.versions.into_iter().map(|version| version.version).collect();
        if let Some(preferred) = group.preferred_version {
            versions.sort_by_key(|version| *version != preferred.version);
        }
        for version in versions {
            read(client, &group.name, &version, table).await;
        }
    }
    Ok(())
}

async fn read(client: &Client, group: &str, version: &str, table: &mut Table) {
    let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let list = match client.raw(&path, None).await.and_then(|text| parse::<ResourceList>(client, &text)) {
        Ok(list) => list,
        Err(error) => {
            table.failed.insert(format!("{group}/{version}"), error.to_string());
            return;
        }
    };
    let names: BTreeSet<String> = list.resources.iter().map(|resource| resource.name.clone()).collect();
    for PlainResource { name, namespaced, kind, verbs } in list.resources {
        if name.contains('/') || kind.is_empty() {
            continue;
        }
        let resource = Resource {
            gvk: Gvk::new(group, version, kind),
            has_status: names.contains(&format!("{name}/status")),
            has_scale: names.contains(&format!("{name}/scale")),
            plural: name,
            namespaced,
        };
        table.add(resource, verbs);
    }
}

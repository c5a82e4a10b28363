//! The built-in kinds, from a table that is generated from Kubernetes' discovery documents.
//!
//! One group and version a line that begins with `@`, then its resources, one a line:
//!
//! ```text
//! @apps v1
//! deployments Deployment deployment N * deploy all scale|autoscaling/v1/Scale;status
//! plural      kind       singular   │ │ short  │   subresources: name|kind|verbs
//!               scope: Namespaced, Cluster │   categories
//!                                  verbs, * for all eight
//! ```
//!
//! **Invariant:** the table is what `examples/builtin_table` prints; nobody edits it.

use std::sync::{Arc, LazyLock, OnceLock};

use super::resource::next_id;
use super::{Group, Resource, Subresource};

static TABLE: &str = include_str!("builtin.table");
static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| parse(TABLE));

/// All verbs of an ordinary resource.
pub const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The built-in groups; core first.
pub fn groups() -> &'static [Group] {
    &GROUPS
}

fn words(text: &str, separator: char) -> Vec<String> {
    match text {
        "-" | "" => Vec::new(),
        text => text.split(separator).map(str::to_owned).collect(),
    }
}

fn parse(table: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in table.lines() {
        if let Some(header) = line.strip_prefix('@') {
            let (name, version) = header.split_once(' ').unwrap_or((header, "v1"));
            let name = if name == "core" { "" } else { name };
            match groups.last_mut() {
                Some(group) if group.name == name => group.versions.push((version.to_owned(), Vec::new())),
                _ => groups.push(Group { name: name.to_owned(), versions: vec![(version.to_owned(), Vec::new())] }),
            }
            continue;
        }
        let Some(group) = groups.last_mut() else { continue };
        let name = group.name.clone();
        if let Some((version, resources)) = group.versions.last_mut()
            && let Some(resource) = parse_resource(&name, version, line)
        {
            resources.push(Arc::new(resource));
        }
    }
    groups
}

fn parse_resource(group: &str, version: &str, line: &str) -> Option<Resource> {
    let mut parts = line.split(' ');
    let mut next = || parts.next();
    let (plural, kind, singular, scope, verbs, short, categories, subresources) =
        (next()?, next()?, next()?, next()?, next()?, next()?, next()?, next()?);
    let verbs = match verbs {
        "*" => VERBS.map(str::to_owned).to_vec(),
        list => words(list, ','),
    };
    Some(Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: plural.to_owned(),
        singular: singular.to_owned(),
        namespaced: scope == "N",
        verbs,
        short_names: words(short, ','),
        categories: words(categories, ','),
        subresources: words(subresources, ';').iter().map(|text| parse_subresource(text)).collect(),
        custom: None,
        id: next_id(),
        shape: OnceLock::new(),
    })
}

fn parse_subresource(text: &str) -> Subresource {
    let mut parts = text.split('|');
    let name = parts.next().unwrap_or_default().to_owned();
    let kind = parts.next().filter(|kind| !kind.is_empty()).map(|kind| {
        let mut parts: Vec<&str> = kind.split('/').collect();
        let kind = parts.pop().unwrap_or_default().to_owned();
        let mut parts = parts.into_iter().map(str::to_owned);
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), kind)
    });
    let verbs =
        parts.next().map_or_else(|| ["get", "patch", "update"].map(str::to_owned).to_vec(), |list| words(list, ','));
    Subresource { name, kind, verbs }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    #[test]
    fn table_holds_all_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/kubernetes/discovery-v1.36.json");
        let Ok(text) = std::fs::read(path) else {
            println!("skipped, no reference data");
            return;
        };
        let reference: Value = serde_json::from_slice(&text).expect("reference is JSON");
        let mut ours: BTreeMap<String, Value> = BTreeMap::new();
        for group in groups() {
            for (version, resources) in &group.versions {
                for resource in resources {
                    let key = format!("{}/{version}/{}", group.name, resource.plural);
                    ours.insert(key, crate::discovery::aggregated_resource(resource, false));
                }
            }
        }
        let mut seen = 0;
        for group in reference["items"].as_array().expect("groups") {
            for version in group["versions"].as_array().expect("versions") {
                for resource in version["resources"].as_array().expect("resources") {
                    let key = format!(
                        "{}/{}/{}",
                        group["metadata"]["name"].as_str().unwrap_or_default(),
                        version["version"].as_str().expect("a version"),
                        resource["resource"].as_str().expect("a name")
                    );
                    assert_eq!(ours.get(&key), Some(resource), "{key}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 70, "the reference has only {seen} resources");
    }

    #[test]
    fn every_kind_has_a_shape() {
        let missing: Vec<_> = groups()
            .iter()
            .flat_map(|group| group.versions.iter().flat_map(|(_, resources)| resources))
            .filter(|resource| {
                outrigger_schema::builtin::schema(&resource.group, &resource.version, &resource.kind).is_none()
            })
            .map(|resource| format!("{}/{}", resource.api_version(), resource.kind))
            .collect();
        assert_eq!(missing, Vec::<String>::new());
    }
}

//! [`Rule`]: what one rule of a role allows.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Attributes, Target};

/// One rule of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// API groups; `*` for all.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Resources, `pods`, `pods/log`, `*/scale`; `*` for all.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names of objects; none for all.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths, with an optional `*` at the end.
    #[serde(rename = "nonResourceURLs", deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
    /// Verbs; `*` for all.
    #[serde(deserialize_with = "list")]
    pub verbs: Vec<String>,
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn has(set: &[String], name: &str) -> bool {
    set.iter().any(|own| own == name)
}

fn has_or_all(set: &[String], name: &str) -> bool {
    set.iter().any(|own| own == "*" || own == name)
}

fn covers_path(own: &str, path: &str) -> bool {
    own == path || (own.ends_with('*') && path.starts_with(own.trim_end_matches('*')))
}

impl Rule {
    /// Whether the rule allows a request.
    pub fn allows(&self, attributes: &Attributes<'_>) -> bool {
        if !has_or_all(&self.verbs, attributes.verb) {
            return false;
        }
        match attributes.target {
            Target::Path(path) => self.non_resource_urls.iter().any(|own| own == "*" || covers_path(own, path)),
            Target::Resource { group, resource, subresource, name, .. } => {
                has_or_all(&self.api_groups, group)
                    && self.resources.iter().any(|own| is_resource(own, resource, subresource))
                    && (self.resource_names.is_empty() || has(&self.resource_names, name))
            }
        }
    }

    /// The rule as rules of one verb, one group, one resource and one name, or of one verb and one path.
    pub(super) fn atoms(&self) -> Vec<Rule> {
        let mut atoms = Vec::new();
        for verb in &self.verbs {
            for group in &self.api_groups {
                for resource in &self.resources {
                    let atom = Rule {
                        api_groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        verbs: vec![verb.clone()],
                        ..Rule::default()
                    };
                    if self.resource_names.is_empty() {
                        atoms.push(atom);
                    } else {
                        let named = |name: &String| Rule { resource_names: vec![name.clone()], ..atom.clone() };
                        atoms.extend(self.resource_names.iter().map(named));
                    }
                }
            }
            for path in &self.non_resource_urls {
                atoms.push(Rule {
                    non_resource_urls: vec![path.clone()],
                    verbs: vec![verb.clone()],
                    ..Rule::default()
                });
            }
        }
        atoms
    }

    /// Whether the rule grants all that another one does. The other one is an atom.
    pub(super) fn covers(&self, atom: &Rule) -> bool {
        atom.verbs.iter().all(|verb| has_or_all(&self.verbs, verb))
            && atom.api_groups.iter().all(|group| has_or_all(&self.api_groups, group))
            && atom.resources.iter().all(|resource| self.covers_resource(resource))
            && (self.resource_names.is_empty()
                || (!atom.resource_names.is_empty()
                    && atom.resource_names.iter().all(|name| has(&self.resource_names, name))))
            && atom.non_resource_urls.iter().all(|path| self.non_resource_urls.iter().any(|own| covers_path(own, path)))
    }

    fn covers_resource(&self, resource: &str) -> bool {
        has_or_all(&self.resources, resource)
            || resource.split_once('/').is_some_and(|(_, subresource)| {
                self.resources.iter().any(|own| own.strip_prefix("*/") == Some(subresource))
            })
    }
}

/// Whether a rule's resource is `*`, `resource`, `resource/subresource` or `*/subresource`.
fn is_resource(own: &str, resource: &str, subresource: &str) -> bool {
    if own == "*" {
        return true;
    }
    if subresource.is_empty() {
        return own == resource;
    }
    own.split_once('/').is_some_and(|(first, second)| second == subresource && (first == "*" || first == resource))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        f.write_str("{")?;
        let mut first = true;
        for (name, values) in parts.into_iter().filter(|(_, values)| !values.is_empty()) {
            let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            write!(f, "{}{name}:[{}]", if first { "" } else { ", " }, quoted.join(" "))?;
            first = false;
        }
        f.write_str("}")
    }
}

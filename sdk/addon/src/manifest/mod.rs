//! `addon.yaml`: who an addon is, what it brings, what it asks for.
//!
//! Keys that are not listed here are errors, with their line. Paths are relative to the package, with `/`
//! between names, and stay inside it.

mod parts;

use outrigger_interpreter::{LifeCycle, Operation};
use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::parts::{
    Batch, ClusterSelector, CrdSource, CrdUse, Library, Permissions, Rollout, Rule, Template, TemplateTarget, Wave,
};
use crate::Error;

/// The version of this format.
pub const FORMAT: u32 = 1;

/// The content of `addon.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Name, unique among addons: lower-case letters, digits and dashes.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// The three versions, and the host's.
    pub versions: Versions,
    /// Kinds that it teaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<KindSupport>,
    /// CustomResourceDefinitions that it owns or uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crds: Vec<CrdUse>,
    /// Addons that must be installed before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// What its controllers and parts may do. Whoever installs it must hold as much.
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub permissions: Permissions,
    /// OpenAPI v3 schema (structural, as in a CRD) of the configuration. Without one there is nothing to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
    /// Files with objects for the control plane: policies, overrides and whatever else belongs there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hub: Vec<String>,
    /// Files with objects for the members, in waves: each begins in a cluster when the one before is applied and
    /// served there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Wave>,
    /// How the objects for members reach the clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Values that differ from cluster to cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<Template>,
    /// Directory of declarative interpreters and Karmada's customizations, cases beside them.
    #[serde(default = "interpreters", skip_serializing_if = "is_interpreters")]
    pub interpreters: String,
    /// The same addon as code, one library per platform.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<Library>,
    /// Earlier versions of the addon that this one can follow. Without any: those with the same first number
    /// that is not zero, as for a caret in Cargo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub upgrades_from: Vec<VersionReq>,
    /// What becomes of live objects when it is removed.
    #[serde(default)]
    pub uninstall: UninstallPolicy,
}

/// Versions that change on their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Versions {
    /// Of the addon.
    #[schemars(with = "String")]
    pub addon: Version,
    /// Of the manifest's format.
    pub manifest: u32,
    /// Of the SDK's binary interface that libraries were built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abi: Option<u32>,
    /// Of the host, at least, such as `0.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub minimum_host: Option<Version>,
}

/// One kind and how far it is taught.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindSupport {
    /// `apiVersion` of the kind.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// Operations that the addon answers.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// How its objects live.
    #[serde(default)]
    pub life_cycle: LifeCycle,
    /// Whether the host must leave its labels and annotations off objects in members, because the
    /// kind's controllers would copy them.
    #[serde(default)]
    pub unmarked: bool,
    /// Whether all objects of the kind in members are shown on the control plane, as MemberObjects.
    #[serde(default)]
    pub observed: bool,
    /// How much to rely on it.
    #[serde(default)]
    pub stability: Stability,
}

/// An addon that must be there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requirement {
    /// Its name.
    pub name: String,
    /// Versions of it that will do, such as `>=1.2, <2`.
    #[schemars(with = "String")]
    pub version: VersionReq,
}

/// How much to rely on an addon's support of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stability {
    /// Will not change its meaning.
    #[default]
    Stable,
    /// May change.
    Beta,
    /// An experiment.
    Alpha,
}

/// What becomes of live objects when an addon is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UninstallPolicy {
    /// Removal is refused while there are any.
    #[default]
    Block,
    /// They stay on the members, and are no longer managed.
    Orphan,
    /// They are deleted.
    Delete,
}

impl Manifest {
    /// Reads `addon.yaml`. Fails on a key that does not exist, and on what no host could use: a name that is
    /// none, a format that is not [`FORMAT`], a path that leaves the package.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        let manifest: Self = serde_saphyr::from_str(text).map_err(|error| Error::Manifest(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |message: String| Err(Error::Manifest(message));
        if self.versions.manifest != FORMAT {
            return wrong(format!(
                "versions.manifest is {}, and this version of the SDK reads {FORMAT}",
                self.versions.manifest
            ));
        }
        if !is_name(&self.name) {
            return wrong(format!(
                "name is {:?}: it has lower-case letters, digits and dashes, begins and ends with a letter or digit, and is at most 40 long",
                self.name
            ));
        }
        match self.paths().find(|path| !is_inside(path)) {
            Some(path) => wrong(format!("{path:?} is not a path inside the package")),
            None => Ok(()),
        }
    }

    /// All paths that it names.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let crds = self.crds.iter().filter_map(|crd| crd.file.as_deref());
        let members = self.members.iter().flat_map(|wave| wave.files.iter().map(String::as_str));
        let libraries = self.libraries.iter().map(|library| library.file.as_str());
        let hub = self.hub.iter().map(String::as_str);
        crds.chain(members).chain(libraries).chain(hub).chain([self.interpreters.as_str()])
    }

    /// Whether it can follow an installed version of itself. Going back is another thing: that is always
    /// possible to what was installed before.
    pub fn can_follow(&self, installed: &Version) -> bool {
        if self.upgrades_from.is_empty() {
            let same = VersionReq {
                comparators: vec![semver::Comparator {
                    op: semver::Op::Caret,
                    major: installed.major,
                    minor: Some(installed.minor),
                    patch: Some(installed.patch),
                    pre: installed.pre.clone(),
                }],
            };
            return same.matches(&self.versions.addon);
        }
        *installed == self.versions.addon || self.upgrades_from.iter().any(|from| from.matches(installed))
    }
}

fn is_name(name: &str) -> bool {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= 40
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && end(name.chars().next())
        && end(name.chars().last())
}

/// Whether a path stays in the directory that it is relative to.
pub fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|name| !name.is_empty() && name != "." && name != "..")
}

fn interpreters() -> String {
    "interpreters".to_owned()
}

fn is_interpreters(path: &str) -> bool {
    path == interpreters()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name: guestbook\ndescription: Guestbooks.\nversions: {addon: 1.2.0, manifest: 1}\n";

    #[test]
    fn the_least_manifest_is_read() {
        let manifest = Manifest::from_yaml(LEAST).unwrap();
        assert_eq!(manifest.uninstall, UninstallPolicy::Block);
        assert_eq!(manifest.interpreters, "interpreters");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text: &str, told: &[&str]| {
            let error = Manifest::from_yaml(text).unwrap_err().to_string();
            for part in told {
                assert!(error.contains(part), "no {part:?} in {error}");
            }
        };
        check(&format!("{LEAST}uninstal: Block\n"), &["uninstal", "line 4"]);
        check(&LEAST.replace("manifest: 1", "manifest: 2"), &["versions.manifest is 2"]);
        check(&LEAST.replace("name: guestbook", "name: Guest_Book"), &["Guest_Book"]);
        check(&LEAST.replace("1.2.0", "1.2"), &["1.2", "line 3"]);
        check(&format!("{LEAST}hub: [../policy.yaml]\n"), &["../policy.yaml"]);
        check(&format!("{LEAST}hub: [/etc/passwd]\n"), &["/etc/passwd"]);
    }

    #[test]
    fn a_version_follows_what_it_says_it_follows() {
        let check = |version: &str, from: &[&str], installed: &str, expected: bool| {
            let mut manifest = Manifest::from_yaml(LEAST).unwrap();
            manifest.versions.addon = version.parse().unwrap();
            manifest.upgrades_from = from.iter().map(|from| from.parse().unwrap()).collect();
            assert_eq!(manifest.can_follow(&installed.parse().unwrap()), expected, "{installed} -> {version} {from:?}");
        };
        check("1.4.0", &[], "1.2.0", true);
        check("2.0.0", &[], "1.2.0", false);
        check("0.2.0", &[], "0.1.9", false);
        check("0.1.9", &[], "0.1.0", true);
        check("2.0.0", &[">=1.2, <2"], "1.2.0", true);
        check("2.0.0", &[">=1.2, <2"], "1.1.0", false);
        check("2.0.0", &[">=1.2, <2"], "2.0.0", true);
    }
}

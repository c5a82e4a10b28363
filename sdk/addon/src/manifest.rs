//! `addon.yaml`.

use outrigger_interpreter::{LifeCycle, Operation};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The content of `addon.yaml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Name, unique among addons.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// The three versions.
    pub versions: Versions,
    /// Kinds that it teaches.
    pub kinds: Vec<KindSupport>,
    /// What becomes of live objects when it is removed.
    #[serde(default)]
    pub uninstall: UninstallPolicy,
}

/// Versions that change on their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Versions {
    /// Of the addon.
    pub addon: String,
    /// Of the manifest's format.
    pub manifest: u32,
    /// Of the SDK's binary interface.
    pub abi: u32,
}

/// One kind and how far it is taught.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindSupport {
    /// `apiVersion` of the kind.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// Operations that the addon answers.
    pub operations: Vec<Operation>,
    /// How its objects live.
    pub life_cycle: LifeCycle,
    /// Whether the host must leave its labels and annotations off objects in members, because the
    /// kind's controllers would copy them.
    #[serde(default)]
    pub unmarked: bool,
    /// How much to rely on it.
    #[serde(default)]
    pub stability: Stability,
}

/// How much to rely on an addon's support of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Reads `addon.yaml`; unknown keys are errors.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        serde_saphyr::from_str(text).map_err(|error| Error::Manifest(error.to_string()))
    }
}

//! The parts of a manifest that are lists of something.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use outrigger_interpreter::{Assignment, LabelSelector};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// A CustomResourceDefinition that an addon needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CrdUse {
    /// Its name, `<plural>.<group>`.
    pub name: String,
    /// Versions that will do, best first.
    pub versions: Vec<String>,
    /// Where the control plane has it from.
    #[serde(default)]
    pub source: CrdSource,
    /// The file in the package, where that is the source. An addon in code gives its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether the CRD belongs to the addon: it is upgraded with the addon, and removed with it once no object
    /// of it is left. Otherwise the addon makes it where it is missing, and leaves it alone from then on.
    #[serde(default)]
    pub owned: bool,
}

/// Where a CRD comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CrdSource {
    /// The package.
    #[default]
    Package,
    /// The members: the highest version that all selected ones serve.
    Members,
}

/// What an addon asks to be allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Permissions {
    /// On the control plane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hub: Vec<Rule>,
    /// In each member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Rule>,
}

impl Permissions {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.hub.is_empty() && self.members.is_empty()
    }
}

/// A rule, as in a ClusterRole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// API groups; `""` is the core group.
    pub api_groups: Vec<String>,
    /// Resources, with subresources as `deployments/scale`.
    pub resources: Vec<String>,
    /// Verbs.
    pub verbs: Vec<String>,
    /// Names, where only those are meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
}

/// Objects that go to members together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wave {
    /// What it is called in conditions and tables, such as `crds`.
    pub name: String,
    /// Files with the objects.
    pub files: Vec<String>,
}

/// How objects reach the clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    /// Clusters that get the objects; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clusters: Option<ClusterSelector>,
    /// Clusters that go first, alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<ClusterSelector>,
    /// How many clusters have the new version after each batch: a number, or a percentage such as `25%`. The
    /// last one is all of them, whether it is written or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<Batch>,
    /// How long a batch must be healthy before the next begins, such as `10m`.
    #[serde(default, skip_serializing_if = "SignedDuration::is_zero")]
    #[schemars(with = "String")]
    pub soak: SignedDuration,
    /// How long a cluster may take before it counts as failed.
    #[serde(default = "patience")]
    #[schemars(with = "String")]
    pub timeout: SignedDuration,
    /// How many clusters may fail before the rollout stops.
    #[serde(default)]
    pub max_failures: u32,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            clusters: None,
            canary: None,
            batches: Vec::new(),
            soak: SignedDuration::ZERO,
            timeout: patience(),
            max_failures: 0,
        }
    }
}

fn patience() -> SignedDuration {
    SignedDuration::from_mins(5)
}

/// Chooses clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterSelector {
    /// By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// By labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
}

/// A number of clusters, or a percentage of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Batch {
    /// So many.
    Count(u32),
    /// Such as `25%`, rounded up.
    Percent(String),
}

/// What is different in each cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// The objects.
    pub target: TemplateTarget,
    /// What is written into them, in order.
    pub set: Vec<Assignment>,
}

/// Chooses objects of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TemplateTarget {
    /// Their `apiVersion`.
    pub api_version: String,
    /// Their kind.
    pub kind: String,
    /// Only in this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Only the one with this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those with these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// An addon's code for one platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Library {
    /// Operating system, in Rust's words: `linux`, `macos`.
    pub os: String,
    /// Processor, in Rust's words: `x86_64`, `aarch64`.
    pub arch: String,
    /// The file in the package.
    pub file: String,
}

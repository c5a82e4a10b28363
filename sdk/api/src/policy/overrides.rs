//! `OverridePolicy` and `ClusterOverridePolicy`: changes to a template on its way to chosen clusters.
//!
//! For one object cluster-wide policies are applied first, then those of its namespace.

use super::{ClusterAffinity, ResourceSelector};
use crate::definition::api_kind;
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

api_kind! {
    /// Overrides templates of its own namespace.
    OverridePolicy: "policy.karmada.io" / "v1alpha1" "overridepolicies" "overridepolicy" ["op"] NamespaceResourceScope
    columns: &[];
    required {
        /// What to override, and how.
        spec: OverrideSpec,
    }
    optional {}
}

api_kind! {
    /// Overrides cluster-scoped templates and templates of any namespace.
    ClusterOverridePolicy: "policy.karmada.io" / "v1alpha1" "clusteroverridepolicies" "clusteroverridepolicy" ["cop"] ClusterResourceScope
    columns: &[];
    required {
        /// What to override, and how.
        spec: OverrideSpec,
    }
    optional {}
}

/// Which templates are overridden, for which clusters, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OverrideSpec {
    /// Templates meant; empty means all in reach of the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_selectors: Vec<ResourceSelector>,
    /// Changes per group of clusters, applied in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub override_rules: Vec<RuleWithCluster>,
    /// Older form: clusters for `overriders`; use `overrideRules`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_cluster: Option<ClusterAffinity>,
    /// Older form: changes for `targetCluster`; use `overrideRules`.
    #[serde(default)]
    pub overriders: Overriders,
}

/// Changes for a group of clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleWithCluster {
    /// The clusters; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_cluster: Option<ClusterAffinity>,
    /// The changes.
    pub overriders: Overriders,
}

/// Changes by kind. Applied in the order image, command, args, labels, annotations, field, plaintext.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overriders {
    /// Changes at a JSON pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plaintext: Vec<PlaintextOverrider>,
    /// Changes of image references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_overrider: Vec<ImageOverrider>,
    /// Changes of containers' commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command_overrider: Vec<CommandArgsOverrider>,
    /// Changes of containers' arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args_overrider: Vec<CommandArgsOverrider>,
    /// Changes of labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels_overrider: Vec<LabelAnnotationOverrider>,
    /// Changes of annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations_overrider: Vec<LabelAnnotationOverrider>,
    /// Changes inside a string field that holds JSON or YAML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_overrider: Vec<FieldOverrider>,
}

/// Changes entries of labels or annotations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelAnnotationOverrider {
    /// `add` sets, `replace` sets keys that exist, `remove` drops keys.
    pub operator: OverriderOperator,
    /// Entries; for `remove` the keys alone matter.
    pub value: BTreeMap<String, String>,
}

/// Changes one component of an image reference.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageOverrider {
    /// Which image; absent means every container of a known workload kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate: Option<ImagePredicate>,
    /// The component to change.
    pub component: ImageComponent,
    /// `add` appends, `replace` sets, `remove` clears.
    pub operator: OverriderOperator,
    /// Text for `add` and `replace`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// Names one image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePredicate {
    /// JSON pointer to the string with the image reference.
    pub path: String,
}

/// Changes the command or the arguments of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandArgsOverrider {
    /// Name of the container.
    pub container_name: String,
    /// `add` appends, `remove` drops equal items.
    #[schemars(extend("enum" = ["add", "remove"]))]
    pub operator: OverriderOperator,
    /// Items to append or drop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub value: Vec<String>,
}

/// Changes the value at a JSON pointer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaintextOverrider {
    /// JSON pointer.
    pub path: String,
    /// What to do there.
    pub operator: OverriderOperator,
    /// Value for `add` and `replace`; JSON null counts as absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::AnySchema>")]
    pub value: Option<Value>,
}

/// Changes a document inside a string field. Set one of `json` and `yaml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldOverrider {
    /// JSON pointer to the string.
    pub field_path: String,
    /// Changes when the string holds JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonPatchOperation>,
    /// Changes when the string holds YAML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yaml: Vec<YamlPatchOperation>,
}

/// Changes the value at a pointer inside a JSON document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonPatchOperation {
    /// JSON pointer inside the document.
    pub sub_path: String,
    /// What to do there.
    pub operator: OverriderOperator,
    /// Value for `add` and `replace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::AnySchema>")]
    pub value: Option<Value>,
}

/// Changes the value at a pointer inside a YAML document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct YamlPatchOperation {
    /// JSON pointer inside the document.
    pub sub_path: String,
    /// What to do there.
    pub operator: OverriderOperator,
    /// Value for `add` and `replace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::AnySchema>")]
    pub value: Option<Value>,
}

/// What an overrider does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OverriderOperator {
    /// Adds a value.
    #[default]
    #[serde(rename = "add")]
    Add,
    /// Removes a value.
    #[serde(rename = "remove")]
    Remove,
    /// Replaces a value.
    #[serde(rename = "replace")]
    Replace,
}

impl OverriderOperator {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

impl std::fmt::Display for OverriderOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A component of `registry/repository:tag`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ImageComponent {
    /// The registry's host and port.
    #[default]
    Registry,
    /// The path within the registry.
    Repository,
    /// The tag or digest.
    Tag,
}

impl ImageComponent {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "Registry",
            Self::Repository => "Repository",
            Self::Tag => "Tag",
        }
    }
}

impl std::fmt::Display for ImageComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

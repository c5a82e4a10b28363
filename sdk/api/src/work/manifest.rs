//! `Work`: the manifests that one cluster should hold, and what is known about them there.
//!
//! A Work lies in the cluster's execution space, namespace `karmada-es-<cluster>`.

use super::ResourceHealth;
use crate::RawExtension;
use crate::definition::{Column, api_kind};
use crate::schema;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

api_kind! {
    /// Manifests to apply to one member cluster.
    Work: "work.karmada.io" / "v1alpha1" "works" "work" ["wk"] NamespaceResourceScope
    columns: &[
        Column::string("WORKLOAD-KIND", ".spec.workload.manifests[*].kind"),
        Column::string("APPLIED", r#".status.conditions[?(@.type=="Applied")].status"#),
        Column::age("AGE"),
    ];
    required {
        /// What the cluster should hold.
        spec: WorkSpec,
    }
    optional {
        /// What is known about it there.
        status: WorkStatus,
    }
}

/// What a cluster should hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkSpec {
    /// The manifests.
    #[serde(default)]
    pub workload: WorkloadTemplate,
    /// Stops writing to the cluster; what is there stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend_dispatching: Option<bool>,
    /// Leaves the cluster's objects in place when the Work is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_resources_on_deletion: Option<bool>,
}

/// A list of manifests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadTemplate {
    /// Whole objects, in the order in which they are applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<RawExtension>,
}

/// What is known about the manifests in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkStatus {
    /// Conditions: Applied, Dispatching.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schema::ConditionSchema>")]
    pub conditions: Vec<Condition>,
    /// Status per manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifest_statuses: Vec<ManifestStatus>,
}

/// Status of one manifest in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestStatus {
    /// The manifest meant.
    pub identifier: ResourceIdentifier,
    /// Status as the interpreter reflected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RawExtension>,
    /// Health as the interpreter judged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<ResourceHealth>,
}

/// Identifies a manifest by place and by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceIdentifier {
    /// Index in the list of manifests, from 0.
    #[schemars(with = "schema::IntegerSchema")]
    pub ordinal: i64,
    /// API group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Plural resource name.
    pub resource: String,
    /// Namespace; empty for cluster scope.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
}

//! `Cluster` (`cluster.karmada.io/v1alpha1`): a member cluster, how it is reached, and what is known about it.
//!
//! Karmada serves this kind from an aggregated API server; here it is a CRD with a status subresource
//! and with the columns of Karmada's table. What that server checks in a field, or between two fields, the
//! CRD checks by pattern or rule; what needs more, such as gaps between resource models, is admission's.

use crate::definition::{Column, api_kind};
use crate::{omit, schema};
use k8s_openapi::api::core::v1::Taint;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

api_kind! {
    /// A member cluster.
    #[schemars(extend("x-kubernetes-validations" = [
        {
            "rule": "self.metadata.name.size() <= 48",
            "message": "name must be no more than 48 characters: longer names are made from it",
        },
        {
            "rule": "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            "message": "name must be a DNS label: lower case letters, digits and dashes within",
        },
    ]))]
    Cluster: "cluster.karmada.io" / "v1alpha1" "clusters" "cluster" [] ClusterResourceScope
    columns: &[
        Column::string("Version", ".status.kubernetesVersion"),
        Column::string("Mode", ".spec.syncMode"),
        Column::string("Ready", r#".status.conditions[?(@.type=="Ready")].status"#),
        Column::age("Age"),
        Column::wide("Zones", ".spec.zones"),
        Column::wide("Region", ".spec.region"),
        Column::wide("Provider", ".spec.provider"),
        Column::wide("API-Endpoint", ".spec.apiEndpoint"),
        Column::wide("Proxy-URL", ".spec.proxyURL"),
    ];
    required {
        /// How the cluster is reached, and what it is.
        spec: ClusterSpec,
    }
    optional {
        /// What is known about the cluster.
        status: ClusterStatus,
    }
}

/// What a label's value may be; fields of this form can be selected by `fieldSelector`.
const LABEL_VALUE: &str = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";

/// How a cluster is reached, and what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(self.zone) || self.zone == '' || !has(self.zones) || self.zones.size() == 0",
    "message": "zone and zones exclude each other",
}]))]
pub struct ClusterSpec {
    /// Identity of the cluster itself: its ClusterProperty, or the UID of its `kube-system`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("maxLength" = 128000))]
    pub id: String,
    /// Who carries objects to the cluster.
    pub sync_mode: ClusterSyncMode,
    /// Address of the API server: host, host:port or URL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_endpoint: String,
    /// Secret with the credentials: keys `token` and `caBundle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalSecretReference>,
    /// Secret with the impersonator's `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonator_secret_ref: Option<LocalSecretReference>,
    /// Accepts any serving certificate of the cluster.
    #[serde(rename = "insecureSkipTLSVerification", default, skip_serializing_if = "omit::is_default")]
    pub insecure_skip_tls_verification: bool,
    /// Proxy through which the control plane reaches the cluster.
    #[serde(rename = "proxyURL", default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("pattern" = "^((http|https|socks5):.*)?$"))]
    pub proxy_url: String,
    /// HTTP headers for the proxy; several values of one header are joined with commas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxy_header: BTreeMap<String, String>,
    /// Cloud provider.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("maxLength" = 63, "pattern" = LABEL_VALUE))]
    pub provider: String,
    /// Region.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("maxLength" = 63, "pattern" = LABEL_VALUE))]
    pub region: String,
    /// Older form of `zones`, never read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(extend("maxLength" = 63, "pattern" = LABEL_VALUE))]
    pub zone: String,
    /// Failure zones that the cluster spans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Taints that keep away or evict what does not tolerate them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schema::TaintSchema>")]
    pub taints: Vec<Taint>,
    /// Grades of nodes by size, for estimates; absent means Karmada's nine grades.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_models: Vec<ResourceModel>,
}

/// Who carries objects to a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ClusterSyncMode {
    /// The control plane connects to the cluster.
    #[default]
    Push,
    /// An agent in the cluster connects to the control plane.
    Pull,
}

impl ClusterSyncMode {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "Push",
            Self::Pull => "Pull",
        }
    }
}

impl std::fmt::Display for ClusterSyncMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a Secret in the control plane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalSecretReference {
    /// Namespace.
    #[schemars(extend("minLength" = 1))]
    pub namespace: String,
    /// Name.
    #[schemars(extend("minLength" = 1))]
    pub name: String,
}

/// A grade of nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceModel {
    /// Number of the grade, from 0 without gaps.
    #[schemars(with = "schema::IntegerSchema")]
    pub grade: u64,
    /// Bounds by resource.
    pub ranges: Vec<ResourceModelRange>,
}

/// Bounds of one resource in a grade: from `min` up to but not including `max`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceModelRange {
    /// Resource name, such as `cpu`.
    pub name: String,
    /// Lower bound; the first grade counts from zero.
    #[schemars(with = "schema::QuantitySchema")]
    pub min: Quantity,
    /// Upper bound; the last grade has none, whatever stands here.
    #[schemars(with = "schema::QuantitySchema")]
    pub max: Quantity,
}

/// What is known about a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Version of the API server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kubernetes_version: String,
    /// APIs that the cluster serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_enablements: Vec<ApiEnablement>,
    /// Conditions: Ready, CompleteAPIEnablements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<schema::ConditionSchema>")]
    pub conditions: Vec<Condition>,
    /// Count of nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_summary: Option<NodeSummary>,
    /// Sums of resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_summary: Option<ResourceSummary>,
    /// Actions that Remedies ask for now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedy_actions: Vec<String>,
}

/// Resources of one group version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiEnablement {
    /// `group/version`, or `v1`.
    pub group_version: String,
    /// The resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ApiResource>,
}

/// A resource and its kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiResource {
    /// Plural name.
    pub name: String,
    /// Kind.
    pub kind: String,
}

/// Count of nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSummary {
    /// All nodes.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub total_num: i32,
    /// Ready nodes.
    #[serde(default, skip_serializing_if = "omit::is_default")]
    pub ready_num: i32,
}

/// Sums over all nodes, by resource name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSummary {
    /// What nodes can give to pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, schema::QuantitySchema>")]
    pub allocatable: BTreeMap<String, Quantity>,
    /// What pods that wait for a node request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, schema::QuantitySchema>")]
    pub allocating: BTreeMap<String, Quantity>,
    /// What pods on nodes request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, schema::QuantitySchema>")]
    pub allocated: BTreeMap<String, Quantity>,
    /// Nodes by grade.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocatable_modelings: Vec<AllocatableModeling>,
}

/// Count of nodes in a grade of `spec.resourceModels`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllocatableModeling {
    /// The grade.
    #[schemars(with = "schema::IntegerSchema")]
    pub grade: u64,
    /// Nodes in it.
    #[schemars(with = "schema::IntegerSchema")]
    pub count: i64,
}

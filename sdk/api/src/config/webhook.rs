//! `ResourceInterpreterWebhookConfiguration`: webhooks that interpret kinds.

use crate::definition::api_kind;
use crate::schema;
use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

api_kind! {
    /// Webhooks that interpret kinds.
    ResourceInterpreterWebhookConfiguration: "config.karmada.io" / "v1alpha1" "resourceinterpreterwebhookconfigurations" "resourceinterpreterwebhookconfiguration" [] ClusterResourceScope
    columns: &[];
    required {
        /// The webhooks.
        webhooks: Vec<ResourceInterpreterWebhook>,
    }
    optional {}
}

/// A webhook, and what it is called for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterWebhook {
    /// Full name, such as `workloads.example.com`.
    pub name: String,
    /// How it is reached.
    #[schemars(with = "schema::WebhookClientConfigSchema")]
    pub client_config: WebhookClientConfig,
    /// What it is called for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleWithOperations>,
    /// Longest wait for an answer, 1 to 30; absent means 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i32>,
    /// Versions of the request that it understands, best first.
    pub interpreter_context_versions: Vec<String>,
}

/// Operations, and the kinds they are called for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleWithOperations {
    /// Names of operations, such as `InterpretHealth`; `*` means all.
    pub operations: Vec<String>,
    /// The kinds.
    #[serde(flatten)]
    pub rule: Rule,
}

/// Kinds by group and version; `*` in a list matches all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// API groups; the core group is empty.
    pub api_groups: Vec<String>,
    /// API versions without the group.
    pub api_versions: Vec<String>,
    /// Kinds.
    pub kinds: Vec<String>,
}

/// An operation of the resource interpreter. Configurations hold it as text, because the CRD does not
/// limit it and one unknown name must not hide the rest: see [`InterpreterOperation::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum InterpreterOperation {
    /// Every operation.
    #[serde(rename = "*")]
    All,
    /// Reads replicas and their requirements.
    InterpretReplica,
    /// Reads components, their replicas and requirements.
    InterpretComponent,
    /// Writes a replica count into the object.
    ReviseReplica,
    /// Picks the status to bring back.
    InterpretStatus,
    /// Strips the object for members; declared by Karmada, never called.
    Prune,
    /// Keeps values of the member's object.
    Retain,
    /// Merges members' statuses into the template.
    AggregateStatus,
    /// Judges health.
    InterpretHealth,
    /// Lists what the object depends on.
    InterpretDependency,
}

impl InterpreterOperation {
    /// Every operation that can be asked for, without [`InterpreterOperation::All`].
    pub const EACH: [Self; 9] = [
        Self::InterpretReplica,
        Self::InterpretComponent,
        Self::ReviseReplica,
        Self::InterpretStatus,
        Self::Prune,
        Self::Retain,
        Self::AggregateStatus,
        Self::InterpretHealth,
        Self::InterpretDependency,
    ];

    /// Reads the value as it is written in the API; `None` when there is no such operation.
    pub fn parse(text: &str) -> Option<Self> {
        std::iter::once(Self::All).chain(Self::EACH).find(|o| o.as_str() == text)
    }

    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "*",
            Self::InterpretReplica => "InterpretReplica",
            Self::InterpretComponent => "InterpretComponent",
            Self::ReviseReplica => "ReviseReplica",
            Self::InterpretStatus => "InterpretStatus",
            Self::Prune => "Prune",
            Self::Retain => "Retain",
            Self::AggregateStatus => "AggregateStatus",
            Self::InterpretHealth => "InterpretHealth",
            Self::InterpretDependency => "InterpretDependency",
        }
    }
}

impl std::fmt::Display for InterpreterOperation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Failover: when replicas leave a failing cluster or application, and how the old ones are removed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when an application or a cluster fails; an absent part means no failover for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverBehavior {
    /// The application is unhealthy in a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationFailoverBehavior>,
    /// The cluster is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterFailoverBehavior>,
}

/// Moves an application away from a cluster in which it stays unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationFailoverBehavior {
    /// When to move.
    pub decision_conditions: DecisionConditions,
    /// How the old copy is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Gracefully"))]
    pub purge_mode: Option<PurgeMode>,
    /// Longest wait for the new copy before the old one goes; read with Gracefully.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i32>,
    /// State handed over to the new copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// How an object leaves a cluster that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFailoverBehavior {
    /// How the old copy is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["Directly", "Gracefully"], "default" = "Gracefully"))]
    pub purge_mode: Option<PurgeMode>,
    /// State handed over to the new copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// How long an application may be unhealthy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionConditions {
    /// Seconds of bad health before the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 300))]
    pub toleration_seconds: Option<i32>,
}

/// State read from the old copy's status and given to the new one as labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatePreservation {
    /// What to carry over.
    pub rules: Vec<StatePreservationRule>,
}

/// Carries one value over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatePreservationRule {
    /// Label that takes the value on the new copy.
    pub alias_label_name: String,
    /// Where in the status the value is.
    pub json_path: String,
}

/// How a copy is removed from a cluster that it leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PurgeMode {
    /// At once.
    Directly,
    /// When the new copy is healthy, or the grace period is over.
    #[default]
    Gracefully,
    /// Not by the system; a person removes it.
    Never,
}

impl PurgeMode {
    /// The value as it is written in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directly => "Directly",
            Self::Gracefully => "Gracefully",
            Self::Never => "Never",
        }
    }
}

impl std::fmt::Display for PurgeMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

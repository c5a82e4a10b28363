//! Schedule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BackupSpec;

/// Makes Backups at given times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    /// When, and what.
    #[serde(default)]
    pub spec: ScheduleSpec,
    /// What became of it; written by Velero.
    #[serde(default)]
    pub status: ScheduleStatus,
}

/// When to back up, and what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSpec {
    /// The Backups' spec.
    pub template: BackupSpec,
    /// Times, as a cron expression.
    pub schedule: String,
    /// Whether Backups are owned by the Schedule, and go with it.
    #[serde(default)]
    pub use_owner_references_in_backup: Option<bool>,
    /// Whether it rests.
    #[serde(default)]
    pub paused: bool,
    /// Whether the run that would be due at once is left out. Velero sets it to false afterwards.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub skip_immediately: Option<bool>,
}

/// What became of a schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ScheduleStatus {
    /// Whether it is in force.
    #[schemars(with = "SchedulePhase")]
    pub phase: Option<SchedulePhase>,
    /// When it last made a Backup.
    #[schemars(extend("format" = "date-time"))]
    pub last_backup: Option<String>,
    /// When it last left a run out.
    #[schemars(extend("format" = "date-time"))]
    pub last_skipped: Option<String>,
    /// What is wrong with the spec.
    pub validation_errors: Vec<String>,
}

/// Whether a schedule is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SchedulePhase {
    /// Not looked at yet.
    New,
    /// It is.
    Enabled,
    /// Its spec is wrong.
    FailedValidation,
}

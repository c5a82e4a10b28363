//! Backup.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hooks::{HookStatus, LabelSelector, LocalReference, OnError};

/// A copy of a cluster's objects and volumes in object storage, made once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Backup {
    /// What to back up, and how.
    #[serde(default)]
    pub spec: BackupSpec,
    /// How far it is; written by Velero.
    #[serde(default)]
    pub status: BackupStatus,
}

/// What to back up, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupSpec {
    /// Metadata that the backup's own object gets.
    pub metadata: Metadata,
    /// Namespaces to back up; empty or `*` means all.
    pub included_namespaces: Option<Vec<String>>,
    /// Namespaces to leave out.
    pub excluded_namespaces: Option<Vec<String>>,
    /// Resources to back up; empty means all.
    pub included_resources: Option<Vec<String>>,
    /// Resources to leave out.
    pub excluded_resources: Option<Vec<String>>,
    /// Cluster-scoped resources to back up.
    pub included_cluster_scoped_resources: Option<Vec<String>>,
    /// Cluster-scoped resources to leave out.
    pub excluded_cluster_scoped_resources: Option<Vec<String>>,
    /// Namespaced resources to back up.
    pub included_namespace_scoped_resources: Option<Vec<String>>,
    /// Namespaced resources to leave out.
    pub excluded_namespace_scoped_resources: Option<Vec<String>>,
    /// Only objects with these labels.
    pub label_selector: Option<LabelSelector>,
    /// Only objects that one of these selectors matches.
    pub or_label_selectors: Option<Vec<LabelSelector>>,
    /// Whether volumes are snapshotted.
    pub snapshot_volumes: Option<bool>,
    /// How long the backup is kept, such as `720h`.
    pub ttl: String,
    /// Whether cluster-scoped resources are included; null means as needed.
    pub include_cluster_resources: Option<bool>,
    /// What runs in pods before and after.
    pub hooks: BackupHooks,
    /// Name of the BackupStorageLocation.
    pub storage_location: String,
    /// Names of the VolumeSnapshotLocations.
    pub volume_snapshot_locations: Vec<String>,
    /// Former name of `defaultVolumesToFsBackup`.
    pub default_volumes_to_restic: Option<bool>,
    /// Whether volumes are copied by file when nothing else is said.
    pub default_volumes_to_fs_backup: Option<bool>,
    /// For each resource, names in the order in which to back them up.
    pub ordered_resources: Option<BTreeMap<String, String>>,
    /// How long to wait for a CSI snapshot.
    pub csi_snapshot_timeout: String,
    /// How long to wait for asynchronous operations of plugins.
    pub item_operation_timeout: String,
    /// ConfigMap with rules for volumes.
    #[schemars(with = "LocalReference")]
    pub resource_policy: Option<LocalReference>,
    /// Whether snapshots are moved into object storage.
    pub snapshot_move_data: Option<bool>,
    /// Who moves them; empty or `velero` means Velero itself.
    pub datamover: String,
    /// How files are uploaded.
    pub uploader_config: Option<BackupUploader>,
    /// Label by which volumes are grouped into one snapshot.
    pub volume_group_snapshot_label_key: String,
}

/// Metadata that the backup's own object gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Metadata {
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// How files are uploaded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupUploader {
    /// Files at the same time.
    pub parallel_files_upload: i64,
}

/// What runs in pods before and after they are backed up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BackupHooks {
    /// Hooks and the objects that they are for.
    pub resources: Option<Vec<BackupHook>>,
}

/// Hooks for some objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupHook {
    /// Name of the hook.
    pub name: String,
    /// Namespaces that it is for.
    #[serde(default)]
    pub included_namespaces: Option<Vec<String>>,
    /// Namespaces that it is not for.
    #[serde(default)]
    pub excluded_namespaces: Option<Vec<String>>,
    /// Resources that it is for.
    #[serde(default)]
    pub included_resources: Option<Vec<String>>,
    /// Resources that it is not for.
    #[serde(default)]
    pub excluded_resources: Option<Vec<String>>,
    /// Labels of the objects that it is for.
    #[serde(default)]
    pub label_selector: Option<LabelSelector>,
    /// Before the backup.
    #[serde(default)]
    pub pre: Vec<BackupHookStep>,
    /// After it.
    #[serde(default)]
    pub post: Vec<BackupHookStep>,
}

/// One step of a hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupHookStep {
    /// A command to run in the pod.
    pub exec: BackupExec,
}

/// A command to run in a pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupExec {
    /// Container; empty means the pod's first one.
    #[serde(default)]
    pub container: String,
    /// Command and arguments.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// What happens when it fails.
    #[serde(default)]
    #[schemars(with = "OnError")]
    pub on_error: Option<OnError>,
    /// How long it may take.
    #[serde(default)]
    pub timeout: String,
}

/// How far a backup is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    /// Version of the backup's format.
    pub version: i64,
    /// Version of the backup's format, with minor.
    pub format_version: String,
    /// When it may be removed.
    #[schemars(extend("format" = "date-time"))]
    pub expiration: Option<String>,
    /// Where it stands.
    #[schemars(with = "BackupPhase")]
    pub phase: Option<BackupPhase>,
    /// Place in the queue, from 1.
    pub queue_position: i64,
    /// What is wrong with the spec.
    pub validation_errors: Option<Vec<String>>,
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    pub start_timestamp: Option<String>,
    /// When it ended.
    #[schemars(extend("format" = "date-time"))]
    pub completion_timestamp: Option<String>,
    /// Volume snapshots tried.
    pub volume_snapshots_attempted: i64,
    /// Volume snapshots made.
    pub volume_snapshots_completed: i64,
    /// Why it failed.
    pub failure_reason: String,
    /// Warnings in its log.
    pub warnings: i64,
    /// Errors in its log.
    pub errors: i64,
    /// How many items are done.
    pub progress: Option<BackupProgress>,
    /// CSI snapshots tried.
    pub csi_volume_snapshots_attempted: i64,
    /// CSI snapshots made.
    pub csi_volume_snapshots_completed: i64,
    /// Asynchronous operations begun.
    pub backup_item_operations_attempted: i64,
    /// Asynchronous operations done.
    pub backup_item_operations_completed: i64,
    /// Asynchronous operations that failed.
    pub backup_item_operations_failed: i64,
    /// Hooks.
    pub hook_status: Option<HookStatus>,
}

/// How many items are done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupProgress {
    /// Items that there are.
    pub total_items: i64,
    /// Items that are in the backup.
    pub items_backed_up: i64,
}

/// Where a backup stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BackupPhase {
    /// Not looked at yet.
    New,
    /// Waiting for others.
    Queued,
    /// Next to run.
    ReadyToStart,
    /// Its spec is wrong; it never ran.
    FailedValidation,
    /// Running.
    InProgress,
    /// Plugins still work for it.
    WaitingForPluginOperations,
    /// The same, and something has failed already.
    WaitingForPluginOperationsPartiallyFailed,
    /// Being finished.
    Finalizing,
    /// The same, and something has failed already.
    FinalizingPartiallyFailed,
    /// Done.
    Completed,
    /// Done, with errors.
    PartiallyFailed,
    /// It did not work.
    Failed,
    /// Being removed with its data.
    Deleting,
}

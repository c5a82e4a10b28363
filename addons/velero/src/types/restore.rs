//! Restore.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hooks::{HookStatus, LabelSelector, LocalReference, OnError};

/// Brings a backup's content back into a cluster, once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Restore {
    /// What to restore, and how.
    #[serde(default)]
    pub spec: RestoreSpec,
    /// How far it is; written by Velero.
    #[serde(default)]
    pub status: RestoreStatus,
}

/// What to restore, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreSpec {
    /// Name of the Backup.
    pub backup_name: String,
    /// Name of the Schedule whose newest backup is taken, when no backup is named.
    pub schedule_name: String,
    /// Namespaces to restore; empty or `*` means all.
    pub included_namespaces: Option<Vec<String>>,
    /// Namespaces to leave out.
    pub excluded_namespaces: Option<Vec<String>>,
    /// Resources to restore; empty means all.
    pub included_resources: Option<Vec<String>>,
    /// Resources to leave out.
    pub excluded_resources: Option<Vec<String>>,
    /// For each namespace in the backup, the one to restore it into.
    pub namespace_mapping: BTreeMap<String, String>,
    /// Only objects with these labels.
    pub label_selector: Option<LabelSelector>,
    /// Only objects that one of these selectors matches.
    pub or_label_selectors: Option<Vec<LabelSelector>>,
    /// Whether volumes are restored from snapshots.
    #[serde(rename = "restorePVs")]
    pub restore_pvs: Option<bool>,
    /// Kinds whose status is restored too.
    pub restore_status: Option<RestoreStatusSpec>,
    /// Whether services keep their node ports.
    pub preserve_node_ports: Option<bool>,
    /// Whether cluster-scoped resources are included; null means as needed.
    pub include_cluster_resources: Option<bool>,
    /// What runs in pods after they are restored.
    pub hooks: RestoreHooks,
    /// What happens to objects that exist: none or update.
    pub existing_resource_policy: Option<String>,
    /// How long to wait for asynchronous operations of plugins.
    pub item_operation_timeout: String,
    /// ConfigMap with changes to make on the way.
    pub resource_modifier: Option<LocalReference>,
    /// How files are written.
    pub uploader_config: Option<RestoreUploader>,
}

/// Kinds whose status is restored too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreStatusSpec {
    /// Resources with status.
    pub included_resources: Option<Vec<String>>,
    /// Resources without.
    pub excluded_resources: Option<Vec<String>>,
}

/// How files are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreUploader {
    /// Whether holes in files are kept.
    pub write_sparse_files: Option<bool>,
    /// Files at the same time.
    pub parallel_files_download: i64,
}

/// What runs in pods after they are restored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RestoreHooks {
    /// Hooks and the objects that they are for.
    pub resources: Vec<RestoreHook>,
}

/// Hooks for some objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreHook {
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
    /// Steps, in order.
    #[serde(default)]
    pub post_hooks: Vec<RestoreHookStep>,
}

/// One step of a hook: a command, or containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreHookStep {
    /// A command to run in the pod.
    #[serde(default)]
    #[schemars(with = "RestoreExec")]
    pub exec: Option<RestoreExec>,
    /// Init containers to add to the pod.
    #[serde(default)]
    #[schemars(with = "RestoreInit")]
    pub init: Option<RestoreInit>,
}

/// A command to run in a pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreExec {
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
    pub exec_timeout: String,
    /// How long to wait for the container.
    #[serde(default)]
    pub wait_timeout: String,
    /// Whether to wait until the container is ready.
    #[serde(default)]
    pub wait_for_ready: Option<bool>,
}

/// Init containers to add to a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreInit {
    /// Containers as in a pod's spec.
    #[schemars(schema_with = "containers")]
    pub init_containers: Vec<Value>,
    /// How long they may take.
    pub timeout: String,
}

fn containers(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// How far a restore is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreStatus {
    /// Where it stands.
    #[schemars(with = "RestorePhase")]
    pub phase: Option<RestorePhase>,
    /// What is wrong with the spec.
    pub validation_errors: Option<Vec<String>>,
    /// Warnings in its log.
    pub warnings: i64,
    /// Errors in its log.
    pub errors: i64,
    /// Why it failed.
    pub failure_reason: String,
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    pub start_timestamp: Option<String>,
    /// When it ended.
    #[schemars(extend("format" = "date-time"))]
    pub completion_timestamp: Option<String>,
    /// How many items are done.
    pub progress: Option<RestoreProgress>,
    /// Asynchronous operations begun.
    pub restore_item_operations_attempted: i64,
    /// Asynchronous operations done.
    pub restore_item_operations_completed: i64,
    /// Asynchronous operations that failed.
    pub restore_item_operations_failed: i64,
    /// Hooks.
    pub hook_status: Option<HookStatus>,
}

/// How many items are done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestoreProgress {
    /// Items that there are.
    pub total_items: i64,
    /// Items that are back.
    pub items_restored: i64,
}

/// Where a restore stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestorePhase {
    /// Not looked at yet.
    New,
    /// Its spec is wrong; it never ran.
    FailedValidation,
    /// Running.
    InProgress,
    /// Plugins still work for it.
    WaitingForPluginOperations,
    /// The same, and something has failed already.
    WaitingForPluginOperationsPartiallyFailed,
    /// Done.
    Completed,
    /// Done, with errors.
    PartiallyFailed,
    /// It did not work.
    Failed,
    /// Being finished.
    Finalizing,
    /// The same, and something has failed already.
    FinalizingPartiallyFailed,
}

//! BackupStorageLocation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hooks::SecretKey;

/// A place in object storage that Backups are kept in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupStorageLocation {
    /// Where it is, and how to get in.
    #[serde(default)]
    pub spec: BackupStorageLocationSpec,
    /// Whether it can be reached; written by Velero.
    #[serde(default)]
    pub status: BackupStorageLocationStatus,
}

/// Where a location is, and how to get in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupStorageLocationSpec {
    /// Name of the object store plugin, such as `aws`.
    pub provider: String,
    /// Settings of the plugin.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Secret with the credentials.
    #[serde(default)]
    #[schemars(with = "SecretKey")]
    pub credential: Option<SecretKey>,
    /// Bucket and prefix.
    pub object_storage: ObjectStorage,
    /// Whether it is used when a Backup names none.
    #[serde(default)]
    pub default: bool,
    /// What may be done there.
    #[serde(default)]
    #[schemars(with = "AccessMode")]
    pub access_mode: Option<AccessMode>,
    /// How often Backup objects are made from the bucket; 0 means never.
    #[serde(default)]
    pub backup_sync_period: Option<String>,
    /// How often the location is looked at; 0 means never.
    #[serde(default)]
    pub validation_frequency: Option<String>,
}

/// Bucket and prefix.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStorage {
    /// The bucket.
    pub bucket: String,
    /// The folder in the bucket.
    #[serde(default)]
    pub prefix: String,
    /// Certificates to trust, in base64.
    #[serde(default)]
    #[schemars(with = "String", extend("format" = "byte"))]
    pub ca_cert: Option<String>,
    /// Secret with certificates to trust.
    #[serde(default)]
    #[schemars(with = "SecretKey")]
    pub ca_cert_ref: Option<SecretKey>,
}

/// Whether a location can be reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStorageLocationStatus {
    /// Whether it can.
    #[schemars(with = "LocationPhase")]
    pub phase: Option<LocationPhase>,
    /// When Backup objects were last made from the bucket.
    #[schemars(extend("format" = "date-time"))]
    pub last_synced_time: Option<String>,
    /// When it was last looked at.
    #[schemars(extend("format" = "date-time"))]
    pub last_validation_time: Option<String>,
    /// Why it cannot be reached.
    pub message: String,
    /// No longer used.
    pub last_synced_revision: String,
    /// No longer used.
    #[schemars(with = "AccessMode")]
    pub access_mode: Option<AccessMode>,
}

/// Whether a location can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LocationPhase {
    /// It can.
    Available,
    /// It cannot.
    Unavailable,
}

/// What may be done in a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AccessMode {
    /// Reading only.
    ReadOnly,
    /// Reading and writing.
    ReadWrite,
}

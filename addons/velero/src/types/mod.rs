//! Velero's kinds, as `velero.io/v1` has them. The CRDs are made from these types.
//!
//! **Invariant:** no kind has a status subresource: Velero's controllers write status through the
//! main resource, and would get "not found" from a status endpoint's rules otherwise.

mod backup;
mod hooks;
mod location;
mod restore;
mod schedule;

use outrigger_addon::Crd;
use outrigger_object::Object;

pub use backup::{Backup, BackupPhase, BackupSpec, BackupStatus};
pub use location::{BackupStorageLocation, BackupStorageLocationSpec, BackupStorageLocationStatus};
pub use restore::{Restore, RestorePhase, RestoreSpec, RestoreStatus};
pub use schedule::{Schedule, ScheduleSpec, ScheduleStatus};

/// The API group.
pub const GROUP: &str = "velero.io";
/// The API version.
pub const VERSION: &str = "v1";

const BASE: Crd = Crd {
    group: GROUP,
    version: VERSION,
    kind: "",
    plural: "",
    namespaced: true,
    short_names: &[],
    status_subresource: false,
    columns: &[],
};

/// The CustomResourceDefinitions of all kinds here.
pub fn crds() -> Vec<Object> {
    vec![
        Crd { kind: "Backup", plural: "backups", ..BASE }.build::<Backup>(),
        Crd { kind: "Restore", plural: "restores", ..BASE }.build::<Restore>(),
        Crd {
            kind: "Schedule",
            plural: "schedules",
            columns: &[
                ("Status", "string", ".status.phase"),
                ("Schedule", "string", ".spec.schedule"),
                ("LastBackup", "date", ".status.lastBackup"),
                ("Age", "date", ".metadata.creationTimestamp"),
                ("Paused", "boolean", ".spec.paused"),
            ],
            ..BASE
        }
        .build::<Schedule>(),
        Crd {
            kind: "BackupStorageLocation",
            plural: "backupstoragelocations",
            short_names: &["bsl"],
            columns: &[
                ("Phase", "string", ".status.phase"),
                ("Last Validated", "date", ".status.lastValidationTime"),
                ("Age", "date", ".metadata.creationTimestamp"),
                ("Default", "boolean", ".spec.default"),
            ],
            ..BASE
        }
        .build::<BackupStorageLocation>(),
    ]
}

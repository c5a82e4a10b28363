//! The Velero addon: what Outrigger knows of Velero's kinds.
//!
//! Backups and Restores run once in every cluster that they are placed on, and come back as one
//! status that Velero's own CRD allows. Schedules and BackupStorageLocations are kept as the
//! template says, but for the fields that Velero itself changes. Each cluster writes under a prefix
//! of its own.
//!
//! **Invariant:** a phase is never better than the worst thing that a member has said.

mod config;
mod location;
mod merge;
mod ownership;
mod phase;
mod run;
mod schedule;
pub mod types;

use std::sync::{Arc, LazyLock};

use outrigger_addon::{Addon, Error, Manifest};
use outrigger_interpreter::{Interpreter, Support};
use outrigger_object::{Gvk, Object};
use serde_json::Value;

pub use config::Config;

static MANIFEST: LazyLock<Result<Manifest, Error>> =
    LazyLock::new(|| Manifest::from_yaml(include_str!("../addon.yaml")));

/// The addon.
#[derive(Clone, Debug)]
pub struct Velero {
    manifest: Manifest,
}

impl Velero {
    /// The addon, or what is wrong with the manifest that it was built with.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { manifest: MANIFEST.clone()? })
    }
}

impl Addon for Velero {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn config_schema(&self) -> Value {
        schemars::schema_for!(Config).to_value()
    }

    fn crds(&self) -> Vec<Object> {
        types::crds()
    }

    fn interpreters(&self, config: &Value) -> Result<Vec<Arc<dyn Interpreter>>, Error> {
        let config = Config::read(config)?;
        Ok(vec![
            Arc::new(run::Run::backup(self.support("Backup"))),
            Arc::new(run::Run::restore(self.support("Restore"))),
            Arc::new(schedule::Schedule::new(self.support("Schedule"))),
            Arc::new(location::Location::new(self.support("BackupStorageLocation"), config)),
        ])
    }
}

impl Velero {
    /// What the manifest says of a kind.
    fn support(&self, kind: &str) -> Vec<Support> {
        let kinds = self.manifest.kinds.iter().filter(|support| support.kind == kind);
        kinds
            .map(|support| Support {
                gvk: Gvk::from_api_version(&support.api_version, &support.kind),
                operations: support.operations.iter().copied().collect(),
                life_cycle: Some(support.life_cycle),
                unmarked: support.unmarked,
            })
            .collect()
    }
}

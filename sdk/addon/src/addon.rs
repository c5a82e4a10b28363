//! The [`Addon`] trait.

use std::sync::Arc;

use outrigger_interpreter::Interpreter;
use outrigger_object::Object;
use serde_json::Value;

use crate::{Controller, Manifest};

/// Why an addon could not be set up.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Its manifest cannot be used.
    #[error("addon.yaml: {0}")]
    Manifest(String),
    /// Its configuration does not fit its schema.
    #[error("configuration: {0}")]
    Config(String),
}

/// An integration that is linked in or loaded.
pub trait Addon: Send + Sync + 'static {
    /// Identity, versions, kinds, permissions: the content of `addon.yaml`.
    fn manifest(&self) -> &Manifest;

    /// Schema of the configuration, as in a CRD; null if there is nothing to set. That of the manifest, unless
    /// the addon makes its own.
    fn config_schema(&self) -> Value {
        self.manifest().config_schema.clone().unwrap_or_default()
    }

    /// CustomResourceDefinitions that the control plane needs in order to take this addon's objects.
    fn crds(&self) -> Vec<Object> {
        Vec::new()
    }

    /// Interpreters, made for one configuration. An error leaves the running ones in place.
    fn interpreters(&self, config: &Value) -> Result<Vec<Arc<dyn Interpreter>>, Error>;

    /// What it does by itself. A controller asks its host for the configuration, which may change while it runs.
    fn controllers(&self) -> Vec<Arc<dyn Controller>> {
        Vec::new()
    }
}

//! The addon's configuration.

use outrigger_addon::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Settings of the Velero addon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// Whether each cluster writes below `<prefix>/<cluster>` of a location, instead of all of them
    /// below `<prefix>`. Locations that are ReadOnly keep their prefix either way.
    pub prefix_per_cluster: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { prefix_per_cluster: true }
    }
}

impl Config {
    /// Reads a configuration; null is the default, and an unknown field is an error.
    pub fn read(value: &Value) -> Result<Self, Error> {
        if value.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(value).map_err(|error| Error::Config(error.to_string()))
    }
}

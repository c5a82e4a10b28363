//! The addon's configuration: there is nothing to set yet.

use outrigger_addon::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Settings of the addon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {}

impl Config {
    /// Reads a configuration; null is the default, and an unknown field is an error.
    pub fn read(value: &Value) -> Result<Self, Error> {
        if value.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(value).map_err(|error| Error::Config(error.to_string()))
    }
}

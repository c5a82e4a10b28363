//! `interpreter schema`: the format for editors.

use anyhow::Result;

use crate::output;

/// Prints the JSON Schema of declarative interpreters.
pub fn run() -> Result<()> {
    output::say(serde_json::to_string_pretty(&outrigger_engine::declarative::json_schema())?)
}

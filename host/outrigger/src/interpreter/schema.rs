//! `interpreter schema`: the format for editors.

use anyhow::Result;

/// Prints the JSON Schema of declarative interpreters.
pub fn run() -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&outrigger_engine::declarative::json_schema())?);
    Ok(())
}

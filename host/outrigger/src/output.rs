//! Printing data: tables for people, JSON and YAML for programs.

use anyhow::Result;
use comfy_table::{Table, presets};
use serde::Serialize;

use crate::cli::Output;

/// An empty table with a header, in kubectl's plain style.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Prints a value as JSON or YAML, or the table that stands for it.
pub fn print<T: Serialize>(output: Output, value: &T, table: impl FnOnce(&T) -> String) -> Result<()> {
    match output {
        Output::Table => println!("{}", table(value)),
        Output::Json => println!("{}", serde_json::to_string_pretty(value)?),
        Output::Yaml => print!("{}", serde_saphyr::to_string(value)?),
    }
    Ok(())
}

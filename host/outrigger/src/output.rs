//! Printing data: tables for people, JSON and YAML for programs.

use std::io::{self, Write};

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
    let text = match output {
        Output::Table => table(value),
        Output::Json => serde_json::to_string_pretty(value)?,
        Output::Yaml => serde_saphyr::to_string(value)?,
    };
    say(text)
}

/// Prints a text, and ends its last line. A reader that has seen enough, such as `head`, is no failure.
pub fn say(text: impl Into<String>) -> Result<()> {
    let mut text = text.into();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

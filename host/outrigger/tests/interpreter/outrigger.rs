//! The binary, run among the fixtures.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Where the fixtures are; commands run there, so that what they print has no path of this machine.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interpreter/fixtures")
}

/// Exit code, output and complaints of a command, with times left out.
pub fn outrigger(arguments: &str) -> String {
    outrigger_in(&fixtures(), arguments)
}

/// The same in another directory.
pub fn outrigger_in(directory: &Path, arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_outrigger"))
        .arg("interpreter")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .env_remove("OUTRIGGER_LOG")
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    let mut shown = format!("$ outrigger interpreter {arguments}\n");
    for line in out.lines().chain(err.lines()) {
        shown.push_str(&without_times(line));
        shown.push('\n');
    }
    shown.push_str(&format!("exit {}\n", output.status.code().unwrap()));
    shown
}

/// Replaces figures that differ from run to run.
fn without_times(line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    if let Some((before, _)) = line.split_once("\"micros\":") {
        line = format!("{before}\"micros\": N");
    }
    if let Some((before, _)) = line.split_once(" micros: ") {
        line = format!("{before} micros: N");
    }
    // The last column of a table of answers.
    let head = line.trim_end_matches(|c: char| c.is_ascii_digit());
    if head.len() < line.len() && head.ends_with("  ") {
        line = format!("{head}N");
    }
    if let Some((before, after)) = line.split_once(" time=\"") {
        line = format!("{before} time=\"N\"{}", after.split_once('"').map_or("", |(_, rest)| rest));
    }
    match line.split_once(" µs") {
        Some((before, after)) => {
            let head = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end();
            format!("{head} N µs{after}").trim_end().to_owned()
        }
        None => line,
    }
}

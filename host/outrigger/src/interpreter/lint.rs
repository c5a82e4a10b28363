//! `interpreter lint`: what is wrong before anything runs.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use outrigger_workbench::lint::{self, Finding, Severity};

use super::test;
use crate::{cli::Output, output};

/// Check interpreters and cases without running them.
///
/// Paths and CEL are checked against the fields of the kind: Kubernetes' own are known, others come from the
/// definitions under --crd, or lying among the interpreters. Also: files that do not compile, kinds that do not
/// exist, two interpreters for one operation, operations without a case, cases without an interpreter. The exit
/// code is 1 when there is an error; warnings leave it at 0.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Fields against the definition
  outrigger interpreter lint widgets/ --crd widgets-crd.yaml

  # All interpreters, for a program
  outrigger interpreter lint interpreters/ --crd crds/ -o json")]
pub struct Lint {
    /// Directories, or files, with interpreters and cases.
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<PathBuf>,
    /// Files or directories with CustomResourceDefinitions.
    #[arg(long, value_name = "FILE")]
    pub crd: Vec<PathBuf>,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Runs `outrigger interpreter lint`.
pub fn run(args: &Lint) -> Result<()> {
    let findings = lint::lint(&args.dirs, &args.crd)?;
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match args.output {
        Output::Table => findings.iter().try_for_each(line)?,
        other => output::print(other, &findings, |_| String::new())?,
    }
    if errors > 0 {
        bail!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    }
    if args.output == Output::Table {
        output::say(format!("no errors, {}", counted(warnings, "warning")))?;
    }
    Ok(())
}

fn line(finding: &Finding) -> Result<()> {
    let paint = test::Paint::of_stdout();
    let word = match finding.severity {
        Severity::Error => paint.bad("error"),
        Severity::Warning => paint.warn("warning"),
    };
    let fault = &finding.fault;
    let place = match (fault.line, fault.column) {
        (0, _) => fault.file.clone(),
        (line, 0) => format!("{}:{line}", fault.file),
        (line, column) => format!("{}:{line}:{column}", fault.file),
    };
    output::say(format!("{}: {word}: {}", paint.bold(&place), fault.message))
}

fn counted(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    }
}

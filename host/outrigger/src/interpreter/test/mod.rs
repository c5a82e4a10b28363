//! `interpreter test`: runs cases, shows what differs, and fails when anything does.

mod junit;
mod paint;
mod text;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use outrigger_workbench::suite::{self, Counts, Record};
use serde::Serialize;

pub use paint::Paint;

use crate::output;

/// Run cases against interpreters.
///
/// Reads interpreters and cases from directories, with all below them. A case lies beside its interpreter,
/// or in a directory below it such as Karmada's testdata/. With --cases, the cases come from elsewhere and
/// are put to the interpreters by kind. The exit code is 1 when a case fails, when something does not load,
/// and when an interpreter has no case.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # All interpreters of a directory, with the cases beside them
  outrigger interpreter test interpreters/

  # A directory in Karmada's layout: <group>/<version>/<Kind>/customizations.yaml with testdata/*.yaml
  outrigger interpreter test resourcecustomizations/

  # These interpreters on other people's cases, for a CI system
  outrigger interpreter test interpreters/ --cases testdata/ -o junit > junit.xml

  # What has no case yet
  outrigger interpreter test interpreters/ --coverage")]
pub struct Test {
    /// Directories, or files, with interpreters.
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<PathBuf>,
    /// Take the cases from here instead.
    #[arg(long, value_name = "DIR")]
    pub cases: Vec<PathBuf>,
    /// Also list the kinds and operations without a case.
    #[arg(long)]
    pub coverage: bool,
    /// Also list the cases that pass.
    #[arg(short, long)]
    pub verbose: bool,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// A record for each case; with --coverage, an object with `cases` and `coverage`.
    Json,
    /// JUnit's XML, for CI systems.
    Junit,
}

/// What is printed as JSON when coverage is asked for.
#[derive(Serialize)]
struct Covered<'a> {
    cases: Vec<&'a Record>,
    coverage: &'a [suite::Coverage],
}

/// Runs `outrigger interpreter test`.
pub fn run(args: Test) -> Result<()> {
    let report = match args.cases.as_slice() {
        [] => suite::run(&args.dirs)?,
        cases => suite::run_on(&args.dirs, cases)?,
    };
    match args.output {
        Form::Text => output::say(text::report(&report, &args))?,
        Form::Json => {
            let cases: Vec<&Record> = report.records().collect();
            let text = if args.coverage {
                serde_json::to_string_pretty(&Covered { cases, coverage: &report.coverage })?
            } else {
                serde_json::to_string_pretty(&cases)?
            };
            output::say(text)?;
        }
        Form::Junit => output::say(junit::report(&report))?,
    }
    match report.counts() {
        Counts { failed: 0, passed: 0, skipped } if skipped > 0 => {
            bail!("none of {skipped} cases was run: no interpreter here knows their kinds")
        }
        Counts { failed: 0, .. } => Ok(()),
        Counts { failed, passed, .. } => bail!("{failed} of {} failed", failed + passed),
    }
}

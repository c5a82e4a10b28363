//! `interpreter bench`: what each operation costs.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, bail};
use clap::Args;
use outrigger_engine::Layer;
use outrigger_interpreter::Operation;
use outrigger_workbench::{
    bench::{self, Cost},
    load, objects,
};

use super::run as asking;
use crate::{allocator, cli::Output, engine, output};

/// Measure time and allocations of each operation, by interpreter.
///
/// Asks every interpreter that answers about the objects: samples of a Deployment, CloneSet, Workflow and
/// FlinkDeployment with Lua scripts for them, which ship with the binary, unless others are named. Then come what
/// it costs to find that nobody answers, and to load and compile the whole catalogue. Figures of a debug build say
/// little; the machine should be quiet.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Native, declarative and Lua on the sample objects
  outrigger interpreter bench

  # My interpreter on my objects, half a second for each figure
  outrigger interpreter bench -f objects/ --interpreter widgets/ --time 500 -o json")]
pub struct Bench {
    /// Objects to ask about.
    #[arg(short, long = "filename", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Add the interpreters of a file or directory, in the user layer, in place of the sample scripts.
    #[arg(long, value_name = "FILE")]
    pub interpreter: Vec<PathBuf>,
    /// Only this operation.
    #[arg(long = "op", value_name = "OPERATION", value_parser = asking::operation)]
    pub operation: Option<Operation>,
    /// Milliseconds for each figure.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    pub time: u64,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Runs `outrigger interpreter bench`.
pub fn run(args: &Bench) -> Result<()> {
    let engine = engine::engine(None)?;
    if args.interpreter.is_empty() {
        let scripts: Vec<load::Loaded> = bench::scripts()?;
        engine.install(Layer::UserCustomization, scripts.into_iter().map(|one| one.interpreter).collect());
    } else {
        asking::add(&engine, &args.interpreter)?;
    }
    let mut samples = if args.files.is_empty() { bench::objects() } else { Vec::new() };
    for file in &args.files {
        samples.extend(objects::all(file)?);
    }
    if samples.is_empty() {
        bail!("there is no object to ask about");
    }
    allocator::count();
    let budget = Duration::from_millis(args.time);
    let mut costs = bench::run(&engine, &samples, budget, allocator::counted);
    match args.operation {
        Some(operation) => costs.retain(|cost| cost.operation == Some(operation)),
        None => costs.extend(bench::surroundings(&engine, budget, allocator::counted)),
    }
    output::print(args.output, &costs, |costs| table(costs))?;
    match costs.iter().find_map(|cost| cost.error.as_ref()) {
        Some(error) => bail!("{error}"),
        None => Ok(()),
    }
}

fn table(costs: &[Cost]) -> String {
    let mut table = output::table(&["KIND", "OPERATION", "LAYER", "INTERPRETER", "TIME", "ALLOCATIONS", "BYTES"]);
    for cost in costs {
        let time = match &cost.error {
            Some(_) => "failed".to_owned(),
            None => format!("{:.2} µs", Duration::from_nanos(cost.nanoseconds).as_secs_f64() * 1e6),
        };
        table.add_row([
            cost.kind.clone(),
            cost.operation.map(|operation| format!("{operation:?}")).unwrap_or_default(),
            cost.layer.unwrap_or_default().to_owned(),
            cost.interpreter.clone(),
            time,
            cost.allocations.to_string(),
            cost.bytes.to_string(),
        ]);
    }
    table.to_string()
}

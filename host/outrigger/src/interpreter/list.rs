//! `interpreter list`: which kinds and operations are known, and by whom.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Result, bail};
use clap::Args;
use outrigger_interpreter::Operation;
use outrigger_workbench::{Fault, ask::layer_name, load};
use serde::Serialize;

use super::live;
use crate::{
    cli::{Hub, Output},
    connect, engine, output,
};

/// List kinds, operations and who answers for them.
///
/// Without arguments: what this binary knows by itself. With directories: what the interpreters there know.
/// With --live: what this binary knows together with the Interpreters, the customizations and the webhooks that a
/// control plane uses. One whose newest state is not in use is named, and the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Everything that works without configuration
  outrigger interpreter list

  # What a directory teaches
  outrigger interpreter list interpreters/

  # Who answers for Workflows on my control plane?
  outrigger interpreter list --live --kind Workflow")]
pub struct List {
    /// Files or directories with interpreters.
    #[arg(value_name = "DIR", conflicts_with = "live")]
    pub dirs: Vec<PathBuf>,
    /// With the interpreters that are applied to a control plane.
    #[arg(long)]
    pub live: bool,
    /// Only this kind.
    #[arg(long)]
    pub kind: Option<String>,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// The control plane.
    #[command(flatten)]
    pub hub: Hub,
}

/// An operation of a kind, and who answers it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    api_version: String,
    kind: String,
    operation: Operation,
    layer: &'static str,
    interpreter: String,
}

/// Runs `outrigger interpreter list`.
pub async fn run(args: List) -> Result<()> {
    let (engine, complaints) = if args.dirs.is_empty() {
        let engine = engine::engine(None)?;
        let complaints = match args.live {
            true => live::applied(&connect::hub(&args.hub).await?, &engine).await?,
            false => Vec::new(),
        };
        (engine, complaints)
    } else {
        let (loaded, faults) = load::all(&args.dirs)?;
        (Arc::new(load::engine(&loaded)), faults.iter().map(Fault::to_string).collect())
    };
    let listed: Vec<Listed> = engine
        .routes()
        .into_iter()
        .filter(|route| args.kind.as_ref().is_none_or(|kind| route.gvk.kind.eq_ignore_ascii_case(kind)))
        .map(|route| Listed {
            api_version: route.gvk.api_version(),
            kind: route.gvk.kind,
            operation: route.operation,
            layer: layer_name(route.layer),
            interpreter: route.interpreter,
        })
        .collect();
    output::print(args.output, &listed, |listed| table(listed))?;
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    match complaints.len() {
        0 => Ok(()),
        1 if args.live => bail!("1 interpreter is not in use as it is applied"),
        several if args.live => bail!("{several} interpreters are not in use as they are applied"),
        faults => bail!("{faults} interpreters do not load"),
    }
}

/// A line for each kind and interpreter.
fn table(listed: &[Listed]) -> String {
    let mut lines: BTreeMap<(&str, &str, &str, &str), Vec<String>> = BTreeMap::new();
    for one in listed {
        let line = (&*one.kind, &*one.api_version, one.layer, &*one.interpreter);
        lines.entry(line).or_default().push(short(one.operation));
    }
    let mut table = output::table(&["KIND", "LAYER", "INTERPRETER", "OPERATIONS"]);
    for ((kind, api_version, layer, interpreter), operations) in lines {
        table.add_row([&format!("{kind}.{api_version}"), layer, interpreter, &operations.join(",")]);
    }
    table.to_string()
}

/// An operation without the word that most of them begin with.
fn short(operation: Operation) -> String {
    let name = format!("{operation:?}");
    name.strip_prefix("Interpret").map(str::to_owned).unwrap_or(name)
}

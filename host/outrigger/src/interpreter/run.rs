//! `interpreter run`: puts one operation to the interpreters, and says how they came to the answer.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use clap::Args;
use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::{ClusterFacts, Operation};
use outrigger_workbench::{
    ask::{self, Inquiry, Record},
    load,
    objects::{self, Subject},
};
use serde_json::Value;

use super::live;
use crate::{
    cli::{Hub, Output},
    connect, engine, output,
};

/// A value in a table is cut to this many characters.
const CELL: usize = 60;

/// Ask one operation about objects.
///
/// The interpreters are those of `serve`: bundled ones, linked-in addons, Kubernetes' own kinds, and what
/// holds for any kind. For one object it prints the answer, what every layer said, and the time it took;
/// for several, a line each. An object for which the operation fails is shown as such, the others go on, and
/// the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # Is this object healthy, and who says so?
  outrigger interpreter run --op InterpretHealth -f backup.yaml

  # The health of everything in a directory, for a program
  outrigger interpreter run --op InterpretHealth -f objects/ -o json

  # With an interpreter that is being written, and with it alone
  outrigger interpreter run --op InterpretReplica -f widget.yaml --interpreter widgets/ --layer user

  # What a revision, a retention and an aggregation would write
  outrigger interpreter run --op ReviseReplica -f deploy.yaml --replicas 3
  outrigger interpreter run --op Retain -f desired.yaml --observed member.yaml
  outrigger interpreter run --op AggregateStatus -f template.yaml --status items.yaml

  # An object of a control plane
  outrigger interpreter run --op InterpretDependency --live deployment/web -n shop")]
pub struct Run {
    /// The operation, such as InterpretHealth.
    #[arg(long = "op", value_name = "OPERATION", value_parser = operation)]
    pub operation: Operation,
    /// Files, or directories with all below them, of the objects.
    #[arg(short, long = "filename", value_name = "FILE", required_unless_present = "live", conflicts_with = "live")]
    pub files: Vec<PathBuf>,
    /// Take the object from a control plane: TYPE/NAME, such as deployment/web or backups.velero.io/nightly.
    #[arg(long, value_name = "TYPE/NAME")]
    pub live: Option<String>,
    /// Namespace of the live object.
    #[arg(short, long, requires = "live", default_value = "default")]
    pub namespace: String,
    /// For Retain: the object as it is in the member.
    #[arg(long, value_name = "FILE")]
    pub observed: Option<PathBuf>,
    /// For AggregateStatus: what the clusters report, as a list of {clusterName, status}.
    #[arg(long, value_name = "FILE")]
    pub status: Option<PathBuf>,
    /// For ReviseReplica: the number to write.
    #[arg(long, value_name = "N")]
    pub replicas: Option<i64>,
    /// For Localize: the cluster to which the object goes.
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Add the interpreters of a file or directory, in the user layer.
    #[arg(long, value_name = "FILE")]
    pub interpreter: Vec<PathBuf>,
    /// Ask this layer alone: user, webhook, addon, bundled, native or generic.
    #[arg(long, value_name = "LAYER", value_parser = layer)]
    pub layer: Option<Layer>,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// The control plane of the live object; the interpreters that are applied to it answer.
    #[command(flatten)]
    pub hub: Hub,
}

/// Reads the name of an operation, in any case.
pub fn operation(text: &str) -> Result<Operation, String> {
    let named = |operation: &Operation| format!("{operation:?}").eq_ignore_ascii_case(text);
    Operation::ALL.into_iter().find(named).ok_or_else(|| {
        let names: Vec<String> = Operation::ALL.iter().map(|operation| format!("{operation:?}")).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Reads the name of a layer.
pub fn layer(text: &str) -> Result<Layer, String> {
    Layer::ALL.into_iter().find(|layer| ask::layer_name(*layer) == text).ok_or_else(|| {
        let names: Vec<&str> = Layer::ALL.into_iter().map(ask::layer_name).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Runs `outrigger interpreter run`.
pub async fn run(args: Run) -> Result<()> {
    let inquiry = inquiry(&args)?;
    let engine = engine::engine(None)?;
    add(&engine, &args.interpreter)?;
    let subjects = match &args.live {
        Some(wanted) => live(&args, wanted, &engine).await?,
        None => objects::subjects(&args.files)?,
    };
    if subjects.is_empty() {
        bail!("there is no object in {}", listed(&args.files));
    }
    let records: Vec<Record> = subjects.iter().map(|subject| ask::ask(&engine, &inquiry, subject)).collect();
    output::print(args.output, &records, |records| match records.as_slice() {
        [one] => single(one),
        several => table(several),
    })?;
    let complaints: Vec<String> = records.iter().filter_map(Record::complaint).collect();
    match (complaints.as_slice(), records.len()) {
        ([], _) => Ok(()),
        ([complaint], 1) => bail!("{complaint}"),
        (several, all) => {
            // In a table there is no room for them.
            if args.output == Output::Table {
                several.iter().for_each(|complaint| eprintln!("{complaint}"));
            }
            bail!("{} of {all} objects have no answer", several.len())
        }
    }
}

/// An object of a control plane. Unless the interpreters are given, they are those that it uses.
async fn live(args: &Run, wanted: &str, engine: &Arc<Engine>) -> Result<Vec<Subject>> {
    let named = live::parse(wanted)?;
    let connection = connect::hub(&args.hub).await?;
    let subject = live::subject(&connection, &args.namespace, named).await?;
    if args.interpreter.is_empty() {
        for complaint in live::applied(&connection, engine).await? {
            eprintln!("{complaint}");
        }
    }
    Ok(vec![subject])
}

/// Puts the interpreters of files into the user layer; fails when one does not load.
pub fn add(engine: &Engine, paths: &[PathBuf]) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let (loaded, faults) = load::all(paths)?;
    if let Some(fault) = faults.first() {
        bail!("{fault}");
    }
    if loaded.is_empty() {
        bail!("there is no interpreter in {}", listed(paths));
    }
    engine.install(Layer::UserCustomization, loaded.into_iter().map(|one| one.interpreter).collect());
    Ok(())
}

fn inquiry(args: &Run) -> Result<Inquiry> {
    let operation = args.operation;
    let flags = [
        ("--observed", args.observed.is_some(), Operation::Retain, true),
        ("--status", args.status.is_some(), Operation::AggregateStatus, true),
        ("--replicas", args.replicas.is_some(), Operation::ReviseReplica, true),
        ("--cluster", args.cluster.is_some(), Operation::Localize, false),
    ];
    for (flag, given, of, needed) in flags {
        if given && of != operation {
            bail!("{flag} belongs to {of:?}, and not to {operation:?}: leave it out");
        }
        if needed && !given && of == operation {
            bail!("{operation:?} needs {flag}");
        }
    }
    Ok(Inquiry {
        operation,
        observed: args.observed.as_deref().map(objects::all).transpose()?.unwrap_or_default(),
        items: args.status.as_deref().map(objects::status_items).transpose()?.unwrap_or_default(),
        replicas: args.replicas,
        cluster: ClusterFacts { name: args.cluster.clone().unwrap_or_default(), ..ClusterFacts::default() },
        layer: args.layer,
    })
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// One answer with its reasons, and what every layer said.
fn single(record: &Record) -> String {
    let mut text = match (&record.error, &record.value) {
        (Some(_), _) | (None, Value::Null) => "no answer\n".to_owned(),
        (None, Value::String(word)) => format!("{word}\n"),
        (None, value) => serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string()),
    };
    let rule = record.rule.clone().filter(|_| record.rule != record.interpreter).unwrap_or_default();
    for (label, value) in [("reason", &record.reason), ("message", &record.message), ("rule", &rule)] {
        if !value.is_empty() {
            text.push_str(&format!("{label}: {value}\n"));
        }
    }
    if record.layers.is_empty() {
        return text;
    }
    let mut table = output::table(&["LAYER", "INTERPRETER", "SAID", "TIME"]);
    for told in &record.layers {
        table.add_row([
            ask::layer_name(told.layer).to_owned(),
            told.interpreter.clone().unwrap_or_default(),
            told.said.clone(),
            told.time.map(time).unwrap_or_default(),
        ]);
    }
    format!("{text}\n{table}")
}

fn table(records: &[Record]) -> String {
    let mut table = output::table(&["FILE", "OBJECT", "VALUE", "REASON", "LAYER", "INTERPRETER", "MICROS"]);
    for record in records {
        let value = match (&record.error, &record.value) {
            (Some(_), _) => "failed".to_owned(),
            (None, Value::Null) => "no answer".to_owned(),
            (None, Value::String(word)) => word.clone(),
            (None, value) => value.to_string(),
        };
        let key = [&record.namespace, &record.name].into_iter().filter(|part| !part.is_empty());
        let key = key.cloned().collect::<Vec<_>>().join("/");
        table.add_row([
            record.file.clone(),
            format!("{} {key}", record.kind).trim().to_owned(),
            cut(&value),
            record.reason.clone(),
            record.layer.unwrap_or_default().to_owned(),
            record.interpreter.clone().unwrap_or_default(),
            record.micros.to_string(),
        ]);
    }
    table.to_string()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn time(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

//! `interpreter new`: a first interpreter and its cases, out of a CustomResourceDefinition.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use outrigger_workbench::{
    definitions::Definition,
    files::{self, Content},
    scaffold,
};

use crate::output;

/// Write an interpreter for a kind, as far as its CustomResourceDefinition tells.
///
/// Reads the schema for what is a convention: the scale subresource, pod templates, counters, conditions and
/// the phase of the status, references to Secrets and ConfigMaps. Beside the interpreter it writes cases,
/// which run at once; the one named `healthy` is to be filled in.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  # From a file into ./<group>/<version>/<Kind>/
  outrigger interpreter new --crd mycrd.yaml

  # From a cluster, into another directory
  kubectl get crd widgets.example.com -o yaml > widgets.yaml
  outrigger interpreter new --crd widgets.yaml -o interpreters/")]
pub struct New {
    /// File, or directory, with the CustomResourceDefinition.
    #[arg(long, value_name = "FILE", required = true)]
    pub crd: Vec<PathBuf>,
    /// Only this kind, where there are several.
    #[arg(long)]
    pub kind: Option<String>,
    /// This version; without it, the one that is stored.
    #[arg(long, value_name = "VERSION")]
    pub for_version: Option<String>,
    /// Directory to write into.
    #[arg(short, long = "output-dir", value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    /// Overwrite what is there.
    #[arg(long)]
    pub force: bool,
}

/// Runs `outrigger interpreter new`.
pub fn run(args: &New) -> Result<()> {
    let definitions = definitions(args)?;
    let mut written = Vec::new();
    for definition in &definitions {
        let files = scaffold::scaffold(definition, args.for_version.as_deref())?;
        let directory = args.output.join(&files.directory);
        let texts = [("interpreter.yaml", files.interpreter), ("cases.yaml", files.cases)];
        for (name, _) in &texts {
            let file = directory.join(name);
            if file.exists() && !args.force {
                bail!("{} exists: give --force to overwrite it, or -o another directory", file.display());
            }
        }
        fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        for (name, text) in texts {
            let file = directory.join(name);
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            output::say(file.display().to_string())?;
        }
        written.push(directory);
    }
    let read = if let [one] = written.as_slice() { one } else { &args.output };
    output::say(next(read, &args.crd))
}

fn definitions(args: &New) -> Result<Vec<Definition>> {
    let mut definitions = Vec::new();
    for folder in files::read(&args.crd)? {
        if let Some(fault) = folder.faults.first() {
            bail!("{fault}");
        }
        for document in folder.documents.iter().filter(|document| document.content == Content::Definition) {
            definitions.push(Definition::read(document)?);
        }
    }
    let kinds: Vec<String> = definitions.iter().map(|definition| definition.kind.clone()).collect();
    if let Some(kind) = &args.kind {
        definitions.retain(|definition| definition.kind.eq_ignore_ascii_case(kind));
    }
    if definitions.is_empty() {
        let files: Vec<String> = args.crd.iter().map(|path| path.display().to_string()).collect();
        let has = if kinds.is_empty() { "no CustomResourceDefinition".to_owned() } else { kinds.join(", ") };
        bail!("{} has {has}: name a file that has what you want", files.join(", "));
    }
    Ok(definitions)
}

fn next(written: &Path, crds: &[PathBuf]) -> String {
    let written = written.display();
    let crds: Vec<String> = crds.iter().map(|crd| format!("--crd {}", crd.display())).collect();
    format!(
        "\nRead it, fill in the case `healthy`, then\n  outrigger interpreter test {written}\n  outrigger interpreter lint \
         {written} {}",
        crds.join(" ")
    )
}

//! `addon list`: what this binary knows of other people's kinds.

use anyhow::Result;
use clap::Args;
use outrigger_addon::Manifest;
use outrigger_interpreter::{LifeCycle, Operation};
use serde::Serialize;

use crate::{cli::Output, engine, output};

/// List the addons with their kinds.
#[derive(Debug, Args)]
pub struct List {
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// An addon, as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    version: String,
    description: String,
    source: &'static str,
    kinds: Vec<Kind>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    api_version: String,
    kind: String,
    life_cycle: LifeCycle,
    operations: Vec<Operation>,
}

/// Runs `outrigger addon list`.
pub fn run(args: &List) -> Result<()> {
    let addons: Vec<Listed> = engine::addons()?.iter().map(|addon| listed(addon.manifest())).collect();
    output::print(args.output, &addons, |addons| table(addons))
}

fn listed(manifest: &Manifest) -> Listed {
    let kinds = manifest.kinds.iter().map(|kind| Kind {
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
        life_cycle: kind.life_cycle,
        operations: kind.operations.clone(),
    });
    Listed {
        name: manifest.name.clone(),
        version: manifest.versions.addon.to_string(),
        description: manifest.description.clone(),
        source: "linked in",
        kinds: kinds.collect(),
    }
}

/// A line for each kind; the addon's own cells are filled on its first.
fn table(addons: &[Listed]) -> String {
    let mut table = output::table(&["ADDON", "VERSION", "KIND", "LIFE CYCLE", "OPERATIONS"]);
    for addon in addons {
        for (at, kind) in addon.kinds.iter().enumerate() {
            let first = at == 0;
            let operations: Vec<String> = kind.operations.iter().map(|operation| short(*operation)).collect();
            table.add_row([
                if first { addon.name.as_str() } else { "" },
                if first { addon.version.as_str() } else { "" },
                &format!("{}.{}", kind.kind, kind.api_version),
                &format!("{:?}", kind.life_cycle),
                &operations.join(","),
            ]);
        }
    }
    let mut text = table.to_string();
    for addon in addons {
        text.push_str(&format!("\n\n{}: {}", addon.name, addon.description));
    }
    text
}

/// An operation without the word that most of them begin with.
fn short(operation: Operation) -> String {
    let name = format!("{operation:?}");
    name.strip_prefix("Interpret").map(str::to_owned).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velero_is_listed_with_its_kinds() {
        let addons: Vec<Listed> = engine::addons().unwrap().iter().map(|addon| listed(addon.manifest())).collect();
        let text = table(&addons);
        for part in ["velero", "Backup.velero.io/v1", "RunOnce", "Declarative", "AggregateStatus", "Localize"] {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
        let json = serde_json::to_value(&addons).unwrap();
        assert_eq!(json[0]["kinds"][0]["lifeCycle"], "RunOnce");
        assert_eq!(json[0]["kinds"].as_array().unwrap().len(), 4);
    }
}

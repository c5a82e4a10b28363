//! `outrigger addon …`: what integrations bring, and what their authors work with.
//!
//! Each subcommand is a module with its arguments, a `run`, and its printing.

mod keys;
mod list;
mod pack;
mod verify;

use std::sync::Arc;

use anyhow::Result;
use clap::Subcommand;
use outrigger_controllers::{Tailor, Tailoring};

use crate::{connect::Connection, engine};

/// Addons: what this control plane knows of other people's kinds.
#[derive(Debug, Subcommand)]
pub enum Addon {
    List(list::List),
    #[command(name = "package")]
    Pack(pack::Pack),
    Verify(verify::Verify),
    Keys(keys::Keys),
}

/// Runs `outrigger addon …`.
pub async fn run(args: Addon) -> Result<()> {
    match args {
        Addon::List(args) => list::run(&args),
        Addon::Pack(args) => pack::run(&args),
        Addon::Verify(args) => verify::run(&args),
        Addon::Keys(args) => keys::run(&args),
    }
}

/// The per-cluster templates of the addons that a control plane uses.
pub async fn tailoring(_: &Connection) -> Result<Tailoring> {
    let mut tailors = Vec::new();
    for addon in engine::addons()? {
        let manifest = addon.manifest();
        for template in &manifest.templates {
            tailors.push(Arc::new(Tailor::compile(&manifest.name, template, Arc::default())?));
        }
    }
    Ok(Tailoring::new(tailors))
}

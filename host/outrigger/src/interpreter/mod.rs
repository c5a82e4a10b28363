//! `outrigger interpreter …`: what an interpreter's author works with.
//!
//! Each subcommand is a module with its arguments, a `run`, and its printing; what it finds out comes from
//! `outrigger-workbench`.

mod bench;
mod lint;
mod list;
pub mod live;
mod new;
mod run;
mod schema;
mod test;

use anyhow::Result;
use clap::Subcommand;

/// Write, check and try interpreters: what teaches the control plane a kind.
#[derive(Debug, Subcommand)]
pub enum Interpreter {
    Test(test::Test),
    Run(run::Run),
    Lint(lint::Lint),
    List(list::List),
    New(new::New),
    Bench(bench::Bench),
    /// Print the JSON Schema of declarative interpreters, for editors.
    Schema,
}

/// Runs `outrigger interpreter …`.
pub async fn run(args: Interpreter) -> Result<()> {
    match args {
        Interpreter::Test(args) => test::run(args),
        Interpreter::Run(args) => run::run(args).await,
        Interpreter::Lint(args) => lint::run(&args),
        Interpreter::Bench(args) => bench::run(&args),
        Interpreter::Schema => schema::run(),
        Interpreter::List(args) => list::run(args).await,
        Interpreter::New(args) => new::run(&args),
    }
}

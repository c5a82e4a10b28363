//! `outrigger`: a multi-cluster Kubernetes control plane that speaks Karmada's API and hosts addons.
//!
//! Each command is a module with a `run` that takes its part of the command line ([`cli`]). An error
//! that comes back is printed once, as one message; the exit code is 1, or 2 for a wrong command line.

mod addon;
mod agent;
mod allocator;
mod cli;
mod cluster;
mod connect;
mod demo;
mod engine;
mod explain;
mod health;
mod interpreter;
mod output;
mod serve;
mod signals;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use serde::Serialize;

use cli::{Cli, Command, LogFormat};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(cli));
    // What was to be waited for has been; threads that are idle, or wait for a name server, are not.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    log(&cli.log, cli.log_format)?;
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Agent(args) => agent::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Join(args) => cluster::join::run(args).await,
        Command::Unjoin(args) => cluster::unjoin::run(args).await,
        Command::Token(args) => cluster::token::run(args).await,
        Command::Register(args) => cluster::register::run(args).await,
        Command::Addon(args) => addon::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Interpreter(args) => interpreter::run(args).await,
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "outrigger", &mut std::io::stdout());
            Ok(())
        }
        Command::Version { output } => version(output),
    }
}

fn log(filter: &str, format: LogFormat) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("--log {filter}: {error}; try info, or outrigger_member=debug,warn"))?;
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => logger.init(),
        LogFormat::Json => logger.json().init(),
    }
    Ok(())
}

/// What `outrigger version` says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    outrigger: &'static str,
    karmada_api: &'static str,
    kubernetes_api: &'static str,
}

fn version(output: cli::Output) -> Result<()> {
    let version = Version { outrigger: env!("CARGO_PKG_VERSION"), karmada_api: "v1.18", kubernetes_api: "v1.36" };
    output::print(output, &version, |version| {
        let Version { outrigger, karmada_api, kubernetes_api } = version;
        format!("outrigger {outrigger} (Karmada API {karmada_api}, Kubernetes API {kubernetes_api})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}

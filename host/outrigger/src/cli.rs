//! The command line: every command, its flags, and what its help says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{addon::Addon, explain::Explain, interpreter::Interpreter};

/// A multi-cluster Kubernetes control plane that speaks Karmada's API and hosts addons.
#[derive(Debug, Parser)]
#[command(name = "outrigger", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to log, such as `info` or `outrigger_member=debug,warn`.
    #[arg(long, global = true, env = "OUTRIGGER_LOG", default_value = "warn,kube_client=off")]
    pub log: String,
    /// How to log.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the control plane.
    Serve(Serve),
    /// Run beside a member that the control plane cannot reach (pull mode).
    Agent(Agent),
    /// Show one Velero backup over three clusters on this machine.
    Demo(Demo),
    /// Bring a cluster under the control plane, which will reach out to it (push mode).
    Join(Join),
    /// Let a cluster go.
    Unjoin(Unjoin),
    /// Tokens with which clusters register.
    #[command(subcommand)]
    Token(Token),
    /// Install the agent into a cluster, which will reach out to the control plane (pull mode).
    Register(Register),
    /// Addons: what this control plane knows of other people's kinds.
    #[command(subcommand)]
    Addon(Addon),
    /// Show what becomes of a template in a cluster, and why.
    Explain(Explain),
    /// Write, check and try interpreters: what teaches the control plane a kind.
    #[command(subcommand)]
    Interpreter(Interpreter),
    /// Print shell completion.
    Completion {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version {
        /// How to print it.
        #[arg(short, long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

/// How to print data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

/// How to reach the control plane.
#[derive(Clone, Debug, Args)]
pub struct Hub {
    /// Kubeconfig of the control plane. Without it: $KUBECONFIG, then that of `serve` on this machine.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

/// Run the control plane.
///
/// Without --kubeconfig it is all in this process: API server, durable store, controllers. With it,
/// the same controllers work over the API server that the file names, with leader election.
#[derive(Debug, Args)]
pub struct Serve {
    /// Work over this existing API server instead of an embedded one.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Work over the API server of the cluster that this process runs in.
    #[arg(long, conflicts_with = "kubeconfig")]
    pub in_cluster: bool,
    /// Directory of the store, keys and the administrator's kubeconfig. Without it: $OUTRIGGER_DATA, else
    /// /var/lib/outrigger for root and ~/.local/share/outrigger for others.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["kubeconfig", "in_cluster"])]
    pub data_dir: Option<PathBuf>,
    /// Address and port on which the API is served.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:7443", conflicts_with_all = ["kubeconfig", "in_cluster"])]
    pub listen: std::net::SocketAddr,
    /// Further host names and addresses by which clients reach it; the first goes into the kubeconfig.
    #[arg(long = "san", value_name = "NAME", conflicts_with_all = ["kubeconfig", "in_cluster"])]
    pub names: Vec<String>,
    /// Address and port for health checks and metrics, without TLS; only with --kubeconfig or --in-cluster.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7480")]
    pub health_listen: std::net::SocketAddr,
    /// Namespace of the leader's Lease; only with --kubeconfig or --in-cluster.
    #[arg(long, value_name = "NAMESPACE", default_value = "outrigger-system")]
    pub lease_namespace: String,
    /// Directory of interpreters to load: declarative ones, Karmada's customizations, shared libraries. A library
    /// is trusted with this process.
    #[arg(long, value_name = "DIR")]
    pub interpreters: Option<PathBuf>,
}

/// Run beside a member that the control plane cannot reach (pull mode).
///
/// The first time it needs --hub, --token and --ca-hash, which `outrigger token create` prints. From
/// then on it has a certificate of its own in --state-dir and renews it.
#[derive(Debug, Args)]
pub struct Agent {
    /// Name of this cluster on the control plane.
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub cluster_name: String,
    /// URL of the control plane.
    #[arg(long, value_name = "URL")]
    pub hub: Option<String>,
    /// Bootstrap token, for the first time.
    #[arg(long, env = "OUTRIGGER_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Hash of the control plane's CA, for the first time: sha256:<hex>.
    #[arg(long, value_name = "HASH")]
    pub ca_hash: Option<String>,
    /// Kubeconfig of the member. Without it: the cluster that this process runs in.
    #[arg(long, value_name = "FILE")]
    pub member_kubeconfig: Option<PathBuf>,
    /// Directory of interpreters to load: declarative ones, Karmada's customizations, shared libraries. A library
    /// is trusted with this process.
    #[arg(long, value_name = "DIR")]
    pub interpreters: Option<PathBuf>,
    /// Directory of the agent's own key and certificate.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/outrigger-agent")]
    pub state_dir: PathBuf,
    /// Secret of the member in which key and certificate are kept as well, for pods that replace each other.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = namespaced)]
    pub state_secret: Option<(String, String)>,
    /// Address and port for health checks and metrics, without TLS.
    #[arg(long, value_name = "ADDRESS")]
    pub health_listen: Option<std::net::SocketAddr>,
}

/// Show one Velero backup over three clusters on this machine.
///
/// Starts a control plane and three members: `east` and `west` in push mode, `edge` in pull mode
/// through a real agent. The API servers are real; Velero in the members is simulated, since there
/// are no pods.
#[derive(Debug, Args)]
pub struct Demo {
    /// End when the backup has, with status 0 if the aggregated phase is right.
    #[arg(long)]
    pub exit: bool,
    /// Print the closing table as JSON, and nothing else on standard output.
    #[arg(long)]
    pub json: bool,
    /// Make Velero fail in a member: NAME, NAME=partial, NAME=full or NAME=validation.
    #[arg(long, value_name = "MEMBER")]
    pub fail: Vec<String>,
    /// Directory to work in; a new temporary one without it.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Milliseconds between two steps of the simulated Velero.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    pub pace: u64,
}

/// Bring a cluster under the control plane, which will reach out to it (push mode).
#[derive(Debug, Args)]
pub struct Join {
    /// Name that the cluster gets.
    #[arg(value_parser = cluster_name)]
    pub name: String,
    /// Kubeconfig of the cluster that joins.
    #[arg(long, value_name = "FILE", alias = "cluster-kubeconfig")]
    pub member_kubeconfig: PathBuf,
    /// Context in the cluster's kubeconfig.
    #[arg(long, value_name = "NAME", alias = "cluster-context")]
    pub member_context: Option<String>,
    /// Cloud provider of the cluster.
    #[arg(long, alias = "cluster-provider")]
    pub provider: Option<String>,
    /// Region of the cluster.
    #[arg(long, alias = "cluster-region")]
    pub region: Option<String>,
    /// Zones of the cluster.
    #[arg(long = "zone", alias = "cluster-zones")]
    pub zones: Vec<String>,
    /// The control plane.
    #[command(flatten)]
    pub hub: Hub,
}

/// Let a cluster go. What was placed on it is removed from it, unless the cluster is dead.
#[derive(Debug, Args)]
pub struct Unjoin {
    /// Name of the cluster.
    pub name: String,
    /// Kubeconfig of the cluster, to remove the access that `join` made there.
    #[arg(long, value_name = "FILE", alias = "cluster-kubeconfig")]
    pub member_kubeconfig: Option<PathBuf>,
    /// Seconds to wait until it is gone.
    #[arg(long, default_value_t = 60)]
    pub wait: u64,
    /// The control plane.
    #[command(flatten)]
    pub hub: Hub,
}

/// Tokens with which clusters register.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token, and print the commands that use it.
    Create {
        /// How long it can be used, such as 24h or 30m.
        #[arg(long, default_value = "24h")]
        ttl: String,
        /// How to print it.
        #[arg(short, long, value_enum, default_value_t = Output::Table)]
        output: Output,
        /// The control plane.
        #[command(flatten)]
        hub: Hub,
    },
}

/// Install the agent into a cluster, which will reach out to the control plane (pull mode).
#[derive(Debug, Args)]
pub struct Register {
    /// Host and port, or URL, of the control plane.
    pub endpoint: String,
    /// Name that the cluster gets.
    #[arg(long, value_name = "NAME", value_parser = cluster_name)]
    pub cluster_name: String,
    /// Bootstrap token that `outrigger token create` printed.
    #[arg(long)]
    pub token: String,
    /// Hash of the control plane's CA: sha256:<hex>.
    #[arg(long, alias = "discovery-token-ca-cert-hash", value_name = "HASH")]
    pub ca_hash: String,
    /// Kubeconfig of the cluster that registers.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context in that kubeconfig.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Image of the agent.
    #[arg(long, default_value = concat!("ghcr.io/outrigger-io/outrigger:v", env!("CARGO_PKG_VERSION")))]
    pub image: String,
    /// Print the manifests instead of applying them.
    #[arg(long)]
    pub dry_run: bool,
}

/// A cluster's name: other names are made from it, so it is a short DNS label.
fn cluster_name(text: &str) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if text.len() <= outrigger_api::names::CLUSTER_NAME_MAX
        && text.chars().all(inner)
        && end(text.chars().next())
        && end(text.chars().last())
    {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a cluster's name has up to {} lower-case letters, digits and dashes, and begins and ends with a letter or digit",
        outrigger_api::names::CLUSTER_NAME_MAX
    ))
}

fn namespaced(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("it must be NAMESPACE/NAME".to_owned()),
    }
}

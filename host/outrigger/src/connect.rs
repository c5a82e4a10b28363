//! How commands find a cluster: the control plane, or a member.
//!
//! The control plane is the one that `--kubeconfig` names, else that of `$KUBECONFIG`, else the one that
//! `serve` runs on this machine, which leaves its administrator's kubeconfig in its data directory.
//!
//! **Invariant:** nothing is sent before it is known where to; an error here says which file, and what
//! to do.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use outrigger_runtime::{Client, Error, ErrorKind};

use crate::cli::Hub;

/// The administrator's kubeconfig in the data directory of `serve`.
pub const ADMIN_KUBECONFIG: &str = "admin.kubeconfig";

/// What errors and metrics call the control plane.
pub const HUB: &str = "hub";

/// A cluster that commands talk to, and how it was found.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// URL, CA and so on, as the kubeconfig has them.
    pub config: Config,
    /// Where that was read, for people.
    pub source: String,
}

impl Connection {
    /// The URL of the API server, without a slash at the end.
    pub fn url(&self) -> String {
        self.config.cluster_url.to_string().trim_end_matches('/').to_owned()
    }

    /// The certificates that the API server's own must lead to, in PEM; empty where the system's are used.
    pub fn ca_pem(&self) -> String {
        self.config.root_cert.iter().flatten().map(|der| pem(der)).collect()
    }

    /// Whether the address is of use on this machine alone.
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.config.cluster_url.host().unwrap_or_default())
    }
}

/// Whether a host is this machine, for whoever asks.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a person reads what goes to standard error.
pub fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

/// A certificate in PEM.
pub fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).filter_map(|at| text.get(at..text.len().min(at + 64))).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Where `serve` keeps its data when nothing is said: `/var/lib/outrigger` for root, else below
/// `$XDG_DATA_HOME` or `~/.local/share`.
pub fn default_data_dir() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(data) = set("OUTRIGGER_DATA") {
        return data;
    }
    let home = set("HOME");
    let of_root = home.is_none() || home.as_deref() == Some(Path::new("/root"));
    match (set("XDG_DATA_HOME"), home) {
        (Some(data), _) => data.join("outrigger"),
        (None, Some(home)) if !of_root => home.join(".local/share/outrigger"),
        _ => "/var/lib/outrigger".into(),
    }
}

/// The control plane.
pub async fn hub(args: &Hub) -> Result<Connection> {
    let context = args.context.as_deref();
    if let Some(file) = &args.kubeconfig {
        return from_file(file, context, HUB).await;
    }
    if let Some(kubeconfig) = from_env()? {
        return connect(kubeconfig, context, HUB, "$KUBECONFIG".into()).await;
    }
    let own = default_data_dir().join(ADMIN_KUBECONFIG);
    if own.exists() {
        return from_file(&own, context, HUB).await;
    }
    bail!(
        "no control plane is named: give --kubeconfig FILE, set KUBECONFIG, or run `outrigger serve` on this machine \
         (its kubeconfig would be {})",
        own.display()
    )
}

/// A member: the one that the file names, else that of `$KUBECONFIG`, else the cluster that this process
/// runs in.
pub async fn member(file: Option<&Path>, context: Option<&str>, name: &str) -> Result<Connection> {
    if let Some(file) = file {
        return from_file(file, context, name).await;
    }
    if let Some(kubeconfig) = from_env()? {
        return connect(kubeconfig, context, name, "$KUBECONFIG".into()).await;
    }
    in_cluster(name)
}

/// The cluster that this process runs in, by its service account.
pub fn in_cluster(name: &str) -> Result<Connection> {
    let config = Config::incluster().with_context(|| {
        format!(
            "no kubeconfig is named for cluster {name}, and this process runs in no cluster: name a kubeconfig file"
        )
    })?;
    finish(config, name, "the pod's service account".into())
}

/// The cluster that a kubeconfig file names.
pub async fn from_file(file: &Path, context: Option<&str>, name: &str) -> Result<Connection> {
    let source = file.display().to_string();
    let kubeconfig = Kubeconfig::read_from(file).map_err(|error| anyhow!("kubeconfig {source}: {}", reason(&error)))?;
    connect(kubeconfig, context, name, source).await
}

fn from_env() -> Result<Option<Kubeconfig>> {
    Kubeconfig::from_env().map_err(|error| anyhow!("$KUBECONFIG: {}", reason(&error)))
}

async fn connect(kubeconfig: Kubeconfig, context: Option<&str>, name: &str, source: String) -> Result<Connection> {
    if let Some(wanted) = context.filter(|wanted| !kubeconfig.contexts.iter().any(|one| one.name == *wanted)) {
        let known: Vec<&str> = kubeconfig.contexts.iter().map(|one| one.name.as_str()).collect();
        bail!("kubeconfig {source}: it has no context {wanted}; it has {}", listed(&known));
    }
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| anyhow!("kubeconfig {source}: {}", reason(&error)))?;
    finish(config, name, source)
}

fn finish(mut config: Config, name: &str, source: String) -> Result<Connection> {
    config.default_retry = false;
    // Watches are quiet for as long as nothing happens; the client above has its own deadlines.
    config.read_timeout = None;
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    let kube = kube::Client::try_from(config.clone()).map_err(|error| anyhow!("{source}: {}", reason(&error)))?;
    Ok(Connection { client: Client::new(kube, name), config, source })
}

/// Says what an error of a request means, and what to do about it.
pub fn explain(error: Error, connection: &Connection) -> anyhow::Error {
    let (url, source) = (connection.url(), &connection.source);
    let advice = match error.kind() {
        _ if error.is_unreachable() => format!("is {url} (from {source}) running, and reachable from here?"),
        ErrorKind::Forbidden if error.reason() == "Unauthorized" => {
            format!("{url} does not know the credentials in {source}: get a new kubeconfig")
        }
        ErrorKind::Forbidden => format!("the identity in {source} may not do this: use an administrator's kubeconfig"),
        _ => return error.into(),
    };
    anyhow!("{error}; {advice}")
}

/// Names in a row, or `none`.
pub fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// An error with those beneath it that say something new.
pub fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = r#"{"apiVersion":"v1","kind":"Config","current-context":"a",
        "clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1/"}}],
        "users":[{"name":"u","user":{"token":"t"}}],
        "contexts":[{"name":"a","context":{"cluster":"c","user":"u"}},{"name":"b","context":{"cluster":"none"}}]}"#;

    async fn check(text: Option<&str>, context: Option<&str>, expected: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let got = match from_file(&file, context, "east").await {
            Ok(connection) => connection.url(),
            Err(error) => format!("{error:#}"),
        };
        assert!(expected.iter().all(|part| got.contains(part)), "{got} has not all of {expected:?}");
    }

    #[tokio::test]
    async fn kubeconfigs() {
        check(Some(KUBECONFIG), None, &["https://127.0.0.1:1"]).await;
        check(Some(KUBECONFIG), Some("c"), &["no context c", "a, b", "config"]).await;
        check(Some(KUBECONFIG), Some("b"), &["kubeconfig", "context"]).await;
        check(Some("{"), None, &["kubeconfig", "parse"]).await;
        check(None, None, &["kubeconfig", "No such file"]).await;
    }

    #[test]
    fn loopback() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("localhost", true),
            ("10.0.0.1", false),
            ("localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn certificates_wrap_at_64() {
        let text = pem(&[7; 100]);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(text.lines().count(), 5);
    }
}

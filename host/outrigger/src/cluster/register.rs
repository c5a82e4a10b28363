//! `register`: the agent is installed into a cluster, which then reaches out to the control plane (pull
//! mode).
//!
//! The manifests are those of `deploy/agent.yaml`, with the blanks filled in as data, not as text, so
//! that no value can become more than a value.

use anyhow::{Context, Result, anyhow, bail};
use outrigger_auth::bootstrap::BootstrapToken;
use outrigger_object::Object;
use serde_json::Value;

use super::manifest;
use super::progress::Progress;
use crate::cli;
use crate::connect;
use crate::output;

/// The agent, as manifests.
pub const AGENT: &str = include_str!("../../../../deploy/agent.yaml");

/// What is different from one cluster to the next.
#[derive(Clone)]
pub struct Blanks<'a> {
    /// URL of the control plane.
    pub hub: &'a str,
    /// Name that the cluster gets.
    pub cluster: &'a str,
    /// Bootstrap token.
    pub token: &'a str,
    /// Pin of the control plane's CA.
    pub ca_hash: &'a str,
    /// Image of the agent; none keeps what the manifest has.
    pub image: Option<&'a str>,
}

/// Runs `outrigger register`.
pub async fn run(args: cli::Register) -> Result<()> {
    let hub = url(&args.endpoint)?;
    args.token.parse::<BootstrapToken>().map_err(|error| anyhow!("--token: {error}"))?;
    check_hash(&args.ca_hash)?;
    let objects = agent(&Blanks {
        hub: &hub,
        cluster: &args.cluster_name,
        token: &args.token,
        ca_hash: &args.ca_hash,
        image: Some(&args.image),
    })?;
    if args.dry_run {
        return output::say(manifest::print(&objects)?);
    }
    let member = connect::member(args.kubeconfig.as_deref(), args.context.as_deref(), &args.cluster_name).await?;
    let progress = Progress::shown();
    manifest::apply(&member, &objects, &progress).await?;
    progress.done(format!(
        "cluster {0}: the agent is installed; `kubectl get cluster {0}` on the control plane shows when it is ready, and \
         `kubectl -n outrigger-system logs deployment/outrigger-agent` in {0} why not",
        args.cluster_name
    ));
    Ok(())
}

/// The agent's manifests with the blanks filled in.
pub fn agent(blanks: &Blanks<'_>) -> Result<Vec<Object>> {
    let mut objects = manifest::parse(AGENT)?;
    let mut filled = 0;
    for object in &mut objects {
        match (object.kind(), object.name()) {
            ("ConfigMap", "outrigger-agent") => {
                object.set(&["data", "cluster-name"], blanks.cluster);
                object.set(&["data", "hub"], blanks.hub);
                object.set(&["data", "ca-hash"], blanks.ca_hash);
            }
            ("Secret", "outrigger-agent-bootstrap") => object.set(&["stringData", "token"], blanks.token),
            ("Deployment", "outrigger-agent") => {
                let Some(image) = blanks.image else { continue };
                let spec = object.0.get_mut("spec");
                let container = spec.and_then(|spec| spec.pointer_mut("/template/spec/containers/0"));
                let container = container.and_then(Value::as_object_mut);
                let container = container.context("deploy/agent.yaml: the Deployment has no container")?;
                container.insert("image".to_owned(), image.into());
            }
            _ => continue,
        }
        filled += 1;
    }
    if filled < 2 {
        bail!("deploy/agent.yaml has no blanks to fill in");
    }
    Ok(objects)
}

/// `host:port` or a URL, as a URL without a slash at the end.
pub fn url(endpoint: &str) -> Result<String> {
    let text = if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") };
    let parsed: http::Uri = text.parse().map_err(|error| anyhow!("control plane {endpoint}: {error}"))?;
    if parsed.scheme_str() != Some("https") || parsed.host().is_none_or(str::is_empty) {
        bail!("control plane {endpoint}: give host:port or https://host:port");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Refuses what is no pin of a CA.
pub fn check_hash(text: &str) -> Result<()> {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    bail!("--ca-hash {text}: it must be sha256: and 64 hexadecimal digits, as `outrigger token create` prints it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let check = |endpoint, expected: Option<&str>| {
            assert_eq!(url(endpoint).ok().as_deref(), expected, "{endpoint}");
        };
        check("10.0.0.1:7443", Some("https://10.0.0.1:7443"));
        check("https://hub.example.com/", Some("https://hub.example.com"));
        check("[::1]:7443", Some("https://[::1]:7443"));
        check("http://hub", None);
        check("https://", None);
        check("a b", None);
    }

    #[test]
    fn hashes() {
        assert!(check_hash(&format!("sha256:{}", "0a".repeat(32))).is_ok());
        assert!(check_hash(&"0a".repeat(32)).is_err());
        assert!(check_hash("sha256:zz").is_err());
    }
}

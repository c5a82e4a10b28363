//! `token create`: a short-lived token with which a cluster registers, and the commands that use it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use jiff::{SignedDuration, Timestamp};
use outrigger_auth::bootstrap::BootstrapToken;
use outrigger_auth::pki;
use serde::Serialize;

use super::bootstrap::{self, BOOTSTRAP_GROUP};
use super::kinds;
use crate::cli::{self, Output};
use crate::connect::{self, Connection, explain};
use crate::output;

const DESCRIPTION: &str = "made by outrigger token create";

/// A token, and how it is used.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// The token.
    pub token: String,
    /// When it is of no more use; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// URL of the control plane.
    pub hub: String,
    /// Pin of the control plane's CA.
    pub ca_hash: String,
    /// Command lines that use it.
    pub commands: Commands,
}

/// Command lines that use a token; `NAME` stands for the cluster's name.
#[derive(Clone, Debug, Serialize)]
pub struct Commands {
    /// Installs the agent into a cluster.
    pub register: String,
    /// Runs the agent.
    pub agent: String,
}

/// Runs `outrigger token …`.
pub async fn run(args: cli::Token) -> Result<()> {
    let cli::Token::Create { ttl, output, hub } = args;
    let ttl = parse_ttl(&ttl)?;
    let hub = connect::hub(&hub).await?;
    let created = create(&hub, ttl).await?;
    output::print(output, &created, text)?;
    if output == Output::Table && connect::is_loopback(hub.config.cluster_url.host().unwrap_or_default()) {
        eprintln!("note: {} is an address of this machine; agents elsewhere need another, in place of it", created.hub);
    }
    Ok(())
}

/// Makes a token that lasts for `ttl`; without one it does not expire.
pub async fn create(hub: &Connection, ttl: Option<Duration>) -> Result<Created> {
    let authority = hub.ca_pem();
    if authority.is_empty() {
        bail!(
            "{}: it has no CA for {}, and a token is of no use without its hash; use a kubeconfig with \
             certificate-authority",
            hub.source,
            hub.url()
        );
    }
    let ca_hash = pki::pin(&authority).with_context(|| format!("{}: its CA", hub.source))?;
    let expires = match ttl {
        Some(ttl) => Some(after(ttl).ok_or_else(|| anyhow!("--ttl: that is too long"))?),
        None => None,
    };
    bootstrap::publish(hub).await?;
    let token = BootstrapToken::generate(&mut rand::rng());
    let secret = token.secret(expires, &[BOOTSTRAP_GROUP], DESCRIPTION);
    hub.client.create(&kinds::secret(), &secret).await.map_err(|error| explain(error, hub))?;
    let (token, url) = (token.expose().expose().to_owned(), hub.url());
    let rest = format!("--cluster-name NAME --token {token} --ca-hash {ca_hash}");
    let commands = Commands {
        register: format!("outrigger register {url} {rest} --kubeconfig FILE"),
        agent: format!("outrigger agent --hub {url} {rest} --member-kubeconfig FILE --state-dir DIR"),
    };
    Ok(Created { token, expires, hub: url, ca_hash, commands })
}

/// The second that is `ttl` from now.
fn after(ttl: Duration) -> Option<Timestamp> {
    let at = Timestamp::now().checked_add(SignedDuration::try_from(ttl).ok()?).ok()?;
    Timestamp::from_second(at.as_second()).ok()
}

fn text(created: &Created) -> String {
    let expires = match created.expires {
        Some(expires) => format!("{expires:.0}"),
        None => "never".to_owned(),
    };
    format!(
        "Token:    {}\nExpires:  {expires}\nCA hash:  {}\n\n\
         Install the agent into a cluster (NAME is the name that it gets, FILE its kubeconfig):\n  {}\n\n\
         Or run the agent yourself, beside the cluster:\n  {}",
        created.token, created.ca_hash, created.commands.register, created.commands.agent
    )
}

/// `24h`, `30m`, `1h30m`; `0` for a token that does not expire.
pub fn parse_ttl(text: &str) -> Result<Option<Duration>> {
    if text.trim() == "0" {
        return Ok(None);
    }
    let span = text.parse::<SignedDuration>().ok().filter(|span| span.is_positive());
    let ttl = span.and_then(|span| Duration::try_from(span).ok());
    ttl.map(Some).ok_or_else(|| anyhow!("--ttl {text}: give a length of time such as 24h, 30m or 1h30m, or 0 for ever"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let check = |text, expected: Option<Option<u64>>| {
            let got = parse_ttl(text).ok().map(|ttl| ttl.map(|ttl| ttl.as_secs()));
            assert_eq!(got, expected, "{text}");
        };
        check("24h", Some(Some(86400)));
        check("30m", Some(Some(1800)));
        check("1h30m", Some(Some(5400)));
        check("0", Some(None));
        check("", None);
        check("-1h", None);
        check("soon", None);
        check("0s", None);
    }
}

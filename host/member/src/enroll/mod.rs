//! How a pull cluster's agent becomes known to the control plane.
//!
//! ```text
//!  bootstrap token + pin of the CA ──▶ the CA, checked against the pin      (trust)
//!  the CA + the token ──▶ a signing request for this cluster ──▶ certificate (request)
//!  certificate and key ──▶ files, readable by their owner alone              (credentials)
//!  certificate ──▶ one client that goes on when the certificate is renewed   (connection)
//!  that client ──▶ Cluster, spec.syncMode Pull                               (register)
//! ```
//!
//! Subject, group, signer and usages are Karmada's, so that either side may be Karmada's.
//!
//! **Invariant:** the token is sent to nobody whose certificate was not checked against the pin, and no
//! key or token is ever part of an error or a log line.

mod connection;
mod credentials;
mod register;
mod request;
mod trust;

pub use connection::Connection;
pub use credentials::Credentials;
pub use register::{Registration, register};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outrigger_auth::Secret;
use outrigger_runtime::Clock;
use tracing::info;

use crate::Result;

/// Group of agents' certificates.
pub const GROUP: &str = "system:karmada:agents";
/// Begin of the name in agents' certificates; the cluster's name follows.
pub const USER_PREFIX: &str = "system:karmada:agent:";
/// Who signs agents' certificates.
pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// What an agent is told when it joins.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The control plane's address, `https://host:port`.
    pub server: String,
    /// The bootstrap token.
    pub token: Secret,
    /// The pin of the control plane's CA, `sha256:<hex>`.
    pub pin: String,
}

/// How long the certificate is to hold, and how long to wait for it.
#[derive(Clone, Copy, Debug)]
pub struct EnrolConfig {
    /// Asked for; the signer may give less.
    pub life: Duration,
    /// For the approval of the request.
    pub patience: Duration,
}

impl Default for EnrolConfig {
    fn default() -> Self {
        Self { life: Duration::from_secs(365 * 24 * 3600), patience: Duration::from_secs(300) }
    }
}

/// The credentials of a cluster's agent: those in `directory` where they still hold, else new ones by
/// the invitation, which are then stored there.
pub async fn enrol(
    cluster: &str,
    directory: &Path,
    invitation: Option<&Invitation>,
    config: EnrolConfig,
    clock: Arc<dyn Clock>,
) -> Result<Credentials> {
    if let Some(stored) = Credentials::load(directory)? {
        if stored.holds_for(cluster, clock.now()) {
            return Ok(stored);
        }
        info!(cluster, "the stored certificate has expired, or is another cluster's");
    }
    let Some(invitation) = invitation else {
        let place = directory.display();
        return Err(crate::Error::invalid(format!(
            "there is no valid certificate for cluster {cluster} in {place}: give a token and the CA's hash"
        )));
    };
    let authority = trust::authority(&invitation.server, &invitation.pin).await?;
    let client = trust::bootstrap_client(&invitation.server, &authority, &invitation.token)?;
    let (certificate, key) = request::certificate(&client, cluster, config).await?;
    let credentials = Credentials { server: invitation.server.clone(), authority, certificate, key };
    credentials.store(directory)?;
    info!(cluster, "enrolled");
    Ok(credentials)
}

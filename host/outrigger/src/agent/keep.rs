//! A second place for the agent's identity: a Secret of the member, since a pod's own directory goes with
//! the pod.
//!
//! **Invariant:** what is in the directory is never overwritten by what is in the Secret.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outrigger_member::enroll::Credentials;
use outrigger_object::ObjectKey;
use outrigger_runtime::{Client, Patch, Result, Subresource};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::cluster::kinds;

/// Keys of the Secret.
const FIELDS: [&str; 4] = ["server", "ca.crt", "tls.crt", "tls.key"];
/// How often it is looked whether the identity was renewed; it is a small local file.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The Secret and the directory.
pub struct Kept {
    member: Client,
    key: ObjectKey,
    directory: PathBuf,
}

impl Kept {
    pub fn new(member: &Client, namespace: &str, name: &str, directory: &Path) -> Self {
        Self { member: member.clone(), key: ObjectKey::new(namespace, name), directory: directory.to_owned() }
    }

    /// Fills the directory from the Secret, where the directory has nothing.
    pub async fn restore(&self) -> Result<()> {
        if !matches!(Credentials::load(&self.directory), Ok(None)) {
            return Ok(());
        }
        let Some(secret) = self.member.get_opt(&kinds::secret(), &self.key).await? else { return Ok(()) };
        let field = |name: &str| {
            let bytes = STANDARD.decode(secret.str(&["data", name])?).ok()?;
            String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
        };
        let [server, authority, certificate, key] = FIELDS.map(field);
        let (Some(server), Some(authority), Some(certificate), Some(key)) = (server, authority, certificate, key)
        else {
            return Ok(());
        };
        let credentials = Credentials { server, authority, certificate, key: outrigger_auth::Secret::new(key) };
        match credentials.store(&self.directory) {
            Ok(()) => info!(secret = %self.key, "the identity was found in the member"),
            Err(error) => warn!(error = %error, "the identity in the member cannot be used"),
        }
        Ok(())
    }

    /// Writes the directory's identity into the Secret, now and whenever it has been renewed.
    pub async fn keep(self, stop: CancellationToken) {
        let mut written = None;
        loop {
            match Credentials::load(&self.directory) {
                Ok(Some(credentials)) if written.as_ref() != Some(&credentials.certificate) => {
                    match self.write(&credentials).await {
                        Ok(()) => written = Some(credentials.certificate),
                        Err(error) => warn!(error = %error, "the identity cannot be kept in the member"),
                    }
                }
                Ok(_) => {}
                Err(error) => warn!(error = %error, "the identity cannot be read"),
            }
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                return;
            }
        }
    }

    async fn write(&self, credentials: &Credentials) -> Result<()> {
        let values = [
            credentials.server.as_str(),
            credentials.authority.as_str(),
            credentials.certificate.as_str(),
            credentials.key.expose(),
        ];
        let data: serde_json::Map<String, Value> = FIELDS
            .iter()
            .zip(values)
            .map(|(name, value)| ((*name).to_owned(), STANDARD.encode(value).into()))
            .collect();
        let patch = Patch::Merge(json!({"data": data}));
        self.member.patch(&kinds::secret(), &self.key, &patch, Subresource::None).await.map(|_| ())
    }
}

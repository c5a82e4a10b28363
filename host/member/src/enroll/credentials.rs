//! What an agent keeps: the control plane's address and CA, its certificate and its key.
//!
//! **Invariant:** the files are readable by their owner alone and are replaced whole, certificate and key
//! in one file, so that they cannot come apart.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use jiff::Timestamp;
use outrigger_auth::{Secret, pki};
use serde_json::json;

use super::{USER_PREFIX, trust};
use crate::{Error, Result, connect};

const FILE: &str = "agent.json";

/// An agent's credentials; PEM throughout.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The control plane's address.
    pub server: String,
    /// Its CA.
    pub authority: String,
    /// The agent's certificate.
    pub certificate: String,
    /// The agent's key.
    pub key: Secret,
}

impl Credentials {
    /// Reads them from a directory; `None` when there are none.
    pub fn load(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::File { path: path.display().to_string(), source }),
        };
        let value: serde_json::Value = serde_json::from_str(&text)
            .map_err(|_| Error::invalid(format!("{}: not an agent's credentials", path.display())))?;
        let field = |name: &str| {
            let text = value.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            text.ok_or_else(|| Error::invalid(format!("{}: {name} is missing", path.display())))
        };
        Ok(Some(Self {
            server: field("server")?,
            authority: field("authority")?,
            certificate: field("certificate")?,
            key: Secret::new(field("key")?),
        }))
    }

    /// Writes them to a directory, which is made if need be.
    pub fn store(&self, directory: &Path) -> Result<()> {
        let path = directory.join(FILE);
        let failed = |source| Error::File { path: path.display().to_string(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let text = json!({
            "server": self.server, "authority": self.authority,
            "certificate": self.certificate, "key": self.key.expose(),
        });
        let temporary = directory.join(format!("{FILE}.new"));
        let write = || {
            let mut options = fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(text.to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            fs::File::open(directory)?.sync_all()
        };
        write().map_err(failed)
    }

    /// Whether the certificate is this cluster's and valid now.
    pub fn holds_for(&self, cluster: &str, now: Timestamp) -> bool {
        let ours = pki::subject_of_pem(&self.certificate)
            .is_ok_and(|subject| subject.common_name == format!("{USER_PREFIX}{cluster}"));
        ours && pki::validity(&self.certificate).is_ok_and(|validity| validity.contains(now))
    }

    /// When the certificate should be renewed.
    pub fn renewal(&self) -> Result<Timestamp> {
        let validity = pki::validity(&self.certificate).map_err(|error| Error::invalid(error.to_string()))?;
        Ok(validity.renewal())
    }

    /// A client with these credentials.
    pub fn client(&self) -> Result<kube::Client> {
        let mut config = kube::Config::new(trust::uri(&self.server)?);
        config.root_cert = Some(connect::certificates(self.authority.as_bytes()).map_err(Error::invalid)?);
        config.auth_info = connect::client_certificate(self.certificate.as_bytes(), self.key.expose().as_bytes());
        connect::client(config)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    #[test]
    fn stored_and_read_back_by_the_owner_alone() {
        let now = Timestamp::now();
        let (authority, _) = pki::CertificateAuthority::create("ca", now).unwrap();
        let name = format!("{USER_PREFIX}edge");
        let issued = authority.issue_client(&name, &[super::super::GROUP], Duration::from_secs(3600), now).unwrap();
        let credentials = Credentials {
            server: "https://h".into(),
            authority: authority.certificate().into(),
            certificate: issued.certificate,
            key: issued.key,
        };
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("a/b");
        assert!(Credentials::load(&place).unwrap().is_none());
        credentials.store(&place).unwrap();
        let read = Credentials::load(&place).unwrap().unwrap();
        assert_eq!(read.certificate, credentials.certificate);
        assert!(read.holds_for("edge", now));
        assert!(!read.holds_for("east", now), "another cluster's certificate");
        assert!(!read.holds_for("edge", now + jiff::SignedDuration::from_hours(2)), "expired");
        let mode = fs::metadata(place.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{credentials:?}").contains("PRIVATE"));
    }
}

//! TLS for a server: a certificate that renews itself, and clients that may show one.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use parking_lot::RwLock;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{
    authority::{CertificateAuthority, Issued},
    read::{self, Validity},
};
use crate::{Error, Result};

/// A server's certificate, which can be renewed while it serves.
pub struct Serving {
    names: Vec<String>,
    life: Duration,
    current: RwLock<(Arc<CertifiedKey>, Validity)>,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving")
            .field("names", &self.names)
            .field("validity", &self.validity())
            .finish_non_exhaustive()
    }
}

impl Serving {
    /// Has a certificate issued for DNS names and addresses.
    pub fn issue(authority: &CertificateAuthority, names: Vec<String>, life: Duration, now: Timestamp) -> Result<Self> {
        let issued = authority.issue_server(&names, life, now)?;
        Ok(Self { names, life, current: RwLock::new(certified(&issued)?) })
    }

    /// From when to when the current certificate is valid.
    pub fn validity(&self) -> Validity {
        self.current.read().1
    }

    /// Renews the certificate once two thirds of its life are over; says whether it did. Connections
    /// that are open keep the old one.
    pub fn renew_if_due(&self, authority: &CertificateAuthority, now: Timestamp) -> Result<bool> {
        if now < self.validity().renewal() {
            return Ok(false);
        }
        let issued = authority.issue_server(&self.names, self.life, now)?;
        *self.current.write() = certified(&issued)?;
        Ok(true)
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().0.clone())
    }
}

fn certified(issued: &Issued) -> Result<(Arc<CertifiedKey>, Validity)> {
    let chain = read::chain(&issued.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(issued.key.expose().as_bytes())
        .map_err(|_| Error::invalid("private key", "it cannot be read"))?;
    let key = ring::sign::any_supported_type(&key)?;
    Ok((Arc::new(CertifiedKey::new(chain, key)), read::validity(&issued.certificate)?))
}

/// TLS settings of a server: HTTP/2 and HTTP/1.1; a client may show a certificate, which must then be
/// one of the authority's.
pub fn server_config(authority: &CertificateAuthority, serving: Arc<Serving>) -> Result<Arc<ServerConfig>> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.der().to_vec()))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| Error::Crypto(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(serving);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

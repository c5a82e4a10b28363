//! Reading certificates: subject, validity, public key.

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use sha2::{Digest, Sha256};
use x509_parser::{certificate::X509Certificate, prelude::FromDer, x509::X509Name};

use crate::{Error, Result};

/// Whom a certificate or a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Common name, which is the user's name; empty if there is none.
    pub common_name: String,
    /// Organizations, which are the user's groups.
    pub organizations: Vec<String>,
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Timestamp,
    /// The last moment.
    pub not_after: Timestamp,
}

impl Validity {
    /// Whether a moment lies within.
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.not_before <= moment && moment <= self.not_after
    }

    /// When to renew: after two thirds of its life.
    pub fn renewal(&self) -> Timestamp {
        let life = self.not_after.as_second() - self.not_before.as_second();
        Timestamp::from_second(self.not_before.as_second() + life / 3 * 2).unwrap_or(self.not_after)
    }
}

const WHAT: &str = "certificate";

pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(Error::invalid(WHAT, "bytes follow it")),
        Err(error) => Err(Error::invalid(WHAT, error)),
    }
}

/// The first certificate of a PEM text.
pub(super) fn first(pem: &str) -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| Error::invalid(WHAT, error))
}

/// All certificates of a PEM text, at least one.
pub(super) fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(Error::invalid(WHAT, "the PEM text holds none")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(Error::invalid(WHAT, error)),
    }
}

pub(super) fn subject(name: &X509Name<'_>) -> Result<Subject> {
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        value.as_str().map(str::to_owned).map_err(|_| Error::invalid("subject", "a name is not text"))
    };
    let mut subject = Subject::default();
    for value in name.iter_common_name() {
        if !subject.common_name.is_empty() {
            return Err(Error::invalid("subject", "there is more than one common name"));
        }
        subject.common_name = text(value)?;
    }
    for value in name.iter_organization() {
        subject.organizations.push(text(value)?);
    }
    Ok(subject)
}

pub(super) fn validity_of(certificate: &X509Certificate<'_>) -> Validity {
    let validity = certificate.validity();
    let moment = |second: i64, limit| Timestamp::from_second(second).unwrap_or(limit);
    Validity {
        not_before: moment(validity.not_before.timestamp(), Timestamp::MAX),
        not_after: moment(validity.not_after.timestamp(), Timestamp::MIN),
    }
}

/// The subject of a certificate (DER) that is valid now.
pub fn subject_of_certificate(der: &[u8], now: Timestamp) -> Result<Subject> {
    let certificate = parse(der)?;
    if !validity_of(&certificate).contains(now) {
        return Err(Error::Unauthenticated("the client certificate has expired or is not valid yet"));
    }
    subject(certificate.subject())
}

/// The subject of the first certificate of a PEM text.
pub fn subject_of_pem(pem: &str) -> Result<Subject> {
    subject(parse(&first(pem)?)?.subject())
}

/// From when to when the first certificate of a PEM text is valid.
pub fn validity(pem: &str) -> Result<Validity> {
    Ok(validity_of(&parse(&first(pem)?)?))
}

/// The pin of a certificate's public key, `sha256:<hex>`, as discovery-token-ca-cert-hash has it.
pub fn pin(pem: &str) -> Result<String> {
    pin_der(&first(pem)?)
}

pub(super) fn pin_der(der: &[u8]) -> Result<String> {
    let digest = Sha256::digest(parse(der)?.public_key().raw);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256:{hex}"))
}

/// Whether one of the certificates of a PEM text has a public key with the pin; gives that one.
pub fn verify_pin(pem: &str, pin: &str) -> Result<String> {
    for der in chain(pem)? {
        if pin_der(&der)?.eq_ignore_ascii_case(pin.trim()) {
            return Ok(to_pem(&der));
        }
    }
    Err(Error::Unauthenticated("no certificate of the server's chain has the pinned public key"))
}

pub(super) fn to_pem(der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let encoded = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in encoded.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

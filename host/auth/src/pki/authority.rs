//! [`CertificateAuthority`]: the key that everything is signed with.

use std::{fmt, net::IpAddr, path::Path, time::Duration};

use jiff::Timestamp;
use rand::Rng;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};

use super::{
    csr::CertificateRequest,
    read::{self, Subject, Validity},
};
use crate::{Error, Result, Secret, files};

/// How long an authority lives.
const LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How far certificates reach into the past, for clocks that are behind.
const LEEWAY: Duration = Duration::from_secs(300);

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Showing who one is to a server.
    Client,
    /// Serving TLS.
    Server,
}

/// A certificate chain and its private key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, and that of the authority behind it.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: Secret,
}

/// Issues certificates under one key.
pub struct CertificateAuthority {
    certificate: String,
    der: Vec<u8>,
    validity: Validity,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").field("validity", &self.validity).finish_non_exhaustive()
    }
}

impl CertificateAuthority {
    /// Reads the authority from `ca.crt` and `ca.key` in a directory, or makes one of that name there.
    pub fn open(directory: &Path, name: &str, now: Timestamp) -> Result<Self> {
        let (certificate_path, key_path) = (directory.join("ca.crt"), directory.join("ca.key"));
        let fault = |path: &Path, detail: String| Error::File { path: path.display().to_string(), detail };
        match (files::read(&certificate_path)?, files::read(&key_path)?) {
            (Some(certificate), Some(key)) => {
                Self::load(&certificate, &Secret::new(key)).map_err(|error| fault(&certificate_path, error.to_string()))
            }
            // The key is written first, so a lone one is what a start that was cut short leaves behind.
            (None, _) => {
                let (authority, key) = Self::create(name, now)?;
                files::make_directory(directory)?;
                files::write(&key_path, key.expose())?;
                files::write(&certificate_path, authority.certificate())?;
                Ok(authority)
            }
            (Some(_), None) => Err(fault(&key_path, "it is missing, but ca.crt is there".to_owned())),
        }
    }

    /// Makes an authority and gives its key, which nothing else does.
    pub fn create(name: &str, now: Timestamp) -> Result<(Self, Secret)> {
        let key = KeyPair::generate()?;
        let mut params = params(&Subject { common_name: name.to_owned(), ..Subject::default() }, now, now + LIFE)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = false;
        let certificate = params.self_signed(&key)?;
        let secret = Secret::new(key.serialize_pem());
        Ok((Self::load(&certificate.pem(), &secret)?, secret))
    }

    /// Takes an authority from PEM texts that belong together.
    pub fn load(certificate: &str, key: &Secret) -> Result<Self> {
        let der = read::first(certificate)?;
        let parsed = read::parse(&der)?;
        if !parsed.is_ca() {
            return Err(Error::invalid("certificate", "it is not that of an authority"));
        }
        // What the library says about a key that it cannot read is not passed on.
        let key = KeyPair::from_pem(key.expose()).map_err(|_| Error::invalid("private key", "it cannot be read"))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(Error::invalid("private key", "it does not belong to the certificate"));
        }
        let validity = read::validity_of(&parsed);
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { certificate: read::to_pem(&der), der: der.to_vec(), validity, issuer })
    }

    /// The authority's certificate, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The authority's certificate, as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// From when to when the authority is valid.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The pin of the authority's public key, `sha256:<hex>`.
    pub fn pin(&self) -> Result<String> {
        read::pin_der(&self.der)
    }

    /// A certificate for a server under DNS names and addresses, with a new key.
    pub fn issue_server(&self, names: &[String], life: Duration, now: Timestamp) -> Result<Issued> {
        let common_name = names.first().ok_or_else(|| Error::invalid("certificate", "a server needs a name"))?;
        let subject = Subject { common_name: common_name.clone(), ..Subject::default() };
        let names = names.iter().map(|name| alternative_name(name)).collect::<Result<_>>()?;
        self.issue(&subject, names, Usage::Server, life, now)
    }

    /// A certificate for a user in groups (at most two), with a new key.
    pub fn issue_client(&self, name: &str, groups: &[&str], life: Duration, now: Timestamp) -> Result<Issued> {
        let organizations = groups.iter().map(|group| (*group).to_owned()).collect();
        let subject = Subject { common_name: name.to_owned(), organizations };
        self.issue(&subject, Vec::new(), Usage::Client, life, now)
    }

    fn issue(
        &self,
        subject: &Subject,
        names: Vec<SanType>,
        usage: Usage,
        life: Duration,
        now: Timestamp,
    ) -> Result<Issued> {
        let key = KeyPair::generate()?;
        let certificate = self.sign(subject, names, usage, &key, life, now)?;
        Ok(Issued { certificate, key: Secret::new(key.serialize_pem()) })
    }

    /// Signs a request (PEM) after checking its signature and that it asks for no more than the usage
    /// allows, and gives the chain as PEM. The subject and, for servers, the names are those asked for;
    /// whether the caller may have them is for the caller of this function to decide first.
    pub fn sign_csr(&self, pem: &str, usage: Usage, life: Duration, now: Timestamp) -> Result<String> {
        let request = CertificateRequest::parse(pem)?;
        request.check(usage)?;
        let names = match usage {
            Usage::Client => Vec::new(),
            Usage::Server => request.names.iter().map(|name| alternative_name(name)).collect::<Result<_>>()?,
        };
        let key = SubjectPublicKeyInfo::from_der(&request.public_key)
            .map_err(|_| Error::Refused("keys of this type are not signed".to_owned()))?;
        self.sign(&request.subject, names, usage, &key, life, now)
    }

    fn sign(
        &self,
        subject: &Subject,
        names: Vec<SanType>,
        usage: Usage,
        key: &impl PublicKeyData,
        life: Duration,
        now: Timestamp,
    ) -> Result<String> {
        if now > self.validity.not_after {
            return Err(Error::invalid("certificate authority", "it has expired"));
        }
        let mut params = params(subject, now, (now + life).min(self.validity.not_after))?;
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match usage {
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(format!("{}{}", read::to_pem(certificate.der()), self.certificate))
    }
}

/// A DNS name or an address, as a certificate lists it.
fn alternative_name(name: &str) -> Result<SanType> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => {
            let name = name.try_into().map_err(|_| Error::invalid("server name", format!("{name:?} is not ASCII")))?;
            Ok(SanType::DnsName(name))
        }
    }
}

pub(super) fn distinguished_name(subject: &Subject) -> Result<DistinguishedName> {
    let mut name = DistinguishedName::new();
    // The library keeps one value per type; a second organization goes in under the number of the first.
    let types = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
    if subject.organizations.len() > types.len() {
        return Err(Error::Refused(format!("a certificate names at most {} groups", types.len())));
    }
    for (kind, organization) in types.into_iter().zip(&subject.organizations) {
        name.push(kind, organization.as_str());
    }
    if !subject.common_name.is_empty() {
        name.push(DnType::CommonName, subject.common_name.as_str());
    }
    Ok(name)
}

fn params(subject: &Subject, now: Timestamp, until: Timestamp) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(subject)?;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let moment = |moment: Timestamp| epoch + Duration::from_secs(u64::try_from(moment.as_second()).unwrap_or(0));
    params.not_before = moment(now - LEEWAY);
    params.not_after = moment(until);
    // Positive, and never the same twice, also for one key.
    let mut serial: [u8; 16] = rand::rng().random();
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

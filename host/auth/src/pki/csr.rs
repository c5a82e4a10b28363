//! Certificate signing requests: making them, reading them, and what they may ask for.

use std::net::IpAddr;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
    public_key::PublicKey,
};

use super::{
    authority::{Usage, distinguished_name},
    read::{self, Subject},
};
use crate::{Error, Result, Secret};

const WHAT: &str = "certificate signing request";
/// The longest request that is looked at, in bytes.
const LONGEST: usize = 64 << 10;

/// What a request asks for. Its signature has been checked: whoever made it has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The user and groups that it asks to be.
    pub subject: Subject,
    /// DNS names and addresses that it asks to serve.
    pub names: Vec<String>,
    /// It asks for the right to sign.
    pub is_ca: bool,
    /// Usages it names, if it names any: client, server.
    pub client: bool,
    /// See `client`.
    pub server: bool,
    /// It names usages at all.
    pub has_usages: bool,
    /// What it asks for beyond what is known here.
    pub other: Vec<String>,
    pub(super) public_key: Vec<u8>,
}

/// Makes a request (PEM) and its key for a user in groups (at most two).
pub fn create(name: &str, groups: &[&str]) -> Result<(String, Secret)> {
    let organizations = groups.iter().map(|group| (*group).to_owned()).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(&Subject { common_name: name.to_owned(), organizations })?;
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let pem = params.serialize_request(&key)?.pem()?;
    Ok((pem, Secret::new(key.serialize_pem())))
}

/// The user and groups that a request (PEM) asks to be.
pub fn subject(pem: &str) -> Result<Subject> {
    CertificateRequest::parse(pem).map(|request| request.subject)
}

impl CertificateRequest {
    /// Reads a request (PEM) and checks its signature.
    pub fn parse(pem: &str) -> Result<Self> {
        if pem.len() > LONGEST {
            return Err(Error::invalid(WHAT, "it is too long"));
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| Error::invalid(WHAT, format!("it is not PEM: {error}")))?;
        let request = match X509CertificationRequest::from_der(&der) {
            Ok(([], request)) => request,
            Ok(_) => return Err(Error::invalid(WHAT, "bytes follow it")),
            Err(error) => return Err(Error::invalid(WHAT, error)),
        };
        let info = &request.certification_request_info;
        check_key(&info.subject_pki)?;
        request.verify_signature().map_err(|_| Error::Refused("its signature is not that of its key".to_owned()))?;
        let mut parsed = Self {
            subject: read::subject(&info.subject)?,
            names: Vec::new(),
            is_ca: false,
            client: false,
            server: false,
            has_usages: false,
            other: Vec::new(),
            public_key: info.subject_pki.raw.to_vec(),
        };
        for extension in request.requested_extensions().into_iter().flatten() {
            parsed.take(extension);
        }
        Ok(parsed)
    }

    fn take(&mut self, extension: &ParsedExtension<'_>) {
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                for name in &names.general_names {
                    match name {
                        GeneralName::DNSName(name) => self.names.push((*name).to_owned()),
                        GeneralName::IPAddress(bytes) => match address(bytes) {
                            Some(address) => self.names.push(address.to_string()),
                            None => self.other.push("an address that is none".to_owned()),
                        },
                        _ => self.other.push("an alternative name that is neither DNS name nor address".to_owned()),
                    }
                }
            }
            ParsedExtension::ExtendedKeyUsage(usages) => {
                self.has_usages = true;
                self.client |= usages.client_auth;
                self.server |= usages.server_auth;
                let beyond = usages.any
                    || usages.code_signing
                    || usages.email_protection
                    || usages.time_stamping
                    || usages.ocsp_signing
                    || !usages.other.is_empty();
                if beyond {
                    self.other.push("a usage that is neither client nor server authentication".to_owned());
                }
            }
            ParsedExtension::KeyUsage(usage) => {
                if usage.key_cert_sign() || usage.crl_sign() {
                    self.is_ca = true;
                }
            }
            ParsedExtension::BasicConstraints(constraints) => self.is_ca |= constraints.ca,
            ParsedExtension::SubjectKeyIdentifier(_) => {}
            _ => self.other.push("an extension that is not known".to_owned()),
        }
    }

    /// Refuses what a certificate for a usage may not have.
    pub fn check(&self, usage: Usage) -> Result<()> {
        let refuse = |why: &str| Err(Error::Refused(why.to_owned()));
        if self.is_ca {
            return refuse("it asks for the right to sign certificates");
        }
        if let Some(other) = self.other.first() {
            return refuse(&format!("it asks for {other}"));
        }
        if self.subject.common_name.is_empty() {
            return refuse("it names nobody: the common name is empty");
        }
        match usage {
            Usage::Client if self.server => refuse("it asks for server authentication"),
            Usage::Client if !self.names.is_empty() => refuse("a client certificate has no DNS names or addresses"),
            Usage::Server if self.client => refuse("it asks for client authentication"),
            Usage::Server if self.names.is_empty() => refuse("it names no DNS name and no address"),
            _ => Ok(()),
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn check_key(key: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> Result<()> {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() < 2048 => {
            Err(Error::Refused("RSA keys need at least 2048 bits".to_owned()))
        }
        Ok(PublicKey::RSA(_)) => Ok(()),
        Ok(PublicKey::EC(point)) if matches!(point.key_size(), 256 | 384) => Ok(()),
        // Ed25519 is one of those that the parser leaves unparsed.
        Ok(PublicKey::Unknown(_)) if key.algorithm.algorithm.to_id_string() == "1.3.101.112" => Ok(()),
        _ => Err(Error::Refused("keys of this type are not signed".to_owned())),
    }
}

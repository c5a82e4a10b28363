//! Keys: ECDSA over P-256, in PEM.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};

use crate::{Error, sha256};

/// What stands before the point in the SubjectPublicKeyInfo of every P-256 key (RFC 5480): the algorithm
/// id-ecPublicKey on the curve secp256r1, and the head of a bit string of 66 bytes.
const HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point has this many bytes.
const POINT: usize = 65;

/// A key that signatures are checked with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: Vec<u8>,
}

impl PublicKey {
    /// Reads a key in PEM, as `cosign.pub` is written. `place` is told in errors.
    pub fn from_pem(place: &str, pem: &str) -> Result<Self, Error> {
        if pem.contains("PRIVATE KEY") {
            return Err(Error::invalid(place, "is a private key, and the public one is needed"));
        }
        let wrong = || Error::invalid(place, "is no public key: PEM with `BEGIN PUBLIC KEY` is needed");
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong())?;
        match key.as_ref().strip_prefix(&HEAD) {
            Some(point) if point.len() == POINT && point.first() == Some(&4) => Ok(Self { point: point.to_vec() }),
            _ => Err(Error::invalid(place, "is a public key of another sort: only ECDSA over P-256 is known")),
        }
    }

    /// The key in PEM.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    /// A name for people to compare: the digest of the key.
    pub fn fingerprint(&self) -> String {
        sha256(&self.der())
    }

    fn der(&self) -> Vec<u8> {
        [HEAD.as_slice(), &self.point].concat()
    }

    /// Whether the key made this signature (ASN.1) of a message.
    pub(super) fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.fingerprint()).finish()
    }
}

/// A key that signatures are made with.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// A new key, and its PEM (PKCS#8, not encrypted).
    pub fn generate() -> Result<(Self, String), Error> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| Error::new(crate::ErrorKind::Terminal, "", "the system gives no random numbers"))?;
        let text = pem("PRIVATE KEY", document.as_ref());
        Ok((Self::from_pem("the new key", &text)?, text))
    }

    /// Reads a key in PEM (PKCS#8, not encrypted). `place` is told in errors.
    pub fn from_pem(place: &str, pem: &str) -> Result<Self, Error> {
        let wrong = |message: &str| Err(Error::invalid(place, message));
        if pem.contains("ENCRYPTED SIGSTORE PRIVATE KEY") || pem.contains("ENCRYPTED COSIGN PRIVATE KEY") {
            return wrong(
                "is a key in cosign's own encryption, which is not read here, and which cosign does not convert: \
                 make a pair with `outrigger addon keys`, and give it to cosign too with \
                 `cosign import-key-pair --key FILE`; or sign the archive with `cosign sign-blob`",
            );
        }
        if pem.contains("ENCRYPTED PRIVATE KEY") {
            return wrong("is encrypted: decrypt it with `openssl pkcs8 -in FILE -out PLAIN`");
        }
        if pem.contains("EC PRIVATE KEY") {
            return wrong(
                "is in the form of SEC 1: convert it with `openssl pkcs8 -topk8 -nocrypt -in FILE -out PKCS8`",
            );
        }
        let Ok(der) = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()) else {
            return wrong("is no private key: PEM with `BEGIN PRIVATE KEY` (PKCS#8) is needed");
        };
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_pkcs8_der(), &random);
        match pair {
            Ok(pair) => Ok(Self { pair, random }),
            Err(error) => {
                Err(Error::invalid(place, format!("cannot be used: {error}; an ECDSA key over P-256 is needed")))
            }
        }
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey { point: self.pair.public_key().as_ref().to_vec() }
    }

    /// Signs a message; ASN.1.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::new(crate::ErrorKind::Terminal, "", "the system gives no random numbers");
        Ok(self.pair.sign(&self.random, message).map_err(failed)?.as_ref().to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public().fingerprint()).finish()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, c) in encoded.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

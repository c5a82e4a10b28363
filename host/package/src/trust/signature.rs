//! Signatures, and what they are about.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{PublicKey, SigningKey};
use crate::{Error, ErrorKind, sha256};

/// What the statement of a signed image says of itself.
const STATEMENT: &str = "cosign container image signature";

/// A signature of a package. Its text is base64: of the signature itself for an archive, as `cosign sign-blob`
/// writes it, and of a JSON object with statement and manifest for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Of the archive's bytes; ASN.1.
    Blob(Vec<u8>),
    /// Of an OCI artifact whose layer is the archive.
    Image(Image),
}

/// The signature of an OCI artifact, with all that leads from it to the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The statement that is signed (cosign's simple signing), as it was written.
    payload: String,
    /// Base64 of the signature; ASN.1.
    signature: String,
    /// The OCI manifest, as it was written.
    manifest: String,
}

impl Signature {
    /// Signs an archive.
    pub fn of_archive(archive: &[u8], key: &SigningKey) -> Result<Self, Error> {
        key.sign(archive).map(Self::Blob)
    }

    /// Signs an OCI manifest, which is in the repository of this name. Gives the statement and the signature's
    /// base64, as a registry keeps them.
    pub fn of_manifest(manifest: &[u8], repository: &str, key: &SigningKey) -> Result<(String, String), Error> {
        let payload = json!({
            "critical": {
                "identity": { "docker-reference": repository },
                "image": { "docker-manifest-digest": sha256(manifest) },
                "type": STATEMENT,
            },
            "optional": null,
        })
        .to_string();
        let signature = BASE64_STANDARD.encode(key.sign(payload.as_bytes())?);
        Ok((payload, signature))
    }

    /// The signature of an artifact, from what a registry keeps. Whether it holds is for [`Signature::verify`].
    pub fn of_image(payload: &[u8], signature: &str, manifest: &[u8]) -> Result<Self, Error> {
        let text = |bytes: &[u8], what: &str| {
            let read = std::str::from_utf8(bytes).map(str::to_owned);
            read.map_err(|_| Error::invalid("", format!("{what} of the image's signature is no text")))
        };
        Ok(Self::Image(Image {
            payload: text(payload, "the statement")?,
            signature: signature.trim().to_owned(),
            manifest: text(manifest, "the manifest")?,
        }))
    }

    /// Whether the key made this signature, and it is about this archive. Fails with
    /// [`ErrorKind::Untrusted`].
    pub fn verify(&self, archive: &[u8], key: &PublicKey) -> Result<(), Error> {
        let untrusted = |message: &str| Err(Error::new(ErrorKind::Untrusted, "", message));
        let Image { payload, signature, manifest } = match self {
            Self::Blob(signature) if key.made(signature, archive) => return Ok(()),
            Self::Blob(_) => {
                return untrusted("the signature is not by this key, or the package was changed after it was signed");
            }
            Self::Image(image) => image,
        };
        let made = BASE64_STANDARD.decode(signature).is_ok_and(|signature| key.made(&signature, payload.as_bytes()));
        if !made {
            return untrusted("the image's signature is not by this key");
        }
        let statement: Value = serde_json::from_str(payload).unwrap_or_default();
        let said = |pointer: &str| statement.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if said("/critical/type") != STATEMENT {
            return untrusted("what was signed is no statement about an image");
        }
        if said("/critical/image/docker-manifest-digest") != sha256(manifest.as_bytes()) {
            return untrusted("the image's signature is about another manifest");
        }
        let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
        let layers = manifest.get("layers").and_then(Value::as_array).into_iter().flatten();
        let digest = sha256(archive);
        if layers.filter_map(|layer| layer.get("digest")?.as_str()).any(|layer| layer == digest) {
            return Ok(());
        }
        untrusted("the signed image holds another package")
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match self {
            Self::Blob(signature) => signature.clone(),
            // Three strings are always written.
            Self::Image(image) => serde_json::to_vec(image).unwrap_or_default(),
        };
        f.write_str(&BASE64_STANDARD.encode(bytes))
    }
}

impl FromStr for Signature {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid("", "is no signature: base64, as `cosign sign-blob` prints it, is needed");
        let text: String = text.split_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| wrong())?;
        match bytes.first() {
            // An ASN.1 sequence.
            Some(0x30) => Ok(Self::Blob(bytes)),
            Some(b'{') => serde_json::from_slice(&bytes).map(Self::Image).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

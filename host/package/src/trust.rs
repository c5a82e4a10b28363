//! Who signed a package: keys and signatures as cosign makes them.
//!
//! ```text
//! Blob     key ──signs──▶ the archive                                    cosign sign-blob
//! Image    key ──signs──▶ a statement ──names──▶ an OCI manifest ──names──▶ the archive      cosign sign
//! ```
//!
//! Keys are ECDSA over P-256 with SHA-256. Transparency logs, certificates and identities are not looked at: a
//! key is trusted because its operator named it.
//!
//! **Invariant:** [`verify`] gives a key only when that key signed these very bytes.

mod key;
mod signature;

pub use key::{PublicKey, SigningKey};
pub use signature::Signature;

use crate::{Error, ErrorKind};

/// The first of `keys` that signed the archive. Fails with [`ErrorKind::Untrusted`] when none did, and says whether
/// there is no signature at all or one that is by somebody else.
pub fn verify<'k>(archive: &[u8], signatures: &[Signature], keys: &'k [PublicKey]) -> Result<&'k PublicKey, Error> {
    let untrusted = |message: String| Error::new(ErrorKind::Untrusted, "", message);
    let mut why = None;
    for key in keys {
        for signature in signatures {
            match signature.verify(archive, key) {
                Ok(()) => return Ok(key),
                Err(error) => why = Some(error),
            }
        }
    }
    Err(match (signatures.len(), keys.len(), why) {
        (0, _, _) => untrusted("the package is not signed".to_owned()),
        (_, 0, _) => untrusted("no key was named that could have signed the package".to_owned()),
        (1, 1, Some(error)) => untrusted(error.message().to_owned()),
        (signatures, keys, _) => {
            untrusted(format!("none of {signatures} signature(s) is by one of the {keys} trusted key(s)"))
        }
    })
}

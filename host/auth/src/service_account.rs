//! ServiceAccount tokens of our own issuing: JSON Web Tokens under HMAC-SHA-256.
//!
//! Only this control plane verifies them, so a shared key does. The key lives in one file beside
//! the certificate authority.

use std::{fmt, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Secret, User, files};

/// The `iss` of the tokens, and the audience they have unless another is asked for.
pub const ISSUER: &str = "https://kubernetes.default.svc";
/// The longest a token lives.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// The shortest a token lives, as TokenRequest has it.
pub const SHORTEST: Duration = Duration::from_secs(600);

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// The longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 8 << 10;

/// A ServiceAccount as a token names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid; a new account under an old name has another.
    pub uid: String,
}

impl ServiceAccount {
    /// The user that the account is.
    pub fn user(&self) -> User {
        let name = format!("system:serviceaccount:{}:{}", self.namespace, self.name);
        let groups = ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{}", self.namespace)];
        User { uid: self.uid.clone(), ..User::authenticated(name, groups) }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes,
}

#[derive(Serialize, Deserialize)]
struct Kubernetes {
    namespace: String,
    serviceaccount: Named,
}

#[derive(Serialize, Deserialize)]
struct Named {
    name: String,
    uid: String,
}

/// A token that has been issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub token: Secret,
    /// When it expires.
    pub expires: Timestamp,
}

/// Issues and verifies ServiceAccount tokens under one key.
pub struct TokenIssuer {
    key: hmac::Key,
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenIssuer(…)")
    }
}

impl TokenIssuer {
    /// Reads the key from `sa.key` in a directory, or makes one there.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("sa.key");
        let text = match files::read(&path)? {
            Some(text) => text,
            None => {
                let mut bytes = [0; 32];
                SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Crypto("no randomness".to_owned()))?;
                let text = URL_SAFE_NO_PAD.encode(bytes);
                files::make_directory(directory)?;
                files::write(&path, &text)?;
                text
            }
        };
        match URL_SAFE_NO_PAD.decode(text.trim()) {
            Ok(bytes) if bytes.len() >= 32 => Ok(Self::new(&bytes)),
            _ => Err(Error::File {
                path: path.display().to_string(),
                detail: "it does not hold a token key; move it away to have a new one made".to_owned(),
            }),
        }
    }

    /// Signs under a given key of at least 32 random bytes.
    pub fn new(key: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    /// Issues a token. Its life is brought between [`SHORTEST`] and [`LONGEST`].
    pub fn issue(
        &self,
        account: &ServiceAccount,
        audiences: &[String],
        life: Duration,
        now: Timestamp,
    ) -> Result<IssuedToken> {
        let expires = now + life.clamp(SHORTEST, LONGEST);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: format!("system:serviceaccount:{}:{}", account.namespace, account.name),
            aud: if audiences.is_empty() { vec![ISSUER.to_owned()] } else { audiences.to_vec() },
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: expires.as_second(),
            kubernetes: Kubernetes {
                namespace: account.namespace.clone(),
                serviceaccount: Named { name: account.name.clone(), uid: account.uid.clone() },
            },
        };
        let body = serde_json::to_vec(&claims).map_err(|error| Error::Crypto(error.to_string()))?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(body));
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes()));
        Ok(IssuedToken { token: Secret::new(format!("{signed}.{tag}")), expires })
    }

    /// The account of a token for this API server that is genuine and has not expired.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<ServiceAccount> {
        self.verify_for(token, &[ISSUER], now)
    }

    /// The same, for a token that was issued for one of these audiences.
    pub fn verify_for(&self, token: &str, audiences: &[&str], now: Timestamp) -> Result<ServiceAccount> {
        const UNKNOWN: Error = Error::Unauthenticated("the bearer token is not known");
        if token.len() > LONGEST_TOKEN {
            return Err(UNKNOWN);
        }
        let (signed, tag) = token.rsplit_once('.').ok_or(UNKNOWN)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| UNKNOWN)?;
        hmac::verify(&self.key, signed.as_bytes(), &tag).map_err(|_| UNKNOWN)?;
        let (header, body) = signed.split_once('.').ok_or(UNKNOWN)?;
        // The key signs nothing but what `issue` makes, so another header is a fault and not a choice.
        if URL_SAFE_NO_PAD.decode(header).ok().as_deref() != Some(HEADER.as_bytes()) {
            return Err(UNKNOWN);
        }
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| UNKNOWN)?;
        let claims: Claims = serde_json::from_slice(&body).map_err(|_| UNKNOWN)?;
        if claims.exp <= now.as_second() {
            return Err(Error::Unauthenticated("the bearer token has expired"));
        }
        // The clock may have been set back a little since.
        if claims.nbf > now.as_second() + 60 {
            return Err(Error::Unauthenticated("the bearer token is not valid yet"));
        }
        if !claims.aud.iter().any(|own| audiences.contains(&own.as_str())) {
            return Err(Error::Unauthenticated("the bearer token is meant for another audience"));
        }
        let Kubernetes { namespace, serviceaccount } = claims.kubernetes;
        Ok(ServiceAccount { namespace, name: serviceaccount.name, uid: serviceaccount.uid })
    }
}

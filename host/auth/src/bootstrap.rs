//! Bootstrap tokens: `[a-z0-9]{6}.[a-z0-9]{16}`, kept in Secrets of `kube-system`, good for joining.

use std::{collections::HashMap, fmt, str::FromStr};

use base64::Engine;
use jiff::Timestamp;
use outrigger_object::Object;
use parking_lot::RwLock;
use rand::Rng;
use serde_json::{Value, json};

use crate::{Error, Result, Secret, User, secret::Fingerprint};

/// The type of the Secrets that hold bootstrap tokens.
pub const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
/// The namespace of these Secrets.
pub const NAMESPACE: &str = "kube-system";
/// The prefix of the names of these Secrets; the token's id follows.
pub const NAME_PREFIX: &str = "bootstrap-token-";
/// The group of everyone who shows a bootstrap token; extra groups begin with it and a colon.
pub const GROUP: &str = "system:bootstrappers";
/// The prefix of the user's name; the token's id follows.
pub const USER_PREFIX: &str = "system:bootstrap:";

const ID: usize = 6;
const SECRET: usize = 16;
const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A bootstrap token. Prints its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapToken {
    id: String,
    secret: Secret,
}

impl fmt::Debug for BootstrapToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootstrapToken").field("id", &self.id).finish_non_exhaustive()
    }
}

fn is_part(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl FromStr for BootstrapToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('.') {
            Some((id, secret)) if is_part(id, ID) && is_part(secret, SECRET) => {
                Ok(Self { id: id.to_owned(), secret: Secret::new(secret) })
            }
            _ => Err(Error::invalid("bootstrap token", "it must have the form [a-z0-9]{6}.[a-z0-9]{16}")),
        }
    }
}

impl BootstrapToken {
    /// A new token from a source of randomness.
    pub fn generate(random: &mut impl rand::CryptoRng) -> Self {
        let mut letters = |count: usize| -> String {
            (0..count)
                .map(|_| char::from(*LETTERS.get(random.random_range(0..LETTERS.len())).unwrap_or(&b'a')))
                .collect()
        };
        Self { id: letters(ID), secret: Secret::new(letters(SECRET)) }
    }

    /// The public part.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole token, for whoever is to use it.
    pub fn expose(&self) -> Secret {
        Secret::new(format!("{}.{}", self.id, self.secret.expose()))
    }

    /// The Secret that makes a control plane accept the token until it expires. Extra groups must begin
    /// with `system:bootstrappers:`.
    pub fn secret(&self, expires: Option<Timestamp>, groups: &[&str], description: &str) -> Object {
        let mut data = json!({
            "token-id": self.id,
            "token-secret": self.secret.expose(),
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
        });
        if let Some(expires) = expires {
            data["expiration"] = format!("{expires:.0}").into();
        }
        if !groups.is_empty() {
            data["auth-extra-groups"] = groups.join(",").into();
        }
        if !description.is_empty() {
            data["description"] = description.into();
        }
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": format!("{NAME_PREFIX}{}", self.id), "namespace": NAMESPACE},
            "type": SECRET_TYPE,
            "stringData": data,
        });
        Object::from_value(secret).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Known {
    secret: Fingerprint,
    expires: Option<Timestamp>,
    groups: Vec<String>,
}

/// The bootstrap tokens that are accepted, by id.
#[derive(Default)]
pub struct BootstrapTokens {
    known: RwLock<HashMap<String, Known>>,
}

impl fmt::Debug for BootstrapTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootstrapTokens").field("known", &self.known.read().len()).finish()
    }
}

impl BootstrapTokens {
    /// Takes a Secret as it now is. One that is no usable bootstrap token takes the place of the one of
    /// the same name, so that nothing stale is accepted; other Secrets are ignored.
    pub fn apply(&self, secret: &Object) {
        if secret.namespace() != NAMESPACE {
            return;
        }
        let Some(id) = secret.name().strip_prefix(NAME_PREFIX) else { return };
        match read(secret, id) {
            Some(known) if !secret.is_deleting() => self.known.write().insert(id.to_owned(), known),
            _ => self.known.write().remove(id),
        };
    }

    /// Forgets the token of a Secret that is gone.
    pub fn remove(&self, namespace: &str, name: &str) {
        if let (NAMESPACE, Some(id)) = (namespace, name.strip_prefix(NAME_PREFIX)) {
            self.known.write().remove(id);
        }
    }

    /// The user of a token; none if it does not have the form of a bootstrap token.
    pub fn authenticate(&self, token: &str, now: Timestamp) -> Result<Option<User>> {
        let Ok(token) = token.parse::<BootstrapToken>() else { return Ok(None) };
        let known = self.known.read();
        // An unknown id costs as much as a wrong secret.
        let shown = Fingerprint::of(token.secret.expose());
        let entry = known.get(&token.id).filter(|entry| entry.secret.matches(&shown));
        let entry = entry.ok_or(Error::Unauthenticated("the bootstrap token is not known"))?;
        if entry.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::Unauthenticated("the bootstrap token has expired"));
        }
        Ok(Some(User::authenticated(format!("{USER_PREFIX}{}", token.id), entry.groups.iter().cloned())))
    }
}

/// A field of a Secret, from `data` or `stringData`.
fn field(secret: &Object, name: &str) -> Option<String> {
    if let Some(text) = secret.str(&["stringData", name]) {
        return Some(text.to_owned());
    }
    let encoded = secret.get(&["data", name]).and_then(Value::as_str)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok()
}

fn read(secret: &Object, id: &str) -> Option<Known> {
    let own_id = field(secret, "token-id")?;
    let token_secret = field(secret, "token-secret")?;
    let usable = secret.str(&["type"]) == Some(SECRET_TYPE)
        && own_id == id
        && is_part(&own_id, ID)
        && is_part(&token_secret, SECRET)
        && field(secret, "usage-bootstrap-authentication").as_deref() == Some("true");
    if !usable {
        return None;
    }
    let expires = match field(secret, "expiration").filter(|text| !text.is_empty()) {
        Some(text) => Some(text.parse::<Timestamp>().ok()?),
        None => None,
    };
    let mut groups = vec![GROUP.to_owned()];
    for group in field(secret, "auth-extra-groups").unwrap_or_default().split(',').map(str::trim) {
        match group.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':')) {
            Some(rest) if !rest.is_empty() => groups.push(group.to_owned()),
            _ if group.is_empty() => {}
            // One group too many would be an escalation, so the token as a whole is not accepted.
            _ => return None,
        }
    }
    Some(Known { secret: Fingerprint::of(&token_secret), expires, groups })
}

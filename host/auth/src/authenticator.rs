//! [`Authenticator`]: credentials → [`User`].

use std::{collections::HashMap, fmt};

use jiff::Timestamp;
use parking_lot::RwLock;

use crate::{
    Error, Result, User,
    bootstrap::BootstrapTokens,
    pki,
    secret::Fingerprint,
    service_account::{ServiceAccount, TokenIssuer},
};

/// Whether a ServiceAccount still exists with the uid that a token names.
pub type AccountCheck = Box<dyn Fn(&ServiceAccount) -> bool + Send + Sync>;

/// Turns credentials into users. All methods take `&self`; share it between requests.
#[derive(Default)]
pub struct Authenticator {
    fixed: RwLock<HashMap<Fingerprint, User>>,
    bootstrap: BootstrapTokens,
    issuer: Option<TokenIssuer>,
    account_check: Option<AccountCheck>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("fixed", &self.fixed.read().len())
            .field("bootstrap", &self.bootstrap)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Knows certificates only, until more is added.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts the ServiceAccount tokens of an issuer.
    pub fn with_service_accounts(mut self, issuer: TokenIssuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Refuses tokens of ServiceAccounts that are gone.
    pub fn with_account_check(mut self, check: AccountCheck) -> Self {
        self.account_check = Some(check);
        self
    }

    /// Accepts a fixed token for a user.
    pub fn add_token(&self, token: &str, user: User) {
        self.fixed.write().insert(Fingerprint::of(token), user);
    }

    /// No longer accepts a fixed token.
    pub fn remove_token(&self, token: &str) {
        self.fixed.write().remove(&Fingerprint::of(token));
    }

    /// The bootstrap tokens, to be kept current from their Secrets.
    pub fn bootstrap_tokens(&self) -> &BootstrapTokens {
        &self.bootstrap
    }

    /// The issuer of ServiceAccount tokens, if there is one.
    pub fn issuer(&self) -> Option<&TokenIssuer> {
        self.issuer.as_ref()
    }

    /// The user of a client certificate (DER) whose chain has been verified: its common name, and its
    /// organizations as groups. Its dates are checked again, because connections outlive them.
    pub fn certificate(&self, der: &[u8], now: Timestamp) -> Result<User> {
        let subject = pki::subject_of_certificate(der, now)?;
        if subject.common_name.is_empty() {
            return Err(Error::Unauthenticated("the client certificate has no common name"));
        }
        Ok(User::authenticated(subject.common_name, subject.organizations))
    }

    /// The user of a bearer token.
    pub fn bearer(&self, token: &str, now: Timestamp) -> Result<User> {
        if let Some(user) = self.fixed.read().get(&Fingerprint::of(token)) {
            return Ok(user.clone());
        }
        if let Some(user) = self.bootstrap.authenticate(token, now)? {
            return Ok(user);
        }
        let issuer = self.issuer.as_ref().ok_or(Error::Unauthenticated("the bearer token is not known"))?;
        let account = issuer.verify(token, now)?;
        if self.account_check.as_ref().is_some_and(|check| !check(&account)) {
            return Err(Error::Unauthenticated("the ServiceAccount of the bearer token does not exist"));
        }
        Ok(account.user())
    }

    /// The user of an `Authorization` header.
    pub fn authorization(&self, header: &str, now: Timestamp) -> Result<User> {
        match header.trim().split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => self.bearer(token.trim(), now),
            _ => Err(Error::Unauthenticated("only bearer tokens are accepted in the Authorization header")),
        }
    }
}

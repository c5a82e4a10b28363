//! Who a caller is and what it may do: certificates, tokens, RBAC.
//!
//! An [`Authenticator`] turns a verified client certificate or a bearer token into a [`User`]; an
//! [`rbac::RbacIndex`] decides what that user may do; a [`pki::CertificateAuthority`] issues the
//! certificates that it all begins with. Nothing here reads a clock or the network; files are
//! touched only by [`pki`] and [`service_account::TokenIssuer::open`].
//!
//! **Invariant:** no key, token or token secret is ever part of an error, a `Debug` output or a log
//! line, and no comparison of secrets takes a time that depends on where they differ.

pub mod authenticator;
pub mod bootstrap;
mod error;
mod files;
pub mod pki;
pub mod rbac;
mod secret;
pub mod service_account;
mod user;

pub use authenticator::Authenticator;
pub use error::{Error, ErrorKind, Result};
pub use files::write as write_private;
pub use secret::Secret;
pub use user::User;

//! Kubeconfigs.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::Secret;

/// What a kubeconfig authenticates with.
#[derive(Clone, Copy, Debug)]
pub enum Credentials<'a> {
    /// A client certificate chain and its key, as PEM.
    Certificate {
        /// The chain.
        certificate: &'a str,
        /// The key.
        key: &'a Secret,
    },
    /// A bearer token.
    Token(&'a Secret),
}

/// A kubeconfig with one cluster, one user and one context, all under one name. It holds secrets;
/// write it to files that only their owner can read.
pub fn kubeconfig(name: &str, server: &str, authority: &str, credentials: Credentials<'_>) -> Value {
    let user = match credentials {
        Credentials::Certificate { certificate, key } => json!({
            "client-certificate-data": STANDARD.encode(certificate),
            "client-key-data": STANDARD.encode(key.expose()),
        }),
        Credentials::Token(token) => json!({"token": token.expose()}),
    };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(authority)}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    })
}

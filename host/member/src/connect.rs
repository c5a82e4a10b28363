//! The way from the host to a push cluster: its Cluster and Secret → a client.
//!
//! The Secret has Karmada's keys `token` and `caBundle`, or `tls.crt` and `tls.key` for a client
//! certificate. Everything in it stays out of errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::AuthInfo;
use outrigger_api::cluster::ClusterSpec;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::Client;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::{Error, Result};

/// Reads a push cluster's Secret and connects to it. Nothing is sent to the member yet.
pub async fn connect(hub: &Client, name: &str, spec: &ClusterSpec) -> Result<kube::Client> {
    let Some(reference) = &spec.secret_ref else {
        return Err(Error::invalid(format!("cluster {name} has no spec.secretRef: there are no credentials for it")));
    };
    let key = ObjectKey::new(reference.namespace.as_str(), reference.name.as_str());
    let secret = hub.get_opt(&secrets(), &key).await?;
    let secret = secret.ok_or_else(|| Error::invalid(format!("cluster {name}: Secret {key} is not there")))?;
    client(config(name, spec, &secret)?)
}

/// What a Cluster and its Secret come to.
pub fn config(name: &str, spec: &ClusterSpec, secret: &Object) -> Result<kube::Config> {
    let of = || format!("cluster {name}: Secret {}", secret.key());
    let mut config = kube::Config::new(url(name, &spec.api_endpoint)?);
    config.accept_invalid_certs = spec.insecure_skip_tls_verification;
    if !spec.insecure_skip_tls_verification {
        let bundle = data(secret, "caBundle").ok_or_else(|| Error::invalid(format!("{} has no caBundle", of())))?;
        config.root_cert =
            Some(certificates(&bundle).map_err(|why| Error::invalid(format!("{}: caBundle {why}", of())))?);
    }
    let token = data(secret, "token").filter(|token| !token.is_empty());
    let pair = data(secret, "tls.crt").zip(data(secret, "tls.key"));
    config.auth_info = match (token, pair) {
        (Some(token), _) => {
            let token = String::from_utf8(token).map_err(|_| Error::invalid(format!("{}: token is not text", of())))?;
            AuthInfo { token: Some(token.trim().to_owned().into()), ..AuthInfo::default() }
        }
        (None, Some((certificate, key))) => client_certificate(&certificate, &key),
        (None, None) => return Err(Error::invalid(format!("{} has neither token nor tls.crt and tls.key", of()))),
    };
    Ok(config)
}

/// The authentication of a client certificate and its key, both PEM.
pub(crate) fn client_certificate(certificate: &[u8], key: &[u8]) -> AuthInfo {
    AuthInfo {
        client_certificate_data: Some(STANDARD.encode(certificate)),
        client_key_data: Some(STANDARD.encode(key).into()),
        ..AuthInfo::default()
    }
}

/// The certificates of a PEM text, as DER.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).map(|one| one.map(|der| der.to_vec())).collect();
    match list {
        Ok(list) if list.is_empty() => Err("holds no certificate".into()),
        Ok(list) => Ok(list),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// A client of a configuration.
pub(crate) fn client(mut config: kube::Config) -> Result<kube::Client> {
    // Retries are the controllers' business.
    config.default_retry = false;
    config.connect_timeout = Some(std::time::Duration::from_secs(5));
    kube::Client::try_from(config).map_err(|error| Error::invalid(format!("no client can be made: {error}")))
}

/// Karmada takes a host, a host with port, or a URL.
fn url(name: &str, endpoint: &str) -> Result<http::Uri> {
    if endpoint.is_empty() {
        return Err(Error::invalid(format!("cluster {name} has no spec.apiEndpoint")));
    }
    let full = if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") };
    full.parse().map_err(|error| Error::invalid(format!("cluster {name}: spec.apiEndpoint {endpoint}: {error}")))
}

fn data(secret: &Object, key: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.str(&["data", key])?).ok()
}

fn secrets() -> Resource {
    Resource {
        gvk: Gvk::new("", "v1", "Secret"),
        plural: "secrets".into(),
        namespaced: true,
        has_status: false,
        has_scale: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(keys: &[(&str, &str)]) -> Object {
        let data: serde_json::Map<String, serde_json::Value> =
            keys.iter().map(|(key, value)| ((*key).to_owned(), json!(STANDARD.encode(value)))).collect();
        Object::from_value(json!({"metadata": {"namespace": "karmada-cluster", "name": "east"}, "data": data})).unwrap()
    }

    fn check(endpoint: &str, insecure: bool, keys: &[(&str, &str)], expected: &str) {
        let spec = ClusterSpec {
            api_endpoint: endpoint.into(),
            insecure_skip_tls_verification: insecure,
            ..ClusterSpec::default()
        };
        let seen = match config("east", &spec, &secret(keys)) {
            Ok(config) => format!(
                "{} token={} certificate={}",
                config.cluster_url,
                config.auth_info.token.is_some(),
                config.auth_info.client_certificate_data.is_some()
            ),
            Err(error) => error.to_string(),
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn cluster_and_secret_make_a_configuration() {
        check("1.2.3.4:6443", true, &[("token", "t")], "https://1.2.3.4:6443/ token=true certificate=false");
        check("https://h", true, &[("tls.crt", "c"), ("tls.key", "k")], "https://h/ token=false certificate=true");
        check("", true, &[("token", "t")], "cluster east has no spec.apiEndpoint");
        check("h", false, &[("token", "t")], "cluster east: Secret karmada-cluster/east has no caBundle");
        check(
            "h",
            false,
            &[("token", "t"), ("caBundle", "x")],
            "cluster east: Secret karmada-cluster/east: caBundle holds no certificate",
        );
        check("h", true, &[], "cluster east: Secret karmada-cluster/east has neither token nor tls.crt and tls.key");
    }
}

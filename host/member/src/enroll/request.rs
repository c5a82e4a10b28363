//! A certificate by way of a CertificateSigningRequest.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use outrigger_auth::{Secret, pki};
use outrigger_object::{Gvk, Object, Resource};
use outrigger_runtime::{Client, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tracing::info;

use super::{EnrolConfig, GROUP, SIGNER, USER_PREFIX};
use crate::{Error, Result};

pub(super) fn resource() -> Resource {
    Resource {
        gvk: Gvk::new("certificates.k8s.io", "v1", "CertificateSigningRequest"),
        plural: "certificatesigningrequests".into(),
        namespaced: false,
        has_status: true,
        has_scale: false,
    }
}

/// Asks for a certificate for a cluster's agent, and waits until it is issued. Gives certificate and
/// key, both PEM.
pub(super) async fn certificate(client: &Client, cluster: &str, config: EnrolConfig) -> Result<(String, Secret)> {
    let internal = |error: outrigger_auth::Error| Error::Internal(error.to_string());
    let (request, key) = pki::create_csr(&format!("{USER_PREFIX}{cluster}"), &[GROUP]).map_err(internal)?;
    let name = format!("{cluster}-{:08x}", rand::random::<u32>());
    let body = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": name, "labels": {"karmada.io/system": "true"}},
        "spec": {
            "request": STANDARD.encode(&request),
            "signerName": SIGNER,
            "expirationSeconds": config.life.as_secs().max(600),
            "usages": ["digital signature", "key encipherment", "client auth"],
        },
    });
    let created = client.create(&resource(), &Object::from_value(body).unwrap_or_default()).await?;
    info!(request = name, "waiting for the certificate; approve with: kubectl certificate approve {name}");
    let certificate = match tokio::time::timeout(config.patience, issued(client, &created)).await {
        Ok(result) => result?,
        Err(_) => {
            let patience = config.patience;
            return Err(Error::Refused(format!(
                "certificate signing request {name} was not approved within {patience:?}"
            )));
        }
    };
    Ok((certificate, key))
}

/// Watches the request until it has a certificate. Where watching is not allowed it is read now and
/// then, as a bootstrap token may be good for get alone.
async fn issued(client: &Client, request: &Object) -> Result<String> {
    let mut object = request.clone();
    loop {
        if let Some(certificate) = decided(&object)? {
            return Ok(certificate);
        }
        let params = WatchParams {
            fields: Some(format!("metadata.name={}", object.name())),
            resource_version: object.resource_version().to_owned(),
            timeout_seconds: Some(60),
            ..WatchParams::default()
        };
        match client.watch(&resource(), None, &params).await {
            Ok(mut stream) => {
                while let Some(Ok(event)) = stream.next().await {
                    if let WatchEvent::Added(seen) | WatchEvent::Modified(seen) = event
                        && let Some(certificate) = decided(&seen)?
                    {
                        return Ok(certificate);
                    }
                }
            }
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
        object = client.get(&resource(), &object.key()).await?;
    }
}

/// The certificate, if there is one; an error if it was denied.
fn decided(request: &Object) -> Result<Option<String>> {
    let conditions = request.get(&["status", "conditions"]).and_then(Value::as_array);
    for condition in conditions.into_iter().flatten() {
        let text = |name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
        if matches!(text("type"), "Denied" | "Failed") && text("status") != "False" {
            let (name, what) = (request.name(), text("type").to_lowercase());
            return Err(Error::Refused(format!(
                "certificate signing request {name} was {what}: {} {}",
                text("reason"),
                text("message")
            )));
        }
    }
    let Some(encoded) = request.str(&["status", "certificate"]).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let pem = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    pem.map(Some).ok_or_else(|| Error::invalid("the issued certificate cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_issued_denied() {
        let check = |status: Value, expected: Result<Option<&str>, &str>| {
            let request = Object::from_value(json!({"metadata": {"name": "r"}, "status": status})).unwrap();
            let seen = decided(&request).map_err(|error| error.to_string());
            assert_eq!(seen, expected.map(|one| one.map(str::to_owned)).map_err(str::to_owned));
        };
        check(json!({}), Ok(None));
        check(json!({"conditions": [{"type": "Approved", "status": "True"}]}), Ok(None));
        check(json!({"certificate": STANDARD.encode("pem")}), Ok(Some("pem")));
        check(
            json!({"conditions": [{"type": "Denied", "status": "True", "reason": "No", "message": "never"}]}),
            Err("certificate signing request r was denied: No never"),
        );
    }
}

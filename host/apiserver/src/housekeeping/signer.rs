//! Signs the client certificates of approved requests.
//!
//! **Invariant:** only requests with an `Approved` condition and no `Denied` one are signed, only for
//! clients, and a request is signed once.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outrigger_auth::User;
use outrigger_auth::pki::{self, Usage};
use outrigger_object::Object;
use serde_json::Value;

use super::{is_moot, scan};
use crate::meta;
use crate::objects::{Change, Writer};
use crate::registry::crd::{condition, set_condition};
use crate::server::Inner;
use crate::storage;

const PREFIX: &str = "/registry/certificates.k8s.io/certificatesigningrequests/";
/// The signers that this server is.
pub(crate) const SIGNERS: [&str; 2] = [CLIENT, KUBELET];
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";

pub(super) async fn run(server: Arc<Inner>) {
    let cancel = server.cancel.clone();
    while !cancel.is_cancelled() {
        let Ok((entries, mut watch)) = scan(&server, PREFIX) else { return };
        for entry in &entries {
            look_at(&server, &entry.key, &entry.value, entry.revision).await;
        }
        loop {
            let events = tokio::select! {
                () = cancel.cancelled() => return,
                events = watch.next() => events,
            };
            let Ok(events) = events else { break };
            for event in events {
                if let Some(value) = &event.value {
                    look_at(&server, &event.key, value, event.revision).await;
                }
            }
        }
    }
}

/// Whether a request waits for a signature of this server.
fn is_due(request: &Object) -> bool {
    let signer = request.str(&["spec", "signerName"]).unwrap_or_default();
    SIGNERS.contains(&signer)
        && condition(request, "Approved")
        && !condition(request, "Denied")
        && !condition(request, "Failed")
        && request.str(&["status", "certificate"]).unwrap_or_default().is_empty()
        && !request.is_deleting()
}

async fn look_at(server: &Inner, key: &str, value: &[u8], revision: u64) {
    let snapshot = server.registry.snapshot();
    let Some(resource) = snapshot.resource("certificates.k8s.io", "v1", "certificatesigningrequests") else { return };
    let Ok(request) = storage::decode_at(resource, key, value, revision, revision) else { return };
    if !is_due(&request) {
        return;
    }
    let signed = sign(server, &request);
    let now = meta::time(server.options.clock.now());
    let done = server
        .modify(resource, "", request.name(), Writer::server_through("status"), &mut |old| {
            let mut object = old.clone();
            object.remove(&["metadata", "resourceVersion"]);
            if is_due(old) && old.uid() == request.uid() {
                match &signed {
                    Ok(chain) => object.set(&["status", "certificate"], STANDARD.encode(chain)),
                    Err(why) => set_condition(&mut object, "Failed", true, "SignerValidationFailure", why, &now),
                }
            }
            Ok(Change::to(object))
        })
        .await;
    if let Err(status) = done
        && !is_moot(&status)
    {
        tracing::warn!(request = %request.name(), error = %status, "a certificate could not be written");
    }
}

fn sign(server: &Inner, request: &Object) -> Result<String, String> {
    let authority = server.options.signer.as_ref().ok_or("this server signs nothing")?;
    let usages: Vec<&str> = request
        .get(&["spec", "usages"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !usages.contains(&"client auth") {
        return Err("usages must contain \"client auth\"".into());
    }
    if let Some(other) =
        usages.iter().find(|usage| !matches!(**usage, "client auth" | "digital signature" | "key encipherment"))
    {
        return Err(format!("usage {other:?} is not one that this signer grants"));
    }
    let encoded = request.str(&["spec", "request"]).unwrap_or_default();
    let pem = STANDARD.decode(encoded).map_err(|error| error.to_string())?;
    let pem = String::from_utf8(pem).map_err(|error| error.to_string())?;
    let longest = server.options.certificate_lifetime;
    let subject = pki::csr_subject(&pem).map_err(|error| error.to_string())?;
    if subject.organizations.iter().any(|one| one == User::MASTERS) {
        return Err(format!("certificates with the group {} are not signed", User::MASTERS));
    }
    let is_node = subject.organizations == ["system:nodes"] && subject.common_name.starts_with("system:node:");
    if request.str(&["spec", "signerName"]) == Some(KUBELET) && !is_node {
        return Err("a kubelet is named system:node:<name>, and is in the group system:nodes alone".into());
    }
    let life = match request.int(&["spec", "expirationSeconds"]).and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => Duration::from_secs(seconds).min(longest),
        None => longest,
    };
    authority.sign_csr(&pem, Usage::Client, life, server.options.clock.now()).map_err(|error| error.to_string())
}

//! Whom an agent believes: the CA whose public key has the pin it was given.
//!
//! The CA is read, as kubeadm and Karmada do, from the ConfigMap `kube-public/cluster-info` without
//! knowing yet whom one talks to; that is all that is sent there. From then on every connection is
//! verified by it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, Kubeconfig};
use outrigger_auth::{Secret, pki};
use outrigger_object::{Gvk, ObjectKey, Resource};
use outrigger_runtime::Client;

use crate::{Error, Result, connect};

/// The control plane's CA (PEM), checked against the pin.
pub(super) async fn authority(server: &str, pin: &str) -> Result<String> {
    let mut config = kube::Config::new(uri(server)?);
    config.accept_invalid_certs = true;
    let client = Client::new(connect::client(config)?, "control plane");
    let key = ObjectKey::new("kube-public", "cluster-info");
    let info = client.get(&configmaps(), &key).await?;
    let text = info.str(&["data", "kubeconfig"]).ok_or_else(|| {
        Error::invalid(format!(
            "{server}: ConfigMap {key} has no kubeconfig: is this a control plane that clusters can join?"
        ))
    })?;
    pinned(text, pin)
}

fn pinned(kubeconfig: &str, pin: &str) -> Result<String> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)
        .map_err(|error| Error::invalid(format!("the control plane's cluster-info is not a kubeconfig: {error}")))?;
    let bundle = kubeconfig.clusters.into_iter().find_map(|named| named.cluster?.certificate_authority_data);
    let bundle = bundle.ok_or_else(|| Error::invalid("the control plane's cluster-info names no CA"))?;
    let pem = STANDARD.decode(bundle.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pem = pem.ok_or_else(|| Error::invalid("the CA of the control plane's cluster-info cannot be read"))?;
    pki::verify_pin(&pem, pin).map_err(|_| {
        Error::Refused(format!(
            "the control plane's CA does not have the public key {pin}: this is another control plane, or somebody is in between"
        ))
    })
}

/// A client that shows the bootstrap token to a control plane with this CA.
pub(super) fn bootstrap_client(server: &str, authority: &str, token: &Secret) -> Result<Client> {
    let mut config = kube::Config::new(uri(server)?);
    config.root_cert = Some(connect::certificates(authority.as_bytes()).map_err(Error::invalid)?);
    config.auth_info = AuthInfo { token: Some(token.expose().to_owned().into()), ..AuthInfo::default() };
    Ok(Client::new(connect::client(config)?, "control plane"))
}

pub(super) fn uri(server: &str) -> Result<http::Uri> {
    let uri: http::Uri =
        server.parse().map_err(|error| Error::invalid(format!("control plane address {server}: {error}")))?;
    if uri.scheme_str() != Some("https") {
        return Err(Error::invalid(format!("control plane address {server}: it must begin with https://")));
    }
    Ok(uri)
}

fn configmaps() -> Resource {
    Resource {
        gvk: Gvk::new("", "v1", "ConfigMap"),
        plural: "configmaps".into(),
        namespaced: true,
        has_status: false,
        has_scale: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn only_the_pinned_ca_is_believed() {
        let make = |name: &str| pki::CertificateAuthority::create(name, Timestamp::now()).unwrap().0;
        let (ours, other) = (make("ours"), make("other"));
        let info = |pem: &str| {
            let data = STANDARD.encode(pem);
            format!(
                "apiVersion: v1\nkind: Config\nclusters:\n- name: ''\n  cluster:\n    server: https://h\n    certificate-authority-data: {data}\n"
            )
        };
        let pin = ours.pin().unwrap();
        assert!(pinned(&info(ours.certificate()), &pin).is_ok());
        let refused = pinned(&info(other.certificate()), &pin).unwrap_err();
        assert!(matches!(refused, Error::Refused(_)), "{refused}");
        assert!(pinned("clusters: []", &pin).is_err());
        assert!(uri("http://h").is_err());
    }
}

//! Handshakes between rustls and what is issued here, in memory.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use outrigger_auth::pki::{CertificateAuthority, Issued, Serving, server_config};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, crypto::ring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};

const HOUR: Duration = Duration::from_secs(3600);

/// Runs a handshake and gives the server's side of it, or what broke it on either side.
fn handshake(
    authority: &CertificateAuthority,
    trusted: &CertificateAuthority,
    client: Option<&Issued>,
    name: &'static str,
    serving_since: Timestamp,
) -> Result<ServerConnection, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let serving = Serving::issue(authority, vec!["localhost".into(), "127.0.0.1".into()], HOUR, serving_since)
        .map_err(|error| text(&error))?;
    let server = server_config(authority, Arc::new(serving)).map_err(|error| text(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().to_vec().into()).map_err(|error| text(&error))?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| text(&error))?
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(issued) => {
            let chain: Vec<_> = CertificateDer::pem_slice_iter(issued.certificate.as_bytes()).flatten().collect();
            let key = PrivateKeyDer::from_pem_slice(issued.key.expose().as_bytes()).map_err(|error| text(&error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| text(&error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(name).map_err(|error| text(&error))?;
    let mut client = ClientConnection::new(Arc::new(config), name).map_err(|error| text(&error))?;
    let mut server = ServerConnection::new(server).map_err(|error| text(&error))?;
    for _ in 0..8 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).map_err(|error| text(&error))?;
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            server.read_tls(&mut wire).map_err(|error| text(&error))?;
            server.process_new_packets().map_err(|error| format!("server: {error}"))?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).map_err(|error| text(&error))?;
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).map_err(|error| text(&error))?;
            client.process_new_packets().map_err(|error| format!("client: {error}"))?;
        }
    }
    if client.is_handshaking() || server.is_handshaking() { Err("not finished".to_owned()) } else { Ok(server) }
}

#[test]
fn clients_may_show_a_certificate_and_must_not_show_a_bad_one() {
    let now = Timestamp::now();
    let ago = |seconds: u64| now - Duration::from_secs(seconds);
    let new = || CertificateAuthority::create("test", ago(86_400)).expect("made").0;
    let (authority, other) = (new(), new());
    let issue = |authority: &CertificateAuthority, since| {
        authority.issue_client("alice", &["dev"], HOUR, since).expect("issued")
    };

    let server = handshake(&authority, &authority, None, "localhost", now).expect("without a certificate");
    assert!(server.peer_certificates().is_none());
    assert_eq!(server.alpn_protocol(), Some(b"h2".as_slice()));

    let server = handshake(&authority, &authority, Some(&issue(&authority, now)), "127.0.0.1", now).expect("with one");
    let peer = &server.peer_certificates().expect("a chain")[0];
    let user = outrigger_auth::Authenticator::new().certificate(peer, now).expect("a user");
    assert_eq!((user.name.as_str(), user.is_in("dev")), ("alice", true));

    let expired = issue(&authority, ago(7200));
    let error = handshake(&authority, &authority, Some(&expired), "localhost", now).map(|_| ()).expect_err("expired");
    assert!(error.starts_with("server: ") && error.contains("expired"), "{error}");
    let foreign = issue(&other, now);
    let error = handshake(&authority, &authority, Some(&foreign), "localhost", now).map(|_| ()).expect_err("foreign");
    assert!(error.starts_with("server: "), "{error}");
    // A server's certificate is none to show as a client.
    let wrong = authority.issue_server(&["localhost".into()], HOUR, now).expect("issued");
    let error = handshake(&authority, &authority, Some(&wrong), "localhost", now).map(|_| ()).expect_err("wrong usage");
    assert!(error.starts_with("server: "), "{error}");

    let error = handshake(&authority, &other, None, "localhost", now).map(|_| ()).expect_err("unknown server");
    assert!(error.starts_with("client: "), "{error}");
    let error = handshake(&authority, &authority, None, "elsewhere", now).map(|_| ()).expect_err("wrong name");
    assert!(error.starts_with("client: "), "{error}");
    let error =
        handshake(&authority, &authority, None, "localhost", ago(7200)).map(|_| ()).expect_err("expired server");
    assert!(error.starts_with("client: ") && error.contains("expired"), "{error}");
}

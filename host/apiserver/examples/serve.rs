//! An API server in memory, to try kubectl on.
//!
//! ```text
//! cargo run -p outrigger-apiserver --example serve -- 127.0.0.1:7443 /tmp/outrigger
//! kubectl --kubeconfig /tmp/outrigger/kubeconfig get namespaces
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use outrigger_apiserver::{ApiServer, Options};
use outrigger_auth::pki::{CertificateAuthority, Credentials, Serving, kubeconfig, server_config};
use outrigger_auth::service_account::TokenIssuer;
use outrigger_store::MemoryStore;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().unwrap_or_else(|| "127.0.0.1:7443".into()).parse()?;
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "/tmp/outrigger".into()));
    std::fs::create_dir_all(&directory)?;
    let now = Timestamp::now();
    let year = Duration::from_secs(365 * 24 * 3600);
    let authority = Arc::new(CertificateAuthority::open(&directory, "outrigger", now)?);
    let names = vec!["localhost".to_owned(), address.ip().to_string()];
    let serving = Arc::new(Serving::issue(&authority, names, year, now)?);
    let tls = server_config(&authority, serving)?;
    let client = authority.issue_client("admin", &["system:masters"], year, now)?;

    let options = Options {
        signer: Some(authority.clone()),
        token_issuer: Some(TokenIssuer::open(&directory)?),
        ..Options::default()
    };
    let server = ApiServer::start(Arc::new(MemoryStore::default()), options).await?;
    let listener = outrigger_apiserver::listen(address).await?;
    let url = format!("https://{}", listener.local_addr()?);
    let credentials = Credentials::Certificate { certificate: &client.certificate, key: &client.key };
    let config = kubeconfig("outrigger", &url, authority.certificate(), credentials);
    let path = directory.join("kubeconfig");
    std::fs::write(&path, serde_json::to_vec_pretty(&config)?).context("kubeconfig")?;
    println!("serving on {url}, kubeconfig in {}", path.display());

    let stop = CancellationToken::new();
    let ends = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        ends.cancel();
    });
    server.serve(listener, tls, stop).await?;
    server.stop().await;
    Ok(())
}

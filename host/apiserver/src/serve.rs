//! HTTPS: HTTP/1.1 and HTTP/2 on one port, client certificates, graceful stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::ApiServer;
use crate::error::{Error, Result};

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long open requests may go on after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);
/// How many connections may be open at once.
const CONNECTIONS: usize = 10_000;

/// Listens on an address; a port of 0 takes a free one.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortInUse { address },
        _ => Error::Listen { address, source },
    })
}

impl ApiServer {
    /// Serves HTTPS until `stop` is cancelled, then lets open requests end; watches end at once.
    /// Client certificates are those that `tls` verifies.
    pub async fn serve(&self, listener: TcpListener, tls: Arc<ServerConfig>, stop: CancellationToken) -> Result<()> {
        let acceptor = TlsAcceptor::from(tls);
        let mut connections = JoinSet::new();
        // Watches of this server's own end with it; those of a stopped listener end with `stop`.
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                () = self.inner.cancel.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept(), if connections.len() < CONNECTIONS => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (server, acceptor, stop) = (self.clone(), acceptor.clone(), stop.clone());
                    connections.spawn(async move {
                        if let Err(error) = connection(server, acceptor, stream, stop).await {
                            tracing::debug!(%peer, %error, "connection ended");
                        }
                    });
                }
                Err(error) => {
                    // Such as too many open files: wait for some to be closed.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_ended).await.is_err() {
            tracing::debug!("connections cut");
        }
        Ok(())
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn connection(
    server: ApiServer,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    stop: CancellationToken,
) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let stream = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let certificate =
        stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|certificate| certificate.to_vec());
    let service = TowerToHyperService::new(server.service(certificate));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(1000)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = stop.cancelled() => {}
        () = server.inner.cancel.cancelled() => {}
    }
    // No new requests; those that are open may end.
    serving.as_mut().graceful_shutdown();
    tokio::time::timeout(GRACE, serving).await.unwrap_or(Ok(()))
}

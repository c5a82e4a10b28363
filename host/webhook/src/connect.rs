//! Connections to one hook: TCP to where it is, TLS to whom it must be, HTTP/2 where it offers it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Error, Metrics, endpoint::Endpoint, endpoint::Services};

/// Opens connections. Cloning shares everything.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    hook: String,
    endpoint: Endpoint,
    tls: TlsConnector,
    services: Arc<dyn Services>,
    metrics: Metrics,
}

impl Connector {
    pub fn new(
        hook: &str,
        endpoint: Endpoint,
        tls: Arc<ClientConfig>,
        services: Arc<dyn Services>,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Inner { hook: hook.to_owned(), endpoint, tls: TlsConnector::from(tls), services, metrics }))
    }
}

impl Inner {
    async fn connect(&self) -> Result<Secured, Error> {
        let address = self.endpoint.address(&*self.services)?;
        let stream = TcpStream::connect((address.host.as_str(), address.port))
            .await
            .map_err(|error| Error::Unreachable(format!("{}:{}: {error}", address.host, address.port)))?;
        // An answer does not depend on it.
        let _ = stream.set_nodelay(true);
        let stream =
            self.tls.connect(self.endpoint.server_name.clone(), stream).await.map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => Error::Tls(error.to_string()),
                _ => Error::Unreachable(error.to_string()),
            })?;
        self.metrics.connected(&self.hook);
        Ok(Secured(TokioIo::new(stream)))
    }
}

impl tower::Service<Uri> for Connector {
    type Response = Secured;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Secured, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move { inner.connect().await })
    }
}

/// TLS that trusts the CA bundle of a configuration, or the machine's authorities where there is none.
/// Fails with [`Error::Configuration`].
pub(crate) fn tls(ca_bundle: Option<&[u8]>) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    match ca_bundle.filter(|bundle| !bundle.is_empty()) {
        Some(bundle) => {
            for certificate in CertificateDer::pem_slice_iter(bundle) {
                let wrong =
                    |error: &dyn std::fmt::Display| Error::Configuration(format!("clientConfig.caBundle: {error}"));
                roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
            }
            if roots.is_empty() {
                return Err(Error::Configuration("clientConfig.caBundle: no certificate in PEM form".to_owned()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            if roots.add_parsable_certificates(found.certs).0 == 0 {
                let message = "clientConfig.caBundle is empty, and this machine knows no authorities";
                return Err(Error::Configuration(message.to_owned()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Configuration(error.to_string()))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A connection that is ready for requests.
pub(crate) struct Secured(TokioIo<TlsStream<TcpStream>>);

impl Secured {
    fn inner(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TlsStream<TcpStream>>> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl Connection for Secured {
    fn connected(&self) -> Connected {
        let (stream, session) = self.0.inner().get_ref();
        let connected = stream.connected();
        if session.alpn_protocol() == Some(b"h2") { connected.negotiated_h2() } else { connected }
    }
}

impl Read for Secured {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<std::io::Result<()>> {
        self.inner().poll_read(cx, buffer)
    }
}

impl Write for Secured {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.inner().poll_write_vectored(cx, buffers)
    }
}

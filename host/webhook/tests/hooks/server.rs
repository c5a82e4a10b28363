//! A real webhook server: HTTPS on a port of its own, an authority of its own, on a thread of its own, so that
//! it answers whatever the caller's runtime does.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use outrigger_auth::pki::CertificateAuthority;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What the server does with a request.
pub enum Reply {
    /// An answer as it should be: these fields, with the request's uid, successful unless they say otherwise.
    Fields(Value),
    /// This body, whole.
    Exact(String),
    /// A status with a header and a body.
    Status(u16, Option<(&'static str, &'static str)>, &'static str),
    /// A body that begins and never ends, without more coming.
    Stall,
    /// A body that has no end.
    Endless,
    /// No answer at all.
    Never,
    /// The handler dies.
    Crash,
}

/// Says what to do with a request, given the whole `ResourceInterpreterContext`.
pub type Handler = Arc<dyn Fn(&Value) -> Reply + Send + Sync>;

/// A running server; dropping it stops it.
pub struct Server {
    pub address: SocketAddr,
    /// The authority's certificate, as PEM.
    pub authority: String,
    pub requests: Arc<AtomicUsize>,
    pub connections: Arc<AtomicUsize>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that offers these protocols, with a certificate for 127.0.0.1 and `hook.tools.svc`.
    pub fn start(protocols: &[&str], handler: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let (authority, _) = CertificateAuthority::create("test", jiff::Timestamp::now()).expect("an authority");
        let names = ["127.0.0.1".to_owned(), "hook.tools.svc".to_owned()];
        let issued =
            authority.issue_server(&names, Duration::from_secs(3600), jiff::Timestamp::now()).expect("a certificate");
        let chain = CertificateDer::pem_slice_iter(issued.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(issued.key.expose().as_bytes()).expect("a key");
        let mut tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain.collect::<Result<_, _>>().expect("a chain"), key)
            .expect("TLS");
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (requests, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = CancellationToken::new();
        let (sender, receiver) = mpsc::sync_channel(1);
        let serving = Serving {
            tls: TlsAcceptor::from(Arc::new(tls)),
            handler: Arc::new(handler),
            requests: requests.clone(),
            connections: connections.clone(),
            stop: stop.clone(),
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                sender.send(listener.local_addr().expect("an address")).expect("the test waits");
                serving.run(listener).await;
            });
        });
        let address = receiver.recv().expect("the server starts");
        let authority = authority.certificate().to_owned();
        Self { address, authority, requests, connections, stop, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("https://{}/interpret", self.address)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Serving {
    tls: TlsAcceptor,
    handler: Handler,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Serving {
    async fn run(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted.expect("a connection"),
            };
            let serving = self.clone();
            connections.spawn(async move {
                let Ok(stream) = serving.tls.clone().accept(stream).await else { return };
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let service = service_fn(move |request| serving.clone().answer(request));
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/interpret"));
        assert!(request.uri().query().is_some_and(|query| query.starts_with("timeout=")));
        assert_eq!(request.headers().get("content-type").map(|value| value.as_bytes()), Some(&b"application/json"[..]));
        let body = request.into_body().collect().await.expect("a whole body").to_bytes();
        let response = |status: u16, body| Response::builder().status(status).body(body).expect("a response");
        let Ok(context) = serde_json::from_slice(&body) else { return Ok(response(400, Body::Whole(None))) };
        Ok(match (self.handler)(&context) {
            Reply::Fields(fields) => {
                let mut answer = json!({"uid": context["request"]["uid"], "successful": true});
                answer.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
                let context = json!({"apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterContext",
                    "response": answer});
                response(200, Body::Whole(Some(context.to_string().into())))
            }
            Reply::Exact(body) => response(200, Body::Whole(Some(body.into()))),
            Reply::Status(status, header, body) => {
                let mut response = response(status, Body::Whole(Some(body.into())));
                if let Some((name, value)) = header {
                    response.headers_mut().insert(name, value.parse().expect("a header"));
                }
                response
            }
            Reply::Stall => response(200, Body::Stall(Some("{\"kind\":".into()))),
            Reply::Endless => response(200, Body::Endless),
            Reply::Never => std::future::pending().await,
            Reply::Crash => std::panic::resume_unwind(Box::new("the handler dies")),
        })
    }
}

enum Body {
    Whole(Option<Bytes>),
    Stall(Option<Bytes>),
    Endless,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stall(bytes) => match bytes.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => Poll::Pending,
            },
            Self::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 4096]))))),
        }
    }
}

//! A network between a client and an API server in this process, which can be cut.

use std::io;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use kube::client::Body;
use outrigger_apiserver::{ApiServer, User};
use parking_lot::Mutex;
use tokio::sync::watch;

/// While it is down, requests fail and streams break off.
#[derive(Clone)]
pub struct Network {
    up: watch::Sender<bool>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Default for Network {
    fn default() -> Self {
        Self { up: watch::Sender::new(true), requests: Arc::default() }
    }
}

#[allow(dead_code)]
impl Network {
    /// Cuts it.
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.up.send_replace(true);
    }

    /// Requests that went over it since the last call, as `METHOD path?query`.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock())
    }

    /// A client that may do everything.
    pub fn client(&self, server: &ApiServer) -> kube::Client {
        self.client_as(server, User::system("admin"))
    }

    /// A client to `server` as `user`, over this network.
    pub fn client_as(&self, server: &ApiServer, user: User) -> kube::Client {
        self.over(kube::Client::new(server.service_as(user), "default"))
    }

    /// A client like `inner`, over this network.
    pub fn over(&self, inner: kube::Client) -> kube::Client {
        let network = self.clone();
        let through = tower::service_fn(move |request: Request<Body>| {
            let (inner, network) = (inner.clone(), network.clone());
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                if !*network.up.borrow() {
                    return Err(io::Error::other("the network is down"));
                }
                network.requests.lock().push(line);
                let response = inner.send(request).await.map_err(io::Error::other)?;
                let mut up = network.up.subscribe();
                let down = async move {
                    let _ = up.wait_for(|up| !*up).await;
                };
                let frames = response.map(|body| {
                    let data = body.into_data_stream().map(|chunk| chunk.map(Frame::data).map_err(io::Error::other));
                    let broken = stream::once(async { Err(io::Error::other("the network went down")) });
                    let whole = data.map(Some).chain(stream::once(async { None }));
                    let mut ended = false;
                    let cut = whole.take_until(Box::pin(down)).chain(broken.map(Some)).take_while(move |item| {
                        let go_on = !ended && item.is_some();
                        ended = ended || item.is_none();
                        async move { go_on }
                    });
                    StreamBody::new(cut.filter_map(|item| async move { item }))
                });
                Ok::<Response<_>, io::Error>(frames)
            }
        });
        kube::Client::new(through, "default")
    }
}

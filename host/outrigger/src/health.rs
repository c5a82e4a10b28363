//! Health checks and metrics over plain HTTP: `/livez`, `/readyz`, `/healthz`, `/metrics`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What is asked about the process.
pub trait Health: Send + Sync + 'static {
    /// `Err` says why it is not ready to work.
    fn ready(&self) -> Result<(), String>;

    /// The metrics, in the text format of Prometheus.
    fn metrics(&self) -> String;
}

/// Listens; an error names the address and what to do.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("health checks cannot listen on {address}: name another with --health-listen"))
}

/// Answers until it is cancelled.
pub async fn serve(listener: TcpListener, health: Arc<dyn Health>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection for health checks was not accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let health = health.clone();
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(request.method(), request.uri().path(), &*health);
                async move { Ok::<_, Infallible>(answer) }
            });
            if let Err(error) =
                auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
            {
                tracing::debug!(%error, "a connection for health checks broke");
            }
        });
    }
}

fn answer(method: &Method, path: &str, health: &dyn Health) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
    }
    match path {
        "/livez" | "/healthz" => text(StatusCode::OK, "ok\n".into()),
        "/readyz" => match health.ready() {
            Ok(()) => text(StatusCode::OK, "ok\n".into()),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        },
        "/metrics" => text(StatusCode::OK, health.metrics()),
        _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n".into()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Result<(), &'static str>);

    impl Health for Fixed {
        fn ready(&self) -> Result<(), String> {
            self.0.map_err(str::to_owned)
        }

        fn metrics(&self) -> String {
            "up 1\n".into()
        }
    }

    #[test]
    fn answers() {
        let check = |path, ready, expected| {
            assert_eq!(answer(&Method::GET, path, &Fixed(ready)).status().as_u16(), expected, "{path}");
        };
        check("/livez", Err("no"), 200);
        check("/readyz", Err("no"), 503);
        check("/readyz", Ok(()), 200);
        check("/metrics", Ok(()), 200);
        check("/", Ok(()), 404);
        assert_eq!(answer(&Method::POST, "/livez", &Fixed(Ok(()))).status().as_u16(), 405);
    }
}

//! The tower service: from a request to its handler.
//!
//! ```text
//! request ─▶ route ─▶ who? ─▶ may they? ─▶ resource ─▶ handler ─▶ response
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::access::Attributes;
use crate::body::{self, Body, BodyError};
use crate::handlers::Call;
use crate::negotiate::{self, Accepted, Encoding, Shape};
use crate::request::{self, Query, ResourceRequest, Route, Verb};
use crate::server::Inner;
use crate::status::{Result, Status};
use crate::{User, discovery, openapi, reply};

/// How long a request body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone)]
enum Caller {
    /// Known beforehand: an in-process client.
    Trusted(Arc<User>),
    /// To be found out; the client certificate, where there is one.
    Unknown(Option<Arc<[u8]>>),
}

/// A tower service over one API server. Cheap to clone.
#[derive(Clone)]
pub struct ApiService {
    server: Arc<Inner>,
    caller: Caller,
}

impl ApiService {
    pub(crate) fn trusted(server: Arc<Inner>, user: User) -> Self {
        Self { server, caller: Caller::Trusted(Arc::new(user)) }
    }

    pub(crate) fn authenticating(server: Arc<Inner>, certificate: Option<Vec<u8>>) -> Self {
        Self { server, caller: Caller::Unknown(certificate.map(Arc::from)) }
    }
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (server, caller) = (self.server.clone(), self.caller.clone());
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            Ok(answer(server, caller, parts, body).await.unwrap_or_else(|status| reply::status(&status)))
        })
    }
}

async fn answer<B>(server: Arc<Inner>, caller: Caller, parts: Parts, body: B) -> Result<Response<Body>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let user = match caller {
        Caller::Trusted(user) => user,
        Caller::Unknown(certificate) => Arc::new(server.authenticate(certificate.as_deref(), &parts.headers)?),
    };
    let user = server.impersonate(user, &parts.headers)?;
    let query = Query::parse(parts.uri.query().unwrap_or_default())?;
    match request::route(&parts.method, parts.uri.path(), &query)? {
        Route::Resource(request) => {
            let counted = request.clone();
            let registered =
                server.registry.snapshot().resource(&counted.group, &counted.version, &counted.resource).is_some();
            let response = resource(server.clone(), &user, parts, body, query, request).await;
            let response = response.unwrap_or_else(|status| reply::status(&status));
            if registered {
                server.metrics.count(&counted, response.status().as_u16());
            }
            Ok(response)
        }
        Route::Other(path) => other(&server, &user, &parts, &path),
    }
}

async fn resource<B>(
    server: Arc<Inner>,
    user: &User,
    parts: Parts,
    body: B,
    query: Query,
    request: ResourceRequest,
) -> Result<Response<Body>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    // A rule may name objects; a list or watch of one object by its name is covered by it.
    let by_name = match request.verb {
        Verb::List | Verb::Watch if request.name.is_empty() => {
            let fields = outrigger_object::FieldSelector::parse(&query.field_selector).ok();
            fields.and_then(|fields| fields.required("metadata.name").map(str::to_owned))
        }
        _ => None,
    };
    let attributes = Attributes {
        verb: request.verb.as_str(),
        group: &request.group,
        resource: &request.resource,
        subresource: &request.subresource,
        namespace: if request.resource == "namespaces" && request.group.is_empty() {
            &request.name
        } else {
            &request.namespace
        },
        name: by_name.as_deref().unwrap_or(&request.name),
    };
    server.authorize(user, &attributes)?;
    let snapshot = server.registry.snapshot();
    let Some(resource) = snapshot.resource(&request.group, &request.version, &request.resource).cloned() else {
        return Err(Status::no_such_path());
    };
    if !resource.namespaced && !request.namespace.is_empty() {
        return Err(Status::no_such_path());
    }
    if resource.namespaced && request.namespace.is_empty() && !request.name.is_empty() {
        return Err(Status::no_such_path());
    }
    let accepted = negotiate::accept(&parts.headers)?;
    let body = match request.verb {
        Verb::Get | Verb::List | Verb::Watch => Bytes::new(),
        _ => {
            let reading = body::read(body, server.options.request_limit);
            let read = tokio::time::timeout(BODY_TIMEOUT, reading).await;
            read.map_err(|_| Status::bad_request("the request body did not come in time"))??
        }
    };
    let call = Call {
        server,
        user: user.clone(),
        request,
        resource,
        query,
        accepted,
        headers: parts.headers,
        body,
        warnings: Vec::new(),
    };
    Ok(call.run().await)
}

fn other(server: &Inner, user: &User, parts: &Parts, path: &str) -> Result<Response<Body>> {
    let verb = match parts.method {
        Method::GET | Method::HEAD => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "connect",
    };
    server.authorize_path(user, verb, path)?;
    if verb != "get" {
        return Err(match path {
            "/" | "/api" | "/apis" | "/version" | "/healthz" | "/livez" | "/readyz" | "/metrics" => {
                Status::method_not_allowed_here()
            }
            _ => Status::no_such_path(),
        });
    }
    let text = |text: String| Ok(reply::with_type(StatusCode::OK, "text/plain; charset=utf-8", text));
    let snapshot = server.registry.snapshot();
    // Documents outside the API are JSON whatever else a client would like better.
    let plain = Accepted { encoding: Encoding::Json, shape: Shape::Object, discovery: false };
    match path {
        "/healthz" | "/livez" | "/readyz" => health(server, parts, path),
        "/healthz/ping" | "/livez/ping" | "/readyz/ping" | "/healthz/etcd" | "/livez/etcd" | "/readyz/etcd" => {
            text("ok".into())
        }
        "/version" => Ok(reply::value(StatusCode::OK, plain.encoding, &discovery::version())),
        "/metrics" => {
            Ok(reply::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", server.shown_metrics()))
        }
        "/" => {
            let mut paths = vec!["/api".to_owned(), "/api/v1".into(), "/apis".into()];
            for group in snapshot.groups.iter().filter(|group| !group.name.is_empty()) {
                paths.push(format!("/apis/{}", group.name));
                paths.extend(group.versions.iter().map(|(version, _)| format!("/apis/{}/{version}", group.name)));
            }
            paths.extend(
                ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
                    .map(str::to_owned),
            );
            Ok(reply::value(StatusCode::OK, plain.encoding, &Value::from_iter([("paths", paths)])))
        }
        path if path.starts_with("/openapi/") => {
            openapi::answer(&snapshot, path, &parts.headers).ok_or_else(Status::no_such_path)
        }
        path => {
            let accepted = negotiate::accept(&parts.headers)?;
            discovery::answer(&snapshot, path, accepted).ok_or_else(Status::no_such_path)
        }
    }
}

fn health(server: &Inner, parts: &Parts, path: &str) -> Result<Response<Body>> {
    // A store that cannot be read is the one thing that can be ill here.
    let well = server.store.get("/").is_ok() && !(path == "/readyz" && server.cancel.is_cancelled());
    let verbose = parts.uri.query().is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose")));
    let code = if well { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    let mark = if well { "[+]ping ok\n[+]store ok" } else { "[+]ping ok\n[-]store failed" };
    let name = path.trim_start_matches('/');
    let text = match (verbose, well) {
        (true, true) => format!("{mark}\n{name} check passed\n"),
        (_, false) => format!("{mark}\n{name} check failed\n"),
        (false, true) => "ok".to_owned(),
    };
    Ok(reply::with_type(code, "text/plain; charset=utf-8", text))
}

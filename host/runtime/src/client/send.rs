//! Sending one request: limit, deadline, counting, and what a failure says.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response};
use kube::client::Body;
use kube::core::Status;
use outrigger_object::Resource;
use tokio::time::Instant;

use super::{Client, qualified};
use crate::error::Target;
use crate::metrics::{RequestLabels, Text};
use crate::{Error, Result};

/// How often a request is sent again when the server asks for it with 429, within its deadline.
const PATIENCE: u32 = 4;

impl Client {
    /// The body of a successful answer.
    pub(super) async fn bytes(
        &self,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
        content_type: Option<&'static str>,
        target: &Target,
        resource: &Resource,
    ) -> Result<Bytes> {
        let work = async {
            let response = self.unlimited(method, path, body, content_type, target, Some(resource), None).await?;
            collect(response, target).await
        };
        self.in_time(work, target).await
    }

    /// A successful answer whose body is still to come.
    pub(super) async fn response(
        &self,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
        content_type: Option<&'static str>,
        target: &Target,
        resource: &Resource,
    ) -> Result<Response<Body>> {
        let work = self.unlimited(method, path, body, content_type, target, Some(resource), None);
        self.in_time(work, target).await
    }

    pub(super) async fn send_raw(&self, path: &str, accept: Option<&str>, target: &Target) -> Result<Bytes> {
        let work = async {
            let response = self.unlimited(Method::GET, path.to_owned(), None, None, target, None, accept).await?;
            collect(response, target).await
        };
        self.in_time(work, target).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>, target: &Target) -> Result<T> {
        match tokio::time::timeout(self.deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::Deadline { target: Box::new(target.clone()), after: self.deadline }),
        }
    }

    #[allow(clippy::too_many_arguments)]
    async fn unlimited(
        &self,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
        content_type: Option<&'static str>,
        target: &Target,
        resource: Option<&Resource>,
        accept: Option<&str>,
    ) -> Result<Response<Body>> {
        let body = body.map(Bytes::from);
        let until = Instant::now() + self.deadline;
        let mut tries = 0;
        loop {
            if let Some(limiter) = &self.limiter {
                limiter.take().await;
            }
            let mut request = Request::builder().method(method.clone()).uri(path.as_str());
            request = request.header(ACCEPT, accept.unwrap_or("application/json"));
            if body.is_some() {
                request = request.header(CONTENT_TYPE, content_type.unwrap_or("application/json"));
            }
            let request = request
                .body(body.clone().map_or_else(Body::empty, Body::from))
                .map_err(|error| Error::invalid(format!("{target}: {error}")))?;
            let result = self.kube.send(request).await;
            let code = result.as_ref().map_or(0, |response| response.status().as_u16());
            self.count(target.verb, resource, code);
            let response = result.map_err(|source| Error::Transport { target: Box::new(target.clone()), source })?;
            if response.status().is_success() {
                return Ok(response);
            }
            let error = failure(response, target).await;
            tries += 1;
            match error.retry_after().map(|wait| wait.max(Duration::from_millis(50))) {
                Some(wait) if code == 429 && tries < PATIENCE && Instant::now() + wait < until => {
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(error),
            }
        }
    }

    fn count(&self, verb: &'static str, resource: Option<&Resource>, code: u16) {
        let resource = resource.map(qualified).unwrap_or_default();
        let labels = RequestLabels { cluster: Text(self.cluster.clone()), verb, resource, code };
        self.metrics.requests.get_or_create(&labels).inc();
    }
}

async fn collect(response: Response<Body>, target: &Target) -> Result<Bytes> {
    response
        .into_body()
        .collect_bytes()
        .await
        .map_err(|source| Error::Transport { target: Box::new(target.clone()), source })
}

async fn failure(response: Response<Body>, target: &Target) -> Error {
    let code = response.status();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let bytes = match collect(response, target).await {
        Ok(bytes) => bytes,
        Err(error) => return error,
    };
    let status = serde_json::from_slice::<Status>(&bytes).ok().filter(|status| status.code != 0);
    let status = status.unwrap_or_else(|| {
        // Not from an API server: a proxy, or a path that none of its handlers knows.
        let text: String = String::from_utf8_lossy(&bytes).trim().chars().take(300).collect();
        let message = if text.is_empty() { code.to_string() } else { format!("{code}: {text}") };
        Status { status: None, code: code.as_u16(), message, metadata: None, reason: String::new(), details: None }
    });
    let asked = status.details.as_ref().map(|details| u64::from(details.retry_after_seconds)).filter(|s| *s > 0);
    let retry_after = header.or(asked).map(Duration::from_secs);
    Error::Api { target: Box::new(target.clone()), status: Box::new(status), retry_after }
}

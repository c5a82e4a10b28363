//! The line to one hook: its connections, its breaker, and how a request is sent.
//!
//! **Invariant:** whatever happens, a call ends by its deadline, and asks for at most as many bytes as it may.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{
    Error, Metrics,
    breaker::Breaker,
    connect::{self, Connector},
    endpoint::Endpoint,
    webhooks::Options,
};

/// Idle connections are closed after this.
const IDLE: Duration = Duration::from_secs(90);
/// So much of an answer's body is shown when its status tells of a failure.
const SHOWN: usize = 200;
const USER_AGENT: &str = concat!("outrigger/", env!("CARGO_PKG_VERSION"));

/// The line to one hook. It stays while the hook's address and authorities do, through all other changes of
/// the configuration.
pub(crate) struct Line {
    hook: String,
    uri: Uri,
    client: Client<Connector, Full<Bytes>>,
    breaker: Breaker,
    turns: Semaphore,
    options: Options,
    metrics: Metrics,
}

impl Line {
    /// Fails with [`Error::Configuration`].
    pub fn new(hook: &str, config: &WebhookClientConfig, options: &Options, metrics: &Metrics) -> Result<Self, Error> {
        let endpoint = Endpoint::read(config)?;
        let tls = connect::tls(config.ca_bundle.as_ref().map(|bundle| bundle.0.as_slice()))?;
        let uri = endpoint.uri.clone();
        let connector = Connector::new(hook, endpoint, tls, options.services.clone(), metrics.clone());
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            // A connection whose other end has gone without a word is found out.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build(connector);
        Ok(Self {
            hook: hook.to_owned(),
            uri,
            client,
            breaker: Breaker::new(options.patience, options.now.clone(), metrics.state(hook)),
            turns: Semaphore::new(options.calls_per_hook.max(1)),
            options: options.clone(),
            metrics: metrics.clone(),
        })
    }

    /// Sends a request and gives the body of the answer. Fails with every [`Error`] but those of contents.
    pub async fn call(&self, body: Bytes, allowed: Duration) -> Result<Bytes, Error> {
        let deadline = Instant::now() + allowed;
        let permit = self.breaker.admit()?;
        // A turn that comes with the last tenth of the time is none: the hook could hardly answer, and its
        // silence would tell nothing.
        let result = match timeout_at(deadline - allowed / 10, self.turns.acquire()).await {
            Ok(_turn) => self.attempts(body, allowed, deadline, permit.is_trial()).await,
            Err(_) => Err(Error::Busy(self.options.calls_per_hook)),
        };
        permit.tell(result.as_ref().err());
        result
    }

    /// One attempt, and further ones as long as there is hope and time. A trial has one attempt.
    async fn attempts(&self, body: Bytes, allowed: Duration, deadline: Instant, trial: bool) -> Result<Bytes, Error> {
        let most = if trial { 1 } else { self.options.attempts.max(1) };
        let mut before = None;
        for attempt in 1.. {
            let error = match timeout_at(deadline, self.attempt(body.clone(), deadline)).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(error)) => error,
                Err(_) => return Err(Error::Timeout { allowed, before }),
            };
            let pause = self.pause(attempt, &error);
            if attempt >= most || !error.may_pass() || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(hook = self.hook, %error, attempt, "asking the webhook again");
            self.metrics.retried(&self.hook);
            before = Some(error.to_string());
            tokio::time::sleep(pause).await;
        }
        Err(Error::Timeout { allowed, before })
    }

    /// How long to wait before the next attempt: twice as long each time, give or take a fifth, and at least
    /// as long as the server asks for.
    fn pause(&self, attempt: u32, error: &Error) -> Duration {
        let doubled = self.options.pause.saturating_mul(1 << (attempt - 1).min(16));
        let pause = doubled.mul_f64(rand::random_range(0.8..1.2));
        match error {
            Error::Status { retry_after: Some(asked), .. } => pause.max(*asked),
            _ => pause,
        }
    }

    async fn attempt(&self, body: Bytes, deadline: Instant) -> Result<Bytes, Error> {
        let response = self.client.request(self.request(body, deadline)?).await.map_err(|error| transport(&error))?;
        let (head, body) = response.into_parts();
        let limit = self.options.answer_limit;
        let body = Limited::new(body, limit)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { Error::TooLong(limit) } else { transport(&*error) })?;
        let body = body.to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        Err(Error::Status {
            code: head.status.as_u16(),
            message: shown(&body),
            retry_after: retry_after(head.status, &head.headers),
        })
    }

    /// The deadline goes along as `timeout`, in whole seconds rounded up, as the API server tells webhooks.
    fn request(&self, body: Bytes, deadline: Instant) -> Result<Request<Full<Bytes>>, Error> {
        let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64().ceil().max(1.0);
        Request::builder()
            .method(Method::POST)
            .uri(format!("{}?timeout={left}s", self.uri))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .header(header::USER_AGENT, USER_AGENT)
            .body(Full::new(body))
            .map_err(|error| Error::Configuration(error.to_string()))
    }
}

/// The cause of a failed transport: our own error where the connection did not come about.
fn transport(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(own) = source.downcast_ref::<Error>() {
            return own.clone();
        }
        text = format!("{text}: {source}");
        next = source.source();
    }
    Error::Broken(text)
}

/// The beginning of a body, on one line.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return None;
    }
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

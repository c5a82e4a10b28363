//! [`Recorder`]: core/v1 Events, few of them.
//!
//! **Invariant:** recording never blocks and never fails a reconcile. The same word of the same
//! object is one Event with a count, written again only after a pause that doubles; and all Events
//! together stay below a rate. What is dropped is counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::client::{Client, Limiter, Patch, Subresource};
use crate::{Clock, conditions};

/// What sort of news it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// As it should be.
    Normal,
    /// Somebody should look.
    Warning,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// How many Events there may be.
#[derive(Clone, Copy, Debug)]
pub struct RecorderConfig {
    /// Writes of Events per second, on average.
    pub per_second: f64,
    /// Writes at once.
    pub burst: u32,
    /// The first pause between two writes of the same Event; it doubles each time.
    pub pause: Duration,
    /// How long an Event is remembered after its last write.
    pub memory: Duration,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self { per_second: 2.0, burst: 50, pause: Duration::from_secs(10), memory: Duration::from_secs(600) }
    }
}

struct News {
    regarding: serde_json::Value,
    namespace: String,
    name: String,
    uid: String,
    type_: EventType,
    reason: String,
    message: String,
}

/// Writes Events from a task of its own. Cloning shares it.
#[derive(Clone)]
pub struct Recorder {
    sender: mpsc::Sender<News>,
    dropped: prometheus_client::metrics::counter::Counter<u64, std::sync::atomic::AtomicU64>,
}

impl Recorder {
    /// Starts a recorder that signs as `component`.
    pub fn start(
        client: Client,
        component: &'static str,
        clock: Arc<dyn Clock>,
        config: RecorderConfig,
        cancel: CancellationToken,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(1024);
        let dropped = client.metrics().events_dropped.clone();
        let limiter = Limiter::new(config.per_second, config.burst);
        let writer = Writer { client, component, clock, config, limiter, known: HashMap::new() };
        tokio::spawn(async move { cancel.run_until_cancelled(writer.run(receiver)).await });
        Self { sender, dropped }
    }

    /// Says something about an object. `reason` is one CamelCase word.
    pub fn record(&self, object: &Object, type_: EventType, reason: &str, message: impl Into<String>) {
        let mut message: String = message.into();
        if message.len() > 1024 {
            let end = (0..=1021).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
            message.truncate(end);
            message.push_str("...");
        }
        let mut regarding = json!({
            "apiVersion": object.api_version(), "kind": object.kind(), "name": object.name(), "uid": object.uid(),
        });
        if !object.namespace().is_empty() {
            regarding["namespace"] = json!(object.namespace());
        }
        let news = News {
            regarding,
            namespace: if object.namespace().is_empty() { "default".into() } else { object.namespace().into() },
            name: object.name().into(),
            uid: object.uid().into(),
            type_,
            reason: reason.into(),
            message,
        };
        if self.sender.try_send(news).is_err() {
            self.dropped.inc();
        }
    }

    /// As it should be.
    pub fn normal(&self, object: &Object, reason: &str, message: impl Into<String>) {
        self.record(object, EventType::Normal, reason, message);
    }

    /// Somebody should look.
    pub fn warn(&self, object: &Object, reason: &str, message: impl Into<String>) {
        self.record(object, EventType::Warning, reason, message);
    }
}

type Key = (String, String, String, EventType, String);

struct Known {
    event: ObjectKey,
    count: u64,
    message: String,
    written: Instant,
    pause: Duration,
}

struct Writer {
    client: Client,
    component: &'static str,
    clock: Arc<dyn Clock>,
    config: RecorderConfig,
    limiter: Limiter,
    known: HashMap<Key, Known>,
}

fn events() -> Resource {
    Resource {
        gvk: Gvk::new("", "v1", "Event"),
        plural: "events".into(),
        namespaced: true,
        has_status: false,
        has_scale: false,
    }
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<News>) {
        while let Some(news) = receiver.recv().await {
            self.write(news).await;
        }
    }

    async fn write(&mut self, news: News) {
        let now = Instant::now();
        if self.known.len() > 4096 {
            let memory = self.config.memory;
            self.known.retain(|_, known| now.duration_since(known.written) < memory);
        }
        let key = (news.namespace.clone(), news.name.clone(), news.uid.clone(), news.type_, news.reason.clone());
        if let Some(known) = self.known.get_mut(&key) {
            known.count += 1;
            let resting = now.duration_since(known.written) < known.pause;
            if resting || !self.limiter.try_take() {
                known.message = news.message;
                return;
            }
            known.message.clone_from(&news.message);
            known.written = now;
            known.pause = (known.pause * 2).min(self.config.memory);
            let patch = json!({
                "count": known.count,
                "message": known.message,
                "lastTimestamp": conditions::timestamp(self.clock.now()),
            });
            let event = known.event.clone();
            match self.client.patch(&events(), &event, &Patch::Merge(patch), Subresource::None).await {
                Ok(_) => return,
                // Events expire on the server; then it is written as a new one.
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    debug!(error = %error, "event not written");
                    return;
                }
            }
        } else if !self.limiter.try_take() {
            self.client.metrics().events_dropped.inc();
            return;
        }
        let at = conditions::timestamp(self.clock.now());
        let name = format!("{}.{:x}", news.name, rand::random::<u64>());
        let event = ObjectKey::new(news.namespace.as_str(), name.as_str());
        let body = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": news.namespace},
            "involvedObject": news.regarding,
            "type": news.type_.as_str(), "reason": news.reason, "message": news.message,
            "source": {"component": self.component},
            "reportingComponent": self.component, "reportingInstance": "",
            "firstTimestamp": at, "lastTimestamp": at, "count": 1,
        });
        let Ok(object) = Object::from_value(body) else { return };
        match self.client.create(&events(), &object).await {
            Ok(_) => {
                let pause = self.config.pause;
                self.known.insert(key, Known { event, count: 1, message: news.message, written: now, pause });
            }
            Err(error) => debug!(error = %error, "event not written"),
        }
    }
}

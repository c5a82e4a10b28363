//! What is counted, and under which names.

use std::sync::Arc;

use outrigger_interpreter::Operation;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{Error, rules};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    hook: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    hook: String,
    operation: &'static str,
    result: &'static str,
}

/// The metrics of this crate. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics {
    calls: Family<CallLabels, Counter>,
    seconds: Family<HookLabels, Histogram, fn() -> Histogram>,
    retries: Family<HookLabels, Counter>,
    connections: Family<HookLabels, Counter>,
    breaker: Family<HookLabels, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            retries: Family::default(),
            connections: Family::default(),
            breaker: Family::default(),
        }
    }
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0])
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "webhook_calls",
            "Calls of interpreter webhooks by hook, operation and result (ok, or what failed)",
            metrics.calls.clone(),
        );
        registry.register(
            "webhook_seconds",
            "Time of one call of an interpreter webhook, retries included, by hook",
            metrics.seconds.clone(),
        );
        registry.register("webhook_retries", "Requests that were sent again, by hook", metrics.retries.clone());
        registry.register("webhook_connections", "Connections opened, by hook", metrics.connections.clone());
        registry.register(
            "webhook_breaker",
            "Whether the webhook is asked, by hook: 0 it is, 1 it is not, 2 it is being tried",
            metrics.breaker.clone(),
        );
        metrics
    }

    /// How many connections were opened to a hook, for reports and tests.
    pub fn connections_of(&self, hook: &str) -> u64 {
        self.connections.get(&HookLabels { hook: hook.to_owned() }).map_or(0, |counter| counter.get())
    }

    /// How many calls of a hook had a result: `ok`, or a word for what failed.
    pub fn calls_of(&self, hook: &str, operation: Operation, result: &'static str) -> u64 {
        let Some(operation) = rules::name_of(operation) else { return 0 };
        self.calls.get(&CallLabels { hook: hook.to_owned(), operation, result }).map_or(0, |counter| counter.get())
    }

    /// The state of a hook's breaker: 0 closed, 1 open, 2 on trial; `None` for a hook that is not there.
    pub fn breaker_of(&self, hook: &str) -> Option<i64> {
        self.breaker.get(&HookLabels { hook: hook.to_owned() }).map(|gauge| gauge.get())
    }

    pub(crate) fn called(&self, hook: &str, operation: &'static str, result: &'static str, took: std::time::Duration) {
        self.calls.get_or_create(&CallLabels { hook: hook.to_owned(), operation, result }).inc();
        self.seconds.get_or_create(&HookLabels { hook: hook.to_owned() }).observe(took.as_secs_f64());
    }

    pub(crate) fn retried(&self, hook: &str) {
        self.retries.get_or_create(&HookLabels { hook: hook.to_owned() }).inc();
    }

    pub(crate) fn connected(&self, hook: &str) {
        self.connections.get_or_create(&HookLabels { hook: hook.to_owned() }).inc();
    }

    pub(crate) fn state(&self, hook: &str) -> State {
        let labels = HookLabels { hook: hook.to_owned() };
        State { gauge: self.breaker.get_or_create_owned(&labels), hook: hook.into() }
    }

    /// Leaves out a hook that is gone.
    pub(crate) fn forget(&self, hook: &str) {
        let labels = HookLabels { hook: hook.to_owned() };
        self.seconds.remove(&labels);
        self.retries.remove(&labels);
        self.connections.remove(&labels);
        self.breaker.remove(&labels);
        for operation in Operation::ALL.into_iter().filter_map(rules::name_of) {
            for result in Error::WORDS.into_iter().chain(["ok"]) {
                self.calls.remove(&CallLabels { hook: hook.to_owned(), operation, result });
            }
        }
    }
}

/// Shows the state of one breaker.
#[derive(Clone, Debug)]
pub(crate) struct State {
    gauge: Gauge,
    hook: Arc<str>,
}

impl State {
    pub fn set(&self, state: i64) {
        self.gauge.set(state);
    }

    pub fn hook(&self) -> &str {
        &self.hook
    }
}

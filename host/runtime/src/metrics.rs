//! What is counted, and under which names.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A label value that is cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Text(pub Arc<str>);

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub cluster: Text,
    pub verb: &'static str,
    pub resource: String,
    pub code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ControllerLabels {
    pub controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ResultLabels {
    pub controller: &'static str,
    pub result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct InformerLabels {
    pub cluster: Text,
    pub resource: String,
}

/// The metrics of this crate. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) reconciles: Family<ResultLabels, Counter>,
    pub(crate) durations: Family<ControllerLabels, Histogram, fn() -> Histogram>,
    pub(crate) depth: Family<ControllerLabels, Gauge>,
    pub(crate) lists: Family<InformerLabels, Counter>,
    pub(crate) changes: Family<InformerLabels, Counter>,
    pub(crate) events_dropped: Counter<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            reconciles: Family::default(),
            durations: Family::new_with_constructor(seconds),
            depth: Family::default(),
            lists: Family::default(),
            changes: Family::default(),
            events_dropped: Counter::default(),
        }
    }
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0])
}

impl Metrics {
    /// Makes the metrics and registers them, under the prefix `outrigger_` if the registry has none.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "client_requests",
            "Requests to API servers, by cluster, verb, resource and status code (0 when there was no answer)",
            metrics.requests.clone(),
        );
        registry.register(
            "reconciles",
            "Reconciles by controller and result (applied, waiting, skipped, panic or an error kind)",
            metrics.reconciles.clone(),
        );
        registry.register("reconcile_seconds", "Time of one reconcile by controller", metrics.durations.clone());
        registry.register("queue_depth", "Keys that are ready and wait for a worker", metrics.depth.clone());
        registry.register("informer_lists", "Full lists by cluster and resource", metrics.lists.clone());
        registry.register("informer_changes", "Changes seen by cluster and resource", metrics.changes.clone());
        registry.register("events_dropped", "Events not written because too many came", metrics.events_dropped.clone());
        metrics
    }

    /// How many requests went to a cluster, by verb and resource, for reports and tests.
    pub fn requests_to(&self, cluster: &str, verb: &str, resource: &str) -> u64 {
        // The family has no iterator; encoding is the documented way to read it back.
        let mut registry = Registry::default();
        registry.register("r", "", self.requests.clone());
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
            return 0;
        }
        let want = |line: &str| {
            (cluster.is_empty() || line.contains(&format!("cluster=\"{cluster}\"")))
                && (verb.is_empty() || line.contains(&format!("verb=\"{verb}\"")))
                && (resource.is_empty() || line.contains(&format!("resource=\"{resource}\"")))
        };
        text.lines()
            .filter(|line| line.starts_with("r_total{") && want(line))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
            .sum()
    }

    pub(crate) fn reconciled(&self, controller: &'static str, result: &'static str, took: Duration) {
        self.reconciles.get_or_create(&ResultLabels { controller, result }).inc();
        self.durations.get_or_create(&ControllerLabels { controller }).observe(took.as_secs_f64());
    }
}

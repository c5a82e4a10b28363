//! [`Meter`]: what addons count, and what is counted about them.
//!
//! **Invariant:** an addon has no more series than its limit. What it counts beyond that is dropped, and the
//! dropping is counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

type Labels = Vec<(String, String)>;
type Series<T> = BTreeMap<String, BTreeMap<Labels, T>>;

#[derive(Debug, Default)]
struct Inner {
    counters: Series<u64>,
    gauges: Series<f64>,
    /// Series by addon.
    series: BTreeMap<String, usize>,
}

/// The metrics of all addons. Cloning shares them; register one clone with
/// [`register_collector`](prometheus_client::registry::Registry::register_collector).
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Inner>>);

impl Meter {
    /// Adds to a counter of an addon; `false` if it is one series too many, or no name of a metric.
    pub(crate) fn count(&self, addon: &str, metric: &str, labels: Labels, by: u64, most: usize) -> bool {
        let mut inner = self.0.lock();
        let Inner { counters, series, .. } = &mut *inner;
        let Some(value) = slot(counters, series, addon, metric, labels, most) else { return false };
        *value = value.saturating_add(by);
        true
    }

    /// Sets a gauge of an addon; `false` as for [`count`](Self::count).
    pub(crate) fn gauge(&self, addon: &str, metric: &str, labels: Labels, to: f64, most: usize) -> bool {
        let mut inner = self.0.lock();
        let Inner { gauges, series, .. } = &mut *inner;
        let Some(value) = slot(gauges, series, addon, metric, labels, most) else { return false };
        *value = to;
        true
    }

    /// Counts something about an addon, which is not subject to its limit.
    pub(crate) fn told(&self, addon: &str, metric: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.count(addon, metric, labels, 1, usize::MAX);
    }

    /// What a counter stands at, over all series of an addon.
    pub fn counted(&self, addon: &str, metric: &str) -> u64 {
        let inner = self.0.lock();
        let of = |labels: &Labels| labels.iter().any(|(name, value)| name == "addon" && value == addon);
        let series = inner.counters.get(metric).into_iter().flatten();
        series.filter(|(labels, _)| of(labels)).map(|(_, value)| value).sum()
    }

    /// Forgets an addon.
    pub(crate) fn forget(&self, addon: &str) {
        let mut inner = self.0.lock();
        let other = |labels: &Labels| !labels.iter().any(|(name, value)| name == "addon" && value == addon);
        inner.counters.values_mut().for_each(|series| series.retain(|labels, _| other(labels)));
        inner.gauges.values_mut().for_each(|series| series.retain(|labels, _| other(labels)));
        inner.series.remove(addon);
    }
}

fn slot<'a, T: Default>(
    all: &'a mut Series<T>,
    counted: &mut BTreeMap<String, usize>,
    addon: &str,
    metric: &str,
    mut labels: Labels,
    most: usize,
) -> Option<&'a mut T> {
    labels.retain(|(name, _)| name != "addon" && is_name(name));
    labels.push(("addon".to_owned(), addon.to_owned()));
    labels.sort();
    let known = all.get(metric).is_some_and(|series| series.contains_key(&labels));
    if !known {
        let series = counted.entry(addon.to_owned()).or_default();
        if !is_name(metric) || *series >= most {
            return None;
        }
        *series += 1;
    }
    Some(all.entry(metric.to_owned()).or_default().entry(labels).or_default())
}

/// Names of metrics and labels.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl Collector for Meter {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let inner = self.0.lock();
        for (metric, series) in &inner.counters {
            let name = format!("addon_{metric}");
            let kind = ConstCounter::new(0_u64).metric_type();
            let mut family = encoder.encode_descriptor(&name, "Counted by addons", None, kind)?;
            for (labels, value) in series {
                ConstCounter::new(*value).encode(family.encode_family(labels)?)?;
            }
        }
        for (metric, series) in &inner.gauges {
            let name = format!("addon_{metric}");
            let kind = ConstGauge::new(0.0_f64).metric_type();
            let mut family = encoder.encode_descriptor(&name, "Set by addons", None, kind)?;
            for (labels, value) in series {
                ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn series_are_bounded_and_shown() {
        let meter = Meter::default();
        let label = |value: &str| vec![("cluster".to_owned(), value.to_owned())];
        let check = |metric: &str, value: &str, expected: bool| {
            assert_eq!(meter.count("velero", metric, label(value), 2, 2), expected, "{metric} {value}");
        };
        check("backups", "a", true);
        check("backups", "b", true);
        check("backups", "c", false);
        check("Bad name", "a", false);
        check("backups", "a", true);
        let mut registry = Registry::with_prefix("outrigger");
        registry.register_collector(Box::new(meter.clone()));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("outrigger_addon_backups_total{addon=\"velero\",cluster=\"a\"} 4"), "{text}");
        meter.forget("velero");
        assert_eq!(meter.counted("velero", "backups"), 0);
    }
}

//! How interpreters do, as metrics.

use std::{fmt, sync::Arc};

use outrigger_engine::{Engine, Statistics};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
    registry::{Registry, Unit},
};

/// Shows, for every interpreter of an engine, its calls, its failures, and the time that they took.
pub fn register(engine: Arc<Engine>, registry: &mut Registry) {
    registry.register_collector(Box::new(Interpreters(engine)));
}

struct Interpreters(Arc<Engine>);

impl fmt::Debug for Interpreters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interpreters")
    }
}

impl Collector for Interpreters {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        // Most of the bundled ones are never asked, and say nothing.
        let all: Vec<_> = self.0.statistics().into_iter().filter(|one| one.calls > 0).collect();
        let mut family = |name, help, unit: Option<&Unit>, value: fn(&Statistics) -> f64| {
            let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
            for one in &all {
                let labels = [("layer", one.layer.to_string()), ("interpreter", one.interpreter.clone())];
                ConstCounter::new(value(one)).encode(family.encode_family(&labels)?)?;
            }
            Ok::<_, fmt::Error>(())
        };
        family("outrigger_interpreter_calls", "Questions asked", None, |one| one.calls as f64)?;
        family("outrigger_interpreter_failures", "Questions failed", None, |one| one.failures as f64)?;
        family("outrigger_interpreter_time", "Time of all questions", Some(&Unit::Seconds), |one| {
            one.time.as_secs_f64()
        })
    }
}

#[cfg(test)]
mod tests {
    use outrigger_object::Object;
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_and_failures_are_shown() {
        let engine = Arc::new(Engine::standard());
        let mut registry = Registry::default();
        register(engine.clone(), &mut registry);
        for replicas in [json!(2), json!("two")] {
            let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": replicas}});
            let _ = engine.replicas(&Object::from_value(deployment).unwrap());
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let shown = |name: &str| text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
        let [calls] = shown("outrigger_interpreter_calls_total{")[..] else { panic!("{text}") };
        assert!(
            calls.contains("layer=\"native\"") && calls.contains("Deployment") && calls.ends_with(" 2.0"),
            "{calls}"
        );
        let [failures] = shown("outrigger_interpreter_failures_total{")[..] else { panic!("{text}") };
        assert!(failures.ends_with(" 1.0"), "{failures}");
        assert_eq!(shown("outrigger_interpreter_time_seconds_total{").len(), 1, "{text}");
    }
}

//! What an operation costs, by interpreter: time and allocations.
//!
//! Interpreters are asked directly, so that a figure is the interpreter's own; what finding it costs is a row of
//! its own, for a kind that nobody knows.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::{Answer, Interpreter, Operation, Question, StatusItem};
use outrigger_object::Object;
use serde::Serialize;

use crate::{
    Error,
    ask::layer_name,
    files,
    load::{self, Loaded},
};

const OBJECTS: &str = include_str!("bench/objects.yaml");
const SCRIPTS: &str = include_str!("bench/scripts.yaml");
/// Clusters that report, for AggregateStatus.
const CLUSTERS: [&str; 3] = ["east", "west", "edge"];
/// Replicas that a revision writes.
const REPLICAS: i64 = 5;
/// A measurement is the median of so many batches.
const BATCHES: usize = 9;
/// Calls before the first measurement.
const WARM_UP: usize = 20;

/// Allocations so far: how many, and how many bytes.
pub type Meter = fn() -> (u64, u64);

/// What one operation costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Kind of the object.
    pub kind: String,
    /// The operation; `None` for finding out that nobody handles it.
    pub operation: Option<Operation>,
    /// The layer that the interpreter is in; `None` for finding out that there is none.
    pub layer: Option<&'static str>,
    /// Its name.
    pub interpreter: String,
    /// Time of a call.
    pub nanoseconds: u64,
    /// Allocations of a call.
    pub allocations: u64,
    /// Bytes allocated by a call.
    pub bytes: u64,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The sample objects that ship with the binary.
pub fn objects() -> Vec<Object> {
    let (documents, _) = files::documents("objects.yaml", OBJECTS);
    documents.into_iter().filter_map(|document| Object::from_value(document.value).ok()).collect()
}

/// Scripts for the sample objects, in Karmada's form.
pub fn scripts() -> Result<Vec<Loaded>, Error> {
    let (documents, _) = files::documents("scripts.yaml", SCRIPTS);
    documents.iter().filter_map(load::document).map(|loaded| loaded.map_err(Error::from)).collect()
}

/// Measures every operation of every interpreter that answers about the objects; each figure takes about
/// `budget`.
pub fn run(engine: &Engine, objects: &[Object], budget: Duration, meter: Meter) -> Vec<Cost> {
    let mut costs = Vec::new();
    for object in objects {
        let items = items(object);
        for operation in Operation::ALL {
            let Some(question) = question(operation, object, &items) else { continue };
            for layer in Layer::ALL {
                // Of several in one layer, the one that the engine would ask.
                let steps = engine.explain(&question, Some(layer));
                let Some(step) = steps.into_iter().find(|step| step.answer != Answer::NotHandled) else { continue };
                let named = |one: &Arc<dyn Interpreter>| one.name() == step.interpreter;
                let Some(interpreter) = engine.installed(layer).into_iter().find(named) else { continue };
                let mut cost = Cost {
                    kind: object.kind().to_owned(),
                    operation: Some(operation),
                    layer: Some(layer_name(layer)),
                    interpreter: step.interpreter,
                    nanoseconds: 0,
                    allocations: 0,
                    bytes: 0,
                    error: None,
                };
                match step.answer {
                    Answer::Failed(error) => cost.error = Some(error.to_string()),
                    _ => measure(&mut cost, budget, meter, || drop(question.clone().put_to(&*interpreter))),
                }
                costs.push(cost);
            }
        }
    }
    costs.push(dispatch(engine, budget, meter));
    costs
}

/// What it costs to find out that nobody handles an operation.
fn dispatch(engine: &Engine, budget: Duration, meter: Meter) -> Cost {
    let mut object = Object::default();
    object.set(&["apiVersion"], "example.invalid/v1");
    object.set(&["kind"], "Unheard");
    let mut cost = Cost {
        kind: "Unheard".to_owned(),
        operation: None,
        layer: None,
        interpreter: "dispatch, not handled".to_owned(),
        nanoseconds: 0,
        allocations: 0,
        bytes: 0,
        error: None,
    };
    // Localize is the operation that the generic rules leave alone.
    let cluster = outrigger_interpreter::ClusterFacts::default();
    measure(&mut cost, budget, meter, || drop(engine.localize(&object, &cluster)));
    cost
}

fn items(object: &Object) -> Vec<StatusItem> {
    let item = |cluster: &str| StatusItem {
        cluster_name: cluster.to_owned(),
        status: object.status().cloned(),
        applied: true,
        ..StatusItem::default()
    };
    CLUSTERS.map(item).into()
}

fn question<'a>(operation: Operation, object: &'a Object, items: &'a [StatusItem]) -> Option<Question<'a>> {
    let object = Cow::Borrowed(object);
    Some(match operation {
        Operation::InterpretReplica => Question::InterpretReplica { object },
        Operation::InterpretComponent => Question::InterpretComponent { object },
        Operation::ReviseReplica => Question::ReviseReplica { object, replicas: REPLICAS },
        Operation::Retain => Question::Retain { desired: object.clone(), observed: object },
        Operation::AggregateStatus => Question::AggregateStatus { template: object, items: Cow::Borrowed(items) },
        Operation::InterpretDependency => Question::InterpretDependency { object },
        Operation::InterpretStatus => Question::InterpretStatus { object },
        Operation::InterpretHealth => Question::InterpretHealth { object },
        Operation::Localize => return None,
    })
}

fn measure(cost: &mut Cost, budget: Duration, meter: Meter, mut call: impl FnMut()) {
    let begun = Instant::now();
    (0..WARM_UP).for_each(|_| call());
    let once = begun.elapsed().as_nanos().max(1) / WARM_UP as u128;
    let (count, bytes) = meter();
    call();
    let (count_after, bytes_after) = meter();
    cost.allocations = count_after.saturating_sub(count);
    cost.bytes = bytes_after.saturating_sub(bytes);
    let calls = (budget.as_nanos() / BATCHES as u128 / once.max(1)).clamp(1, 1_000_000);
    let mut times: Vec<u128> = (0..BATCHES)
        .map(|_| {
            let begun = Instant::now();
            (0..calls).for_each(|_| call());
            begun.elapsed().as_nanos() / calls
        })
        .collect();
    times.sort_unstable();
    cost.nanoseconds = times.get(BATCHES / 2).and_then(|median| u64::try_from(*median).ok()).unwrap_or(u64::MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_answered_natively_or_in_lua() {
        let objects = objects();
        assert_eq!(objects.iter().map(Object::kind).collect::<Vec<_>>(), ["Deployment", "CloneSet"]);
        let engine = Engine::standard();
        let scripts = scripts().unwrap();
        engine.install(Layer::UserCustomization, scripts.into_iter().map(|one| one.interpreter).collect());
        let costs = run(&engine, &objects, Duration::from_micros(1), || (0, 0));
        let failed: Vec<&Cost> = costs.iter().filter(|cost| cost.error.is_some()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        for (kind, layer) in
            [("Deployment", "user"), ("Deployment", "native"), ("CloneSet", "user"), ("CloneSet", "bundled")]
        {
            let of = costs.iter().filter(|cost| cost.kind == kind && cost.layer == Some(layer)).count();
            assert!(of >= 4, "{kind} in {layer}: {of} operations");
        }
    }
}

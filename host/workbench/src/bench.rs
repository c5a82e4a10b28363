//! What an operation costs, by interpreter: time and allocations.
//!
//! Interpreters are asked directly, so that a figure is the interpreter's own; what finding it costs is a row of
//! its own, for a kind that nobody knows, and so is what a process pays once: loading the catalogue, and
//! compiling all of it.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use outrigger_engine::{Engine, Layer, catalogue};
use outrigger_interpreter::{Answer, ClusterFacts, Interpreter, Operation, Question, StatusItem};
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
/// A measurement is the median of so many batches, or is one call, where that takes all of the time.
const BATCHES: usize = 9;
/// Calls before the first measurement, as long as they fit into its budget.
const WARM_UP: u32 = 20;

/// Allocations so far: how many, and how many bytes.
pub type Meter = fn() -> (u64, u64);

/// What one operation costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Kind of the object; empty where no object is asked about.
    pub kind: String,
    /// The operation; `None` for what is no operation.
    pub operation: Option<Operation>,
    /// The layer that the interpreter is in; `None` for what is no operation.
    pub layer: Option<&'static str>,
    /// Name of the interpreter, or what else is measured.
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
                let mut cost = Cost::of(object.kind(), &step.interpreter);
                cost.operation = Some(operation);
                cost.layer = Some(layer_name(layer));
                match step.answer {
                    Answer::Failed(error) => cost.error = Some(error.to_string()),
                    _ => measure(&mut cost, budget, meter, || drop(question.clone().put_to(&*interpreter))),
                }
                costs.push(cost);
            }
        }
    }
    costs
}

/// Measures what is no operation: finding out that nobody handles one, and what a process pays once for the
/// catalogue.
pub fn surroundings(engine: &Engine, budget: Duration, meter: Meter) -> Vec<Cost> {
    vec![dispatch(engine, budget, meter), load(budget, meter), compile(budget, meter)]
}

impl Cost {
    fn of(kind: &str, interpreter: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            operation: None,
            layer: None,
            interpreter: interpreter.into(),
            nanoseconds: 0,
            allocations: 0,
            bytes: 0,
            error: None,
        }
    }
}

/// What it costs to find out that nobody handles an operation.
fn dispatch(engine: &Engine, budget: Duration, meter: Meter) -> Cost {
    let mut object = Object::default();
    object.set(&["apiVersion"], "example.invalid/v1");
    object.set(&["kind"], "Unheard");
    let mut cost = Cost::of(object.kind(), "dispatch, not handled");
    // Localize is the operation that the generic rules leave alone.
    let cluster = ClusterFacts::default();
    measure(&mut cost, budget, meter, || drop(engine.localize(&object, &cluster)));
    cost
}

/// What a process pays for the catalogue when it starts: each interpreter is known, and compiled when it is asked.
fn load(budget: Duration, meter: Meter) -> Cost {
    let mut cost = Cost::of("", format!("load the catalogue of {}", catalogue::ENTRIES.len()));
    measure(&mut cost, budget, meter, || drop(catalogue::interpreters()));
    cost
}

/// What a process pays together that asks every interpreter of the catalogue.
fn compile(budget: Duration, meter: Meter) -> Cost {
    let mut cost = Cost::of("", format!("compile all {} of the catalogue", catalogue::ENTRIES.len()));
    cost.error = catalogue::ENTRIES.iter().find_map(|entry| entry.load().err()).map(|error| error.to_string());
    measure(&mut cost, budget, meter, || catalogue::ENTRIES.iter().for_each(|entry| drop(entry.load())));
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
    let mut warmed = 0;
    while warmed == 0 || (warmed < WARM_UP && begun.elapsed() < budget) {
        call();
        warmed += 1;
    }
    let once = begun.elapsed().as_nanos().max(1) / u128::from(warmed);
    let (count, bytes) = meter();
    call();
    let (count_after, bytes_after) = meter();
    cost.allocations = count_after.saturating_sub(count);
    cost.bytes = bytes_after.saturating_sub(bytes);
    let calls = (budget.as_nanos() / BATCHES as u128 / once.max(1)).clamp(1, 1_000_000);
    let batches = if once < budget.as_nanos() { BATCHES } else { 1 };
    let mut times: Vec<u128> = (0..batches)
        .map(|_| {
            let begun = Instant::now();
            (0..calls).for_each(|_| call());
            begun.elapsed().as_nanos() / calls
        })
        .collect();
    times.sort_unstable();
    cost.nanoseconds = times.get(batches / 2).and_then(|median| u64::try_from(*median).ok()).unwrap_or(u64::MAX);
}

#[cfg(test)]
mod tests {
    use outrigger_interpreter::Given;

    use super::*;

    /// The operations of a kind that a layer answers.
    fn operations(costs: &[Cost], kind: &str, layer: &str) -> Vec<Operation> {
        let of = costs.iter().filter(|cost| cost.kind == kind && cost.layer == Some(layer));
        of.filter_map(|cost| cost.operation).collect()
    }

    #[test]
    fn every_sample_is_answered_in_lua_and_without() {
        let objects = objects();
        let kinds: Vec<&str> = objects.iter().map(Object::kind).collect();
        assert_eq!(kinds, ["Deployment", "CloneSet", "Workflow", "FlinkDeployment"]);
        let engine = Engine::standard();
        let scripts = scripts().unwrap();
        engine.install(Layer::UserCustomization, scripts.into_iter().map(|one| one.interpreter).collect());
        let costs = run(&engine, &objects, Duration::from_micros(1), || (0, 0));
        let failed: Vec<&Cost> = costs.iter().filter(|cost| cost.error.is_some()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        for (kind, without) in
            [("Deployment", "native"), ("CloneSet", "bundled"), ("Workflow", "bundled"), ("FlinkDeployment", "bundled")]
        {
            // Retain of a CloneSet is the only operation that a sample script has and the catalogue has not.
            let mut in_lua = operations(&costs, kind, "user");
            in_lua.retain(|operation| (kind, *operation) != ("CloneSet", Operation::Retain));
            assert!(in_lua.len() >= 5, "{kind}: {in_lua:?}");
            let others = operations(&costs, kind, without);
            let lacking: Vec<_> = in_lua.iter().filter(|operation| !others.contains(operation)).collect();
            assert!(lacking.is_empty(), "{kind} in {without}: {lacking:?}");
        }
        let components = |layer| operations(&costs, "FlinkDeployment", layer).contains(&Operation::InterpretComponent);
        assert!(components("user") && components("bundled"));
    }

    /// What is measured of two interpreters is the same work only if they give the same answer.
    #[test]
    fn scripts_say_what_the_catalogue_says() {
        let engine = Engine::standard();
        let scripts = scripts().unwrap();
        engine.install(Layer::UserCustomization, scripts.into_iter().map(|one| one.interpreter).collect());
        for object in objects() {
            for operation in [
                Operation::InterpretReplica,
                Operation::InterpretComponent,
                Operation::InterpretDependency,
                Operation::InterpretHealth,
            ] {
                let items = items(&object);
                let question = question(operation, &object, &items).unwrap();
                let told = |layers: &[Layer]| {
                    let steps = layers.iter().flat_map(|layer| engine.explain(&question, Some(*layer)));
                    steps.into_iter().find_map(|step| step.answer.into_result().unwrap()).map(plain)
                };
                let (script, other) = (told(&[Layer::UserCustomization]), told(&[Layer::Bundled, Layer::Native]));
                if script.is_some() {
                    assert_eq!(script, other, "{} {operation:?}", object.kind());
                }
            }
        }
    }

    /// An answer without what scripts cannot say, and in one order.
    fn plain(given: Given) -> serde_json::Value {
        match given {
            Given::Health(report) => format!("{:?}", report.health).into(),
            Given::Dependencies(mut dependencies) => {
                dependencies.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
                serde_json::to_value(dependencies).unwrap()
            }
            other => serde_json::to_value(other).unwrap(),
        }
    }

    #[test]
    fn the_catalogue_and_dispatch_are_measured() {
        let costs = surroundings(&Engine::standard(), Duration::from_micros(1), || (0, 0));
        let measured: Vec<&str> = costs.iter().map(|cost| cost.interpreter.split(' ').next().unwrap()).collect();
        assert_eq!(measured, ["dispatch,", "load", "compile"]);
        for cost in costs {
            assert_eq!(cost.error, None);
            assert!(cost.nanoseconds > 0, "{cost:?}");
        }
    }
}

//! Interpreter cases: an operation, its inputs, and what must come out, as YAML.
//!
//! ```yaml
//! name: a Deployment that has rolled out
//! operation: InterpretHealth
//! observedObj: {apiVersion: apps/v1, kind: Deployment, metadata: {generation: 1}, status: {observedGeneration: 1}}
//! output:
//!   healthy: true
//! ```
//!
//! The format is that of Karmada's own cases: `desiredObj`, `observedObj`, `statusItems`, `inputReplicas`, and
//! in `output` the keys `replica`, `requires`, `components`, `revised`, `retained`, `aggregatedStatus`, `status`,
//! `healthy`, `dependencies`, by operation. `"{{EXCLUDE}}"` stands for anything, quantities compare as
//! quantities, dependencies as a set, components by name. Our own are `health`, the whole report, `failed`, a part of
//! the message with which the operation must fail, and, for the operation Localize, `cluster` (what is known of it) and
//! in `output` `localized`.

mod compare;

use std::fmt;

use outrigger_interpreter::{Answer, ClusterFacts, Health, HealthReport, Operation, StatusItem};
use outrigger_object::{Object, diff::Difference};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Engine, LoadError, Reply, error::yaml_options};

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// More about that.
    #[serde(default)]
    pub description: String,
    /// The operation that is asked for.
    pub operation: Operation,
    /// The template.
    #[serde(default)]
    pub desired_obj: Option<Object>,
    /// The object in the member.
    #[serde(default)]
    pub observed_obj: Option<Object>,
    /// What the clusters report.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub status_items: Vec<StatusItem>,
    /// Replicas to write.
    #[serde(default)]
    pub input_replicas: Option<i64>,
    /// The cluster that the object is for.
    #[serde(default)]
    pub cluster: Option<ClusterFacts>,
    /// What must come out; without it, only that the operation does not fail.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub output: Map<String, Value>,
}

fn null_is_empty<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// How a case has gone.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case's name.
    pub name: String,
    /// The interpreter that answered.
    pub interpreter: Option<String>,
    /// What kept it from passing; empty when it passed.
    pub problems: Vec<Problem>,
}

/// One reason why a case has not passed.
#[derive(Clone, Debug)]
pub enum Problem {
    /// The case lacks something that the operation needs.
    Incomplete(&'static str),
    /// Nobody handles the operation for this kind.
    NotHandled,
    /// The interpreter failed.
    Failed(String),
    /// The output differs; left is what was expected.
    Different(Difference),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(what) => write!(f, "the case has no {what}"),
            Self::NotHandled => f.write_str("nobody handles this"),
            Self::Failed(message) => write!(f, "failed: {message}"),
            Self::Different(Difference { path, left, right }) => {
                let side = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
                write!(f, "{path}: expected {}, got {}", side(left), side(right))
            }
        }
    }
}

impl Outcome {
    /// Whether the case has passed.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = self.interpreter.as_deref().unwrap_or("nobody");
        write!(f, "{} {} ({by})", if self.passed() { "pass" } else { "FAIL" }, self.name)?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n    {problem}"))
    }
}

/// Reads the cases of a YAML file, one per document; documents without content are skipped. `source` names
/// the file in errors.
pub fn parse(source: &str, yaml: &str) -> Result<Vec<Case>, LoadError> {
    let cases: Vec<Option<Case>> = serde_saphyr::from_multiple_with_options(yaml, yaml_options())
        .map_err(|error| LoadError::of_yaml(source, &error))?;
    Ok(cases.into_iter().flatten().collect())
}

/// Runs one case.
pub fn run(engine: &Engine, case: &Case) -> Outcome {
    let (interpreter, result) = evaluate(engine, case);
    let problems = match (result, case.output.get("failed").and_then(Value::as_str)) {
        (Ok(output), None) => compare::outputs(&case.output, &output),
        (Err(Problem::Failed(message)), Some(part)) if message.contains(part) => Vec::new(),
        (Ok(output), Some(part)) => vec![Problem::Different(Difference {
            path: "failed".to_owned(),
            left: Some(part.into()),
            right: Some(Value::Object(output)),
        })],
        (Err(problem), _) => vec![problem],
    };
    Outcome { name: case.name.clone(), interpreter, problems }
}

type Evaluated = (Option<String>, Result<Map<String, Value>, Problem>);

/// Asks the engine, and gives the interpreter's name and the output under the names that cases use.
fn evaluate(engine: &Engine, case: &Case) -> Evaluated {
    let missing = |what| (None, Err(Problem::Incomplete(what)));
    let read = case.observed_obj.as_ref().or(case.desired_obj.as_ref());
    let template = case.desired_obj.as_ref().or(case.observed_obj.as_ref());
    match case.operation {
        Operation::InterpretStatus | Operation::InterpretHealth => {
            let Some(object) = read else { return missing("observedObj") };
            if case.operation == Operation::InterpretStatus {
                return written(engine.reflect_status(object), |status| vec![("status", status)]);
            }
            written(engine.health(object), |report| {
                let healthy = match report.health {
                    Health::Healthy => Value::Bool(true),
                    Health::Unhealthy => Value::Bool(false),
                    Health::Unknown => Value::Null,
                };
                vec![("healthy", healthy), ("health", to_value(&HealthReport { rule: Default::default(), ..report }))]
            })
        }
        Operation::InterpretReplica => {
            let Some(object) = template else { return missing("desiredObj") };
            written(engine.replicas(object), |info| {
                vec![("replica", info.replicas.into()), ("requires", to_value(&info.requirements))]
            })
        }
        Operation::InterpretComponent => {
            let Some(object) = template else { return missing("desiredObj") };
            written(engine.components(object), |components| vec![("components", to_value(&components))])
        }
        Operation::InterpretDependency => {
            let Some(object) = template else { return missing("desiredObj") };
            written(engine.dependencies(object), |dependencies| vec![("dependencies", to_value(&dependencies))])
        }
        Operation::ReviseReplica => {
            let Some(object) = template else { return missing("desiredObj") };
            let Some(replicas) = case.input_replicas else { return missing("inputReplicas") };
            written(engine.revise_replicas(object, replicas), |object| vec![("revised", object.into_value())])
        }
        Operation::Retain => {
            let (Some(desired), Some(observed)) = (&case.desired_obj, &case.observed_obj) else {
                return missing("desiredObj or no observedObj");
            };
            written(engine.retain(desired, observed), |object| vec![("retained", object.into_value())])
        }
        Operation::AggregateStatus => {
            let Some(object) = template else { return missing("desiredObj") };
            written(engine.aggregate_status(object, &case.status_items), |object| {
                vec![("aggregatedStatus", object.into_value())]
            })
        }
        Operation::Localize => {
            let Some(object) = template else { return missing("desiredObj") };
            let Some(cluster) = &case.cluster else { return missing("cluster") };
            written(engine.localize(object, cluster), |object| vec![("localized", object.into_value())])
        }
    }
}

fn written<T>(reply: Reply<T>, write: impl FnOnce(T) -> Vec<(&'static str, Value)>) -> Evaluated {
    let interpreter = reply.interpreter().map(str::to_owned);
    let result = match reply.answer {
        Answer::Value(value) => Ok(write(value).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        Answer::NotHandled => Err(Problem::NotHandled),
        Answer::Failed(error) => Err(Problem::Failed(error.to_string())),
    };
    (interpreter, result)
}

fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| json!({ "not JSON": error.to_string() }))
}

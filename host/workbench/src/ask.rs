//! Asking an engine about objects, and saying how it came to its answer.
//!
//! **Invariant:** every object gives one [`Record`]; a failure is a record with an `error`.

use std::{borrow::Cow, time::Duration};

use outrigger_engine::{Engine, Layer, Step};
use outrigger_interpreter::{Answer, ClusterFacts, Given, Health, Operation, Question, StatusItem};
use outrigger_object::Object;
use serde::Serialize;
use serde_json::Value;

use crate::objects::Subject;

/// What is asked, but for the object.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The operation.
    pub operation: Operation,
    /// For Retain: what is in the member. One object is taken for all; of several, the one of the same name.
    pub observed: Vec<Object>,
    /// For AggregateStatus: what the clusters report.
    pub items: Vec<StatusItem>,
    /// For ReviseReplica: the replicas to write.
    pub replicas: Option<i64>,
    /// For Localize: the cluster.
    pub cluster: ClusterFacts,
    /// Asks this layer alone.
    pub layer: Option<Layer>,
}

/// What came of asking about one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The file of the object.
    pub file: String,
    /// Its `apiVersion`; empty where there is no object.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The question.
    pub operation: Operation,
    /// The layer that answered or failed: a name of [`layer_name`].
    pub layer: Option<&'static str>,
    /// Name of the interpreter that answered or failed.
    pub interpreter: Option<String>,
    /// The rule that decided, where the interpreter names one, else its own name.
    pub rule: Option<String>,
    /// The answer: for health one of `Healthy`, `Unhealthy` and `Unknown`.
    pub value: Value,
    /// For health, a CamelCase word that says more.
    pub reason: String,
    /// A sentence that says more.
    pub message: String,
    /// How long the interpreters took that were asked, in microseconds.
    pub micros: u64,
    /// Why there is no answer, where there should be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What each layer said.
    #[serde(skip)]
    pub layers: Vec<Told>,
}

impl Record {
    /// Why there is no answer, in a sentence that can stand alone: with interpreter, operation and object, as far
    /// as there are any.
    pub fn complaint(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let Some(interpreter) = &self.interpreter else { return Some(error.clone()) };
        // Libraries begin with that themselves.
        if error.starts_with(&format!("{interpreter}: ")) {
            return Some(error.clone());
        }
        let key = [&self.namespace, &self.name].into_iter().filter(|part| !part.is_empty());
        let key = key.cloned().collect::<Vec<_>>().join("/");
        Some(format!("{interpreter}: {:?} of {} {key}: {error}", self.operation, self.kind))
    }

    fn answered(&mut self, layer: Layer, interpreter: String) {
        self.layer = Some(layer_name(layer));
        self.rule = Some(interpreter.clone());
        self.interpreter = Some(interpreter);
    }
}

/// What one layer said.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The layer.
    pub layer: Layer,
    /// Name of its interpreter, if it has one for the kind and operation.
    pub interpreter: Option<String>,
    /// What it said, or why it was not asked.
    pub said: String,
    /// How long it took.
    pub time: Option<Duration>,
}

/// The short name of a layer.
pub fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::UserCustomization => "user",
        Layer::Webhook => "webhook",
        Layer::Addon => "addon",
        Layer::Bundled => "bundled",
        Layer::Native => "native",
        Layer::Generic => "generic",
    }
}

/// Asks about one object.
pub fn ask(engine: &Engine, inquiry: &Inquiry, subject: &Subject) -> Record {
    let mut record = Record {
        file: subject.file.clone(),
        api_version: String::new(),
        kind: String::new(),
        namespace: String::new(),
        name: String::new(),
        operation: inquiry.operation,
        layer: None,
        interpreter: None,
        rule: None,
        value: Value::Null,
        reason: String::new(),
        message: String::new(),
        micros: 0,
        error: None,
        layers: Vec::new(),
    };
    let object = match &subject.object {
        Ok(object) => object,
        Err(fault) => {
            record.error = Some(fault.to_string());
            return record;
        }
    };
    record.api_version = object.api_version().to_owned();
    record.kind = object.kind().to_owned();
    record.namespace = object.namespace().to_owned();
    record.name = object.name().to_owned();
    let question = match question(inquiry, object) {
        Ok(question) => question,
        Err(message) => {
            record.error = Some(message);
            return record;
        }
    };
    let steps = engine.explain(&question, inquiry.layer);
    let time: Duration = steps.iter().map(|step| step.time).sum();
    record.micros = u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
    record.layers = layers(&steps, inquiry.layer);
    match steps.into_iter().last() {
        Some(Step { layer, interpreter, answer: Answer::Value(given), .. }) => {
            record.answered(layer, interpreter);
            fill(&mut record, given);
        }
        Some(Step { layer, interpreter, answer: Answer::Failed(error), .. }) => {
            record.answered(layer, interpreter);
            record.error = Some(error.to_string());
        }
        _ => unanswered(&mut record, inquiry, object),
    }
    record
}

fn question<'a>(inquiry: &'a Inquiry, object: &'a Object) -> Result<Question<'a>, String> {
    let object_ref = Cow::Borrowed(object);
    Ok(match inquiry.operation {
        Operation::InterpretReplica => Question::InterpretReplica { object: object_ref },
        Operation::InterpretComponent => Question::InterpretComponent { object: object_ref },
        Operation::InterpretDependency => Question::InterpretDependency { object: object_ref },
        Operation::InterpretStatus => Question::InterpretStatus { object: object_ref },
        Operation::InterpretHealth => Question::InterpretHealth { object: object_ref },
        Operation::ReviseReplica => {
            let replicas = inquiry.replicas.ok_or("ReviseReplica needs a number of replicas")?;
            Question::ReviseReplica { object: object_ref, replicas }
        }
        Operation::Retain => {
            let observed = match inquiry.observed.as_slice() {
                [one] => one,
                several => several
                    .iter()
                    .find(|one| one.reference() == object.reference())
                    .ok_or_else(|| format!("Retain needs what the member has of {}", object.reference()))?,
            };
            Question::Retain { desired: object_ref, observed: Cow::Borrowed(observed) }
        }
        Operation::AggregateStatus => {
            Question::AggregateStatus { template: object_ref, items: Cow::Borrowed(&inquiry.items) }
        }
        Operation::Localize => Question::Localize { object: object_ref, cluster: Cow::Borrowed(&inquiry.cluster) },
    })
}

fn fill(record: &mut Record, given: Given) {
    let value = match given {
        Given::Health(report) => {
            record.reason = report.reason;
            record.message = report.message;
            if !report.rule.is_empty() {
                record.rule = Some(report.rule.into_owned());
            }
            serde_json::to_value(report.health)
        }
        Given::Replicas(info) => serde_json::to_value(info),
        Given::Components(components) => serde_json::to_value(components),
        Given::Object(object) => Ok(object.into_value()),
        Given::Dependencies(dependencies) => serde_json::to_value(dependencies),
        Given::Status(value) => Ok(value),
    };
    match value {
        Ok(value) => record.value = value,
        Err(error) => record.error = Some(format!("the answer is no JSON: {error}")),
    }
}

/// What the engine makes of it when no layer answers.
fn unanswered(record: &mut Record, inquiry: &Inquiry, object: &Object) {
    record.message = format!("no interpreter answers {:?} for {}", inquiry.operation, object.gvk());
    match inquiry.operation {
        Operation::InterpretHealth => record.value = serde_json::to_value(Health::Unknown).unwrap_or_default(),
        Operation::InterpretStatus if inquiry.layer.is_none() => {
            record.value = object.status().cloned().unwrap_or_default();
            record.message.push_str(": the whole status is reported");
        }
        _ => {}
    }
}

/// A line for every layer, in the order in which they are asked.
fn layers(steps: &[Step], only: Option<Layer>) -> Vec<Told> {
    let answered = steps.iter().find(|step| step.answer != Answer::NotHandled).map(|step| step.layer);
    let told = |layer: Layer| match steps.iter().find(|step| step.layer == layer) {
        Some(step) => Told {
            layer,
            interpreter: Some(step.interpreter.clone()),
            said: match &step.answer {
                Answer::Value(_) => "answered".to_owned(),
                Answer::NotHandled => "left it to the next".to_owned(),
                Answer::Failed(error) => format!("failed: {error}"),
            },
            time: Some(step.time),
        },
        None => {
            let said = match (only, answered) {
                (Some(only), _) if only != layer => format!("not asked: only {} is", layer_name(only)),
                (_, Some(by)) if by < layer => format!("not asked: {} comes first", layer_name(by)),
                _ => "has nothing for this kind and operation".to_owned(),
            };
            Told { layer, interpreter: None, said, time: None }
        }
    };
    Layer::ALL.into_iter().map(told).collect()
}

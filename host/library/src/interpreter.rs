//! [`load`]: an interpreter out of a library.

use std::{borrow::Cow, path::Path, sync::Arc, time::Duration};

use outrigger_interpreter::{
    Answer, ClusterFacts, Component, Dependency, Given, HealthReport, Interpreter, Operations, Question, ReplicaInfo,
    StatusItem, Support,
    abi::{Call, Hello, UNWINDS, read},
};
use outrigger_object::{Gvk, Object};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::{Error, Form, Problem},
    raw::{INTERPRETER, Raw},
    workers::{Failure, Workers},
};

/// How long introducing itself may take, including what a library does when it is first called.
const INTRODUCTION: Duration = Duration::from_secs(10);

/// What a library may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long one call may take.
    pub deadline: Duration,
    /// How many calls may run at once, each on a thread.
    pub threads: usize,
    /// The longest answer, in bytes.
    pub answer_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(1), threads: 4, answer_limit: 16 << 20 }
    }
}

/// Loads a library and gives its interpreter. Loading a file again gives what is loaded already, so a new version
/// needs a new name. Blocks while the library starts, for ten seconds at most.
///
/// # Errors
///
/// When there is no such file, it is not a library, exports no interpreter or speaks another version, and when
/// it does not introduce itself.
pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Arc<dyn Interpreter>, Error> {
    let path = path.as_ref();
    open(path, options).map_err(|problem| Error { path: path.to_owned(), problem })
}

fn open(path: &Path, options: Options) -> Result<Arc<dyn Interpreter>, Problem> {
    let (workers, hello) = introduced(path, options, &INTERPRETER)?;
    let hello: Hello = read(&hello).map_err(|error| Problem::Hello(error.to_string()))?;
    check(&hello.features)?;
    if hello.name.is_empty() {
        return Err(Problem::Hello("it has no name".to_owned()));
    }
    tracing::info!(path = %path.display(), name = hello.name, built_with = hello.built_with, "loaded a library");
    Ok(Arc::new(Library { hello, workers: Arc::new(workers), options, member: None }))
}

/// Loads a library, and asks it who it is.
pub(crate) fn introduced(
    path: &Path,
    options: Options,
    form: &'static Form,
) -> Result<(Workers, crate::raw::Given), Problem> {
    let raw = Raw::open(path, form)?;
    let file = path.file_stem().unwrap_or_default().to_string_lossy();
    let workers = Workers::new(raw, &file, options.threads);
    let hello = workers.ask(|_| {}, INTRODUCTION).map_err(|failure| match failure {
        Failure::NoThread(message) => Problem::NoThread(std::io::Error::other(message)),
        failure => Problem::Hello(failure.to_string()),
    })?;
    Ok((workers, hello))
}

/// Refuses a library whose panics would end the process.
pub(crate) fn check(features: &[String]) -> Result<(), Problem> {
    if features.iter().any(|feature| feature == UNWINDS) { Ok(()) } else { Err(Problem::Aborts) }
}

/// The interpreter of a library.
pub(crate) struct Library {
    pub hello: Hello,
    pub workers: Arc<Workers>,
    pub options: Options,
    /// Of an addon: which of its interpreters this is.
    pub member: Option<(Arc<Set>, usize)>,
}

/// The interpreters that an addon made for one configuration; the addon may let go of them when this is dropped.
pub(crate) struct Set {
    pub number: u64,
    pub workers: Arc<Workers>,
    pub options: Options,
}

impl Drop for Set {
    fn drop(&mut self) {
        let forget = outrigger_addon::abi::Call::Forget(self.number);
        let write = |buffer: &mut Vec<u8>| drop(serde_json::to_writer(buffer, &forget));
        // A library that does not answer keeps them, which is its own loss.
        let _ = self.workers.ask(write, self.options.deadline);
    }
}

/// A call of one of an addon's interpreters; [`outrigger_addon::abi::Call::Interpret`], without a copy.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
enum Asked<'a> {
    Interpret { set: u64, index: usize, call: &'a Call<'a> },
}

impl Library {
    /// Calls, and reads what comes back.
    fn call<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, outrigger_interpreter::Error> {
        use outrigger_interpreter::Error;
        let write = |buffer: &mut Vec<u8>| {
            // A vector takes everything, and JSON values are always writable as JSON.
            let _ = match &self.member {
                None => serde_json::to_writer(buffer, call),
                Some((set, index)) => {
                    serde_json::to_writer(buffer, &Asked::Interpret { set: set.number, index: *index, call })
                }
            };
        };
        let given = self.workers.ask(write, self.options.deadline).map_err(|failure| match failure {
            Failure::Broke => Error::internal(failure),
            _ => Error::limit(failure),
        })?;
        if given.len() > self.options.answer_limit {
            let limit = self.options.answer_limit;
            return Err(Error::limit(format_args!("the answer has {} bytes; at most {limit} are taken", given.len())));
        }
        read(&given).map_err(|error| Error::internal(format_args!("not an answer: {error}")))
    }

    /// Asks, and takes the form of answer that belongs to the question.
    fn ask<T>(&self, question: Question<'_>, take: impl FnOnce(Given) -> Option<T>) -> Answer<T> {
        let question = Call::Question(question);
        let answer = self.call(&question).unwrap_or_else(Answer::Failed);
        match answer {
            Answer::NotHandled => Answer::NotHandled,
            Answer::Value(given) => take(given)
                .ok_or_else(|| {
                    self.failure(&question, outrigger_interpreter::Error::internal("an answer to another question"))
                })
                .into(),
            Answer::Failed(error) => Answer::Failed(self.failure(&question, error)),
        }
    }

    /// The error, with what it is about.
    fn failure(&self, call: &Call<'_>, error: outrigger_interpreter::Error) -> outrigger_interpreter::Error {
        let Call::Question(question) = call else { return error };
        let object = question.object();
        let about = format!("{}: {:?} of {} {}", self.hello.name, question.operation(), object.kind(), object.key());
        error.within(about)
    }

    fn changed(&self, question: Question<'_>) -> Answer<Object> {
        self.ask(question, |given| match given {
            Given::Object(object) => Some(object),
            _ => None,
        })
    }
}

impl Interpreter for Library {
    fn name(&self) -> &str {
        &self.hello.name
    }

    fn supports(&self) -> Vec<Support> {
        self.hello.supports.clone()
    }

    fn is_open(&self) -> bool {
        self.hello.open
    }

    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        let told = self.call(&Call::SupportsKind(Cow::Borrowed(gvk)));
        told.unwrap_or_else(|error| {
            tracing::warn!(name = self.hello.name, %gvk, %error, "a library does not say whether it knows a kind");
            Operations::default()
        })
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        self.ask(Question::InterpretReplica { object: Cow::Borrowed(object) }, |given| match given {
            Given::Replicas(info) => Some(info),
            _ => None,
        })
    }

    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        self.ask(Question::InterpretComponent { object: Cow::Borrowed(object) }, |given| match given {
            Given::Components(components) => Some(components),
            _ => None,
        })
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        self.changed(Question::ReviseReplica { object: Cow::Owned(object), replicas })
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        self.changed(Question::Retain { desired: Cow::Owned(desired), observed: Cow::Borrowed(observed) })
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        self.changed(Question::AggregateStatus { template: Cow::Owned(template), items: Cow::Borrowed(items) })
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        self.ask(Question::InterpretDependency { object: Cow::Borrowed(object) }, |given| match given {
            Given::Dependencies(dependencies) => Some(dependencies),
            _ => None,
        })
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        self.ask(Question::InterpretStatus { object: Cow::Borrowed(object) }, |given| match given {
            Given::Status(status) => Some(status),
            _ => None,
        })
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        self.ask(Question::InterpretHealth { object: Cow::Borrowed(object) }, |given| match given {
            Given::Health(report) => Some(report),
            _ => None,
        })
    }

    fn localize(&self, object: Object, cluster: &ClusterFacts) -> Answer<Object> {
        self.changed(Question::Localize { object: Cow::Owned(object), cluster: Cow::Borrowed(cluster) })
    }

    fn has_started(&self, observed: &Object) -> bool {
        self.call(&Call::HasStarted(Cow::Borrowed(observed))).unwrap_or_else(|error| {
            tracing::warn!(name = self.hello.name, object = %observed.key(), %error, "a library does not say whether an object has started");
            // What holds for kinds that nobody knows.
            observed.status().and_then(Value::as_object).is_some_and(|status| !status.is_empty())
        })
    }
}

//! [`Hook`]: one webhook as an interpreter.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use bytes::Bytes;
use outrigger_api::config::RuleWithOperations;
use outrigger_interpreter::{
    Answer, Component, Dependency, HealthReport, Interpreter, Operation, Operations, ReplicaInfo, StatusItem, Support,
};
use outrigger_object::{Gvk, Object};
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{
    Error, ErrorKind, Metrics,
    line::Line,
    protocol::{self, Question, Response},
    rules,
    webhooks::Calls,
};

/// The caller gives up this long after the deadline, should the call not have ended by itself.
const GRACE: Duration = Duration::from_millis(500);

/// One webhook.
pub(crate) struct Hook {
    /// `webhook/<configuration>/<name>`: by these Karmada, too, decides who comes first.
    pub name: String,
    /// `<configuration>/<name>`.
    pub id: String,
    pub rules: Vec<RuleWithOperations>,
    /// Kinds that it lists, or that another hook lists and its rules match.
    pub supports: Vec<Support>,
    pub timeout: Duration,
    /// Why it cannot be asked, if its configuration is wrong.
    pub line: Result<Arc<Line>, Error>,
    pub calls: Arc<Calls>,
    pub metrics: Metrics,
}

impl Hook {
    /// Asks the hook, and reads its answer.
    fn ask<T>(
        &self,
        question: &Question<'_>,
        read: impl FnOnce(Response) -> Result<T, Error>,
    ) -> Result<T, outrigger_interpreter::Error> {
        let started = Instant::now();
        let result = self.response(question).and_then(read);
        let word = result.as_ref().map_or_else(Error::word, |_| "ok");
        let operation = rules::name_of(question.operation).unwrap_or_default();
        self.metrics.called(&self.id, operation, word, started.elapsed());
        result.map_err(|error| self.failure(question, &error))
    }

    fn response(&self, question: &Question<'_>) -> Result<Response, Error> {
        let line = self.line.clone()?;
        let uid = uuid::Uuid::new_v4().to_string();
        let body = Bytes::from(question.write(&uid)?);
        let allowed = self.timeout;
        let (sender, receiver) = mpsc::sync_channel(1);
        let call = self.calls.spawn(async move {
            // Nobody listens any more when the caller has given up.
            let _ = sender.send(line.call(body, allowed).await);
        });
        let received = wait(|| receiver.recv_timeout(allowed + GRACE));
        call.abort();
        match received {
            Ok(body) => protocol::read(&body?, &uid),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(Error::Timeout { allowed, before: None }),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(Error::Broken("calls of webhooks have ended".to_owned())),
        }
    }

    fn failure(&self, question: &Question<'_>, error: &Error) -> outrigger_interpreter::Error {
        let object = question.object;
        let message = format!("{}: {:?} of {} {}: {error}", self.name, question.operation, object.kind(), object.key());
        match error.kind() {
            ErrorKind::Invalid if !matches!(error, Error::Configuration(_)) => {
                outrigger_interpreter::Error::invalid(message)
            }
            ErrorKind::Transient => outrigger_interpreter::Error::limit(message),
            _ => outrigger_interpreter::Error::internal(message),
        }
    }
}

/// Waits in the way that the caller's runtime allows: see the crate's documentation.
fn wait<T>(receive: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(receive),
        _ => receive(),
    }
}

/// A question about one object.
fn about(operation: Operation, object: &Object) -> Question<'_> {
    Question { operation, object, observed: None, replicas: 0, items: &[] }
}

impl Interpreter for Hook {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self) -> Vec<Support> {
        self.supports.clone()
    }

    fn is_open(&self) -> bool {
        rules::is_open(&self.rules)
    }

    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        rules::operations_of(&self.rules, gvk)
    }

    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        self.ask(&about(Operation::InterpretReplica, object), Response::replicas).into()
    }

    fn components(&self, object: &Object) -> Answer<Vec<Component>> {
        self.ask(&about(Operation::InterpretComponent, object), Response::components).into()
    }

    fn revise_replicas(&self, object: Object, replicas: i64) -> Answer<Object> {
        let question = Question { replicas, ..about(Operation::ReviseReplica, &object) };
        self.patched(&question).into()
    }

    fn retain(&self, desired: Object, observed: &Object) -> Answer<Object> {
        let question = Question { observed: Some(observed), ..about(Operation::Retain, &desired) };
        self.patched(&question).into()
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        let question = Question { items, ..about(Operation::AggregateStatus, &template) };
        self.patched(&question).into()
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        self.ask(&about(Operation::InterpretDependency, object), Response::dependencies).into()
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        self.ask(&about(Operation::InterpretStatus, object), Response::status).into()
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        self.ask(&about(Operation::InterpretHealth, object), Response::health).into()
    }
}

impl Hook {
    fn patched(&self, question: &Question<'_>) -> Result<Object, outrigger_interpreter::Error> {
        self.ask(question, |response| response.patched(question.object.clone()))
    }
}

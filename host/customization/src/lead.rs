//! The control plane: stages what changed, swaps it in, reports.

use std::{sync::Arc, time::Duration};

use outrigger_interpreter::Interpreter;
use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{
    Clock, Discovery, Error, Outcome, Patch, Queue, Reconciler, Recorder, Result, Subresource, conditions,
};
use serde_json::{Value, json};

use crate::{
    Shared,
    compile::{compile, scope},
    follow,
    kinds::{self, CASES_PASSED, COMPILED, CONFLICTS, IN_USE, LastGood, Status},
    registry::{Good, Known},
    sample::samples,
    source::{Key, Kind},
    stage::{Check, Verdict, judge},
};

/// How often counts are written, where they have changed.
const COUNTS: Duration = Duration::from_secs(60);

/// See the module.
pub struct Lead {
    shared: Arc<Shared>,
    queue: Queue<Key>,
    discovery: Discovery,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
}

impl Lead {
    pub fn new(shared: Arc<Shared>, queue: Queue<Key>, recorder: Recorder, clock: Arc<dyn Clock>) -> Self {
        let discovery = Discovery::new(shared.client.clone());
        Self { shared, queue, discovery, recorder, clock }
    }
}

impl Reconciler for Lead {
    const NAME: &'static str = "customizations";
    type Key = Key;

    async fn reconcile(&self, key: &Key) -> Result<Outcome> {
        let Some(object) = self.shared.informer(key.kind).get(&key.object_key()) else {
            let mut registry = self.shared.registry.lock();
            if registry.remove(key) {
                self.shared.install(&mut registry);
                registry.keys().for_each(|other| self.queue.add(other));
            }
            return Ok(Outcome::Skipped("it is gone"));
        };
        let body = object.get(&[key.kind.body()]).cloned().unwrap_or_default();
        let known = self.shared.registry.lock().get(key).cloned().unwrap_or_default();
        let known = match &known.judged {
            Some((judged, _)) if **judged == body => known,
            _ => self.stage(key, &object, body, &known).await,
        };
        if let Some((_, verdict)) = &known.judged {
            let status = self.status(key, &object, &known, verdict);
            self.write(key, &object, &status).await?;
        }
        Ok(Outcome::Waiting(COUNTS))
    }
}

impl Lead {
    /// Judges a state that is new, and uses it if it is good.
    async fn stage(&self, key: &Key, object: &Object, body: Value, known: &Known) -> Known {
        let compiled = compile(key, object);
        // What is in use already, as after a restart, need not be compared with itself.
        let in_use = known.good.as_ref().is_some_and(|good| *good.body == body);
        let samples = match &compiled {
            Ok(compiled) if !in_use => samples(&self.shared.client, &self.discovery, &compiled.gvks()).await,
            _ => Vec::new(),
        };
        let verdict = judge(&self.shared.engine, compiled.as_ref().map_err(String::as_str), &samples);
        let body = Arc::new(body);
        let mut registry = self.shared.registry.lock();
        let entry = registry.entry(key);
        entry.judged = Some((body.clone(), verdict.clone()));
        match compiled {
            Ok(compiled) if verdict.is_good() && !in_use => {
                entry.good = Some(Good { generation: object.generation(), compiled: Arc::new(compiled), body });
                let staged = entry.clone();
                self.shared.install(&mut registry);
                registry.keys().filter(|other| other != key).for_each(|other| self.queue.add(other));
                self.recorder.normal(object, "InterpreterInUse", verdict.usable.message);
                staged
            }
            _ => {
                let staged = entry.clone();
                if !verdict.is_good() {
                    let stays = staged.good.as_ref().map_or("nothing is used in its place".to_owned(), |good| {
                        format!("generation {} stays in use", good.generation)
                    });
                    let message = format!("{}; {stays}", verdict.why_not());
                    self.recorder.warn(object, "InterpreterRejected", message);
                }
                staged
            }
        }
    }

    fn status(&self, key: &Key, object: &Object, known: &Known, verdict: &Verdict) -> Status {
        let before = follow::status(&self.shared, key, object).unwrap_or_default();
        let (interpreters, problems) = {
            let registry = self.shared.registry.lock();
            (registry.interpreters(key), registry.problems(key))
        };
        let (kinds, operations) = scope(&interpreters);
        let mut status = Status {
            observed_generation: object.generation(),
            conditions: before.conditions,
            kinds,
            operations,
            last_good: known
                .good
                .as_ref()
                .filter(|_| !verdict.is_good())
                .map(|good| LastGood { generation: good.generation, body: Value::clone(&good.body) }),
            ..Status::default()
        };
        let conflicts = self.conflicts(&interpreters);
        let mut usable = verdict.usable.clone();
        if verdict.is_good() && !conflicts.is_empty() && self.is_overruled(&interpreters) {
            usable = Check { passed: Some(false), reason: "Overruled", message: conflicts.join("; ") };
        }
        let conflicting = Check {
            passed: Some(!conflicts.is_empty()),
            reason: if conflicts.is_empty() { "NoConflicts" } else { "SameQuestions" },
            message: conflicts.join("; "),
        };
        let mut compiled = verdict.compiled.clone();
        if !problems.is_empty() {
            compiled = Check { passed: Some(false), reason: "HookUnusable", message: problems.join("; ") };
        }
        let checks =
            [(COMPILED, &compiled), (CASES_PASSED, &verdict.cases), (IN_USE, &usable), (CONFLICTS, &conflicting)];
        for (name, check) in checks {
            let mut new =
                conditions::condition(name, check.passed, check.reason, check.message.clone(), self.clock.now());
            new.observed_generation = Some(object.generation());
            conditions::set(&mut status.conditions, new);
        }
        self.count(&interpreters, &mut status);
        status
    }

    /// Fills in how the interpreters have done.
    fn count(&self, interpreters: &[Arc<dyn Interpreter>], status: &mut Status) {
        let mut time = Duration::ZERO;
        for one in self.shared.engine.statistics() {
            if interpreters.iter().any(|interpreter| interpreter.name() == one.interpreter) {
                status.calls += i64::try_from(one.calls).unwrap_or(i64::MAX);
                status.failures += i64::try_from(one.failures).unwrap_or(i64::MAX);
                time += one.time;
                if let Some(failure) = one.last_failure {
                    status.last_failure = failure.to_string();
                }
            }
        }
        let average = time.as_micros().checked_div(u128::try_from(status.calls).unwrap_or(0)).unwrap_or(0);
        status.average_micros = i64::try_from(average).unwrap_or(i64::MAX);
    }

    fn conflicts(&self, interpreters: &[Arc<dyn Interpreter>]) -> Vec<String> {
        let ours = |name: &str| interpreters.iter().any(|one| one.name() == name);
        let conflicts = self.shared.engine.conflicts().into_iter();
        conflicts.filter(|one| ours(&one.winner) || ours(&one.loser)).map(|one| one.to_string()).collect()
    }

    /// Whether others answer all that these could.
    fn is_overruled(&self, interpreters: &[Arc<dyn Interpreter>]) -> bool {
        let routes = self.shared.engine.routes();
        !routes.iter().any(|route| interpreters.iter().any(|one| one.name() == route.interpreter))
    }

    async fn write(&self, key: &Key, object: &Object, status: &Status) -> Result<()> {
        if follow::status(&self.shared, key, object).as_ref() == Some(status) {
            return Ok(());
        }
        let mut value = serde_json::to_value(status).map_err(|error| Error::internal(error.to_string()))?;
        for optional in ["lastGood", "lastFailure"] {
            if value.get(optional).is_none() {
                value[optional] = Value::Null;
            }
        }
        let (resource, name) = match key.kind {
            Kind::Interpreter => (key.kind.resource(), key.object_key()),
            _ => {
                let name = ObjectKey::new("", kinds::report_name(key));
                if self.shared.reports.get(&name).is_none() {
                    self.shared.client.apply(&kinds::report(), &kinds::new_report(key, object), true).await?;
                }
                (kinds::report(), name)
            }
        };
        let patch = Patch::Merge(json!({ "status": value }));
        match self.shared.client.patch(&resource, &name, &patch, Subresource::Status).await {
            Err(error) if error.is_not_found() => Ok(()),
            result => result.map(|_| ()),
        }
    }
}

//! Whether a change may be used: pure.
//!
//! | Step | Fails when |
//! |---|---|
//! | Compiled | the object is not understood |
//! | CasesPassed | one of its own cases does not pass |
//! | InUse | it fails on a live object that is answered without it |
//!
//! A difference on live objects is no failure, since differing is what an interpreter is for; it is said.

use std::borrow::Cow;

use outrigger_engine::{Engine, Layer, cases};
use outrigger_interpreter::{Answer, Given, Interpreter, Question, StatusItem};
use outrigger_object::Object;

use crate::{compile::Compiled, sample::Sample};

/// How many differences are told one by one.
const TOLD: usize = 3;

/// What one step came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Whether it passed; `None` when an earlier one did not.
    pub passed: Option<bool>,
    /// CamelCase word.
    pub reason: &'static str,
    /// Sentence.
    pub message: String,
}

impl Check {
    fn new(passed: bool, reason: &'static str, message: impl Into<String>) -> Self {
        Self { passed: Some(passed), reason, message: message.into() }
    }

    /// For InUse, where an earlier step failed.
    fn unused() -> Self {
        Self { passed: Some(false), ..Self::skipped() }
    }

    fn skipped() -> Self {
        Self { passed: None, reason: "NotReached", message: "an earlier step failed".to_owned() }
    }
}

/// What all steps came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The object compiles.
    pub compiled: Check,
    /// Its cases pass.
    pub cases: Check,
    /// It may be used.
    pub usable: Check,
}

impl Verdict {
    /// Whether the change is used.
    pub fn is_good(&self) -> bool {
        self.usable.passed == Some(true)
    }

    /// Why not.
    pub fn why_not(&self) -> &str {
        let steps = [&self.compiled, &self.cases, &self.usable];
        steps.into_iter().find(|check| check.passed == Some(false)).map_or("", |check| &check.message)
    }
}

/// Judges a change, beside an engine that does not have it yet.
pub fn judge(engine: &Engine, compiled: Result<&Compiled, &str>, samples: &[Sample]) -> Verdict {
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(message) => {
            let compiled = Check::new(false, "DoesNotCompile", message);
            return Verdict { compiled, cases: Check::skipped(), usable: Check::unused() };
        }
    };
    let told = Check::new(true, "Compiled", "");
    let cases = run_cases(compiled);
    if cases.passed == Some(false) {
        return Verdict { compiled: told, cases, usable: Check::unused() };
    }
    Verdict { compiled: told, cases, usable: compare(engine, compiled, samples) }
}

fn run_cases(compiled: &Compiled) -> Check {
    if compiled.cases.is_empty() {
        return Check::new(true, "NoCases", "it brings no cases");
    }
    let engine = Engine::empty();
    engine.install(Layer::UserCustomization, compiled.interpreters.clone());
    let outcomes = compiled.cases.iter().map(|case| cases::run(&engine, case));
    let failed: Vec<String> = outcomes.filter(|one| !one.passed()).map(|one| one.to_string()).collect();
    let count = compiled.cases.len();
    match failed.first() {
        None => Check::new(true, "Passed", format!("{count} cases passed")),
        Some(first) => Check::new(false, "CaseFailed", format!("{} of {count} cases failed: {first}", failed.len())),
    }
}

fn compare(engine: &Engine, compiled: &Compiled, samples: &[Sample]) -> Check {
    let mut differences = Vec::new();
    for sample in samples {
        for interpreter in &compiled.interpreters {
            for question in sample.questions() {
                if !supports(&**interpreter, &question) {
                    continue;
                }
                let now = engine.explain(&question, None).pop().map_or(Answer::NotHandled, |step| step.answer);
                let then = question.clone().put_to(&**interpreter);
                let what = || format!("{:?} of {}", question.operation(), question.object().reference());
                match (now, then) {
                    (Answer::Value(_), Answer::Failed(error)) => {
                        let message = format!("{} is answered now, and would fail: {error}", what());
                        return Check::new(false, "FailsOnLiveObjects", message);
                    }
                    (Answer::Value(now), Answer::Value(then)) if !same(&now, &then) => differences.push(what()),
                    _ => {}
                }
            }
        }
    }
    let message = match differences.len() {
        0 => format!("compared on {} live objects", samples.len()),
        count => {
            let first: Vec<_> = differences.into_iter().take(TOLD).collect();
            format!("compared on {} live objects: {count} answers differ, such as {}", samples.len(), first.join(", "))
        }
    };
    Check::new(true, "InUse", message)
}

/// The verdict on health counts, not how it is worded.
fn same(now: &Given, then: &Given) -> bool {
    match (now, then) {
        (Given::Health(now), Given::Health(then)) => now.health == then.health,
        _ => now == then,
    }
}

fn supports(interpreter: &dyn Interpreter, question: &Question<'_>) -> bool {
    let gvk = question.object().gvk();
    let listed = interpreter.supports().into_iter().find(|support| support.gvk == gvk);
    listed.is_some_and(|support| support.operations.contains(question.operation()))
}

impl Sample {
    /// What can be asked about a live template: itself, and its copies in members as their statuses show them.
    fn questions(&self) -> Vec<Question<'_>> {
        let object = || Cow::Borrowed(&self.template);
        let mut questions = vec![
            Question::InterpretReplica { object: object() },
            Question::InterpretComponent { object: object() },
            Question::InterpretDependency { object: object() },
        ];
        if !self.items.is_empty() {
            questions.push(Question::AggregateStatus { template: object(), items: Cow::Borrowed(&self.items) });
        }
        for item in self.items.iter().filter(|item| item.status.is_some()) {
            let member = in_member(&self.template, item);
            questions.push(Question::InterpretHealth { object: Cow::Owned(member.clone()) });
            questions.push(Question::InterpretStatus { object: Cow::Owned(member) });
        }
        questions
    }
}

fn in_member(template: &Object, item: &StatusItem) -> Object {
    let mut object = template.clone();
    if let Some(status) = &item.status {
        object.set(&["status"], status.clone());
    }
    object
}

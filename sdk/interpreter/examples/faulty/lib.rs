//! An interpreter that does what an interpreter must not do: for tests of hosts. What it does stands in
//! `spec.do` of the object that it is asked about.

use std::{path::Path, thread, time::Duration};

use outrigger_interpreter::{
    Answer, Error, Health, HealthReport, Interpreter, Operation, Operations, ReplicaInfo, Support,
};
use outrigger_object::{Gvk, Object};
use serde_json::Value;

struct Faulty;

impl Default for Faulty {
    /// Its panics are many, and meant.
    fn default() -> Self {
        std::panic::set_hook(Box::new(|_| {}));
        Self
    }
}

/// A panic that panics again when it is thrown away.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the second panic");
    }
}

impl Interpreter for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn supports(&self) -> Vec<Support> {
        let operations = [Operation::InterpretHealth, Operation::InterpretReplica, Operation::Retain];
        let gvk = Gvk::new("examples.outrigger.io", "v1", "Faulty");
        vec![Support { gvk, operations: operations.into_iter().collect(), life_cycle: None, unmarked: true }]
    }

    fn is_open(&self) -> bool {
        true
    }

    fn supports_kind(&self, gvk: &Gvk) -> Operations {
        let known = gvk.group == "faults.outrigger.io";
        known.then_some(Operation::InterpretHealth).into_iter().collect()
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        match object.str(&["spec", "do"]).unwrap_or_default() {
            "panic" => panic!("no {}", object.name()),
            "bomb" => std::panic::panic_any(Bomb),
            "hang" => loop {
                thread::park();
            },
            // As long as a file is not there.
            "wait" => {
                let file = object.str(&["spec", "file"]).unwrap_or_default();
                while !Path::new(file).exists() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            "fail" => return Answer::Failed(Error::invalid("spec.do: it says so")),
            "pass" => return Answer::NotHandled,
            _ => {}
        }
        Answer::Value(Health::Healthy.into())
    }

    /// As many as the object says, so that a caller can tell its own answer from others.
    fn replicas(&self, object: &Object) -> Answer<ReplicaInfo> {
        Answer::Value(ReplicaInfo { replicas: object.int(&["spec", "n"]).unwrap_or_default(), requirements: None })
    }

    /// Something far longer than what it was given.
    fn retain(&self, mut desired: Object, _: &Object) -> Answer<Object> {
        desired.set(&["spec", "more"], Value::String("x".repeat(1 << 20)));
        Answer::Value(desired)
    }

    fn has_started(&self, observed: &Object) -> bool {
        match observed.str(&["spec", "do"]) {
            Some("panic") => panic!("has it started?"),
            started => started == Some("start"),
        }
    }
}

outrigger_interpreter::export_interpreter!(Faulty);

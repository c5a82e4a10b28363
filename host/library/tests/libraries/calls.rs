//! Every operation crosses, and gives what the same code gives when it is linked in.

use std::{borrow::Cow, sync::Barrier};

use outrigger_interpreter::{Answer, ErrorKind, Operations, Question, StatusItem};
use outrigger_object::{Gvk, Object};
use serde_json::{Value, json};

use crate::build::{example, loaded, object};

#[path = "../../../../sdk/interpreter/examples/lantern/lantern.rs"]
mod lantern;

fn lamp(spec: Value, status: Value) -> Object {
    object(json!({"apiVersion": "examples.outrigger.io/v1", "kind": "Lantern",
        "metadata": {"name": "hall", "namespace": "n"}, "spec": spec, "status": status}))
}

fn questions(object: &Object) -> Vec<Question<'_>> {
    let observed = lamp(json!({"wick": 9}), Value::Null);
    let item = |status: Value| StatusItem { cluster_name: "a".to_owned(), status: Some(status), ..Default::default() };
    let items = vec![item(json!({"lit": 2, "state": "Dim"})), item(object.status().cloned().unwrap_or_default())];
    let object = || Cow::Borrowed(object);
    vec![
        Question::InterpretReplica { object: object() },
        Question::InterpretComponent { object: object() },
        Question::ReviseReplica { object: object(), replicas: 7 },
        Question::Retain { desired: object(), observed: Cow::Owned(observed) },
        Question::AggregateStatus { template: object(), items: Cow::Owned(items) },
        Question::InterpretDependency { object: object() },
        Question::InterpretStatus { object: object() },
        Question::InterpretHealth { object: object() },
    ]
}

#[test]
fn answers_are_those_of_the_code_linked_in() {
    let library = loaded(&example("lantern")).unwrap();
    let template = json!({"spec": {"nodeSelector": {"a": "ü"},
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}}]}});
    let mut failures = 0;
    for object in [
        lamp(json!({"lamps": 3, "oilSecret": "whale", "template": template}), json!({"lit": 3, "state": "Burning"})),
        lamp(json!({"lamps": "many", "oilSecret": 1, "template": []}), json!({"lit": "all", "state": 0})),
        lamp(Value::Null, json!("lit")),
    ] {
        for question in questions(&object) {
            let operation = question.operation();
            let (linked, crossed) = (question.clone().put_to(&lantern::Lantern), question.put_to(&*library));
            match (linked, crossed) {
                (Answer::Failed(linked), Answer::Failed(crossed)) => {
                    failures += 1;
                    assert_eq!(linked.kind(), crossed.kind());
                    let about = format!("lantern: {operation:?} of Lantern n/hall: {linked}");
                    assert_eq!(crossed.to_string(), about);
                }
                (linked, crossed) => assert_eq!(linked, crossed, "{operation:?}"),
            }
        }
    }
    assert!(failures > 3, "only {failures} of the questions fail");
}

#[test]
fn what_else_a_host_asks() {
    let faulty = loaded(&example("faulty")).unwrap();
    assert!(faulty.is_open() && faulty.supports()[0].unmarked);
    let known = faulty.supports_kind(&Gvk::new("faults.outrigger.io", "v1", "Any"));
    assert_eq!(known, faulty_health());
    assert_eq!(faulty.supports_kind(&Gvk::new("other.io", "v1", "Any")), Operations::default());
    let started = |spec: Value, status: Value| faulty.has_started(&object(json!({"spec": spec, "status": status})));
    assert!(started(json!({"do": "start"}), json!({})));
    assert!(!started(json!({"do": "wait"}), json!({"phase": "Done"})), "it says no");
    assert!(started(json!({"do": "panic"}), json!({"phase": "Done"})), "it says nothing: there is a status");
    assert!(!started(json!({"do": "panic"}), json!({})));
    let long = object(json!({"kind": "Faulty"}));
    let Answer::Value(kept) = faulty.retain(long.clone(), &long) else { panic!("no answer") };
    assert_eq!(kept.str(&["spec", "more"]).map(str::len), Some(1 << 20));
}

fn faulty_health() -> Operations {
    [outrigger_interpreter::Operation::InterpretHealth].into_iter().collect()
}

#[test]
fn a_thousand_calls_at_once() {
    let faulty = loaded(&example("faulty")).unwrap();
    let together = Barrier::new(100);
    std::thread::scope(|scope| {
        for caller in 0..100 {
            let (faulty, together) = (&faulty, &together);
            scope.spawn(move || {
                together.wait();
                for call in 0..10 {
                    let n = caller * 10 + call;
                    let own = object(json!({"spec": {"n": n}}));
                    assert_eq!(faulty.replicas(&own).map(|info| info.replicas), Answer::Value(n));
                }
            });
        }
    });
}

#[test]
fn nesting_past_what_json_readers_take_is_a_failure() {
    let faulty = loaded(&example("faulty")).unwrap();
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!({"a": deep});
    }
    let answer = faulty.health(&object(json!({"kind": "Faulty", "spec": deep})));
    assert!(
        matches!(&answer, Answer::Failed(error) if error.kind() == ErrorKind::Internal
        && error.to_string().contains("recursion limit")),
        "{answer:?}"
    );
}

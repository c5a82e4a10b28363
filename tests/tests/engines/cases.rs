//! The cases, and what every engine answers.

use std::borrow::Cow;

use outrigger_interpreter::{ClusterFacts, Operation, Question, StatusItem};
use outrigger_object::Object;
use serde_json::{Value, json};

use crate::engines::{ALL, shared};

pub fn lantern(spec: Value, status: Value) -> Object {
    let mut object = json!({"apiVersion": "examples.outrigger.io/v1", "kind": "Lantern",
        "metadata": {"name": "hall", "namespace": "n"}});
    for (name, value) in [("spec", spec), ("status", status)] {
        if !value.is_null() {
            object[name] = value;
        }
    }
    Object::from_value(object).expect("an object")
}

fn check(question: Question<'_>, expected: Value) {
    for one in ALL.iter() {
        for time in ["first", "second"] {
            let answer = one.engine.answer(question.clone()).answer;
            let text = format!("{answer:?}");
            assert_eq!(shared(answer), expected, "{}, {time} time: {:?}: {text}", one.name, question.operation());
        }
    }
}

fn spec(spec: Value) -> Cow<'static, Object> {
    Cow::Owned(lantern(spec, Value::Null))
}

fn status(status: Value) -> Cow<'static, Object> {
    Cow::Owned(lantern(json!({"lamps": 2}), status))
}

fn template(cpu: Value) -> Value {
    json!({"spec": {"nodeSelector": {"disk": "ssd"}, "containers": [
        {"name": "a", "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}}},
        {"name": "b", "resources": {"requests": {"cpu": "250m"}}}]}})
}

#[test]
fn replicas() {
    let requirements = json!({"nodeClaim": {"nodeSelector": {"disk": "ssd"}},
        "resourceRequest": {"cpu": "350m", "memory": "64Mi"}});
    let of = |value| Question::InterpretReplica { object: spec(value) };
    check(
        of(json!({"lamps": 3, "template": template(json!("100m"))})),
        json!({"replicas": {"replicas": 3, "requirements": requirements}}),
    );
    check(of(json!({"lamps": 0})), json!({"replicas": {"replicas": 0}}));
    check(of(json!({"wick": 1})), json!({"replicas": {"replicas": 1}}));
    check(of(Value::Null), json!({"replicas": {"replicas": 1}}));
    check(of(json!({"lamps": "many"})), json!("failed"));
    check(of(json!({"lamps": {"a": 1}})), json!("failed"));
    check(of(json!({"lamps": 1, "template": template(json!("a lot"))})), json!("failed"));
    check(of(json!({"lamps": 1, "template": {"spec": {"containers": "none"}}})), json!("failed"));

    let of = |value| Question::InterpretComponent { object: spec(value) };
    check(
        of(json!({"lamps": 3, "template": template(json!("100m"))})),
        json!({"components": [{"name": "lamp", "replicas": 3, "replicaRequirements": requirements}]}),
    );
    check(of(json!({"wick": 1})), json!({"components": [{"name": "lamp", "replicas": 1}]}));
    check(of(json!({"lamps": "many"})), json!("failed"));
    check(of(json!({"lamps": 1, "template": template(json!("a lot"))})), json!("failed"));
}

#[test]
fn revised_replicas() {
    let check = |from: Value, replicas: i64, to: Value| {
        let expected = json!({"object": lantern(to, json!({"lit": 1}))});
        check(Question::ReviseReplica { object: Cow::Owned(lantern(from, json!({"lit": 1}))), replicas }, expected);
    };
    check(json!({"lamps": 3, "wick": 1}), 7, json!({"lamps": 7, "wick": 1}));
    check(json!({"lamps": 3}), 0, json!({"lamps": 0}));
    check(
        json!({"list": [1, 2.5, "a", true], "text": "é\u{1F56F}"}),
        2,
        json!({"lamps": 2, "list": [1, 2.5, "a", true], "text": "é\u{1F56F}"}),
    );
}

#[test]
fn retained() {
    let check = |desired: Value, observed: Value, expected: Value| {
        let question = Question::Retain { desired: spec(desired), observed: spec(observed) };
        check(question, json!({"object": lantern(expected, Value::Null)}));
    };
    check(json!({"lamps": 1, "wick": 2}), json!({"lamps": 5, "wick": 9}), json!({"lamps": 1, "wick": 9}));
    check(json!({"lamps": 1}), json!({"wick": {"length": 4}}), json!({"lamps": 1, "wick": {"length": 4}}));
    check(json!({"lamps": 1, "wick": 2}), json!({"lamps": 5}), json!({"lamps": 1, "wick": 2}));
}

#[test]
fn aggregated_status() {
    let item = |cluster: &str, status: Value| StatusItem {
        cluster_name: cluster.to_owned(),
        status: (!status.is_null()).then_some(status),
        applied: true,
        ..StatusItem::default()
    };
    let of = |before: Value, items: Vec<StatusItem>| Question::AggregateStatus {
        template: status(before),
        items: items.into(),
    };
    let after = |after: Value| json!({"object": *status(after)});
    check(
        of(
            json!({"lit": 9, "state": "Out", "other": 1}),
            vec![item("a", json!({"lit": 2, "state": "Burning"})), item("b", json!({"lit": 1, "state": "Dim"}))],
        ),
        after(json!({"lit": 3, "state": "Dim", "other": 1})),
    );
    check(of(Value::Null, vec![item("a", json!({"lit": 2})), item("b", Value::Null)]), after(json!({"lit": 2})));
    check(of(json!({"lit": 9, "state": "Out"}), vec![item("a", json!({"lit": 2}))]), after(json!({"lit": 2})));
    check(of(json!({"lit": 9, "state": "Out"}), Vec::new()), after(json!({"lit": 0, "state": "Out"})));
    check(of(Value::Null, vec![item("a", json!({"lit": "two"}))]), json!("failed"));
    check(of(Value::Null, vec![item("a", json!({"lit": {"a": 1}}))]), json!("failed"));
}

#[test]
fn dependencies() {
    let of = |value| Question::InterpretDependency { object: spec(value) };
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "namespace": "n", "name": "whale"});
    check(of(json!({"oilSecret": "whale"})), json!({"dependencies": [secret]}));
    check(of(json!({"lamps": 1})), json!({"dependencies": []}));
    check(of(Value::Null), json!({"dependencies": []}));
    check(of(json!({"oilSecret": {"a": 1}})), json!("failed"));
}

#[test]
fn status_and_health() {
    let of = |value| Question::InterpretStatus { object: status(value) };
    check(
        of(json!({"lit": 3, "state": "Burning", "conditions": [{"type": "Ready"}]})),
        json!({"status": {"lit": 3, "state": "Burning"}}),
    );
    check(of(json!({"lit": 0, "smoke": 1})), json!({"status": {"lit": 0}}));
    let of = |value| Question::InterpretHealth { object: status(value) };
    check(of(json!({"state": "Burning"})), json!({"health": "Healthy"}));
    check(of(json!({"state": "Dim"})), json!({"health": "Unhealthy"}));
    check(of(json!({"lit": 3})), json!({"health": "Unhealthy"}));
    check(of(Value::Null), json!({"health": "Unhealthy"}));
}

#[test]
fn what_nobody_handles() {
    let elsewhere = Object::from_value(json!({"apiVersion": "examples.outrigger.io/v2", "kind": "Lantern"})).unwrap();
    check(Question::InterpretHealth { object: Cow::Owned(elsewhere) }, json!("not handled"));
    let cluster = Cow::Owned(ClusterFacts::default());
    check(Question::Localize { object: spec(json!({})), cluster }, json!("not handled"));
    for one in ALL.iter() {
        let handled =
            Operation::ALL.map(|operation| one.engine.handles(&lantern(json!({}), json!({})).gvk(), operation));
        assert_eq!(handled, Operation::ALL.map(|operation| operation != Operation::Localize), "{}", one.name);
    }
}

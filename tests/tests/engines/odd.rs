//! Objects that nobody expects: every engine answers or fails, in time, without a panic, and goes on.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use outrigger_interpreter::{Answer, Question, StatusItem};
use outrigger_object::Object;
use serde_json::json;

use crate::{cases::lantern, engines::ALL};

fn questions(object: &Object) -> [Question<'_>; 8] {
    let of = || Cow::Borrowed(object);
    let item = StatusItem { status: object.0.get("status").cloned(), ..StatusItem::default() };
    [
        Question::InterpretReplica { object: of() },
        Question::InterpretComponent { object: of() },
        Question::ReviseReplica { object: of(), replicas: 3 },
        Question::Retain { desired: of(), observed: of() },
        Question::AggregateStatus { template: of(), items: Cow::Owned(vec![item]) },
        Question::InterpretDependency { object: of() },
        Question::InterpretStatus { object: of() },
        Question::InterpretHealth { object: of() },
    ]
}

#[test]
fn odd_objects_harm_nobody() {
    let deep = (0..200).fold(json!(1), |inner, _| json!({"a": inner}));
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(i64::MIN),
        json!(u64::MAX),
        json!("\u{0}\u{7f}\u{fffd}"),
        json!([]),
        json!([[], [{}], null]),
        json!({}),
        json!({"lamps": -1, "template": {"spec": []}, "oilSecret": "", "wick": null, "lit": 1e300, "state": []}),
        json!({"lamps": 1.5, "template": {"spec": {"containers": [1, null, "a"]}}, "lit": true, "state": "Lost"}),
        json!({"lamps": u64::MAX, "template": "", "oilSecret": 0, "lit": i64::MAX, "state": {"a": []}}),
        deep,
        json!({"wick": "x".repeat(5 << 20)}),
    ];
    let count = odd.len();
    for (number, value) in odd.into_iter().enumerate() {
        let mut object = lantern(json!({}), json!({}));
        // Once is enough for the longest.
        if number + 1 < count {
            object.0.insert("status".to_owned(), value.clone());
        }
        object.0.insert("spec".to_owned(), value);
        for one in ALL.iter() {
            for question in questions(&object) {
                let operation = question.operation();
                let started = Instant::now();
                let answer = one.engine.answer(question).answer;
                let about = || format!("{}: {operation:?} of odd object {number}", one.name);
                assert!(started.elapsed() < Duration::from_secs(60), "{} takes long", about());
                match answer {
                    Answer::Failed(error) => assert!(!error.to_string().contains("panicked"), "{}: {error}", about()),
                    Answer::NotHandled => panic!("{}: not handled", about()),
                    Answer::Value(_) => {}
                }
            }
            let burning = lantern(json!({"lamps": 2}), json!({"state": "Burning"}));
            let info = one.engine.replicas(&burning).into_result();
            assert_eq!(info.map(|info| info.map(|info| info.replicas)), Ok(Some(2)), "{} goes on", one.name);
        }
    }
}

//! What a library does wrong harms its caller with an error, and nobody else.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use outrigger_interpreter::{Answer, ErrorKind, Health, Interpreter};
use outrigger_library::{Options, load};
use serde_json::{Value, json};

use crate::build::{example, impatient, loaded, object};

/// Asks for the health of an object that says what to do.
fn told(library: &Arc<dyn Interpreter>, spec: Value) -> Result<Option<Health>, (ErrorKind, String)> {
    let object = object(json!({"kind": "Faulty", "metadata": {"name": "f"}, "spec": spec}));
    let result = library.health(&object).into_result();
    result.map(|report| report.map(|report| report.health)).map_err(|error| (error.kind(), error.to_string()))
}

fn check(library: &Arc<dyn Interpreter>, spec: Value, kind: ErrorKind, part: &str) {
    let (found, message) = told(library, spec).unwrap_err();
    assert!(message.starts_with("faulty: InterpretHealth of Faulty f: ") && message.contains(part), "{message}");
    assert_eq!(found, kind, "{message}");
}

const HEALTHY: Result<Option<Health>, (ErrorKind, String)> = Ok(Some(Health::Healthy));

#[test]
fn panics_are_contained() {
    let faulty = loaded(&example("faulty")).unwrap();
    for _ in 0..20 {
        check(&faulty, json!({"do": "panic"}), ErrorKind::Internal, "panicked: no f");
        check(&faulty, json!({"do": "bomb"}), ErrorKind::Internal, "panicked: without a message");
        assert_eq!(told(&faulty, json!({})), HEALTHY);
    }
    check(&faulty, json!({"do": "fail"}), ErrorKind::Invalid, "spec.do: it says so");
    assert_eq!(told(&faulty, json!({"do": "pass"})), Ok(None));
}

#[test]
fn a_call_that_hangs_costs_one_thread() {
    let faulty = impatient(&example("faulty"));
    let other = loaded(&example("lantern")).unwrap();
    let started = Instant::now();
    check(&faulty, json!({"do": "hang"}), ErrorKind::Limit, "no answer within 200ms");
    assert!(started.elapsed() < Duration::from_secs(5));
    for _ in 0..100 {
        check(&faulty, json!({}), ErrorKind::Limit, "in quarantine: 1 of its calls are late");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "nobody waits for it any more");
    let lamp = object(json!({"kind": "Lantern", "status": {"state": "Burning"}}));
    assert!(matches!(other.health(&lamp), Answer::Value(report) if report.health == Health::Healthy));
}

#[test]
fn hanging_together_costs_no_more_than_the_threads_there_are() {
    let options = Options { deadline: Duration::from_millis(200), threads: 2, ..Options::default() };
    let faulty = load(example("faulty"), options).unwrap();
    let messages: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..20).map(|_| scope.spawn(|| told(&faulty, json!({"do": "hang"})).unwrap_err().1)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let late = messages.iter().filter(|message| message.contains("no answer within")).count();
    assert_eq!(late, 2, "{messages:?}");
}

#[test]
fn quarantine_ends_with_the_late_call_until_there_were_three() {
    let faulty = impatient(&example("faulty"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for n in 1..=3 {
        let file = folder.join(format!("go-{}-{n}", std::process::id()));
        let wait = json!({"do": "wait", "file": file});
        check(&faulty, wait.clone(), ErrorKind::Limit, "no answer within 200ms");
        if n == 3 {
            check(&faulty, json!({}), ErrorKind::Limit, "in quarantine for good");
        } else {
            check(&faulty, json!({}), ErrorKind::Limit, "in quarantine: 1 of");
        }
        std::fs::write(&file, "").unwrap();
        let started = Instant::now();
        while n < 3 && told(&faulty, json!({})) != HEALTHY {
            assert!(started.elapsed() < Duration::from_secs(20), "it never ends");
            std::thread::yield_now();
        }
        std::fs::remove_file(&file).unwrap();
    }
    check(&faulty, json!({}), ErrorKind::Limit, "in quarantine for good");
}

#[test]
fn answers_have_a_limit() {
    let faulty = load(example("faulty"), Options { answer_limit: 1000, ..Options::default() }).unwrap();
    let empty = object(json!({"kind": "Faulty"}));
    let Answer::Failed(error) = faulty.retain(empty.clone(), &empty) else { panic!("no failure") };
    assert!(error.to_string().contains("at most 1000 are taken"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(told(&faulty, json!({})), HEALTHY);
}

#[test]
#[cfg(target_os = "linux")]
fn threads_end_with_the_interpreter() {
    let named = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        tasks
            .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name))
            .count()
    };
    // Under a name of its own, to tell its threads from those of other tests.
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("single.so");
    std::fs::copy(example("faulty"), &copy).unwrap();
    let faulty = loaded(&copy).unwrap();
    assert_eq!(told(&faulty, json!({})), HEALTHY);
    assert_eq!(named("library single"), 1);
    drop(faulty);
    let started = Instant::now();
    while named("library single") > 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "the thread stays");
        std::thread::yield_now();
    }
}

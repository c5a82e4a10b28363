//! What loads, and what does not.

use std::path::Path;

use outrigger_interpreter::{Answer, Health, HealthReport, Operation, Operations};
use outrigger_library::ErrorKind;
use outrigger_object::{Gvk, Object};
use serde_json::json;

use crate::build::{bare, example, loaded, object};

fn check(path: &Path, kind: ErrorKind, part: &str) {
    let Err(error) = loaded(path) else { panic!("{} loads", path.display()) };
    let message = error.to_string();
    assert!(message.starts_with(&*path.to_string_lossy()) && message.contains(part), "{message:?} lacks {part:?}");
    assert_eq!(error.kind(), kind, "{message}");
}

#[test]
fn a_library_of_the_sdk() {
    let lantern = loaded(&example("lantern")).unwrap();
    assert_eq!((lantern.name(), lantern.is_open()), ("lantern", false));
    let supports = lantern.supports();
    let [support] = &supports[..] else { panic!("{supports:?}") };
    assert_eq!(support.gvk, Gvk::new("examples.outrigger.io", "v1", "Lantern"));
    let all: Operations = Operation::ALL.into_iter().filter(|operation| *operation != Operation::Localize).collect();
    assert_eq!((support.operations, support.unmarked, support.life_cycle), (all, false, None));
}

#[test]
fn a_library_without_the_sdk() {
    let bare = loaded(&bare("right", &[])).unwrap();
    assert_eq!((bare.name(), bare.supports().len(), bare.is_open()), ("bare", 1, false));
    let report = HealthReport { reason: "Bare".to_owned(), ..Health::Healthy.into() };
    assert_eq!(bare.health(&Object::default()), Answer::Value(report));
}

#[test]
fn what_is_not_a_library() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let text = folder.join("text.so");
    std::fs::write(&text, "not a library").unwrap();
    check(&text, ErrorKind::Invalid, "not a library that this machine can load");
    check(&folder.join("absent.so"), ErrorKind::NotFound, "cannot be read");
    check(Path::new("libc.so.6"), ErrorKind::NotFound, "cannot be read");
    check(folder, ErrorKind::Invalid, "not a library");
}

#[test]
fn what_does_not_speak_the_version() {
    let check = |fault: &str, part: &str| check(&bare(fault, &[fault]), ErrorKind::Invalid, part);
    check("symbol", "there is no symbol `outrigger_interpreter`");
    check("magic", "is not the descriptor of an interpreter");
    check("old", "speaks version 0 of the interpreter ABI, which is too old: this host speaks version 1;");
    check("new", "speaks version 7 of the interpreter ABI, which is too new: this host speaks version 1;");
    check("short", "has 24 bytes, which is less than version 1");
}

#[test]
fn what_does_not_introduce_itself() {
    let check = |fault: &str, part: &str| check(&bare(fault, &[fault]), ErrorKind::Invalid, part);
    check("hello", "does not introduce itself: expected value");
    check("silent", "does not introduce itself: the library broke");
    check("nameless", "it has no name");
    check("abort", "built with panic = \"abort\"");
}

#[test]
fn answers_that_are_none() {
    let check = |fault: &str, part: &str| {
        let library = loaded(&bare(fault, &[fault])).unwrap();
        let lamp = object(json!({"kind": "K", "metadata": {"name": "a", "namespace": "n"}}));
        match library.health(&lamp) {
            Answer::Failed(error) => {
                let message = error.to_string();
                assert!(message.starts_with("bare: InterpretHealth of K n/a: "), "{message}");
                assert!(message.contains(part), "{message}");
            }
            other => panic!("{other:?}"),
        }
    };
    check("garbage", "not an answer: expected value");
    check("other", "an answer to another question");
    check("nothing", "the library broke");
    check("endless", "the library broke");
}

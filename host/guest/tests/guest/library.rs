//! What an addon out of a library is, beside its controllers; and libraries that are none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use outrigger_addon::Addon;
use outrigger_guest::{LoadErrorKind, load};
use outrigger_interpreter::{Answer, ErrorKind, Health};
use serde_json::json;

use crate::probe::Probe;
use crate::world::object;

/// The probe as a library, built once, into a folder of its own since that of the tests is in use.
pub fn built() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "-p", "outrigger-addon", "--example", "probe", "--target-dir"])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target.join("debug/examples").join(file_name("probe"))
    })
    .clone()
}

/// A copy under another name, which is loaded as a library of its own.
fn copy(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file_name(name));
    std::fs::copy(built(), &file).unwrap();
    file
}

fn file_name(name: &str) -> String {
    format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The two forms of one addon.
pub fn linked() -> Arc<dyn Addon> {
    Arc::new(Probe::default())
}

pub fn loaded() -> Arc<dyn Addon> {
    load(built()).unwrap()
}

fn declares_and_interprets(addon: &dyn Addon) {
    let linked = Probe::default();
    assert_eq!(addon.manifest(), linked.manifest());
    assert_eq!(addon.config_schema(), linked.config_schema());
    assert_eq!(addon.crds(), linked.crds());
    let (ours, theirs) = (addon.controllers(), linked.controllers());
    assert_eq!(ours.len(), 1);
    assert_eq!((ours[0].name(), ours[0].watches()), (theirs[0].name(), theirs[0].watches()));
    let error = addon.interpreters(&json!({"word": "bad"})).err().expect("it is refused");
    assert_eq!(error.to_string(), "configuration: word: it may not be bad");

    let old = addon.interpreters(&json!({"word": "old"})).unwrap();
    let new = addon.interpreters(&json!({"word": "new"})).unwrap();
    let lamp = |what: &str| {
        object(json!({"apiVersion": "examples.outrigger.io/v1", "kind": "Probe",
        "metadata": {"name": "lamp"}, "spec": {"do": what}}))
    };
    for (interpreters, word) in [(&old, "old"), (&new, "new")] {
        let Answer::Value(report) = interpreters[0].health(&lamp("shine")) else { panic!("no report") };
        assert_eq!((report.health, report.message.as_str()), (Health::Healthy, word));
    }
    drop(old);
    assert!(matches!(new[0].health(&lamp("shine")), Answer::Value(_)), "the new ones stay");
    assert!(matches!(new[0].retain(lamp("x"), &lamp("y")), Answer::NotHandled), "it said that it would");
}

#[test]
fn both_forms_declare_and_interpret_the_same() {
    declares_and_interprets(&*linked());
    declares_and_interprets(&*loaded());
}

#[test]
fn a_library_that_panics_or_hangs_answers_with_a_failure_and_its_successor_is_not_affected() {
    let (old, new) = (load(copy("probe_old")).unwrap(), load(copy("probe_new")).unwrap());
    let (old, new) = (old.interpreters(&json!({})).unwrap(), new.interpreters(&json!({})).unwrap());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("release-{}", std::process::id()));
    let lamp = |what: &str| {
        object(json!({"apiVersion": "examples.outrigger.io/v1", "kind": "Probe",
        "metadata": {"name": "lamp"}, "spec": {"do": what, "file": file.display().to_string()}}))
    };
    let failed = |answer, kind: ErrorKind, told: &str| {
        let Answer::<outrigger_interpreter::HealthReport>::Failed(error) = answer else { panic!("{answer:?}") };
        assert!(error.kind() == kind && error.to_string().contains(told), "{error}");
    };
    failed(old[0].health(&lamp("panic")), ErrorKind::Internal, "panicked: no lamp");
    failed(old[0].health(&lamp("wait")), ErrorKind::Limit, "no answer within 1000ms");
    failed(old[0].health(&lamp("shine")), ErrorKind::Limit, "quarantine");
    assert!(matches!(new[0].health(&lamp("shine")), Answer::Value(_)), "the new file is another library");
    std::fs::write(&file, "").unwrap();
}

#[test]
fn what_is_no_addon_is_refused() {
    let check = |file: &Path, kind: LoadErrorKind, told: &str| {
        let error = load(file).err().expect("it is refused");
        let text = error.to_string();
        assert!(error.kind() == kind && text.contains(told), "{kind:?} {told:?}: {text}");
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    check(&folder.join("nothing.so"), LoadErrorKind::NotFound, "nothing.so");
    let text = folder.join("text.so");
    std::fs::write(&text, "hello").unwrap();
    check(&text, LoadErrorKind::Invalid, "not a library that this machine can load");
    for (abi, told) in [("0", "which is too old"), ("2", "which is too new"), ("1", "less than version 1")] {
        check(&bare(abi), LoadErrorKind::Invalid, told);
    }
}

/// A library with nothing but the beginning of a descriptor, for a version of the ABI.
fn bare(abi: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, file) = (folder.join(format!("bare{abi}.rs")), folder.join(file_name(&format!("bare_addon_{abi}"))));
    let code = "#[repr(C)] pub struct D { magic: [u8; 8], abi: u32, size: u32 }\n\
        #[unsafe(no_mangle)] pub static outrigger_addon: D = D { magic: *b\"OUTRIGGR\", abi: ABI, size: 16 };\n";
    std::fs::write(&source, code.replace("ABI", abi)).unwrap();
    let beside = Path::new(env!("CARGO")).with_file_name("rustc");
    let rustc = if beside.exists() { beside } else { "rustc".into() };
    let output = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=cdylib", "-o"])
        .args([&file, &source])
        .output()
        .expect("rustc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

//! Builds libraries: the examples of the SDK with cargo, and bare ones with rustc alone.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use outrigger_interpreter::Interpreter;
use outrigger_library::{Error, Options, load};
use outrigger_object::Object;
use serde_json::Value;

/// A library of the SDK's examples: `lantern` or `faulty`. Both are built once, into a folder of their own, since
/// the folder of the tests is in use.
pub fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "-p", "outrigger-interpreter", "--examples", "--target-dir"])
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target.join("debug/examples")
    });
    folder.join(file_name(name))
}

/// A library without the SDK: `bare.rs`, with some of its faults switched on.
pub fn bare(name: &str, faults: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(file_name(name));
    let rustc = std::env::var_os("RUSTC").map(PathBuf::from).unwrap_or_else(|| {
        let beside = Path::new(env!("CARGO")).with_file_name("rustc");
        if beside.exists() { beside } else { "rustc".into() }
    });
    let mut command = Command::new(rustc);
    command.args(["--edition=2024", "--crate-type=cdylib", "-Cpanic=abort", "--crate-name", name, "-o"]);
    command.arg(&file).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries/bare.rs"));
    for fault in faults {
        command.args(["--cfg", &format!("fault=\"{fault}\"")]);
    }
    let built = command.output().expect("rustc runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    file
}

fn file_name(name: &str) -> String {
    format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// Loads, with more time than anything takes, a panic that prints its backtrace included.
pub fn loaded(path: &Path) -> Result<Arc<dyn Interpreter>, Error> {
    load(path, Options { deadline: Duration::from_secs(60), ..Options::default() })
}

/// Loads, with a deadline that tests can wait for.
pub fn impatient(path: &Path) -> Arc<dyn Interpreter> {
    load(path, Options { deadline: Duration::from_millis(200), ..Options::default() }).expect("it loads")
}

pub fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

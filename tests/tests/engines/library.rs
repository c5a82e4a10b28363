//! Builds the shared library of the SDK's example.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The library of lanterns, built where no other build has its lock.
pub fn lantern() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "-p", "outrigger-interpreter", "--examples", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let name = format!("{}lantern{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    target.join("debug/examples").join(name)
}

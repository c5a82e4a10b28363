//! Karmada's own cases: every one of them, none left out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use outrigger_engine::{Engine, catalogue::ENTRIES};

const CASES: usize = 298;

fn files(at: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn karmadas_cases_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/karmada/interpreter-fixtures");
    if !root.exists() {
        eprintln!("skipped, no reference data");
        return;
    }
    let mut all = Vec::new();
    files(&root, &mut all);
    let engine = Engine::standard();
    let mut passed = 0;
    for path in all {
        let folder = path.parent().and_then(|folder| folder.strip_prefix(&root).ok()).unwrap();
        assert!(ENTRIES.iter().any(|entry| Path::new(entry.path) == folder), "no interpreter for {}", folder.display());
        passed += super::check(&engine, &path.display().to_string(), &fs::read_to_string(&path).unwrap());
    }
    assert_eq!(passed, CASES);
}

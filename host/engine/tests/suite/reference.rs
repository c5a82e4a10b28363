//! Karmada's own cases, for the kinds that are covered here.

use std::{fs, path::Path};

use outrigger_engine::{Engine, catalogue::ENTRIES};

#[test]
fn karmadas_cases_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/karmada/interpreter-fixtures");
    if !root.exists() {
        eprintln!("skipped, no reference data");
        return;
    }
    let engine = Engine::standard();
    let mut passed = 0;
    for entry in ENTRIES {
        for file in fs::read_dir(root.join(entry.path)).unwrap() {
            let path = file.unwrap().path();
            let yaml = fs::read_to_string(&path).unwrap();
            passed += super::check(&engine, &path.display().to_string(), &yaml);
        }
    }
    println!("{passed} cases passed");
    assert!(passed > 40);
}

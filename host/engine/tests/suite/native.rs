//! The rules of native kinds, by their cases.

use std::{collections::BTreeSet, fs, path::Path};

use outrigger_engine::{Engine, Layer, cases, native};

#[test]
fn cases_pass() {
    let engine = Engine::empty();
    engine.install(Layer::Native, native::interpreters());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases");
    let mut covered = BTreeSet::new();
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let yaml = fs::read_to_string(&path).unwrap();
        super::check(&engine, &path.file_name().unwrap().to_string_lossy(), &yaml);
        for case in cases::parse("", &yaml).unwrap() {
            let object = case.desired_obj.or(case.observed_obj).unwrap();
            covered.insert((object.gvk(), case.operation));
        }
    }
    // Every rule that exists has a case.
    let missing: Vec<_> =
        engine.routes().into_iter().filter(|route| !covered.contains(&(route.gvk.clone(), route.operation))).collect();
    assert!(missing.is_empty(), "no case for {missing:#?}");
}

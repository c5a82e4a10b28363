//! Karmada's own scripts over Karmada's own cases. `OUTRIGGER_KARMADA_SCRIPTS` names a folder of
//! `<group>/<version>/<Kind>/customizations.yaml`; without it, or without the cases, this is skipped.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use outrigger_engine::{Engine, Layer, cases};
use outrigger_lua::Customization;

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn karmadas_scripts_give_karmadas_answers() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/karmada/interpreter-fixtures");
    let (Some(scripts), true) = (env::var_os("OUTRIGGER_KARMADA_SCRIPTS"), cases.exists()) else {
        eprintln!("skipped, no reference data");
        return;
    };
    let engine = Engine::empty();
    let mut interpreters = Vec::new();
    let mut files = Vec::new();
    files_below(Path::new(&scripts), &mut files);
    for file in files {
        let yaml = fs::read_to_string(&file).unwrap();
        let source = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        interpreters.push(Customization::new(&source).unwrap().interpreter());
    }
    engine.install(Layer::UserCustomization, interpreters);
    let mut files = Vec::new();
    files_below(&cases, &mut files);
    let (mut passed, mut failed) = (0, Vec::new());
    for file in files {
        for case in cases::parse(&file.display().to_string(), &fs::read_to_string(&file).unwrap()).unwrap() {
            let outcome = cases::run(&engine, &case);
            if outcome.passed() {
                passed += 1;
            } else {
                failed.push(format!("{}: {outcome}", file.display()));
            }
        }
    }
    println!("{passed} cases passed");
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(passed >= 298);
}

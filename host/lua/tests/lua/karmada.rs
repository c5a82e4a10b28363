//! Karmada's own scripts over Karmada's own cases. `OUTRIGGER_KARMADA_SCRIPTS` names a folder of
//! `<group>/<version>/<Kind>/customizations.yaml`; without it, or without the cases, this is skipped.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

use outrigger_api::config::ResourceInterpreterCustomization;
use outrigger_engine::{Engine, Layer, cases};
use outrigger_interpreter::Operation;
use outrigger_lua::{Customization, Script};
use outrigger_object::{Gvk, diff::differences};
use serde_json::Value;

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
    let mut aggregations = HashMap::new();
    let mut files = Vec::new();
    files_below(Path::new(&scripts), &mut files);
    for file in files {
        let yaml = fs::read_to_string(&file).unwrap();
        let source: ResourceInterpreterCustomization =
            serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let target = &source.spec.target;
        if let Some(rule) = &source.spec.customizations.status_aggregation {
            let script = Script::compile(&rule.lua_script, Operation::AggregateStatus, "test").unwrap();
            aggregations.insert(Gvk::from_api_version(&target.api_version, &target.kind), script);
        }
        interpreters.push(Customization::new(&source).unwrap().interpreter());
    }
    engine.install(Layer::UserCustomization, interpreters);
    let mut files = Vec::new();
    files_below(&cases, &mut files);
    let (mut passed, mut failed) = (0, Vec::new());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let cases = cases::parse(&file.display().to_string(), &text).unwrap();
        let documents: Vec<Option<Value>> = serde_saphyr::from_multiple(&text).unwrap();
        for (case, document) in cases.iter().zip(documents.into_iter().flatten()) {
            let outcome = cases::run(&engine, case);
            // Karmada's tests also give an empty list of items, which its scripts tell from none at all and its
            // controllers never give. A `Case` does not tell the two apart, so that is asked of the script itself.
            let passed_alone = document["statusItems"].as_array().is_some_and(Vec::is_empty) && {
                let template = case.desired_obj.as_ref().unwrap();
                let given = aggregations[&template.gvk()].aggregate_status(template, Some(&[])).unwrap();
                differences(&case.output["aggregatedStatus"], &given.into_value()).is_empty()
            };
            if outcome.passed() || passed_alone {
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

//! The bundled interpreters: the catalogue is complete, all load, and their cases pass.

use std::{
    fs,
    path::{Path, PathBuf},
};

use outrigger_engine::{Engine, Layer, catalogue::ENTRIES};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interpreters")
}

fn folders(at: &Path, depth: usize, found: &mut Vec<String>, name: &str) {
    for entry in fs::read_dir(at).unwrap().map(Result::unwrap) {
        let name = format!("{name}{}{}", if name.is_empty() { "" } else { "/" }, entry.file_name().to_string_lossy());
        if !entry.file_type().unwrap().is_dir() {
            continue;
        }
        if depth == 1 { found.push(name) } else { folders(&entry.path(), depth - 1, found, &name) }
    }
}

#[test]
fn the_catalogue_is_the_folder() {
    let mut found = Vec::new();
    folders(&root(), 3, &mut found, "");
    found.sort();
    let listed: Vec<&str> = ENTRIES.iter().map(|entry| entry.path).collect();
    assert_eq!(listed, found);
}

#[test]
fn cases_pass_and_cover_every_operation() {
    let engine = Engine::standard();
    assert_eq!(engine.conflicts(), []);
    for entry in ENTRIES {
        let interpreter = entry.load().unwrap_or_else(|error| panic!("{error}"));
        let cases = fs::read_to_string(root().join(entry.path).join("cases.yaml")).unwrap();
        super::check(&engine, entry.path, &cases);
        let kinds: Vec<_> = interpreter.supports().into_iter().map(|support| support.gvk).collect();
        let first = kinds.first().unwrap();
        assert_eq!(format!("{}/{}", first.api_version(), first.kind), entry.path);
        let routes = engine.routes();
        let described = routes.iter().filter(|route| kinds.contains(&route.gvk) && route.layer != Layer::Generic);
        for route in described {
            assert_eq!((route.layer, route.interpreter.as_str()), (Layer::Bundled, interpreter.name()));
            let asked = format!("operation: {:?}\n", route.operation);
            assert!(cases.contains(&asked), "{} has no case with {asked}", entry.path);
        }
    }
}

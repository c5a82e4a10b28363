//! The bundled interpreters: the catalogue is complete, all load, and their cases pass.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use outrigger_engine::{
    Engine, Layer,
    catalogue::{self, ENTRIES},
};
use outrigger_interpreter::{Operation, Support};

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
fn what_is_known_before_compiling_is_so() {
    for (entry, prepared) in ENTRIES.iter().zip(catalogue::interpreters()) {
        let compiled = entry.load().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(prepared.name(), compiled.name());
        assert_eq!(prepared.supports(), compiled.supports(), "{}", entry.path);
        assert_eq!(prepared.is_open(), compiled.is_open(), "{}", entry.path);
        let gvk = &compiled.supports().first().unwrap().gvk.clone();
        assert_eq!(prepared.supports_kind(gvk), compiled.supports_kind(gvk), "{}", entry.path);
    }
    assert_eq!(catalogue::interpreters().len(), ENTRIES.len());
}

#[test]
fn cases_pass_and_cover_every_operation() {
    let engine = Engine::standard();
    assert_eq!(engine.conflicts(), []);
    for entry in ENTRIES {
        let interpreter = entry.load().unwrap_or_else(|error| panic!("{error}"));
        let cases = fs::read_to_string(root().join(entry.path).join("cases.yaml")).unwrap();
        super::check(&engine, entry.path, &cases);
        let supports = interpreter.supports();
        let first = supports.first().unwrap();
        assert_eq!(format!("{}/{}", first.gvk.api_version(), first.gvk.kind), entry.path);
        let routes = engine.routes();
        for operation in Operation::ALL.into_iter().filter(|operation| first.operations.contains(*operation)) {
            let asked = format!("operation: {operation:?}\n");
            assert!(cases.contains(&asked), "{} has no case with {asked}", entry.path);
            for Support { gvk, .. } in &supports {
                let route = routes.iter().find(|route| route.gvk == *gvk && route.operation == operation);
                let asked_first = route.map(|route| (route.layer, route.interpreter.as_str()));
                assert_eq!(asked_first, Some((Layer::Bundled, interpreter.name())), "{operation:?} of {gvk}");
            }
        }
    }
}

/// The lines of the README's table, made from what the interpreters support.
fn table() -> String {
    let mut lines = String::new();
    for entry in ENTRIES {
        let interpreter = entry.load().unwrap();
        let supports = interpreter.supports();
        let operations = supports.first().unwrap().operations;
        let mark = |operation| if operations.contains(operation) { "●" } else { "" };
        let marks: Vec<&str> = COLUMNS.into_iter().map(mark).collect();
        let others = match (supports.len() - 1, interpreter.is_open()) {
            (0, false) => String::new(),
            (0, true) => "by rule".to_owned(),
            (more, false) => format!("{more}"),
            (more, true) => format!("{more}, and by rule"),
        };
        writeln!(lines, "| {} | {} | {others} |", entry.path, marks.join(" | ")).unwrap();
    }
    lines
}

const COLUMNS: [Operation; 8] = [
    Operation::InterpretHealth,
    Operation::AggregateStatus,
    Operation::InterpretDependency,
    Operation::Retain,
    Operation::InterpretReplica,
    Operation::InterpretComponent,
    Operation::ReviseReplica,
    Operation::InterpretStatus,
];

/// `UPDATE=1 cargo test -p outrigger-engine readme` writes the table.
#[test]
fn the_readme_has_the_table() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once("<!-- kinds -->\n").unwrap();
    let title = rest.split_inclusive('\n').take(2).collect::<String>();
    let written = format!("{head}<!-- kinds -->\n{title}{}", table());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, written).unwrap();
        return;
    }
    assert!(written == readme, "the table in interpreters/README.md is not what the interpreters support");
}

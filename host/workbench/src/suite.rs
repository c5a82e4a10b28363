//! Running cases against the interpreters of directories.
//!
//! ```text
//! DIR ──files──▶ folders ──load──▶ one engine a folder ◀── its cases, or those under --cases
//! ```
//!
//! A folder's interpreters are asked alone: what another layer would answer does not help a case to pass.
//! Cases belong to the nearest folder at or above theirs that has interpreters, so that `testdata/` works.
//!
//! **Invariant:** what was not run is told: a file that does not load, a folder without a case and a case
//! that does not parse have failed, and a case of a kind that nobody here knows is skipped and counted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use outrigger_engine::{
    Engine,
    cases::{self, Case, Problem},
};
use outrigger_interpreter::Operation;
use outrigger_object::{Gvk, diff::Difference};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Error, Fault,
    files::{self, Content, Document, Folder},
    load::{self, Loaded},
};

/// How one case has gone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The file of the case, or the file that does not load.
    pub file: String,
    /// Where in the file it begins, from 1; 0 when it is not known.
    pub line: u64,
    /// The case's name; empty where a file does not load.
    pub name: String,
    /// `apiVersion` of the object that the case is about.
    pub api_version: String,
    /// Kind of that object.
    pub kind: String,
    /// The question; `None` where none could be read.
    pub operation: Option<Operation>,
    /// Name of the interpreter that answered.
    pub interpreter: Option<String>,
    /// Whether it has passed.
    pub passed: bool,
    /// Whether nobody here knows its kind, so that it was not run.
    pub skipped: bool,
    /// What kept it from passing.
    pub problems: Vec<Reason>,
    /// How long the interpreter took, in microseconds.
    pub micros: u64,
}

/// One reason why a case has not passed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Where the output differs; empty for other reasons.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What the case expects there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What came out there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<Value>,
    /// All of it as a sentence.
    pub message: String,
}

/// The cases of one folder.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The folder.
    pub path: PathBuf,
    /// Its cases, in the order of files and of documents.
    pub records: Vec<Record>,
}

/// How often an operation of a kind is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// `apiVersion` of the kind.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// An operation that an interpreter of it supports.
    pub operation: Operation,
    /// How many cases ask for it.
    pub cases: usize,
}

/// How all cases have gone.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The folders, sorted.
    pub groups: Vec<Group>,
    /// Kinds × operations of the interpreters.
    pub coverage: Vec<Coverage>,
}

/// How many cases there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Those that passed.
    pub passed: usize,
    /// Those that did not, and files that do not load.
    pub failed: usize,
    /// Those of kinds that nobody here knows.
    pub skipped: usize,
}

impl Report {
    /// All records.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.groups.iter().flat_map(|group| &group.records)
    }

    /// How many there were.
    pub fn counts(&self) -> Counts {
        count(self.records())
    }
}

impl Group {
    /// How many there were.
    pub fn counts(&self) -> Counts {
        count(&self.records)
    }
}

fn count<'a>(records: impl IntoIterator<Item = &'a Record>) -> Counts {
    records.into_iter().fold(Counts::default(), |mut counts, record| {
        match (record.passed, record.skipped) {
            (true, _) => counts.passed += 1,
            (false, true) => counts.skipped += 1,
            (false, false) => counts.failed += 1,
        }
        counts
    })
}

/// The interpreters of a folder, ready to be asked.
struct Unit {
    path: PathBuf,
    loaded: Vec<Loaded>,
    engine: Engine,
}

impl Unit {
    fn knows(&self, gvk: &Gvk) -> bool {
        Operation::ALL.into_iter().any(|operation| self.engine.handles(gvk, operation))
    }
}

/// Runs the cases that lie beside the interpreters under `dirs`.
pub fn run<P: AsRef<Path>>(dirs: &[P]) -> Result<Report, Error> {
    let folders = files::read(dirs)?;
    let mut report = Groups::default();
    let units = units(&folders, &mut report);
    for folder in &folders {
        let unit = units.iter().filter(|unit| folder.path.starts_with(&unit.path)).max_by_key(|unit| depth(&unit.path));
        for document in folder.documents.iter().filter(|document| document.content == Content::Case) {
            match unit {
                Some(unit) => report.add(&unit.path, case(document, |case, _| vec![evaluate(&unit.engine, case)])),
                None => report.fault(&folder.path, &orphan(document)),
            }
        }
        for document in folder.documents.iter().flat_map(embedded) {
            if let Some(unit) = unit {
                report.add(&unit.path, case(&document, |case, _| vec![evaluate(&unit.engine, case)]));
            }
        }
    }
    let (_, without): (Vec<_>, Vec<_>) = units.iter().partition(|unit| report.has_case(&unit.path));
    for unit in without {
        let names: Vec<&str> = unit.loaded.iter().map(|one| one.interpreter.name()).collect();
        let message = format!("{} has no case: write one into cases.yaml beside it", names.join(", "));
        let file = unit.loaded.first().map(|one| one.file.to_string()).unwrap_or_default();
        report.fault(&unit.path, &Fault::new(file, message));
    }
    for path in dirs.iter().map(AsRef::as_ref) {
        if !folders.iter().any(|folder| folder.path.starts_with(path) || path.starts_with(&folder.path)) {
            report.fault(path, &Fault::new(path.display().to_string(), "there is no interpreter and no case in it"));
        }
    }
    Ok(report.finish(&units))
}

/// Runs the cases under `cases` against the interpreters under `dirs`, whatever lies beside those.
pub fn run_on<P: AsRef<Path>, Q: AsRef<Path>>(dirs: &[P], cases: &[Q]) -> Result<Report, Error> {
    let mut report = Groups::default();
    let units = units(&files::read(dirs)?, &mut report);
    for path in dirs.iter().map(AsRef::as_ref).filter(|_| units.is_empty()) {
        report.fault(path, &Fault::new(path.display().to_string(), "there is no interpreter in it"));
    }
    let mut found = false;
    for folder in files::read(cases)? {
        folder.faults.iter().for_each(|fault| report.fault(&folder.path, fault));
        for document in folder.documents.iter().filter(|document| document.content == Content::Case) {
            found = true;
            let records = case(document, |case, gvk| {
                let known = units.iter().filter(|unit| unit.knows(gvk));
                known.map(|unit| evaluate(&unit.engine, case)).collect()
            });
            report.add(&folder.path, records);
        }
    }
    for path in cases.iter().map(AsRef::as_ref).filter(|_| !found) {
        report.fault(path, &Fault::new(path.display().to_string(), "there is no case in it"));
    }
    Ok(report.finish(&units))
}

fn units(folders: &[Folder], report: &mut Groups) -> Vec<Unit> {
    let mut units = Vec::new();
    for folder in folders {
        let (loaded, faults) = load::folder(folder);
        folder.faults.iter().chain(&faults).for_each(|fault| report.fault(&folder.path, fault));
        if !loaded.is_empty() {
            units.push(Unit { path: folder.path.clone(), engine: load::engine(&loaded), loaded });
        }
    }
    units
}

/// The cases that an interpreter brings along in itself.
fn embedded(document: &Document) -> Vec<Document> {
    let cases = document.value.pointer("/spec/cases").and_then(Value::as_array);
    let cases = cases.filter(|_| document.content == Content::Declarative);
    let of = |value: &Value| Document {
        file: document.file.clone(),
        line: document.line,
        text: value.to_string(),
        content: Content::Case,
        value: value.clone(),
    };
    cases.into_iter().flatten().map(of).collect()
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

fn orphan(document: &Document) -> Fault {
    let message = "a case without an interpreter: there is none in its directory or above";
    Fault::at(&*document.file, (document.line, 1), message)
}

/// Parses a case and runs it; without any result it has been skipped.
fn case(document: &Document, run: impl FnOnce(&Case, &Gvk) -> Vec<Evaluated>) -> Vec<Record> {
    let name = document.value.get("name").and_then(Value::as_str).unwrap_or_default();
    let case = match cases::parse(&document.file, &document.text) {
        Ok(cases) => cases.into_iter().next(),
        Err(error) => {
            let fault = Fault::of_load(&*document.file, &error);
            return vec![Record { name: name.to_owned(), ..broken(&fault) }];
        }
    };
    let Some(case) = case else { return Vec::new() };
    let gvk = case.observed_obj.as_ref().or(case.desired_obj.as_ref()).map(|object| object.gvk()).unwrap_or_default();
    let record = Record {
        file: document.file.to_string(),
        line: document.line,
        name: case.name.clone(),
        api_version: gvk.api_version(),
        kind: gvk.kind.clone(),
        operation: Some(case.operation),
        interpreter: None,
        passed: false,
        skipped: true,
        problems: Vec::new(),
        micros: 0,
    };
    let results = run(&case, &gvk);
    if results.is_empty() {
        return vec![record];
    }
    let finish = |Evaluated { outcome, micros }: Evaluated| Record {
        passed: outcome.passed(),
        skipped: false,
        interpreter: outcome.interpreter,
        problems: outcome.problems.iter().map(Reason::from).collect(),
        micros,
        ..record.clone()
    };
    results.into_iter().map(finish).collect()
}

struct Evaluated {
    outcome: cases::Outcome,
    micros: u64,
}

fn evaluate(engine: &Engine, case: &Case) -> Evaluated {
    let begun = Instant::now();
    let outcome = cases::run(engine, case);
    Evaluated { outcome, micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX) }
}

impl From<&Problem> for Reason {
    fn from(problem: &Problem) -> Self {
        let message = problem.to_string();
        match problem {
            Problem::Different(Difference { path, left, right }) => {
                Self { path: path.clone(), expected: left.clone(), got: right.clone(), message }
            }
            _ => Self { path: String::new(), expected: None, got: None, message },
        }
    }
}

fn broken(fault: &Fault) -> Record {
    let Fault { file, line, column, message } = fault;
    let place = if *column > 0 { format!("line {line}, column {column}: ") } else { String::new() };
    Record {
        file: file.clone(),
        line: *line,
        name: String::new(),
        api_version: String::new(),
        kind: String::new(),
        operation: None,
        interpreter: None,
        passed: false,
        skipped: false,
        problems: vec![Reason { path: String::new(), expected: None, got: None, message: format!("{place}{message}") }],
        micros: 0,
    }
}

#[derive(Default)]
struct Groups(BTreeMap<PathBuf, Vec<Record>>);

impl Groups {
    fn add(&mut self, path: &Path, records: Vec<Record>) {
        self.0.entry(path.to_owned()).or_default().extend(records);
    }

    fn fault(&mut self, path: &Path, fault: &Fault) {
        self.add(path, vec![broken(fault)]);
    }

    /// Whether a case of a folder was read, or could not be.
    fn has_case(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    fn finish(self, units: &[Unit]) -> Report {
        let mut coverage: BTreeMap<(Gvk, Operation), usize> = BTreeMap::new();
        for support in units.iter().flat_map(|unit| &unit.loaded).flat_map(|one| one.interpreter.supports()) {
            for operation in Operation::ALL.into_iter().filter(|operation| support.operations.contains(*operation)) {
                coverage.entry((support.gvk.clone(), operation)).or_default();
            }
        }
        for record in self.0.values().flatten().filter(|record| !record.skipped && !record.kind.is_empty()) {
            let gvk = Gvk::from_api_version(&record.api_version, &record.kind);
            // Interpreters for kinds by a rule list none; those that have a case count.
            for operation in Operation::ALL {
                if units.iter().any(|unit| unit.engine.handles(&gvk, operation)) {
                    coverage.entry((gvk.clone(), operation)).or_default();
                }
            }
            if let Some(cases) = record.operation.and_then(|operation| coverage.get_mut(&(gvk, operation))) {
                *cases += 1;
            }
        }
        let coverage = coverage.into_iter().map(|((gvk, operation), cases)| Coverage {
            api_version: gvk.api_version(),
            kind: gvk.kind,
            operation,
            cases,
        });
        let groups = self.0.into_iter().map(|(path, records)| Group { path, records });
        Report { groups: groups.collect(), coverage: coverage.collect() }
    }
}

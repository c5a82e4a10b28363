//! What is wrong with interpreters and cases before anything runs.
//!
//! **Invariant:** a finding that is an error cannot be right: a field that the definition does not have, a kind
//! that does not exist, a script that does not parse. What may be meant so is a warning.

mod declarative;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::{Operation, Support};
use outrigger_object::Gvk;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Error, Fault, customization,
    definitions::{Definition, Kinds},
    files::{self, Content, Document, Folder},
    load::{self, Loaded},
};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot be right.
    Error,
    /// It may be meant so.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A file is no YAML, or an interpreter does not compile.
    Load,
    /// A path or an expression names a field that the kind does not have.
    UnknownField,
    /// A kind that no definition has, and Kubernetes neither.
    UnknownKind,
    /// Two interpreters for one operation of a kind.
    Conflict,
    /// An interpreter without a case, or an operation without one.
    NoCase,
    /// A case without an interpreter.
    NoInterpreter,
    /// A case that is no case.
    Case,
    /// A directory that does not say what is in it.
    Layout,
    /// A definition whose fields cannot be told.
    Definition,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Where, and what.
    #[serde(flatten)]
    pub fault: Fault,
    /// How bad it is.
    pub severity: Severity,
    /// What was looked for.
    pub rule: Rule,
}

impl Finding {
    fn error(rule: Rule, fault: Fault) -> Self {
        Self { fault, severity: Severity::Error, rule }
    }

    fn warning(rule: Rule, fault: Fault) -> Self {
        Self { fault, severity: Severity::Warning, rule }
    }
}

/// Checks everything under `dirs`, with the definitions under `crds` and those that lie among the
/// interpreters. Findings come sorted by place.
pub fn lint<P: AsRef<Path>, Q: AsRef<Path>>(dirs: &[P], crds: &[Q]) -> Result<Vec<Finding>, Error> {
    let folders = files::read(dirs)?;
    let others = files::read(crds)?;
    let mut findings = Vec::new();
    let kinds = kinds(folders.iter().chain(&others), !crds.is_empty(), &mut findings);
    for path in dirs.iter().map(AsRef::as_ref) {
        let below = |folder: &&Folder| folder.path.starts_with(path) || path.starts_with(&folder.path);
        let interpreter = |document: &Document| {
            matches!(document.content, Content::Declarative | Content::Customization | Content::Case)
        };
        if !folders.iter().filter(below).any(|folder| {
            folder.documents.iter().any(interpreter) || !folder.faults.is_empty() || !folder.libraries.is_empty()
        }) {
            let fault = Fault::new(path.display().to_string(), "there is no interpreter and no case in it");
            findings.push(Finding::error(Rule::Load, fault));
        }
    }
    let mut all = Vec::new();
    for folder in &folders {
        findings.extend(folder.faults.iter().cloned().map(|fault| Finding::error(Rule::Load, fault)));
        let (loaded, faults) = load::folder(folder);
        findings.extend(faults.into_iter().map(|fault| Finding::error(Rule::Load, fault)));
        for document in &folder.documents {
            match document.content {
                Content::Declarative => declarative::check(document, &kinds, &mut findings),
                Content::Customization => {
                    let faults = customization::faults(document).into_iter();
                    findings.extend(faults.map(|fault| Finding::error(Rule::Load, fault)));
                }
                _ => {}
            }
        }
        for one in &loaded {
            check_kinds(one, folder, &kinds, &mut findings);
        }
        all.push((folder, loaded));
    }
    check_cases(&all, &kinds, &mut findings);
    check_conflicts(&all, &mut findings);
    findings.sort();
    findings.dedup();
    Ok(findings)
}

fn kinds<'a>(folders: impl Iterator<Item = &'a Folder>, given: bool, findings: &mut Vec<Finding>) -> Kinds {
    let mut definitions = Vec::new();
    for document in folders.flat_map(|folder| &folder.documents) {
        if document.content == Content::Definition {
            match Definition::read(document) {
                Ok(definition) => definitions.push(definition),
                Err(fault) => findings.push(Finding::error(Rule::Definition, fault)),
            }
        }
    }
    let (kinds, faults) = Kinds::of(&definitions);
    findings.extend(faults.into_iter().map(|fault| Finding::warning(Rule::Definition, fault)));
    if given { kinds.complete() } else { kinds }
}

/// Whether the kinds of an interpreter exist, and lie where their directory says.
fn check_kinds(one: &Loaded, folder: &Folder, kinds: &Kinds, findings: &mut Vec<Finding>) {
    let listed: Vec<Gvk> = one.interpreter.supports().into_iter().map(|support| support.gvk).collect();
    let fault = |message: String| Fault::at(&*one.file, (one.line, 0), message);
    for gvk in &listed {
        if let Some(message) = kinds.missing(gvk) {
            findings.push(Finding::error(Rule::UnknownKind, fault(message)));
        }
    }
    // <group>/<version>/<Kind>: a directory of this form has to keep its word.
    let parts: Vec<&str> = folder.path.iter().filter_map(|part| part.to_str()).collect();
    let [.., group, version, kind] = parts.as_slice() else { return };
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase());
    let is_version = version.starts_with('v') && version.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    let place = Gvk::new(*group, *version, *kind);
    if is_kind && is_version && !listed.is_empty() && !listed.contains(&place) {
        let kinds: Vec<String> = listed.iter().map(Gvk::to_string).collect();
        let message = format!("the directory is that of {place}, and the interpreter is for {}", kinds.join(", "));
        findings.push(Finding::error(Rule::Layout, fault(message)));
    }
}

/// Cases that do not parse, are for nobody, or have fields that their kind does not; operations without a case.
fn check_cases(all: &[(&Folder, Vec<Loaded>)], kinds: &Kinds, findings: &mut Vec<Finding>) {
    let mut covered: BTreeMap<&Path, BTreeSet<Operation>> = BTreeMap::new();
    for (folder, _) in all {
        let home = all
            .iter()
            .filter(|(other, loaded)| !loaded.is_empty() && folder.path.starts_with(&other.path))
            .max_by_key(|(other, _)| other.path.components().count());
        for document in folder.documents.iter().filter(|document| document.content == Content::Case) {
            let at = |message: String| Fault::at(&*document.file, (document.line, 1), message);
            let Some((home, _)) = home else {
                let message = "a case without an interpreter: there is none in its directory or above".to_owned();
                findings.push(Finding::error(Rule::NoInterpreter, at(message)));
                continue;
            };
            match outrigger_engine::cases::parse(&document.file, &document.text) {
                Ok(cases) => {
                    let operations = cases.iter().map(|case| case.operation);
                    covered.entry(&home.path).or_default().extend(operations);
                    for message in unknown_fields(document, kinds) {
                        findings.push(Finding::error(Rule::UnknownField, at(message)));
                    }
                }
                Err(error) => findings.push(Finding::error(Rule::Case, Fault::of_load(&*document.file, &error))),
            }
        }
    }
    for (folder, loaded) in all {
        let with = covered.get(folder.path.as_path());
        for one in loaded {
            let at = |message: String| Fault::at(&*one.file, (one.line, 0), message);
            let own = folder.documents.iter().filter(|document| document.file == one.file && document.line == one.line);
            let own = own.filter_map(|document| document.value.pointer("/spec/cases").and_then(Value::as_array));
            let own: BTreeSet<Operation> =
                own.flatten().filter_map(|case| serde_json::from_value(case.get("operation")?.clone()).ok()).collect();
            let has =
                |operation: &Operation| own.contains(operation) || with.is_some_and(|with| with.contains(operation));
            let operations = operations(&one.interpreter.supports());
            let without: Vec<String> = operations
                .iter()
                .filter(|operation| !has(operation))
                .map(|operation| format!("{operation:?}"))
                .collect();
            if !operations.is_empty() && without.len() == operations.len() {
                let message = format!("{} has no case", one.interpreter.name());
                findings.push(Finding::error(Rule::NoCase, at(message)));
            } else if !without.is_empty() {
                let message = format!("{} has no case of {}", one.interpreter.name(), without.join(", "));
                findings.push(Finding::warning(Rule::NoCase, at(message)));
            }
        }
    }
}

fn operations(supports: &[Support]) -> Vec<Operation> {
    let supported = |operation: &Operation| supports.iter().any(|support| support.operations.contains(*operation));
    Operation::ALL.into_iter().filter(supported).collect()
}

/// The fields of a case's objects that their kind does not have.
fn unknown_fields(document: &Document, kinds: &Kinds) -> Vec<String> {
    let mut unknown = Vec::new();
    for key in ["desiredObj", "observedObj"] {
        let Some(object) = document.value.get(key) else { continue };
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let gvk = Gvk::from_api_version(text("apiVersion"), text("kind"));
        let Some(shape) = kinds.shape(&gvk) else { continue };
        unknown.extend(
            outrigger_schema::unknown_fields(&shape, object)
                .into_iter()
                .map(|path| format!("{key}: {gvk} has no field {path}")),
        );
    }
    unknown
}

/// Two interpreters that want to answer the same.
fn check_conflicts(all: &[(&Folder, Vec<Loaded>)], findings: &mut Vec<Finding>) {
    let loaded: Vec<&Loaded> = all.iter().flat_map(|(_, loaded)| loaded).collect();
    let engine = Engine::empty();
    engine.install(Layer::UserCustomization, loaded.iter().map(|one| one.interpreter.clone()).collect());
    let mut conflicts: BTreeMap<(String, String, Gvk), Vec<String>> = BTreeMap::new();
    // Of one that lists a kind and one that knows it by a rule, the former is meant.
    let lists = |name: &str, gvk: &Gvk| {
        let named = loaded.iter().filter(|one| one.interpreter.name() == name);
        named.flat_map(|one| one.interpreter.supports()).any(|support| support.gvk == *gvk)
    };
    let all = engine.conflicts().into_iter();
    for conflict in all.filter(|one| lists(&one.loser, &one.gvk) && lists(&one.winner, &one.gvk)) {
        let key = (conflict.loser, conflict.winner, conflict.gvk);
        conflicts.entry(key).or_default().push(format!("{:?}", conflict.operation));
    }
    for ((loser, winner, gvk), operations) in conflicts {
        let named = |name: &str| loaded.iter().filter(|one| one.interpreter.name() == name).collect::<Vec<_>>();
        // Of two with the same name, the later file is the one that is not asked.
        let Some(at) = named(&loser).last().copied() else { continue };
        let other = named(&winner).first().map(|one| format!(" in {}", one.file)).unwrap_or_default();
        let message = format!("{winner}{other} answers {} of {gvk} already", operations.join(", "));
        findings.push(Finding::error(Rule::Conflict, Fault::at(&*at.file, (at.line, 0), message)));
    }
}

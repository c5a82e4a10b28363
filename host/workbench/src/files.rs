//! Finding interpreters, cases and definitions in directories.
//!
//! What a document is shows in its content: an object of kind `Interpreter` or
//! `ResourceInterpreterCustomization`, a CustomResourceDefinition, another object, or a case. So our own
//! layout (`interpreter.yaml` and `cases.yaml` side by side), Karmada's (`customizations.yaml` with
//! `testdata/*.yaml`) and a heap of files in one directory are all read alike.
//!
//! **Invariant:** lines and columns that errors name are those of the file, also for its later documents.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use outrigger_engine::declarative::format;
use serde_json::Value;

use crate::{Error, Fault};

/// What Karmada calls an interpreter in Lua.
pub const CUSTOMIZATION: &str = "ResourceInterpreterCustomization";
/// Directories nest no deeper than this.
const MAX_DEPTH: usize = 32;
/// How deep YAML may be nested: beyond what people write, and no danger to the stack. JSON may go twice as deep.
const DEEPEST: usize = 64;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A declarative interpreter.
    Declarative,
    /// Karmada's ResourceInterpreterCustomization.
    Customization,
    /// A CustomResourceDefinition.
    Definition,
    /// A case.
    Case,
    /// Any other object.
    Object,
    /// Something else.
    Other,
}

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file, as it was reached from what was named.
    pub file: Arc<str>,
    /// The first line that is not empty and no comment, from 1.
    pub line: u64,
    /// The document alone, on the lines that it has in the file.
    pub text: String,
    /// What it is.
    pub content: Content,
    /// The document as data.
    pub value: Value,
}

/// What one directory holds, without those below it.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// The directory.
    pub path: PathBuf,
    /// The documents of its files, by name and order.
    pub documents: Vec<Document>,
    /// Shared libraries; only those that were named themselves.
    pub libraries: Vec<PathBuf>,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

/// Reads files, and directories with all below them. Fails only for a path that is named and cannot be
/// read; the folders come sorted by path, without empty ones, and each once.
pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Folder>, Error> {
    let mut walk = Walk::default();
    for path in paths.iter().map(AsRef::as_ref) {
        let named = |source| Error::Read { path: path.to_owned(), source };
        let data = fs::metadata(path).map_err(named)?;
        if data.is_dir() {
            walk.directory(path, 0).map_err(named)?;
        } else if walk.seen.insert(fs::canonicalize(path).map_err(named)?) {
            let mut folder = Folder { path: path.parent().unwrap_or(Path::new("")).to_owned(), ..Folder::default() };
            if is_library(path) {
                folder.libraries.push(path.to_owned());
            } else {
                read_file(path, &mut folder).map_err(named)?;
            }
            walk.folders.push(folder);
        }
    }
    let mut folders = walk.folders;
    folders.sort_by(|a, b| a.path.cmp(&b.path));
    folders.dedup_by(|next, first| {
        let same = next.path == first.path;
        if same {
            first.documents.append(&mut next.documents);
            first.libraries.append(&mut next.libraries);
            first.faults.append(&mut next.faults);
        }
        same
    });
    Ok(folders)
}

/// The documents of a text. What does not parse is a fault, and so is what follows it in the text.
pub fn documents(file: &str, text: &str) -> (Vec<Document>, Vec<Fault>) {
    let name: Arc<str> = file.into();
    let mut documents = Vec::new();
    let mut faults = Vec::new();
    for (line, text) in split(text) {
        match parse(file, &text) {
            Ok(value) => {
                documents.push(Document { file: name.clone(), line, content: content(&value), text, value });
            }
            Err(fault) => faults.push(fault),
        }
    }
    (documents, faults)
}

/// Whether a file is a shared library, by its name.
pub fn is_library(path: &Path) -> bool {
    has_extension(path, &["so", "dylib", "dll"])
}

/// Whether a file holds objects, by its name.
pub fn is_data(path: &Path) -> bool {
    has_extension(path, &["yaml", "yml", "json"])
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|it| it.to_str()).is_some_and(|it| extensions.contains(&it))
}

#[derive(Default)]
struct Walk {
    seen: BTreeSet<PathBuf>,
    folders: Vec<Folder>,
}

impl Walk {
    fn directory(&mut self, path: &Path, depth: usize) -> io::Result<()> {
        // Links may lead back up, and arguments may overlap.
        if depth > MAX_DEPTH || !self.seen.insert(fs::canonicalize(path)?) {
            return Ok(());
        }
        let mut entries: Vec<PathBuf> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        let mut folder = Folder { path: path.to_owned(), ..Folder::default() };
        let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        for entry in entries.into_iter().filter(|entry| !hidden(entry)) {
            let read = match fs::metadata(&entry) {
                Ok(data) if data.is_dir() => self.directory(&entry, depth + 1),
                Ok(_) if is_data(&entry) => fs::canonicalize(&entry)
                    .and_then(|real| if self.seen.insert(real) { read_file(&entry, &mut folder) } else { Ok(()) }),
                other => other.map(|_| ()),
            };
            if let Err(error) = read {
                folder.faults.push(Fault::new(shown(&entry), error));
            }
        }
        if !(folder.documents.is_empty() && folder.faults.is_empty()) {
            self.folders.push(folder);
        }
        Ok(())
    }
}

fn read_file(path: &Path, folder: &mut Folder) -> io::Result<()> {
    let file = shown(path);
    let bytes = fs::read(path)?;
    let Ok(text) = String::from_utf8(bytes) else {
        folder.faults.push(Fault::new(file, "the file is not UTF-8 text"));
        return Ok(());
    };
    let (documents, faults) = documents(&file, &text);
    folder.documents.extend(documents);
    folder.faults.extend(faults);
    Ok(())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The documents of a YAML text that have any content: the first line of each, and its text below as many
/// empty lines as are before it.
fn split(text: &str) -> Vec<(u64, String)> {
    let mut documents = Vec::new();
    let mut current = String::new();
    let mut starts = 0;
    let mut number = 0;
    let mut finish = |current: &mut String, starts: &mut u64, number: u64| {
        if *starts > 0 {
            documents.push((*starts, std::mem::take(current)));
        }
        *starts = 0;
        *current = "\n".repeat(usize::try_from(number).unwrap_or_default());
    };
    for line in text.trim_start_matches('\u{feff}').lines() {
        number += 1;
        if line == "---" || line.starts_with("--- ") || line.starts_with("---\t") {
            finish(&mut current, &mut starts, number - 1);
            // What follows the marker on its line keeps its column.
            let rest = line.get(3..).unwrap_or_default();
            if !is_blank(rest) {
                starts = number;
                current.push_str("   ");
                current.push_str(rest);
            }
            current.push('\n');
            continue;
        }
        if starts == 0 && !is_blank(line) && line.trim_end() != "..." {
            starts = number;
        }
        current.push_str(line);
        current.push('\n');
    }
    finish(&mut current, &mut starts, number);
    documents
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

fn parse(file: &str, text: &str) -> Result<Value, Fault> {
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    let budget = serde_saphyr::budget! { max_depth: DEEPEST };
    let options = serde_saphyr::options! { strict_booleans: true, budget: budget };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map_or((0, 0), |location| (location.line(), location.column()));
        let text = error.without_snippet().to_string();
        match text.split(" at line ").next().unwrap_or(&text) {
            deep if deep.starts_with("budget breached: Depth") => {
                Fault::at(file, place, format_args!("it is nested more than {DEEPEST} deep"))
            }
            message => Fault::at(file, place, message),
        }
    })
}

fn content(value: &Value) -> Content {
    let has = |name: &str| value.get(name).is_some_and(|value| !value.is_null());
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
    let api_version = value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    match (api_version.split('/').next().unwrap_or_default(), kind) {
        ("config.karmada.io", CUSTOMIZATION) => Content::Customization,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Content::Definition,
        (group, format::KIND) if Some(group) == format::API_VERSION.split('/').next() => Content::Declarative,
        (group, kind) if !group.is_empty() && !kind.is_empty() => Content::Object,
        _ if ["operation", "output", "desiredObj", "observedObj"].into_iter().any(has) => Content::Case,
        _ => Content::Other,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{apiVersion: interpreters.outrigger.io/v1alpha1, kind: Interpreter}", Content::Declarative)]
    #[case("{apiVersion: config.karmada.io/v1alpha1, kind: ResourceInterpreterCustomization}", Content::Customization)]
    #[case("{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition}", Content::Definition)]
    #[case("{apiVersion: example.com/v1, kind: Interpreter}", Content::Object)]
    #[case("{name: x, operatoin: InterpretHealth, output: {healthy: true}}", Content::Case)]
    #[case("{\"operation\": \"Retain\"}", Content::Case)]
    #[case("{replicas: 3}", Content::Other)]
    #[case("[1]", Content::Other)]
    fn contents(#[case] text: &str, #[case] expected: Content) {
        let (documents, faults) = documents("a.yaml", text);
        assert_eq!(faults, []);
        assert_eq!(documents.iter().map(|one| one.content).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let text = "# a comment\n---\n\n# another\noperation: x\n---\n---\n--- {operation: y}\n---\nbroken: [\n";
        let (documents, faults) = documents("a.yaml", text);
        assert_eq!(documents.iter().map(|one| one.line).collect::<Vec<_>>(), [5, 8]);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].line >= 10 && faults[0].to_string().starts_with("a.yaml:1"), "{}", faults[0]);
        let (none, faults) = super::documents("a.yaml", "# nothing\n---\n\n");
        assert!(none.is_empty() && faults.is_empty());
    }

    #[test]
    fn nesting_is_read_as_far_as_it_is_no_danger() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        for (levels, expected) in [(60, None), (200, Some("it is nested more than 64 deep"))] {
            let (_, faults) = documents("a.yaml", &format!("spec: {}\n", nested(levels)));
            let told: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
            assert_eq!(told, Vec::from_iter(expected), "{levels}");
        }
    }
}

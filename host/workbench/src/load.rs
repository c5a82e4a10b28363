//! Compiling interpreters out of files.

use std::{fmt, path::Path, sync::Arc};

use outrigger_engine::{Declarative, Engine, Layer};
use outrigger_interpreter::Interpreter;

use crate::{
    Error, Fault, customization,
    files::{self, Content, Document, Folder},
};

/// How an interpreter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Paths and CEL in YAML.
    Declarative,
    /// Lua in Karmada's ResourceInterpreterCustomization.
    Lua,
    /// A shared library.
    Library,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Declarative => "declarative",
            Self::Lua => "lua",
            Self::Library => "library",
        })
    }
}

/// An interpreter that a file holds.
#[derive(Clone)]
pub struct Loaded {
    /// The file.
    pub file: Arc<str>,
    /// Where in the file it begins, from 1; 0 for a library.
    pub line: u64,
    /// How it is written.
    pub form: Form,
    /// The interpreter, ready to be asked.
    pub interpreter: Arc<dyn Interpreter>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("file", &self.file)
            .field("line", &self.line)
            .field("name", &self.interpreter.name())
            .finish_non_exhaustive()
    }
}

/// Compiles what a document holds; `None` when that is no interpreter.
pub fn document(document: &Document) -> Option<Result<Loaded, Fault>> {
    let file = &document.file;
    let loaded = |form, interpreter| Loaded { file: file.clone(), line: document.line, form, interpreter };
    match document.content {
        Content::Declarative => Some(
            Declarative::parse(file, &document.text)
                .map(|interpreter| loaded(Form::Declarative, interpreter))
                .map_err(|error| Fault::of_load(&**file, &error)),
        ),
        Content::Customization => {
            Some(customization::compile(document).map(|interpreter| loaded(Form::Lua, interpreter)))
        }
        _ => None,
    }
}

/// Compiles all interpreters of a folder, and loads the libraries that were named; what does not load is a
/// fault.
pub fn folder(folder: &Folder) -> (Vec<Loaded>, Vec<Fault>) {
    let mut loaded = Vec::new();
    let mut faults = Vec::new();
    for path in &folder.libraries {
        let file: Arc<str> = path.display().to_string().into();
        match outrigger_library::load(path, outrigger_library::Options::default()) {
            Ok(interpreter) => loaded.push(Loaded { file, line: 0, form: Form::Library, interpreter }),
            Err(error) => faults.push(Fault::new(&*file, error)),
        }
    }
    for result in folder.documents.iter().filter_map(document) {
        match result {
            Ok(one) => loaded.push(one),
            Err(fault) => faults.push(fault),
        }
    }
    (loaded, faults)
}

/// Compiles all interpreters of files and directories; what does not compile is a fault.
pub fn all<P: AsRef<Path>>(paths: &[P]) -> Result<(Vec<Loaded>, Vec<Fault>), Error> {
    let mut loaded = Vec::new();
    let mut faults = Vec::new();
    for one in files::read(paths)? {
        let (interpreters, wrong) = folder(&one);
        loaded.extend(interpreters);
        faults.extend(one.faults.into_iter().chain(wrong));
    }
    Ok((loaded, faults))
}

/// An engine that knows these interpreters, in the user layer, and nothing else.
pub fn engine(loaded: &[Loaded]) -> Engine {
    let engine = Engine::empty();
    engine.install(Layer::UserCustomization, loaded.iter().map(|one| one.interpreter.clone()).collect());
    engine
}

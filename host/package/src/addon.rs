//! [`PackagedAddon`]: a package as an addon.

use std::sync::Arc;

use outrigger_addon::{Addon, Manifest, manifest::CrdSource};
use outrigger_engine::{
    cases::{self, Case},
    declarative,
};
use outrigger_interpreter::Interpreter;
use outrigger_object::Object;
use outrigger_workbench::{
    Fault,
    files::{self, Content, Document, Folder},
    load,
};
use serde_json::Value;

use crate::{Error, Package};

/// A package as an addon: its declarative content, compiled. Code that it brings is run elsewhere.
pub struct PackagedAddon {
    package: Package,
    crds: Vec<Object>,
    interpreters: Vec<Arc<dyn Interpreter>>,
    cases: Vec<Case>,
    hub: Vec<Object>,
    waves: Vec<Part>,
}

/// Objects for members that go there together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// Name of the wave.
    pub name: String,
    /// Its objects, in the order of its files.
    pub objects: Vec<Object>,
}

impl PackagedAddon {
    /// Compiles what a package holds. Fails on the first file that cannot be used.
    pub fn new(package: Package) -> Result<Self, Error> {
        let mut crds = Vec::new();
        for crd in &package.manifest().crds {
            let (CrdSource::Package, Some(file)) = (crd.source, &crd.file) else { continue };
            let found = objects(&package, file)?.into_iter().find(|object| object.name() == crd.name);
            let wrong = || Error::invalid(file, format!("there is no CustomResourceDefinition {} in it", crd.name));
            crds.push(found.filter(|object| object.kind() == "CustomResourceDefinition").ok_or_else(wrong)?);
        }
        let mut interpreters = Vec::new();
        let mut found = Vec::new();
        for folder in folders(&package, &package.manifest().interpreters) {
            if let Some(fault) = folder.faults.into_iter().next() {
                return Err(of_fault(fault));
            }
            for document in folder.documents {
                if let Some(loaded) = load::document(&document) {
                    interpreters.push(loaded.map_err(of_fault)?.interpreter);
                }
                found.extend(cases_of(&document)?);
            }
        }
        let hub = package.manifest().hub.iter().map(|file| objects(&package, file)).collect::<Result<Vec<_>, _>>()?;
        let mut waves = Vec::new();
        for wave in &package.manifest().members {
            let parts = wave.files.iter().map(|file| objects(&package, file)).collect::<Result<Vec<_>, _>>()?;
            waves.push(Part { name: wave.name.clone(), objects: parts.into_iter().flatten().collect() });
        }
        Ok(Self { crds, interpreters, cases: found, hub: hub.into_iter().flatten().collect(), waves, package })
    }

    /// The package that it was made from.
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// The cases that its interpreters must pass, those in interpreters and those beside them.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Objects for the control plane.
    pub fn hub(&self) -> &[Object] {
        &self.hub
    }

    /// Objects for members, in waves.
    pub fn waves(&self) -> &[Part] {
        &self.waves
    }
}

impl Addon for PackagedAddon {
    fn manifest(&self) -> &Manifest {
        self.package.manifest()
    }

    fn crds(&self) -> Vec<Object> {
        self.crds.clone()
    }

    fn interpreters(&self, _: &Value) -> Result<Vec<Arc<dyn Interpreter>>, outrigger_addon::Error> {
        Ok(self.interpreters.clone())
    }
}

/// The cases that a document brings.
fn cases_of(document: &Document) -> Result<Vec<Case>, Error> {
    let wrong = |error: &outrigger_engine::LoadError| of_fault(Fault::of_load(&*document.file, error));
    match document.content {
        Content::Case => cases::parse(&document.file, &document.text).map_err(|error| wrong(&error)),
        Content::Declarative => match Object::from_value(document.value.clone()) {
            Ok(object) => declarative::cases_of(&document.file, &object).map_err(|error| wrong(&error)),
            Err(_) => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    }
}

/// The objects of a file. Fails on what is none.
fn objects(package: &Package, file: &str) -> Result<Vec<Object>, Error> {
    let (documents, faults) = files::documents(file, package.text(file)?);
    if let Some(fault) = faults.into_iter().next() {
        return Err(of_fault(fault));
    }
    documents.into_iter().map(|document| object(document).map_err(of_fault)).collect()
}

/// A document as an object.
pub(crate) fn object(document: Document) -> Result<Object, Fault> {
    let Document { file, line, value, .. } = document;
    let object = Object::from_value(value).ok();
    let complete =
        |object: &Object| !(object.api_version().is_empty() || object.kind().is_empty() || object.name().is_empty());
    object
        .filter(complete)
        .ok_or_else(|| Fault::at(&*file, (line, 1), "is no object: it needs apiVersion, kind and metadata.name"))
}

/// What lies below a directory of a package, sorted into folders as on a disk.
pub(crate) fn folders(package: &Package, directory: &str) -> Vec<Folder> {
    let mut folders: Vec<Folder> = Vec::new();
    for (path, bytes) in package.files() {
        let below = path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        if !(below && files::is_data(path.as_ref())) {
            continue;
        }
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let (documents, faults) = match std::str::from_utf8(bytes) {
            Ok(text) => files::documents(path, text),
            Err(_) => (Vec::new(), vec![Fault::new(path, "the file is not UTF-8 text")]),
        };
        match folders.iter_mut().find(|folder| folder.path.as_os_str() == parent) {
            Some(folder) => {
                folder.documents.extend(documents);
                folder.faults.extend(faults);
            }
            None => folders.push(Folder { path: parent.into(), documents, faults, ..Folder::default() }),
        }
    }
    folders
}

fn of_fault(fault: Fault) -> Error {
    let place = match (fault.line, fault.column) {
        (0, _) => fault.file,
        (line, 0) => format!("{}:{line}", fault.file),
        (line, column) => format!("{}:{line}:{column}", fault.file),
    };
    Error::invalid(place, fault.message)
}

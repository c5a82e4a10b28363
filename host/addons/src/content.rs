//! [`Content`]: what an addon brings, wherever it comes from.

use std::{collections::BTreeMap, sync::Arc};

use outrigger_addon::{Addon, Manifest, manifest::CrdSource};
use outrigger_customization::Compiled;
use outrigger_engine::{cases, declarative};
use outrigger_object::Object;
use outrigger_workbench::{
    files::{self, Content as Form, Document},
    load,
};
use serde_json::Value;

/// The digest of what is linked in.
pub const BUILT_IN: &str = "builtin";

/// What an addon brings.
pub struct Content {
    /// Its manifest.
    pub manifest: Manifest,
    /// Digest of its package, or [`BUILT_IN`].
    pub digest: String,
    /// Schema of its configuration; null without one.
    pub config_schema: Value,
    /// Its CustomResourceDefinitions.
    pub crds: Vec<Object>,
    /// Its objects for the control plane.
    pub hub: Vec<Object>,
    /// Its objects for members, wave by wave.
    pub waves: Vec<(String, Vec<Object>)>,
    code: Code,
}

enum Code {
    Linked(Arc<dyn Addon>),
    Files(Vec<Document>),
}

impl Content {
    /// An addon that is linked in, or was loaded from a library.
    pub fn linked(addon: Arc<dyn Addon>) -> Self {
        let manifest = addon.manifest().clone();
        Self {
            config_schema: addon.config_schema(),
            crds: addon.crds(),
            hub: Vec::new(),
            waves: Vec::new(),
            digest: BUILT_IN.to_owned(),
            manifest,
            code: Code::Linked(addon),
        }
    }

    /// The content of a package. An error says which file cannot be used, and why.
    pub fn packaged(manifest: Manifest, digest: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let read = |path: &str| -> Result<Vec<Document>, String> {
            let bytes = files.get(path).ok_or_else(|| format!("{path} is not in the package"))?;
            let text = std::str::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8 text"))?;
            let (documents, faults) = files::documents(path, text);
            match faults.first() {
                None => Ok(documents),
                Some(fault) => Err(fault.to_string()),
            }
        };
        let objects = |path: &str| -> Result<Vec<Object>, String> {
            let whole = |document: Document| match document.content {
                Form::Case | Form::Other => {
                    Err(format!("{path}:{}: an object with apiVersion and kind is needed", document.line))
                }
                _ => Object::from_value(document.value).map_err(|_| format!("{path}: an object is needed")),
            };
            read(path)?.into_iter().map(whole).collect()
        };
        let mut crds = Vec::new();
        for one in manifest.crds.iter().filter(|one| one.source == CrdSource::Package) {
            let Some(file) = &one.file else { continue };
            let found = objects(file)?.into_iter().find(|crd| crd.name() == one.name);
            crds.push(found.ok_or_else(|| format!("{file} has no CustomResourceDefinition {}", one.name))?);
        }
        let mut hub = Vec::new();
        for path in &manifest.hub {
            hub.extend(objects(path)?);
        }
        let mut waves = Vec::new();
        for wave in &manifest.members {
            let mut all = Vec::new();
            for path in &wave.files {
                all.extend(objects(path)?);
            }
            waves.push((wave.name.clone(), all));
        }
        let mut documents = Vec::new();
        let below = format!("{}/", manifest.interpreters);
        let data = |path: &&String| path.starts_with(&below) && files::is_data(std::path::Path::new(path));
        for path in files.keys().filter(data) {
            documents.extend(read(path)?);
        }
        Ok(Self {
            config_schema: manifest.config_schema.clone().unwrap_or_default(),
            digest: digest.to_owned(),
            crds,
            hub,
            waves,
            manifest,
            code: Code::Files(documents),
        })
    }

    /// Makes its interpreters, for one configuration.
    pub fn compile(&self, config: &Value) -> Result<Compiled, String> {
        match &self.code {
            Code::Linked(addon) => {
                let interpreters = addon.interpreters(config).map_err(|error| error.to_string())?;
                Ok(Compiled { interpreters, ..Compiled::default() })
            }
            Code::Files(documents) => {
                let mut compiled = Compiled::default();
                for document in documents {
                    if let Some(loaded) = load::document(document) {
                        compiled.interpreters.push(loaded.map_err(|fault| fault.to_string())?.interpreter);
                    }
                    let wrong = |error: outrigger_engine::LoadError| error.to_string();
                    match document.content {
                        Form::Case => {
                            compiled.cases.extend(cases::parse(&document.file, &document.text).map_err(wrong)?);
                        }
                        Form::Declarative => {
                            if let Ok(object) = Object::from_value(document.value.clone()) {
                                compiled.cases.extend(declarative::cases_of(&document.file, &object).map_err(wrong)?);
                            }
                        }
                        _ => {}
                    }
                }
                Ok(compiled)
            }
        }
    }

    /// The code, where it is any.
    pub fn addon(&self) -> Option<&Arc<dyn Addon>> {
        match &self.code {
            Code::Linked(addon) => Some(addon),
            Code::Files(_) => None,
        }
    }
}

//! What CustomResourceDefinitions say of kinds, and what Kubernetes says of its own.

use std::collections::BTreeMap;

use outrigger_object::Gvk;
use outrigger_schema::{Schema, builtin, structural::Structural};
use serde_json::Value;

use crate::{Fault, files::Document};

/// A CustomResourceDefinition, as far as interpreters care.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The file that it is in.
    pub file: String,
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Plural, lower-case name.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Its versions, in the order of the file.
    pub versions: Vec<Version>,
}

/// One version of a kind.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// Whether it is the one that is stored.
    pub storage: bool,
    /// Whether API servers serve it.
    pub served: bool,
    /// `openAPIV3Schema`; `null` without one.
    pub schema: Value,
    /// Whether there is a status subresource.
    pub status: bool,
    /// The scale subresource.
    pub scale: Option<Scale>,
    /// The paths of the columns that `kubectl get` prints.
    pub columns: Vec<String>,
}

/// A scale subresource; paths are written like `.spec.replicas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Where the number of replicas is written.
    pub spec: String,
    /// Where the number of replicas is reported.
    pub status: String,
}

impl Definition {
    /// Reads a definition; fails where it has not what every definition has.
    pub fn read(document: &Document) -> Result<Self, Fault> {
        let fault = |message: &str| Fault::at(&*document.file, (document.line, 1), message);
        let text = |pointer: &str| {
            let found = document.value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
            found
                .map(str::to_owned)
                .ok_or_else(|| fault(&format!("the definition has no {}", pointer.replace('/', "."))))
        };
        if document.value.get("apiVersion").and_then(Value::as_str) != Some("apiextensions.k8s.io/v1") {
            return Err(fault("only definitions of apiextensions.k8s.io/v1 are known: convert it to that version"));
        }
        let versions = document.value.pointer("/spec/versions").and_then(Value::as_array);
        let versions: Vec<Version> = versions.into_iter().flatten().filter_map(version).collect();
        if versions.is_empty() {
            return Err(fault("the definition has no .spec.versions"));
        }
        Ok(Self {
            file: document.file.to_string(),
            group: text("/spec/group")?,
            kind: text("/spec/names/kind")?,
            plural: text("/spec/names/plural")?,
            namespaced: text("/spec/scope")? == "Namespaced",
            versions,
        })
    }

    /// The version that an interpreter should be for: the stored one, where it is served, else the first.
    pub fn main_version(&self) -> Option<&Version> {
        let stored = self.versions.iter().find(|version| version.storage && version.served);
        stored.or_else(|| self.versions.iter().find(|version| version.served)).or_else(|| self.versions.first())
    }
}

fn version(value: &Value) -> Option<Version> {
    let subresources = value.get("subresources");
    let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or_default();
    let scale = subresources.and_then(|all| all.get("scale"));
    let path = |name: &str| scale.and_then(|scale| scale.get(name)).and_then(Value::as_str).map(str::to_owned);
    let columns = value.get("additionalPrinterColumns").and_then(Value::as_array).into_iter().flatten();
    Some(Version {
        name: value.get("name")?.as_str()?.to_owned(),
        storage: flag("storage"),
        served: flag("served"),
        schema: value.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default(),
        status: subresources.and_then(|all| all.get("status")).is_some(),
        scale: path("specReplicasPath")
            .map(|spec| Scale { spec, status: path("statusReplicasPath").unwrap_or_default() }),
        columns: columns.filter_map(|column| Some(column.get("jsonPath")?.as_str()?.to_owned())).collect(),
    })
}

/// The kinds whose fields are known: those of definitions, and Kubernetes' own.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    shapes: BTreeMap<Gvk, Schema>,
    complete: bool,
}

impl Kinds {
    /// Takes definitions in. One whose schema is not structural is a fault; its kind is known, its fields
    /// are not.
    pub fn of<'a>(definitions: impl IntoIterator<Item = &'a Definition>) -> (Self, Vec<Fault>) {
        let mut kinds = Self::default();
        let mut faults = Vec::new();
        for definition in definitions {
            for version in &definition.versions {
                let gvk = Gvk::new(&*definition.group, &*version.name, &*definition.kind);
                let shape = match Structural::parse(&version.schema) {
                    _ if version.schema.is_null() => Schema::any(),
                    Ok(structural) => structural.shape(),
                    Err(errors) => {
                        let first = errors.first().map(|error| format!(": {error}")).unwrap_or_default();
                        let message =
                            format!("the schema of {gvk} is not structural, so its fields are not checked{first}");
                        faults.push(Fault::new(definition.file.clone(), message));
                        Schema::any()
                    }
                };
                kinds.shapes.insert(gvk, shape);
            }
        }
        (kinds, faults)
    }

    /// Says that there are no other definitions than those that were taken in.
    #[must_use]
    pub fn complete(self) -> Self {
        Self { complete: true, ..self }
    }

    /// The fields of a kind, where they are known.
    pub fn shape(&self, gvk: &Gvk) -> Option<Schema> {
        let known = self.shapes.get(gvk).cloned();
        known.or_else(|| builtin::schema(&gvk.group, &gvk.version, &gvk.kind))
    }

    /// Why a kind matches nothing; `None` where it is known, and where it cannot be told because there may be
    /// other definitions, and nothing is known of its group.
    pub fn missing(&self, gvk: &Gvk) -> Option<String> {
        if self.shape(gvk).is_some() {
            return None;
        }
        let own = builtin::kinds().map(|(api_version, kind)| Gvk::from_api_version(api_version, kind));
        let known: Vec<Gvk> = self.shapes.keys().cloned().chain(own).collect();
        let of_group: Vec<&Gvk> = known.iter().filter(|one| one.group == gvk.group).collect();
        if of_group.is_empty() && !self.complete {
            return None;
        }
        let versions: Vec<&str> =
            of_group.iter().filter(|one| one.kind == gvk.kind).map(|one| one.version.as_str()).collect();
        let defined = self.shapes.keys().any(|one| one.group == gvk.group && one.kind == gvk.kind);
        if !versions.is_empty() && !defined {
            // Other releases of Kubernetes serve its own kinds in other versions.
            return None;
        }
        if !versions.is_empty() {
            return Some(format!("{gvk} matches nothing: {} is served in {}", gvk.kind, versions.join(", ")));
        }
        let kinds = of_group.iter().map(|one| one.kind.as_str());
        let hint = match nearest(&gvk.kind, kinds) {
            Some(kind) => format!("did you mean {kind}?"),
            None => "no definition that was given has this kind".to_owned(),
        };
        Some(format!("{gvk} matches nothing: {hint}"))
    }
}

/// The name that is nearest by edit distance, if any is near.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    let (distance, best) = known.map(|other| (distance(other), other)).min()?;
    let far = name.chars().count().max(best.chars().count()).div_ceil(2);
    (distance <= far).then_some(best)
}

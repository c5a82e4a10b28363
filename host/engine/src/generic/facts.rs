//! What is known of a kind beside its objects: the facts in its CustomResourceDefinition.
//!
//! The host tells [`Kinds`] of every CRD that comes, changes or goes. A CRD is shared with the cache that it
//! comes from; its schema is compiled when an object's status is first aggregated.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use outrigger_object::{Gvk, Object};
use outrigger_schema::structural::Structural;
use parking_lot::RwLock;
use serde_json::Value;

use super::DEPENDENCIES;

/// Where a kind keeps its replicas, as field names from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The replicas asked for.
    pub spec: Vec<String>,
    /// The replicas there are; empty when it is not told.
    pub status: Vec<String>,
}

impl Scale {
    fn read(scale: &Value) -> Option<Self> {
        let path = |name: &str| parse_path(scale.get(name)?.as_str()?);
        Some(Self { spec: path("specReplicasPath")?, status: path("statusReplicasPath").unwrap_or_default() })
    }

    /// The path of the replicas asked for.
    pub(super) fn path(&self) -> Vec<&str> {
        self.spec.iter().map(String::as_str).collect()
    }
}

/// A path of the scale subresource: dots and names, without lists.
fn parse_path(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> = text.strip_prefix('.')?.split('.').map(str::to_owned).collect();
    let plain = |name: &String| !name.is_empty() && !name.contains(['[', ']', '\'', '"', '*', '?']);
    names.iter().all(plain).then_some(names)
}

/// What is known of one version of a kind.
#[derive(Debug)]
pub struct KindFacts {
    crd: Arc<Object>,
    version: usize,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Its scale subresource.
    pub scale: Option<Scale>,
    /// Whether its objects can have a status at all.
    pub has_status: bool,
    /// Whether the CRD asks for dependencies by shape ([`DEPENDENCIES`]).
    pub dependencies: bool,
    structural: OnceLock<Option<Structural>>,
}

impl KindFacts {
    /// The kinds that a CRD defines, one for each version that it serves.
    pub fn of_crd(crd: &Arc<Object>) -> Vec<(Gvk, Self)> {
        let text = |path: &[&str]| crd.str(path).unwrap_or_default();
        let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
        let versions = crd.get(&["spec", "versions"]).and_then(Value::as_array);
        let served = |version: &&Value| version.get("served").and_then(Value::as_bool).unwrap_or(true);
        versions
            .into_iter()
            .flatten()
            .enumerate()
            .filter(|(_, version)| served(version))
            .filter_map(|(index, version)| {
                let gvk = Gvk::new(group, version.get("name")?.as_str()?, kind);
                let schema = version.pointer("/schema/openAPIV3Schema");
                let facts = Self {
                    crd: crd.clone(),
                    version: index,
                    namespaced: text(&["spec", "scope"]) != "Cluster",
                    scale: version.pointer("/subresources/scale").and_then(Scale::read),
                    has_status: version.pointer("/subresources/status").is_some() || may_have_status(schema),
                    dependencies: crd.annotation(DEPENDENCIES) == Some("true"),
                    structural: OnceLock::new(),
                };
                Some((gvk, facts))
            })
            .collect()
    }

    /// The whole schema, as the CRD has it.
    fn schema(&self) -> Option<&Value> {
        self.crd.get(&["spec", "versions"])?.get(self.version)?.pointer("/schema/openAPIV3Schema")
    }

    /// The schema of `status`; `None` where the kind has none, or leaves it open.
    pub fn status_schema(&self) -> Option<&Value> {
        self.schema()?.pointer("/properties/status")
    }

    /// The compiled schema; `None` where there is none, or one that is not understood here.
    pub(super) fn structural(&self) -> Option<&Structural> {
        let compile = || {
            let schema = self.schema()?;
            Structural::parse(schema)
                .inspect_err(|errors| {
                    let first = errors.first().map(ToString::to_string).unwrap_or_default();
                    tracing::warn!(crd = self.crd.name(), error = first, "the schema is not understood");
                })
                .ok()
        };
        self.structural.get_or_init(compile).as_ref()
    }
}

fn may_have_status(schema: Option<&Value>) -> bool {
    let Some(schema) = schema else { return true };
    let open = schema.get("x-kubernetes-preserve-unknown-fields").and_then(Value::as_bool) == Some(true);
    open || schema.pointer("/properties/status").is_some()
}

/// By kind and `apiVersion`.
type Known = HashMap<String, Vec<(String, Arc<KindFacts>)>>;

/// The facts of all kinds that are known. Reading takes a shared lock for a moment.
#[derive(Default)]
pub struct Kinds {
    known: RwLock<Known>,
}

impl Kinds {
    /// Takes a CRD that is new or has changed, and gives the kinds of which something else is known now.
    pub fn learn(&self, crd: &Arc<Object>) -> Vec<Gvk> {
        let facts = KindFacts::of_crd(crd);
        let mut known = self.known.write();
        let gone = take(&mut known, crd);
        let same = |gvk: &Gvk| gone.iter().any(|(one, facts)| one == gvk && is_same(&facts.crd, crd));
        let mut changed: Vec<Gvk> = Vec::new();
        for (gvk, facts) in facts {
            if !same(&gvk) {
                changed.push(gvk.clone());
            }
            known.entry(gvk.kind.clone()).or_default().push((gvk.api_version(), Arc::new(facts)));
        }
        let left = gone.into_iter().map(|(gvk, _)| gvk).filter(|gvk| {
            known.get(&gvk.kind).is_none_or(|list| list.iter().all(|(version, _)| *version != gvk.api_version()))
        });
        changed.extend(left);
        changed
    }

    /// Takes word that a CRD is gone, and gives its kinds.
    pub fn forget(&self, crd: &Object) -> Vec<Gvk> {
        take(&mut self.known.write(), crd).into_iter().map(|(gvk, _)| gvk).collect()
    }

    /// What is known of the kind of an object.
    pub fn get(&self, api_version: &str, kind: &str) -> Option<Arc<KindFacts>> {
        let known = self.known.read();
        known.get(kind)?.iter().find(|(version, _)| version == api_version).map(|(_, facts)| facts.clone())
    }
}

fn take(known: &mut Known, crd: &Object) -> Vec<(Gvk, Arc<KindFacts>)> {
    let mut taken = Vec::new();
    known.retain(|kind, list| {
        for (version, facts) in list.extract_if(.., |(_, facts)| facts.crd.name() == crd.name()) {
            taken.push((Gvk::from_api_version(&version, kind), facts));
        }
        !list.is_empty()
    });
    taken
}

/// Whether two versions of a CRD say the same of its kinds.
fn is_same(old: &Object, new: &Object) -> bool {
    old.get(&["spec"]) == new.get(&["spec"]) && old.annotation(DEPENDENCIES) == new.annotation(DEPENDENCIES)
}

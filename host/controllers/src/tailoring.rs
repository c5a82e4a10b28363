//! Per-cluster templates of addons: values that a manifest computes from the cluster and the configuration.
//!
//! They apply after what an interpreter does for the cluster and before override policies, addon by addon in
//! the order of names, so that a user's override has the last word.

use std::{fmt, sync::Arc};

use outrigger_addon::manifest::{Template, TemplateTarget};
use outrigger_engine::{
    LoadError,
    declarative::{Assignments, Change},
};
use outrigger_interpreter::ClusterFacts;
use outrigger_object::{Gvk, Object};
use serde_json::Value;

/// The templates of all addons that are in use.
#[derive(Clone, Debug, Default)]
pub struct Tailoring(Vec<Arc<Tailor>>);

/// One template of an addon, compiled.
#[derive(Debug)]
pub struct Tailor {
    addon: String,
    gvk: Gvk,
    target: TemplateTarget,
    assignments: Assignments,
    config: Arc<Value>,
}

impl Tailor {
    /// Compiles a template, for one configuration.
    pub fn compile(addon: &str, template: &Template, config: Arc<Value>) -> Result<Self, LoadError> {
        let target = template.target.clone();
        let source = format!("addon {addon}: template for {}", target.kind);
        Ok(Self {
            addon: addon.to_owned(),
            gvk: Gvk::from_api_version(&target.api_version, &target.kind),
            assignments: Assignments::compile(&source, &template.set)?,
            target,
            config,
        })
    }

    fn fits(&self, object: &Object) -> bool {
        let target = &self.target;
        object.gvk() == self.gvk
            && target.namespace.as_ref().is_none_or(|namespace| namespace == object.namespace())
            && target.name.as_ref().is_none_or(|name| name == object.name())
            && target.match_labels.iter().all(|(name, value)| object.label(name) == Some(value))
    }
}

impl Tailoring {
    /// The templates of several addons; those of one addon keep their order.
    pub fn new(tailors: impl IntoIterator<Item = Arc<Tailor>>) -> Self {
        let mut tailors: Vec<_> = tailors.into_iter().collect();
        tailors.sort_by(|a, b| a.addon.cmp(&b.addon));
        Self(tailors)
    }

    /// Whether a template is for objects of a kind.
    pub(crate) fn concerns(&self, gvk: &Gvk) -> bool {
        self.0.iter().any(|one| one.gvk == *gvk)
    }

    /// The object as the templates make it for a cluster; `told` hears what each addon has changed.
    pub(crate) fn apply(
        &self,
        mut object: Object,
        cluster: &ClusterFacts,
        told: &mut dyn FnMut(&str, Vec<Change>, &Object),
    ) -> Result<Object, Error> {
        // Chosen by what the object was before any of them.
        let chosen: Vec<&Arc<Tailor>> = self.0.iter().filter(|one| one.fits(&object)).collect();
        for one in chosen {
            let explained = one.assignments.explain(object, cluster, &one.config);
            let (made, changes) =
                explained.map_err(|error| Error { addon: one.addon.clone(), problem: error.to_string() })?;
            object = made;
            told(&one.addon, changes, &object);
        }
        Ok(object)
    }
}

/// Why a template could not be applied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Error {
    addon: String,
    problem: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template of the addon {}: {}", self.addon, self.problem)
    }
}

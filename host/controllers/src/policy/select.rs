//! Resource selectors.

use outrigger_api::policy::ResourceSelector;
use outrigger_object::{Gvk, Object, Selector};
use outrigger_scheduler::label_selector;

/// How closely a selector fits a template, from loosest to closest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// By kind alone.
    Kind,
    /// By labels.
    Labels,
    /// By name.
    Name,
}

/// A compiled [`ResourceSelector`].
#[derive(Clone, Debug)]
pub(crate) struct ResourceMatcher {
    /// The kind that it selects.
    pub(crate) gvk: Gvk,
    namespace: String,
    name: String,
    labels: Option<Selector>,
}

impl ResourceMatcher {
    /// Compiles a selector. With a name, labels are not read.
    pub(crate) fn new(selector: &ResourceSelector) -> Self {
        Self {
            gvk: Gvk::from_api_version(&selector.api_version, &selector.kind),
            namespace: selector.namespace.clone(),
            name: selector.name.clone(),
            labels: selector.label_selector.as_ref().map(label_selector),
        }
    }

    /// How closely it fits; `None` when it does not.
    pub(crate) fn fit(&self, object: &Object) -> Option<Fit> {
        if object.kind() != self.gvk.kind || object.gvk() != self.gvk {
            return None;
        }
        if !self.namespace.is_empty() && object.namespace() != self.namespace {
            return None;
        }
        if !self.name.is_empty() {
            return (object.name() == self.name).then_some(Fit::Name);
        }
        match &self.labels {
            None => Some(Fit::Kind),
            Some(labels) => labels.matches_object(object).then_some(Fit::Labels),
        }
    }
}

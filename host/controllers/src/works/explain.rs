//! What a template becomes in one cluster, and why, without writing anything.

use std::sync::Arc;

use outrigger_api::cluster::Cluster;
use outrigger_api::policy::{ClusterOverridePolicy, OverridePolicy};
use outrigger_engine::Engine;
use outrigger_object::Object;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::manifest::{self, Maker};
use super::plan;
use super::trace::{FieldChange, Recorded, TraceStep, changes};
use crate::binding::Binding;
use crate::overrides::{Override, Overrides};
use crate::tailoring::Tailoring;

/// All that a manifest is made from.
pub struct Inputs<'a> {
    /// The interpreters.
    pub engine: &'a Engine,
    /// The template.
    pub template: &'a Object,
    /// Its ResourceBinding or ClusterResourceBinding.
    pub binding: Object,
    /// The Cluster.
    pub cluster: &'a Object,
    /// All OverridePolicies and ClusterOverridePolicies.
    pub overrides: &'a [Object],
    /// The templates of addons.
    pub tailoring: &'a Tailoring,
    /// The Work that is there.
    pub work: Option<&'a Object>,
    /// Whether the template's kind has a status subresource.
    pub has_status: bool,
}

/// How a manifest comes about.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Whether the binding goes to the cluster.
    pub placed: bool,
    /// The steps, in order.
    pub steps: Vec<TraceStep>,
    /// What comes of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Object>,
    /// Why nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Where the Work that is there differs.
    pub differs: Vec<FieldChange>,
}

/// Makes the manifest as the controllers do. Fails on objects that are not well formed.
pub fn explain(inputs: Inputs<'_>) -> Result<Explanation, String> {
    let binding = Binding::read(Arc::new(inputs.binding)).map_err(|error| error.to_string())?;
    let cluster: Cluster = read(inputs.cluster)?;
    let mut overrides = Overrides::default();
    for policy in inputs.overrides {
        overrides.set(match policy.kind() {
            "OverridePolicy" => Override::namespaced(read::<OverridePolicy>(policy)?),
            _ => Override::cluster(read::<ClusterOverridePolicy>(policy)?),
        });
    }
    let targets = binding.targets();
    let target = targets.iter().find(|target| target.name == inputs.cluster.name());
    let Some(target) = target else {
        let none = Explanation { placed: false, steps: Vec::new(), manifest: None, failure: None, differs: Vec::new() };
        return Ok(none);
    };
    let maker = Maker {
        engine: inputs.engine,
        overrides: &overrides,
        tailoring: inputs.tailoring,
        template: inputs.template,
        binding: &binding,
        counts_spec: inputs.has_status,
        settled: manifest::is_settled(inputs.engine, inputs.template, &binding),
        completions: manifest::completions(inputs.template, &binding, &targets),
    };
    let there = inputs.work.and_then(plan::manifest);
    let mut recorded = Recorded::new(inputs.template);
    let work = plan::work_key(&binding.template(), &target.name);
    let made = maker.make(target, &cluster, &work, there, &mut recorded);
    let (manifest, failure) = match made {
        Ok(made) => (Some(made.object), None),
        Err(why) => (None, Some(why)),
    };
    let now = manifest.clone().map_or(Value::Null, Object::into_value);
    let differs = there.map(|there| changes(there, &now)).unwrap_or_default();
    Ok(Explanation { placed: true, steps: recorded.steps, manifest, failure, differs })
}

fn read<T: DeserializeOwned>(object: &Object) -> Result<T, String> {
    let wrong = |error| format!("{} is not well formed: {error}", object.reference());
    serde_json::from_value(object.clone().into_value()).map_err(wrong)
}

//! The CustomResourceDefinitions of all kinds in this crate.
//!
//! The same definitions lie as YAML under `crds/`; `cargo run -p outrigger-api --example crds` writes
//! them, and a test fails when they are out of date.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{cluster, config, policy, work};

/// All definitions, in the order of their names.
pub fn all() -> Vec<CustomResourceDefinition> {
    let mut all = vec![
        cluster::Cluster::crd(),
        config::ResourceInterpreterCustomization::crd(),
        config::ResourceInterpreterWebhookConfiguration::crd(),
        policy::ClusterOverridePolicy::crd(),
        policy::ClusterPropagationPolicy::crd(),
        policy::OverridePolicy::crd(),
        policy::PropagationPolicy::crd(),
        work::ClusterResourceBinding::crd(),
        work::ResourceBinding::crd(),
        work::Work::crd(),
    ];
    all.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    all
}

/// The definition with a name such as `works.work.karmada.io`.
pub fn by_name(name: &str) -> Option<CustomResourceDefinition> {
    all().into_iter().find(|crd| crd.metadata.name.as_deref() == Some(name))
}

/// The file under `crds/` that holds a definition: `<group>_<plural>.yaml`.
pub fn file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

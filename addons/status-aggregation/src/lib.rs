//! Status aggregation: how the statuses of many clusters become one, said per kind by objects.
//!
//! A [`StatusAggregationRule`] names a kind and the fields of its status. The addon makes an Interpreter of it,
//! which the host compiles, tests on live objects and uses; what becomes of it is told in the rule's status.
//!
//! **Invariant:** the addon judges no status itself.

mod config;
mod kind;

use std::sync::{Arc, LazyLock};

use outrigger_addon::{Addon, Controller, Error, Manifest, rule::RuleController};
use outrigger_interpreter::Interpreter;
use outrigger_object::Object;
use serde_json::Value;

pub use config::Config;
pub use kind::{Conditions, Field, Operator, PerCluster, Rules, StatusAggregationRule, Target};

static MANIFEST: LazyLock<Result<Manifest, Error>> =
    LazyLock::new(|| Manifest::from_yaml(include_str!("../addon.yaml")));

/// The addon.
#[derive(Clone, Debug)]
pub struct StatusAggregation {
    manifest: Manifest,
}

impl StatusAggregation {
    /// The addon, or what is wrong with the manifest that it was built with.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { manifest: MANIFEST.clone()? })
    }
}

impl Addon for StatusAggregation {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn config_schema(&self) -> Value {
        schemars::schema_for!(Config).to_value()
    }

    fn crds(&self) -> Vec<Object> {
        vec![kind::crd()]
    }

    fn interpreters(&self, config: &Value) -> Result<Vec<Arc<dyn Interpreter>>, Error> {
        Config::read(config)?;
        Ok(Vec::new())
    }

    fn controllers(&self) -> Vec<Arc<dyn Controller>> {
        vec![Arc::new(RuleController(Rules))]
    }
}

//! `ResourceInterpreterCustomization`: Lua that teaches how one kind is interpreted.

use crate::definition::{Column, api_kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

api_kind! {
    /// Interprets one kind with Lua scripts.
    ResourceInterpreterCustomization: "config.karmada.io" / "v1alpha1" "resourceinterpretercustomizations" "resourceinterpretercustomization" ["ric"] ClusterResourceScope
    columns: &[
        Column::string("TARGET-API-VERSION", ".spec.target.apiVersion"),
        Column::string("TARGET-KIND", ".spec.target.kind"),
        Column::age("AGE"),
    ];
    required {
        /// The kind, and its scripts.
        spec: ResourceInterpreterCustomizationSpec,
    }
    optional {}
}

/// The kind, and its scripts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceInterpreterCustomizationSpec {
    /// The kind that is interpreted.
    pub target: CustomizationTarget,
    /// Scripts by operation.
    pub customizations: CustomizationRules,
}

/// Names a kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomizationTarget {
    /// API version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
}

/// Scripts by operation; an operation without one falls to the next layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomizationRules {
    /// Retain: `Retain(desiredObj, observedObj)` gives the object to apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<LuaScript>,
    /// InterpretReplica: `GetReplicas(desiredObj)` gives replicas and requirements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_resource: Option<LuaScript>,
    /// InterpretComponent: `GetComponents(desiredObj)` gives components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_resource: Option<LuaScript>,
    /// ReviseReplica: `ReviseReplica(desiredObj, desiredReplica)` gives the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_revision: Option<LuaScript>,
    /// InterpretStatus: `ReflectStatus(observedObj)` gives the status to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reflection: Option<LuaScript>,
    /// AggregateStatus: `AggregateStatus(desiredObj, statusItems)` gives the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_aggregation: Option<LuaScript>,
    /// InterpretHealth: `InterpretHealth(observedObj)` gives a boolean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_interpretation: Option<LuaScript>,
    /// InterpretDependency: `GetDependencies(desiredObj)` gives references.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependency_interpretation: Option<LuaScript>,
}

/// A Lua script with the function that the operation calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LuaScript {
    /// Source text.
    pub lua_script: String,
}

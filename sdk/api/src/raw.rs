//! An embedded object of any kind, kept as it came.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// JSON that the API server neither checks nor prunes: a manifest in a Work, or a reflected status.
///
/// The schema asks for an object; a null is read and written as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawExtension(pub Value);

impl From<Value> for RawExtension {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl JsonSchema for RawExtension {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawExtension".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}

//! Schemas: from Rust types to the structural schemas that a CRD takes.
//!
//! [`structural`] asks `schemars` for an inlined schema and then says it the way controller-gen does:
//! an optional field is one that may be absent, never one that may be null, and an enum is a list of
//! strings. The `*Schema` markers stand for Kubernetes' own types, whose generated schemas carry long
//! descriptions and lack list types, formats and bounds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// The structural schema of `T`, with everything inlined.
///
/// # Errors
/// When the schema uses a word that a CRD does not know.
pub(crate) fn structural<T: JsonSchema>() -> Result<JSONSchemaProps, serde_json::Error> {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    serde_json::from_value(schema)
}

/// Rewrites a schema and all below it into structural form.
fn tidy(schema: &mut Value) {
    let Value::Object(map) = schema else {
        return;
    };
    map.remove("title");
    drop_null(map);
    join_enum(map);
    // An empty object is how serde spells "absent"; no API default looks like that.
    if map.get("default").is_some_and(|d| *d == json!({})) {
        map.remove("default");
    }
    for key in ["properties", "patternProperties"] {
        if let Some(Value::Object(children)) = map.get_mut(key) {
            children.values_mut().for_each(tidy);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = map.get_mut(key) {
            tidy(child);
        }
    }
}

/// Takes `null` out of a type, an enum or an `anyOf`: absent is the only way to say nothing.
fn drop_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.retain(|v| !v.is_null());
    }
    let Some(Value::Array(choices)) = map.get_mut("anyOf") else {
        return;
    };
    let before = choices.len();
    choices.retain(|c| c.get("type").is_none_or(|t| t != "null"));
    if choices.len() == before {
        return;
    }
    if let Some(Value::Array(mut choices)) = map.remove("anyOf")
        && let Some(Value::Object(inner)) = choices.pop()
    {
        // The field's own words win over those of its type.
        for (key, value) in inner {
            map.entry(key).or_insert(value);
        }
    }
}

/// Makes `enum` of a `oneOf` over constant strings, which is how variants with docs come out.
fn join_enum(map: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = map.get("oneOf") else {
        return;
    };
    let values: Vec<Value> = choices
        .iter()
        .flat_map(|c| match (c.get("const"), c.get("enum")) {
            (Some(one), _) => vec![one.clone()],
            (None, Some(Value::Array(several))) => several.clone(),
            _ => Vec::new(),
        })
        .collect();
    if values.len() >= choices.len() {
        map.remove("oneOf");
        map.insert("type".to_owned(), json!("string"));
        map.entry("enum").or_insert(Value::Array(values));
    }
}

macro_rules! stands_for {
    ($($(#[$doc:meta])* $name:ident => $schema:expr;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )+};
}

const QUANTITY_PATTERN: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";
const CONDITION_REASON_PATTERN: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";
const CONDITION_TYPE_PATTERN: &str =
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";

stands_for! {
    /// Any JSON value.
    AnySchema => json_schema!({"x-kubernetes-preserve-unknown-fields": true});
    /// An integer without a format, as Go's `int`.
    IntegerSchema => json_schema!({"type": "integer"});
    /// `metav1.ObjectMeta`, which the API server checks itself.
    ObjectMetaSchema => json_schema!({"type": "object"});
    /// `metav1.Time`.
    TimeSchema => json_schema!({"type": "string", "format": "date-time"});
    /// `resource.Quantity`.
    QuantitySchema => json_schema!({
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": QUANTITY_PATTERN,
        "x-kubernetes-int-or-string": true,
    });
    /// `corev1.NodeSelectorRequirement`; `metav1.LabelSelectorRequirement` has the same shape.
    NodeSelectorRequirementSchema => Schema::try_from(requirement()).unwrap_or_default();
    /// `metav1.LabelSelector`.
    LabelSelectorSchema => json_schema!({
        "type": "object",
        "properties": {
            "matchExpressions": {
                "type": "array",
                "items": requirement(),
                "x-kubernetes-list-type": "atomic",
            },
            "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "x-kubernetes-map-type": "atomic",
    });
    /// `corev1.NodeSelector`.
    NodeSelectorSchema => json_schema!({
        "type": "object",
        "required": ["nodeSelectorTerms"],
        "properties": {
            "nodeSelectorTerms": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "matchExpressions": {
                            "type": "array",
                            "items": requirement(),
                            "x-kubernetes-list-type": "atomic",
                        },
                        "matchFields": {
                            "type": "array",
                            "items": requirement(),
                            "x-kubernetes-list-type": "atomic",
                        },
                    },
                    "x-kubernetes-map-type": "atomic",
                },
                "x-kubernetes-list-type": "atomic",
            },
        },
        "x-kubernetes-map-type": "atomic",
    });
    /// `corev1.Toleration`.
    TolerationSchema => json_schema!({
        "type": "object",
        "properties": {
            "effect": {"type": "string"},
            "key": {"type": "string"},
            "operator": {"type": "string"},
            "tolerationSeconds": {"type": "integer", "format": "int64"},
            "value": {"type": "string"},
        },
    });
    /// `corev1.Taint`.
    TaintSchema => json_schema!({
        "type": "object",
        "required": ["effect", "key"],
        "properties": {
            "effect": {"type": "string"},
            "key": {"type": "string"},
            "timeAdded": {"type": "string", "format": "date-time"},
            "value": {"type": "string"},
        },
    });
    /// `metav1.Condition`.
    ConditionSchema => json_schema!({
        "type": "object",
        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
        "properties": {
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "message": {"type": "string", "maxLength": 32768},
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
            "reason": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1024,
                "pattern": CONDITION_REASON_PATTERN,
            },
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "type": {"type": "string", "maxLength": 316, "pattern": CONDITION_TYPE_PATTERN},
        },
    });
    /// `admissionregistrationv1.WebhookClientConfig`.
    WebhookClientConfigSchema => json_schema!({
        "type": "object",
        "properties": {
            "caBundle": {"type": "string", "format": "byte"},
            "service": {
                "type": "object",
                "required": ["name", "namespace"],
                "properties": {
                    "name": {"type": "string"},
                    "namespace": {"type": "string"},
                    "path": {"type": "string"},
                    "port": {"type": "integer", "format": "int32"},
                },
            },
            "url": {"type": "string"},
        },
    });
}

/// A requirement of a selector: key, operator, values.
fn requirement() -> Value {
    json!({
        "type": "object",
        "required": ["key", "operator"],
        "properties": {
            "key": {"type": "string"},
            "operator": {"type": "string"},
            "values": {
                "type": "array",
                "items": {"type": "string"},
                "x-kubernetes-list-type": "atomic",
            },
        },
    })
}

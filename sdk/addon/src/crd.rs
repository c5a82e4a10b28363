//! CustomResourceDefinitions from Rust types.
//!
//! A kind is a struct with `spec` and `status` fields that derives `JsonSchema`. Optional fields
//! that may be null are `Option`; optional ones that may not are plain types with `#[serde(default)]`.

use outrigger_object::Object;
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::Transform, transform::transform_subschemas};
use serde_json::{Map, Value, json};

/// Extension that carries a field's default in the API.
const API_DEFAULT: &str = "x-default";

/// What a CRD says beside its schema. One version.
#[derive(Clone, Debug)]
pub struct Crd {
    /// API group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Plural, lower-case name.
    pub plural: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Short names for command lines.
    pub short_names: &'static [&'static str],
    /// Whether `status` is a subresource. Kinds whose controllers write it through the main
    /// resource must say no.
    pub status_subresource: bool,
    /// Printer columns: name, type, JSON path.
    pub columns: &'static [(&'static str, &'static str, &'static str)],
}

impl Crd {
    /// The CRD of this kind with the schema of `T`.
    pub fn build<T: JsonSchema>(&self) -> Object {
        let singular = self.kind.to_lowercase();
        let mut names = json!({
            "kind": self.kind,
            "listKind": format!("{}List", self.kind),
            "plural": self.plural,
            "singular": singular,
        });
        if !self.short_names.is_empty() {
            names["shortNames"] = json!(self.short_names);
        }
        let mut version = json!({
            "name": self.version,
            "served": true,
            "storage": true,
            "schema": { "openAPIV3Schema": root_schema::<T>() },
        });
        if !self.columns.is_empty() {
            let columns = self.columns.iter();
            version["additionalPrinterColumns"] =
                columns.map(|(name, kind, path)| json!({ "name": name, "type": kind, "jsonPath": path })).collect();
        }
        if self.status_subresource {
            version["subresources"] = json!({ "status": {} });
        }
        let mut crd = Object::default();
        crd.set(&["apiVersion"], "apiextensions.k8s.io/v1");
        crd.set(&["kind"], "CustomResourceDefinition");
        crd.set(&["metadata", "name"], format!("{}.{}", self.plural, self.group));
        crd.set(&["spec", "group"], self.group);
        crd.set(&["spec", "names"], names);
        crd.set(&["spec", "scope"], if self.namespaced { "Namespaced" } else { "Cluster" });
        crd.set(&["spec", "versions"], json!([version]));
        crd
    }
}

/// The structural schema of a kind: `T` with `apiVersion`, `kind` and `metadata` added.
fn root_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.with_transform(Structural).into_generator().into_root_schema_for::<T>();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("apiVersion".into(), json!({ "type": "string" }));
        properties.insert("kind".into(), json!({ "type": "string" }));
        properties.insert("metadata".into(), json!({ "type": "object" }));
    }
    schema.remove("title");
    schema.to_value()
}

/// Turns what schemars makes into what the API server takes as structural.
#[derive(Clone, Debug)]
struct Structural;

impl Transform for Structural {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        if schema.as_bool() == Some(false) {
            return;
        }
        let object = schema.ensure_object();
        admit_anything(object);
        unfold_nullable(object);
        unfold_enum(object);
        if object.get("format").and_then(Value::as_str).is_some_and(is_rust_number) {
            object.remove("format");
            object.remove("minimum");
            object.remove("maximum");
        }
        if object.get("additionalProperties") == Some(&Value::Bool(false)) {
            object.remove("additionalProperties");
        }
        // What serde fills in when a field is missing is no default of the API.
        object.remove("default");
        if let Some(default) = object.remove(API_DEFAULT) {
            object.insert("default".into(), default);
        }
    }
}

fn is_rust_number(format: &str) -> bool {
    matches!(
        format,
        "int8" | "int16" | "int32" | "int64" | "uint8" | "uint16" | "uint32" | "uint64" | "float" | "double"
    )
}

/// A schema that says nothing about its values, or names itself, which a structural one cannot.
fn admit_anything(object: &mut Map<String, Value>) {
    let says = |key: &str| object.contains_key(key);
    if ["type", "anyOf", "oneOf", "allOf", "enum", "const", "x-kubernetes-preserve-unknown-fields"]
        .into_iter()
        .any(says)
    {
        return;
    }
    object.retain(|key, _| key == "description");
    object.insert("x-kubernetes-preserve-unknown-fields".into(), Value::Bool(true));
}

/// `anyOf: [X, null]` becomes X with `nullable`.
fn unfold_nullable(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("anyOf") else { return };
    let (nulls, values): (Vec<_>, Vec<_>) = choices.iter().cloned().partition(|choice| {
        choice.get("type").is_some_and(|kind| kind == "null")
            || choice.get("enum").and_then(Value::as_array).is_some_and(|values| values.iter().all(Value::is_null))
    });
    let [Value::Object(value)] = values.as_slice() else { return };
    if nulls.is_empty() {
        return;
    }
    object.remove("anyOf");
    for (key, inner) in value {
        object.entry(key.clone()).or_insert_with(|| inner.clone());
    }
    object.insert("nullable".into(), Value::Bool(true));
}

/// `oneOf` of documented constants becomes one `enum`.
fn unfold_enum(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else { return };
    let mut values = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
            (Some(value), _) => values.push(value.clone()),
            (None, Some(more)) => values.extend(more.iter().cloned()),
            (None, None) => return,
        }
    }
    object.remove("oneOf");
    object.insert("type".into(), "string".into());
    object.insert("enum".into(), Value::Array(values));
}

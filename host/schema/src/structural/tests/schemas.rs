//! What is structural, and what is not.

use serde_json::{Value, json};

use super::Structural;

#[track_caller]
fn check(spec: Value, expected: &[&str]) {
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    let errors = Structural::parse(&schema).err().unwrap_or_default();
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, expected, "{schema}");
}

#[test]
fn types_are_stated() {
    check(json!({"type": "object", "properties": {"a": {"type": "string"}}}), &[]);
    check(json!({"x-kubernetes-preserve-unknown-fields": true}), &[]);
    check(json!({"x-kubernetes-int-or-string": true}), &[]);
    check(json!({}), &["properties[spec].type: Required value: must not be empty for specified object fields"]);
    check(
        json!({"type": "array", "items": {}}),
        &["properties[spec].items.type: Required value: must not be empty for specified array items"],
    );
    check(json!({"type": "array"}), &["properties[spec].items: Required value: must be specified"]);
    check(
        json!({"type": "text"}),
        &[
            r#"properties[spec].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string""#,
        ],
    );
    check(
        json!({"type": "null"}),
        &["properties[spec].type: Forbidden: type cannot be set to null, use nullable as an alternative"],
    );
    check(json!({"type": "string", "x-kubernetes-int-or-string": true}), &[]);
}

#[test]
fn the_root_is_an_object() {
    let errors = |schema: Value| -> Vec<String> {
        Structural::parse(&schema).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    };
    assert_eq!(errors(json!({})), ["type: Required value: must not be empty at the root"]);
    assert_eq!(errors(json!({"type": "string"})), [r#"type: Invalid value: "string": must be object at the root"#]);
    assert_eq!(errors(json!([])), ["<root>: Invalid value: []: must be an object"]);
    assert_eq!(
        errors(json!({"type": "object", "additionalProperties": {"type": "string"}})),
        ["additionalProperties: Forbidden: must not be used at the root"]
    );
    let metadata = |metadata| json!({"type": "object", "properties": {"metadata": metadata}});
    assert_eq!(errors(metadata(json!({"type": "object"}))), Vec::<String>::new());
    let names = json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}});
    assert_eq!(errors(metadata(names)), Vec::<String>::new());
    assert_eq!(
        errors(metadata(json!({"type": "object", "properties": {"labels": {"type": "object"}}}))),
        [
            "properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"
        ]
    );
}

#[test]
fn what_is_not_supported_is_refused() {
    check(
        json!({"type": "object", "$ref": "#/x", "patternProperties": {}}),
        &[
            "properties[spec].$ref: Forbidden: $ref is not supported",
            "properties[spec].patternProperties: Forbidden: patternProperties is not supported",
        ],
    );
    check(
        json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
        &[
            "properties[spec].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ],
    );
    check(
        json!({"type": "string", "pattern": "("}),
        &[
            r#"properties[spec].pattern: Invalid value: "(": must be a valid regular expression, but isn't: unclosed group"#,
        ],
    );
    check(
        json!({"type": "integer", "minimum": "1"}),
        &[r#"properties[spec].minimum: Invalid value: "1": must be a number"#],
    );
}

#[test]
fn fields_are_named_or_mapped() {
    let text = json!({"type": "string"});
    check(json!({"type": "object", "additionalProperties": false}), &[]);
    check(json!({"type": "object", "properties": {"a": text}, "additionalProperties": true}), &[]);
    check(
        json!({"type": "object", "properties": {"a": text}, "additionalProperties": text}),
        &["properties[spec].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
    );
}

#[test]
fn junctors_only_restrict() {
    check(
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^a"}),
        &[],
    );
    check(
        json!({"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"pattern": "^a"}]}),
        &[],
    );
    check(
        json!({"type": "object", "anyOf": [{"type": "object"}, {"description": "x", "nullable": true}]}),
        &[
            "properties[spec].anyOf[0].type: Forbidden: must be empty to be structural",
            "properties[spec].anyOf[1].description: Forbidden: must be empty to be structural",
            "properties[spec].anyOf[1].nullable: Forbidden: must be false to be structural",
        ],
    );
    let errors = Structural::parse(&json!({
        "type": "object", "properties": {"spec": {"type": "object"}},
        "anyOf": [{"properties": {"spec": {"properties": {"a": {"minimum": 1}}}}}]
    }))
    .err()
    .unwrap_or_default();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "properties[spec].properties[a]: Required value: because it is defined in anyOf[0].properties[spec].properties[a]"
        ]
    );
}

#[test]
fn list_types_have_what_they_need() {
    let list = |extra: Value, items: Value| {
        let mut list = json!({"type": "array", "items": items});
        for (name, value) in extra.as_object().into_iter().flatten() {
            list[name] = value.clone();
        }
        list
    };
    let named = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}});
    let keyed = json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]});
    check(list(keyed.clone(), named.clone()), &[]);
    check(
        list(keyed.clone(), json!({"type": "object", "properties": {"name": {"type": "string"}}})),
        &[
            "properties[spec].items.properties[name].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ],
    );
    check(
        list(keyed.clone(), json!({"type": "object"})),
        &[
            r#"properties[spec].x-kubernetes-list-map-keys: Invalid value: ["name"]: entries must all be names of item properties"#,
        ],
    );
    check(
        list(keyed, json!({"type": "string"})),
        &[
            r#"properties[spec].items.type: Invalid value: "string": must be object if parent array's x-kubernetes-list-type is map"#,
        ],
    );
    check(
        list(json!({"x-kubernetes-list-type": "map"}), named.clone()),
        &[
            "properties[spec].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
        ],
    );
    check(
        list(json!({"x-kubernetes-list-type": "set"}), named.clone()),
        &[
            "properties[spec].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set",
        ],
    );
    check(
        list(json!({"x-kubernetes-list-type": "bag"}), named),
        &[
            r#"properties[spec].x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "set", "map""#,
        ],
    );
}

#[test]
fn defaults_are_valid() {
    check(json!({"type": "object", "default": {"a": 1}, "properties": {"a": {"type": "integer"}}}), &[]);
    check(
        json!({"type": "integer", "default": "x"}),
        &[r#"properties[spec].default: Invalid value: "string":  in body must be of type integer: "string""#],
    );
    check(
        json!({"type": "object", "default": {"b": 1}, "properties": {"a": {"type": "integer"}}}),
        &[r#"properties[spec].default: Invalid value: {"b":1}: must not have unknown fields"#],
    );
}

#[test]
fn nesting_ends_somewhere() {
    let mut schema = json!({"type": "string"});
    for _ in 0..120 {
        schema = json!({"type": "object", "properties": {"a": schema}});
    }
    assert!(Structural::parse(&schema).is_err());
}

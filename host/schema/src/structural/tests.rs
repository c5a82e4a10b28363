use serde_json::{Value, json};

use super::Structural;

fn parse(schema: Value) -> Structural {
    Structural::parse(&schema).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn spec(fields: Value) -> Structural {
    parse(json!({"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}))
}

/// Errors of a value under `spec`, printed.
fn errors(fields: Value, value: Value) -> Vec<String> {
    spec(fields).validate(&json!({ "spec": value }), None).iter().map(ToString::to_string).collect()
}

fn check(fields: Value, value: Value, expected: &[&str]) {
    assert_eq!(errors(fields.clone(), value.clone()), expected, "{value} under {fields}");
}

#[test]
fn is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Structural>();
}

#[test]
fn words_errors_as_kube_apiserver_does() {
    check(json!({"a": {"type": "integer"}}), json!({"a": 1}), &[]);
    check(json!({"a": {"type": "integer"}}), json!({"a": 1.0}), &[]);
    check(
        json!({"a": {"type": "integer"}}),
        json!({"a": "1"}),
        &[r#"spec.a: Invalid value: "string": spec.a in body must be of type integer: "string""#],
    );
    check(
        json!({"a": {"type": "integer"}}),
        json!({"a": null}),
        &[r#"spec.a: Invalid value: "null": spec.a in body must be of type integer: "null""#],
    );
    check(json!({"a": {"type": "integer", "nullable": true}}), json!({"a": null}), &[]);
    check(
        json!({"a": {"type": "array", "items": {"type": "string"}}}),
        json!({"a": ["x", 1]}),
        &[r#"spec.a[1]: Invalid value: "integer": spec.a[1] in body must be of type string: "integer""#],
    );
    check(
        json!({"a": {"x-kubernetes-int-or-string": true}}),
        json!({"a": true}),
        &[r#"spec.a: Invalid value: "boolean": spec.a in body must be of type integer,string: "boolean""#],
    );
    check(
        json!({"a": {"type": "string", "enum": ["x", "y"]}}),
        json!({"a": "z"}),
        &[r#"spec.a: Unsupported value: "z": supported values: "x", "y""#],
    );
    check(
        json!({"a": {"type": "integer", "minimum": 1, "maximum": 10}}),
        json!({"a": 11}),
        &["spec.a: Invalid value: 11: spec.a in body should be less than or equal to 10"],
    );
    check(
        json!({"a": {"type": "number", "minimum": 0.5, "exclusiveMinimum": true}}),
        json!({"a": 0.5}),
        &["spec.a: Invalid value: 0.5: spec.a in body should be greater than 0.5"],
    );
    check(
        json!({"a": {"type": "integer", "multipleOf": 3}}),
        json!({"a": 4}),
        &["spec.a: Invalid value: 4: spec.a in body should be a multiple of 3"],
    );
    check(
        json!({"a": {"type": "string", "maxLength": 2}}),
        json!({"a": "abc"}),
        &["spec.a: Too long: may not be more than 2 bytes"],
    );
    check(json!({"a": {"type": "string", "maxLength": 3}}), json!({"a": "äöü"}), &[]);
    check(
        json!({"a": {"type": "string", "minLength": 2}}),
        json!({"a": "ä"}),
        &[r#"spec.a: Invalid value: "ä": spec.a in body should be at least 2 chars long"#],
    );
    check(
        json!({"a": {"type": "string", "pattern": "^x+$"}}),
        json!({"a": "y"}),
        &[r#"spec.a: Invalid value: "y": spec.a in body should match '^x+$'"#],
    );
    check(
        json!({"a": {"type": "string", "format": "date-time"}}),
        json!({"a": "now"}),
        &[r#"spec.a: Invalid value: "now": spec.a in body must be of type date-time: "now""#],
    );
    check(
        json!({"a": {"type": "array", "maxItems": 1, "items": {"type": "string"}}}),
        json!({"a": ["x", "y"]}),
        &["spec.a: Too many: 2: must have at most 1 item"],
    );
    check(
        json!({"a": {"type": "array", "minItems": 1, "items": {"type": "string"}}}),
        json!({"a": []}),
        &["spec.a: Invalid value: 0: spec.a in body should have at least 1 items"],
    );
    check(
        json!({"a": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1}}),
        json!({"a": {"x": "1", "y": 2}}),
        &[
            "spec.a: Too many: 2: must have at most 1 item",
            r#"spec.a.y: Invalid value: "integer": spec.a.y in body must be of type string: "integer""#,
        ],
    );
    check(
        json!({"a": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}}}),
        json!({"a": {}}),
        &["spec.a.x: Required value"],
    );
}

mod properties;
mod reference;
mod rules;
mod schemas;
mod updates;

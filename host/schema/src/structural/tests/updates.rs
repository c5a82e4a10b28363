//! Pruning, defaulting, list types and updates.

use serde_json::{Value, json};

use super::{parse, spec};

#[test]
fn prunes_what_is_not_named() {
    let check = |fields: Value, value: Value, kept: Value, dropped: &[&str]| {
        let mut value = json!({ "spec": value });
        assert_eq!(spec(fields.clone()).prune(&mut value), dropped, "{fields}");
        assert_eq!(value["spec"], kept, "{fields}");
    };
    let text = json!({"type": "string"});
    check(json!({"a": text}), json!({"a": "x", "b": 1}), json!({"a": "x"}), &["spec.b"]);
    check(
        json!({"a": {"type": "array", "items": {"type": "object", "properties": {"b": text}}}}),
        json!({"a": [{"b": "x", "c": 1}, {"d": 1}]}),
        json!({"a": [{"b": "x"}, {}]}),
        &["spec.a[0].c", "spec.a[1].d"],
    );
    check(
        json!({"a": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"b": {"type": "object"}}}}),
        json!({"a": {"x": {"y": 1}, "b": {"z": 1}}}),
        json!({"a": {"x": {"y": 1}, "b": {}}}),
        &["spec.a.b.z"],
    );
    check(
        json!({"a": {"type": "object", "additionalProperties": {"type": "object", "properties": {"b": text}}}}),
        json!({"a": {"any": {"b": "x", "c": 1}}}),
        json!({"a": {"any": {"b": "x"}}}),
        &["spec.a.any.c"],
    );
    check(
        json!({"a": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}}}),
        json!({"a": {"apiVersion": "v1", "kind": "A", "metadata": {"labels": {}}, "spec": {"b": 1}, "c": 1}}),
        json!({"a": {"apiVersion": "v1", "kind": "A", "metadata": {"labels": {}}, "spec": {}}}),
        &["spec.a.c", "spec.a.spec.b"],
    );
    let mut whole =
        json!({"apiVersion": "v1", "kind": "A", "metadata": {"labels": {"a": "b"}}, "spec": {}, "other": 1});
    assert_eq!(spec(json!({})).prune(&mut whole), ["other"]);
    assert_eq!(whole["metadata"]["labels"]["a"], "b");
}

#[test]
fn fills_in_defaults() {
    let check = |fields: Value, value: Value, expected: Value| {
        let mut value = json!({ "spec": value });
        spec(fields.clone()).default(&mut value);
        assert_eq!(value["spec"], expected, "{fields}");
    };
    let one = json!({"type": "integer", "default": 1});
    check(json!({"a": one}), json!({}), json!({"a": 1}));
    check(json!({"a": one}), json!({"a": 2}), json!({"a": 2}));
    check(json!({"a": one}), json!({"a": null}), json!({"a": 1}));
    check(json!({"a": {"type": "integer", "default": 1, "nullable": true}}), json!({"a": null}), json!({"a": null}));
    check(json!({"a": {"type": "integer"}}), json!({"a": null}), json!({}));
    check(json!({"a": {"type": "object", "properties": {"b": one}}}), json!({}), json!({}));
    check(json!({"a": {"type": "object", "properties": {"b": one}}}), json!({"a": {}}), json!({"a": {"b": 1}}));
    check(json!({"a": {"type": "object", "default": {}, "properties": {"b": one}}}), json!({}), json!({"a": {"b": 1}}));
    check(
        json!({"a": {"type": "array", "items": {"type": "object", "properties": {"b": one}}}}),
        json!({"a": [{}, {"b": 3}]}),
        json!({"a": [{"b": 1}, {"b": 3}]}),
    );
    check(
        json!({"a": {"type": "object", "additionalProperties": {"type": "object", "properties": {"b": one}}}}),
        json!({"a": {"x": {}}}),
        json!({"a": {"x": {"b": 1}}}),
    );
}

#[test]
fn list_types_keep_their_promise() {
    let check = |fields: Value, value: Value, expected: &[&str]| assert_eq!(super::errors(fields, value), expected);
    let set = json!({"a": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}});
    check(set.clone(), json!({"a": ["x", "y"]}), &[]);
    check(set, json!({"a": ["x", "y", "x", "x"]}), &[r#"spec.a[2]: Duplicate value: "x""#]);
    let item = json!({"type": "object", "required": ["n", "p"], "properties": {"n": {"type": "integer"}, "p": {"type": "string"}}});
    let map = |keys: Value| json!({"a": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": item}});
    let value = json!({"a": [{"n": 1, "p": "x"}, {"n": 1, "p": "y"}]});
    check(map(json!(["n", "p"])), value.clone(), &[]);
    check(map(json!(["n"])), value, &[r#"spec.a[1]: Duplicate value: {"n":1}"#]);
    let embedded = json!({"a": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}});
    check(embedded.clone(), json!({"a": {"apiVersion": "v1", "kind": "A"}}), &[]);
    check(
        embedded,
        json!({"a": {"kind": ""}}),
        &["spec.a.apiVersion: Required value", r#"spec.a.kind: Invalid value: "": must not be empty"#],
    );
}

#[test]
fn junctors() {
    let check = |fields: Value, value: Value, expected: &[&str]| assert_eq!(super::errors(fields, value), expected);
    let text = |junctor: Value| {
        let mut schema = json!({"type": "string"});
        schema.as_object_mut().expect("an object").extend(junctor.as_object().expect("an object").clone());
        json!({ "a": schema })
    };
    check(text(json!({"anyOf": [{"pattern": "^x"}, {"pattern": "y$"}]})), json!({"a": "xy"}), &[]);
    check(
        text(json!({"anyOf": [{"pattern": "^x"}, {"pattern": "y$"}]})),
        json!({"a": "z"}),
        &[
            r#"<nil>: Invalid value: "": "spec.a" must validate at least one schema (anyOf)"#,
            r#"spec.a: Invalid value: "z": spec.a in body should match '^x'"#,
        ],
    );
    check(
        text(json!({"oneOf": [{"pattern": "^x"}, {"pattern": "y$"}]})),
        json!({"a": "xy"}),
        &[
            r#"<nil>: Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ],
    );
    check(
        text(json!({"allOf": [{"minLength": 1}, {"maxLength": 2}]})),
        json!({"a": "xyz"}),
        &[
            "spec.a: Too long: may not be more than 2 bytes",
            r#"<nil>: Invalid value: "": "spec.a" must validate all the schemas (allOf)"#,
        ],
    );
    check(
        text(json!({"not": {"enum": ["x"]}})),
        json!({"a": "x"}),
        &[r#"<nil>: Invalid value: "": "spec.a" must not validate the schema (not)"#],
    );
    check(json!({"a": {"x-kubernetes-int-or-string": true, "pattern": "^[0-9]+$"}}), json!({"a": 8}), &[]);
}

/// What was wrong before is let through as long as it is left alone.
#[test]
fn old_mistakes_are_tolerated() {
    let structural = spec(json!({
        "a": {"type": "string", "maxLength": 2},
        "b": {"type": "string", "maxLength": 2},
        "list": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "v": {"type": "integer", "maximum": 5}}},
        },
        "plain": {"type": "array", "items": {"type": "integer", "maximum": 5}},
    }));
    let check = |old: Value, new: Value, expected: &[&str]| {
        let errors = structural.validate(&json!({ "spec": new }), Some(&json!({ "spec": old })));
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{old} to {new}");
    };
    check(json!({"a": "long"}), json!({"a": "long", "b": "x"}), &[]);
    check(json!({"a": "long"}), json!({"a": "longer"}), &["spec.a: Too long: may not be more than 2 bytes"]);
    check(json!({"a": "long"}), json!({"a": "long", "b": "long"}), &["spec.b: Too long: may not be more than 2 bytes"]);
    let element = |name: &str, v: i64| json!({"name": name, "v": v});
    check(
        json!({"list": [element("x", 9), element("y", 9)]}),
        json!({"list": [element("y", 8), element("x", 9)]}),
        &["spec.list[0].v: Invalid value: 8: spec.list[0].v in body should be less than or equal to 5"],
    );
    check(json!({"plain": [9]}), json!({"plain": [9], "b": "x"}), &[]);
    check(
        json!({"plain": [9]}),
        json!({"plain": [9, 1]}),
        &["spec.plain[0]: Invalid value: 9: spec.plain[0] in body should be less than or equal to 5"],
    );
}

#[test]
fn shape_says_how_to_merge() {
    use crate::shape::{ListType, Node};
    let structural = parse(json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "ports": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
            "items": {"type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}}},
        },
        "any": {"x-kubernetes-preserve-unknown-fields": true},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
    }}}}));
    let shape = structural.shape();
    let at = |path: &[&str]| {
        let mut node = shape.root();
        for name in path {
            let Node::Object(object) = node else { panic!("{name} in {node:?}") };
            node = shape.node(object.fields[*name].node);
        }
        node.clone()
    };
    let Node::List(ports) = at(&["spec", "ports"]) else { panic!("a list") };
    assert_eq!(ports.list_type, ListType::Map(vec![("port".into(), None), ("protocol".into(), Some("TCP".into()))]));
    assert_eq!(at(&["spec", "any"]), Node::Any);
    assert!(matches!(at(&["spec", "whole"]), Node::Object(object) if object.atomic && object.additional.is_some()));
    assert!(matches!(at(&["metadata", "finalizers"]), Node::List(list) if list.list_type == ListType::Set));
    assert!(
        matches!(at(&["metadata", "ownerReferences"]), Node::List(list) if matches!(list.list_type, ListType::Map(_)))
    );
}

//! What holds for every value.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Structural, parse};

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "metadata": {"type": "object"},
        "a": {
            "type": "object", "default": {"b": null}, "required": ["b"],
            "properties": {
                "a": {"type": "integer", "default": 4, "minimum": 1, "multipleOf": 2},
                "b": {"type": "string", "nullable": true, "pattern": "^[a-c]*$", "maxLength": 2, "format": "date-time"},
                "c": {"x-kubernetes-int-or-string": true},
            },
            "x-kubernetes-validations": [{"rule": "!has(self.a) || self.a < 5", "fieldPath": ".a"}],
        },
        "b": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"],
            "items": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}, "b": {"type": "number"}}},
        },
        "c": {"type": "object", "additionalProperties": {"type": "object", "nullable": true, "properties": {"a": {"type": "boolean", "default": true}}}},
        "d": {"x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-embedded-resource": true, "type": "object"},
    }})
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-4..8_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-dé]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let name =
            prop_oneof!["[a-d]", Just("metadata".to_owned()), Just("apiVersion".to_owned()), Just("x".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn structural() -> &'static Structural {
    static PARSED: LazyLock<Structural> = LazyLock::new(|| parse(schema()));
    &PARSED
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn pruning_twice_is_pruning_once(mut value in value()) {
        let structural = structural();
        structural.prune(&mut value);
        let once = value.clone();
        prop_assert_eq!(structural.prune(&mut value), Vec::<String>::new());
        prop_assert_eq!(value, once);
    }

    #[test]
    fn defaulting_twice_is_defaulting_once(mut value in value()) {
        let structural = structural();
        structural.default(&mut value);
        let once = value.clone();
        structural.default(&mut value);
        prop_assert_eq!(value, once);
    }

    #[test]
    fn defaults_are_never_pruned(mut value in value()) {
        let structural = structural();
        structural.prune(&mut value);
        structural.default(&mut value);
        prop_assert_eq!(structural.prune(&mut value), Vec::<String>::new());
    }

    #[test]
    fn any_value_is_judged(new in value(), old in value()) {
        let structural = structural();
        let created = structural.validate(&new, None);
        // What has not changed has nothing new wrong with it.
        prop_assert_eq!(structural.validate(&new, Some(&new)).len() <= created.len(), true);
        structural.validate(&new, Some(&old));
    }

    #[test]
    fn any_schema_is_judged(schema in value()) {
        let _ = Structural::parse(&schema);
    }

    /// Real keywords with arbitrary values.
    #[test]
    fn any_keyword_is_judged(keyword in prop::sample::select(KEYWORDS.to_vec()), argument in value(), text in value()) {
        let mut inner = json!({"type": "string"});
        inner[keyword] = argument.clone();
        if let Ok(structural) = Structural::parse(&json!({"type": "object", "properties": {"a": inner}})) {
            structural.validate(&json!({"a": text}), None);
        }
        let mut root = json!({"type": "object"});
        root[keyword] = argument;
        let _ = Structural::parse(&root);
    }
}

const KEYWORDS: [&str; 24] = [
    "type",
    "properties",
    "additionalProperties",
    "items",
    "default",
    "enum",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "multipleOf",
    "maxLength",
    "minLength",
    "required",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "nullable",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-int-or-string",
    "x-kubernetes-embedded-resource",
];

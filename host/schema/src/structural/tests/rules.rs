//! `x-kubernetes-validations`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Structural, parse};

fn with_rules(fields: Value, rules: Value) -> Value {
    json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": fields, "x-kubernetes-validations": rules,
    }}})
}

fn fields() -> Value {
    json!({
        "min": {"type": "integer"}, "max": {"type": "integer"}, "ratio": {"type": "number"},
        "name": {"type": "string"}, "my-field": {"type": "string"}, "namespace": {"type": "string"},
        "at": {"type": "string", "format": "date-time"}, "port": {"x-kubernetes-int-or-string": true},
        "tags": {"type": "array", "items": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "parts": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}},
        },
    })
}

#[track_caller]
fn check(rule: Value, new: Value, old: Option<Value>, expected: &[&str]) {
    let structural = parse(with_rules(fields(), json!([rule])));
    let whole = |spec: &Value| json!({"metadata": {"name": "a"}, "spec": spec});
    let old = old.as_ref().map(whole);
    let errors: Vec<String> = structural.validate(&whole(&new), old.as_ref()).iter().map(ToString::to_string).collect();
    assert_eq!(errors, expected, "{rule} over {new}");
}

#[test]
fn decides() {
    let rule = |rule: &str| json!({ "rule": rule });
    check(rule("self.min <= self.max"), json!({"min": 1, "max": 2}), None, &[]);
    check(
        rule("self.min <= self.max"),
        json!({"min": 3, "max": 2}),
        None,
        &["spec: Invalid value: failed rule: self.min <= self.max"],
    );
    check(rule("!has(self.min) || self.min > 1"), json!({}), None, &[]);
    check(rule("self.ratio > 0.5"), json!({"ratio": 1}), None, &[]);
    check(
        rule("self.my__dash__field == 'x' && self.__namespace__ == 'y'"),
        json!({"my-field": "x", "namespace": "y"}),
        None,
        &[],
    );
    check(rule("self.at > timestamp('2026-01-01T00:00:00Z')"), json!({"at": "2026-01-02T00:00:00Z"}), None, &[]);
    check(rule("type(self.port) == int ? self.port > 0 : self.port != ''"), json!({"port": 80}), None, &[]);
    check(
        rule("self.tags.all(t, t.startsWith('x-')) && self.tags.exists(t, t == 'x-a')"),
        json!({"tags": ["x-a", "x-b"]}),
        None,
        &[],
    );
    check(rule("self.labels['a.b/c'] == 'd'"), json!({"labels": {"a.b/c": "d"}}), None, &[]);
    check(rule("quantity(self.name).isGreaterThan(quantity('1Gi'))"), json!({"name": "2Gi"}), None, &[]);
    check(
        rule("self.parts.map(p, p.size).sum() == 3"),
        json!({"parts": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]}),
        None,
        &[],
    );
    check(rule("self.?name.orValue('x') == 'x' && dyn(self.min) == 1"), json!({"min": 1}), None, &[]);
    let maybe = rule("self.?labels.?a.orValue('x') == 'x' && !self.?parts.hasValue()");
    check(maybe.clone(), json!({}), None, &[]);
    check(maybe, json!({"labels": {"a": "x"}}), None, &[]);
    check(rule("self.?labels.a.orValue('x') == 'y'"), json!({"labels": {"a": "y"}}), None, &[]);
    check(
        rule("self.port + 1 > 2"),
        json!({"port": "5"}),
        None,
        &[
            r#"spec: Invalid value: "object": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.port + 1 > 2"#,
        ],
    );
    check(
        rule("self.max / self.min == 1"),
        json!({"min": 0, "max": 1}),
        None,
        &[r#"spec: Invalid value: "object": division by zero evaluating rule: self.max / self.min == 1"#],
    );
    check(
        rule("self.min > 0"),
        json!({"min": "x"}),
        None,
        &[
            r#"spec.min: Invalid value: "string": spec.min in body must be of type integer: "string""#,
            "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
        ],
    );
    check(
        rule("self.labels['b'] == 'd'"),
        json!({"labels": {}}),
        None,
        &[r#"spec: Invalid value: "object": no such key: b evaluating rule: self.labels['b'] == 'd'"#],
    );
}

#[test]
fn says_what_the_rule_says() {
    let failing = json!({"min": 3, "max": 2});
    check(
        json!({"rule": "self.min < self.max", "message": "min must be smaller"}),
        failing.clone(),
        None,
        &["spec: Invalid value: min must be smaller"],
    );
    check(
        json!({"rule": "self.min < self.max", "message": "m", "messageExpression": "'not ' + string(self.min) + ' < ' + string(self.max)"}),
        failing.clone(),
        None,
        &["spec: Invalid value: not 3 < 2"],
    );
    check(
        json!({"rule": "self.min < self.max", "message": "m", "messageExpression": "self.name"}),
        failing.clone(),
        None,
        &["spec: Invalid value: m"],
    );
    check(
        json!({"rule": "self.min < self.max", "message": "m", "reason": "FieldValueForbidden", "fieldPath": ".min"}),
        failing.clone(),
        None,
        &["spec.min: Forbidden: m"],
    );
    check(
        json!({"rule": "self.min < self.max", "message": "m", "reason": "FieldValueRequired", "fieldPath": ".labels['a.b']"}),
        failing,
        None,
        &["spec.labels[a.b]: Required value: m"],
    );
}

#[test]
fn transition_rules_run_on_update_only() {
    let rule = json!({"rule": "self.min >= oldSelf.min", "message": "no way back"});
    check(rule.clone(), json!({"min": 1}), None, &[]);
    check(rule.clone(), json!({"min": 1}), Some(json!({"min": 1})), &[]);
    check(rule, json!({"min": 1}), Some(json!({"min": 2})), &["spec: Invalid value: no way back"]);
    let optional = json!({"rule": "!oldSelf.hasValue() || self.min >= oldSelf.value().min", "message": "no way back", "optionalOldSelf": true});
    check(optional.clone(), json!({"min": 1}), None, &[]);
    check(optional, json!({"min": 1}), Some(json!({"min": 2})), &["spec: Invalid value: no way back"]);
}

#[test]
fn elements_of_keyed_lists_are_compared_with_their_own_past() {
    let structural = parse(json!({"type": "object", "properties": {"parts": {
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size", "message": "no shrinking"}],
        },
    }}}));
    let part = |name: &str, size: i64| json!({"name": name, "size": size});
    let old = json!({"parts": [part("a", 1), part("b", 5)]});
    let errors = structural.validate(&json!({"parts": [part("b", 5), part("c", 0), part("a", 0)]}), Some(&old));
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["parts[2]: Invalid value: no shrinking"]);
}

#[test]
fn the_root_sees_names_only() {
    let schema = |rule: &str| json!({"type": "object", "properties": {"spec": {"type": "object"}}, "x-kubernetes-validations": [{"rule": rule, "message": "m"}]});
    let object =
        json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "abc", "labels": {"x": "y"}}, "spec": {}});
    let ok = |rule: &str| parse(schema(rule)).validate(&object, None).is_empty();
    assert!(ok("self.metadata.name.size() == 3 && self.kind == 'A'"));
    assert!(!ok("self.metadata.name == 'x'"));
    assert!(!ok("has(self.metadata.labels)"));
}

#[test]
fn rules_that_cannot_be_used_are_refused() {
    let check = |rule: Value, at: &str, words: &str| {
        let errors = Structural::parse(&with_rules(fields(), json!([rule]))).err().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{rule}: {errors:#?}");
        assert_eq!(errors[0].path, format!("properties[spec].x-kubernetes-validations[0].{at}"));
        assert!(errors[0].message.contains(words), "{}", errors[0]);
    };
    check(json!({"rule": ""}), "rule", "Required value");
    check(json!({"rule": "self.min <"}), "rule", "compilation failed");
    check(json!({"rule": "self.other == 1"}), "rule", "undefined field 'other'");
    check(json!({"rule": "self.parts.all(p, p.other == 1)"}), "rule", "undefined field 'other'");
    check(json!({"rule": "other == 1"}), "rule", "undeclared reference to 'other'");
    check(json!({"rule": "self.min"}), "rule", "must evaluate to a bool");
    check(json!({"rule": "frobnicate(self.min)"}), "rule", "undeclared reference to 'frobnicate'");
    check(json!({"rule": "lists.range(1000000000).size() > 0"}), "rule", "undeclared reference");
    check(json!({"rule": "true", "messageExpression": "1 +"}), "messageExpression", "compilation failed");
    check(json!({"rule": "true", "reason": "Because"}), "reason", "Unsupported value");
    check(json!({"rule": "true", "fieldPath": ".nowhere"}), "fieldPath", "must be a valid path");
    check(json!({"rule": "true", "message": "a\nb"}), "message", "must not contain line breaks");
    check(json!({"rule": "true", "optionalOldSelf": true}), "optionalOldSelf", "oldSelf is not used");
    check(json!({"rule": "(".repeat(1000)}), "rule", "nested too deeply");
    check(json!({"rule": format!("'{}' == ''", "x".repeat(20_000))}), "rule", "longer than");
    let atomic = json!({"tags": {"type": "array", "items": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}}});
    let errors = Structural::parse(&with_rules(atomic, json!([]))).err().unwrap_or_default();
    assert!(errors[0].message.contains("uncorrelatable"), "{errors:?}");
}

/// Nothing that a rule or a value says makes a write hang.
#[test]
fn time_is_bounded() {
    let check = |rule: &str, spec: Value, refused: bool| {
        let structural = parse(with_rules(fields(), json!([{"rule": rule, "message": "m"}])));
        let start = Instant::now();
        let errors = structural.validate(&json!({ "spec": spec }), None);
        let took = start.elapsed();
        let over = errors.iter().any(|error| error.message.contains("cost budget"));
        assert_eq!(over, refused, "{rule}: {errors:?}");
        assert!(took < Duration::from_secs(10), "{rule} took {took:?}");
    };
    let tags = |count: usize| json!({"tags": (0..count).map(|n| format!("tag-{n}")).collect::<Vec<_>>()});
    check("self.tags.all(a, self.tags.exists_one(b, a == b))", tags(100), false);
    check("self.tags.all(a, a.size() < 100)", tags(10_000), false);
    check("self.tags.all(a, self.tags.all(b, self.tags.all(c, a + b + c != '')))", tags(1000), true);
    check(
        "[self.name].map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).map(x, x+x).size() == 1",
        json!({"name": "x".repeat(100_000)}),
        true,
    );
    check("self.name.replace('x', self.name).size() > 0", json!({"name": "x".repeat(100_000)}), true);
}

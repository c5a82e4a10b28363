use rstest::rstest;
use serde_json::json;

use super::*;

fn object() -> Object {
    Object::from_value(json!({
        "metadata": {"name": "x", "generation": 2, "labels": {"a.b/c": "d"}},
        "spec": {"replicas": 3, "list": [{"on": true, "n": 1}, {"on": false, "n": 2}], "ratio": 0.5, "none": null,
            "text": "12", "empty": ""},
    }))
    .unwrap()
}

#[rstest]
#[case("true", true)]
#[case("spec.replicas == 3", true)]
#[case("object.spec.replicas >= 3 && metadata.generation < 3", true)]
#[case("object.metadata.name == 'x' && metadata.name == 'x'", true)]
#[case("status.phase == 'Ready'", false)]
#[case("status.phase != 'Ready'", false)]
#[case("has(status.phase)", false)]
#[case("!has(status.phase) || status.phase == 'x'", true)]
#[case("has(spec.replicas) && has(object.spec)", true)]
#[case("status.get('phase', 'none') == 'none'", true)]
#[case("object.get('spec.replicas', 0) == 3 && spec.get('none', 1) == 1 && spec.get('replicas.x', 2) == 2", true)]
#[case("metadata.labels['a.b/c'] == 'd'", true)]
#[case("spec.list.exists(item, item.on && item.n == 1)", true)]
#[case("spec.list.all(item, item.on)", false)]
#[case("spec.list.filter(spec, spec.on).size() == 1", true)]
#[case("spec.ratio < 0.6", true)]
#[case("spec.none == null", true)]
#[case("spec.ratio * 2 == 1.0 && spec.replicas == 3.0", true)]
#[case("object.spec.?missing.?deeper.orValue('x') == 'x' && !object.?none.hasValue()", true)]
#[case("status.?phase.orValue('') == '' && spec.?replicas.orValue(0) == 3", true)]
#[case("spec.list.map(i, i.n) == [1, 2] && spec.list.map(i, i.on, i.n * 10) == [10]", true)]
#[case("spec.list.exists_one(i, i.n > 1) && [1, 2, 3].exists(i, i in [3, 4]) && 'a' in {'a': 1}", true)]
#[case("spec.list.all(i, i.missing == 1)", false)]
#[case("[0, 1].exists(i, 1 / i == 1)", true)]
#[case("[0, 1].all(i, 1 / i == 7)", false)]
#[case("status.x == 1 || spec.replicas == 3", true)]
#[case("spec.replicas == 3 || status.x == 1", true)]
#[case("!(status.x == 1 && spec.replicas == 4)", true)]
#[case("size(spec.list) + spec.list.size() + 'äb'.size() == 6", true)]
#[case("int('7') + int(2.9) == 9 && double('1.5') == 1.5 && string(4) == '4'", true)]
#[case("'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.contains('b') && 'abc'.matches('^a.c$')", true)]
#[case("object.number('spec.text', 4) == 12 && spec.number('none', 4) == 4 && spec.number('empty', 5) == 5", true)]
#[case("javaMemory('1g') == 1073741824.0 && javaMemory('512m') * 2.0 == javaMemory('1024MB')", true)]
#[case("math.greatest(1, spec.replicas) == 3 && 'ABC'.lowerAscii() == 'abc'", true)]
#[case("timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-02T00:00:00Z')", true)]
#[case("timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('24h')", true)]
#[case("string(timestamp('2026-01-01T00:00:00Z')).startsWith('2026-01-01')", true)]
#[case("(spec.replicas > 2 ? 'many' : 'few') == 'many'", true)]
#[case("-spec.replicas == -3 && 7 % 4 == 3 && 7 / 2 == 3", true)]
#[case("quantity('1Gi').isGreaterThan(quantity('1G'))", true)]
fn holds(#[case] source: &str, #[case] expected: bool) {
    let (condition, object) = (Expression::parse(source, Place::Object).unwrap(), object());
    assert_eq!(Scope::new(&object).holds(&condition), Ok(expected), "{source}");
}

#[rstest]
#[case("spec.replicas ==", "")]
#[case("nofunction(spec)", "there is no function nofunction")]
#[case("spec.n.nomethod()", "there is no function nomethod")]
#[case("spec.t.matches('(')", "is not a regular expression")]
#[case("pod.x == 1", "\"pod\" is not known here; there are object, metadata, spec, status")]
#[case("spec.a.all(a, spec.a.all(b, spec.a.all(c, spec.a.all(d, true))))", "loops nest more than 3 deep")]
fn refused(#[case] source: &str, #[case] expected: &str) {
    let message = Expression::parse(source, Place::Object).unwrap_err();
    assert!(!message.is_empty() && message.contains(expected), "{source}: {message}");
    assert!(Expression::parse(&" ".repeat(5000), Place::Object).is_err());
}

#[rstest]
#[case("spec.replicas", "gave")]
#[case("spec.replicas == 3 && spec.list", "")]
#[case("spec.replicas + 'x' == '3x'", "add is not for a number and a string")]
#[case("spec.replicas.x == 1", "spec.replicas.x: expected an object on the way, found a number")]
#[case("spec.replicas < 'x'", "have no order")]
#[case("1 / (spec.replicas - 3) == 1", "division by zero")]
#[case("9223372036854775807 + spec.replicas > 0", "too large")]
#[case("quantity('x').isGreaterThan(quantity('1'))", "")]
#[case("spec.number('list', 1) == 1", "number is not for a list")]
fn failures(#[case] source: &str, #[case] expected: &str) {
    let (condition, object) = (Expression::parse(source, Place::Object).unwrap(), object());
    let error = Scope::new(&object).holds(&condition).unwrap_err().to_string();
    assert!(error.starts_with(source) && error.contains(expected), "{error}");
}

#[test]
fn values_are_json() {
    let object = object();
    let value = |source: &'static str| {
        let expression = Box::leak(Box::new(Expression::parse(source, Place::Object).unwrap()));
        Scope::new(&object).value(expression).map_err(|error| error.to_string())
    };
    assert_eq!(
        value("{'a': [1, 2.5, null], 'b': spec.list[0]}"),
        Ok(Some(json!({"a": [1, 2.5, null], "b": {"on": true, "n": 1}})))
    );
    assert_eq!(value("spec.?missing"), Ok(None));
    assert_eq!(value("[?spec.?missing, ?spec.?replicas]"), Ok(Some(json!([3]))));
    assert_eq!(value("status.phase"), Err("status.phase: status.phase is missing".to_owned()));
    assert_eq!(value("{1: 2}"), Err("{1: 2}: the key of an object is a number".to_owned()));
    assert!(value("0.0 / 0.0").unwrap_err().contains("NaN is not a number"));
}

#[test]
fn other_variables() {
    let object = object();
    let observed = Object::from_value(json!({"spec": {"replicas": 9}})).unwrap();
    let items = [
        StatusItem { cluster_name: "a".to_owned(), status: Some(json!({"n": 1})), ..StatusItem::default() },
        StatusItem { cluster_name: "b".to_owned(), ..StatusItem::default() },
    ];
    let parse = |source: &str, place| Expression::parse(source, place).unwrap();
    let kept = parse("observed.spec.replicas + spec.replicas", Place::Retain);
    assert_eq!(Scope::new(&object).with_observed(&observed).value(&kept), Ok(Some(json!(12))));
    let revised = parse("replicas * 2", Place::Revise);
    assert_eq!(Scope::new(&object).with_replicas(4).value(&revised), Ok(Some(json!(8))));
    let part = json!({"n": 5});
    let item = parse("key + string(item.n)", Place::Item);
    assert_eq!(Scope::new(&object).with_item((&part).into(), Value::text("k")).value(&item), Ok(Some(json!("k5"))));
    let sum = parse("items.filter(i, has(i.status)).map(i, i.clusterName + i.health)", Place::Aggregate);
    assert_eq!(Scope::new(&object).with_items(&items).value(&sum), Ok(Some(json!(["aUnknown"]))));
    assert!(Expression::parse("observed.x", Place::Object).is_err());
    assert!(Expression::parse("replicas", Place::Retain).is_err());
}

#[test]
fn reads_are_chains() {
    let read = |source: &str| {
        let mut reads: Vec<String> = reads(source).unwrap().iter().map(|chain| chain.join(".")).collect();
        reads.sort();
        reads
    };
    assert_eq!(read("status.a.b == spec.c && has(object.status.d)"), ["spec.c", "status.a.b", "status.d"]);
    assert_eq!(read("status.list.exists(i, i.x == metadata['name'])"), ["metadata.name", "status.list"]);
    assert_eq!(read("observed.spec.x"), ["observed.spec.x"]);
    assert!(reads("status.").is_err() && reads("nothing.x").is_err());
}

/// Expressions that are as deep, long or hungry as can be: each is refused or ends, on a thread's small stack.
#[test]
fn the_work_is_bounded() {
    let repeat = |part: &str, count: usize| part.repeat(count);
    let hungry = [
        format!("{}1{}", repeat("(", 2000), repeat(")", 2000)),
        format!("{}1{}", repeat("(", 60), repeat(")", 60)),
        format!("status{}", repeat(".a", 2000)),
        format!("status{} == 1", repeat(".a", 500)),
        format!("{}true", repeat("!", 4000)),
        format!("{}true", repeat("!", 500)),
        format!("1{}", repeat("+1", 500)),
        format!("{}1", repeat("-", 500)),
        format!("{}1", repeat("true?1:", 60)),
        format!("[{}1]", repeat("1,", 500)),
        format!("true{}", repeat(" && true", 120)),
        format!("status{}", repeat("[0]", 400)),
    ];
    let object = object();
    for source in hungry {
        if let Ok(expression) = Expression::parse(&source, Place::Object) {
            let _ = Scope::new(&object).truth(&expression);
        }
    }
    // 5 MiB, and loops in loops over them.
    let items: Vec<Json> = (0..100_000).map(|index| json!({"name": format!("item-{index}"), "value": index})).collect();
    let large = Object::from_value(json!({"spec": {"items": items, "text": "a".repeat(1 << 20)}})).unwrap();
    for source in [
        "spec.items.all(a, spec.items.all(b, spec.items.all(c, a.value + b.value + c.value >= 0)))",
        "spec.items.map(a, spec.items.map(b, a.name + b.name)).size() > 0",
        "spec.items.map(a, spec.text + spec.text).size() > 0",
        "spec.items.all(a, spec.text.matches('(a*)*b') == false)",
        "spec.items.all(a, spec.items == spec.items)",
        "spec.items.all(a, a in spec.items)",
        "spec.items.all(a, spec.items.sum() == 0)",
        "spec.items.all(a, a.name.matches(a.name + '{1,200}') || true)",
    ] {
        let expression = Expression::parse(source, Place::Object).unwrap();
        let error = Scope::new(&large).truth(&expression).unwrap_err();
        assert_eq!(error.kind(), outrigger_interpreter::ErrorKind::Limit, "{source}: {error}");
    }
    let fine = Expression::parse("spec.items.exists(a, a.value == 99999)", Place::Object).unwrap();
    assert_eq!(Scope::new(&large).holds(&fine), Ok(true));
}

mod agreement {
    //! What the library makes of an expression, ours does too.

    use kube_cel::{KubeCelExt, cel};
    use proptest::prelude::*;

    use super::*;

    fn leaf() -> impl Strategy<Value = String> {
        let names = [
            "spec.n",
            "spec.t",
            "spec.b",
            "spec.l",
            "spec.missing",
            "spec.m",
            "1",
            "0",
            "-2",
            "'x'",
            "''",
            "true",
            "false",
            "[1, 2]",
            "null",
        ];
        prop::sample::select(names.to_vec()).prop_map(str::to_owned)
    }

    fn expression() -> impl Strategy<Value = String> {
        leaf().prop_recursive(4, 24, 3, |inner| {
            let binary = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*", "/", "%", "in"]);
            prop_oneof![
                4 => (inner.clone(), binary, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
                1 => inner.clone().prop_map(|a| format!("!({a})")),
                1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
                1 => inner.clone().prop_map(|a| format!("size({a})")),
                1 => prop::sample::select(vec!["has(spec.n)", "has(spec.missing)", "has(spec.m.k)", "spec.m.k", "spec.l[0]", "spec.l[7]"]).prop_map(str::to_owned),
                1 => (prop::sample::select(vec!["all", "exists", "exists_one", "filter", "map"]), inner.clone())
                    .prop_map(|(name, a)| format!("spec.l.{name}(i, i == {a})")),
                1 => (inner.clone(), inner).prop_map(|(a, b)| format!("[{a}, {b}]")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn with_the_library(source in expression()) {
            let object = Object::from_value(json!({
                "spec": {"n": 3, "t": "x", "b": true, "l": [1, 2, 3], "m": {"k": "v"}},
            })).unwrap();
            // Whether it parses is the library's to say; ours refuses only what is too large.
            let Ok(ours) = Expression::parse(&source, Place::Object) else { return Ok(()) };
            let mut context = cel::Context::default().with_all();
            let spec = Value::from(&object.0["spec"]).to_foreign().unwrap();
            context.add_variable_from_value("spec", spec);
            let parsed = cel::parser::Parser::default().parse(&source).unwrap();
            let theirs = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cel::Value::resolve(&parsed, &context)));
            let Ok(Ok(theirs)) = theirs else { return Ok(()) };
            let mine = Scope::new(&object).evaluate(&ours).map(|value| value.to_foreign());
            // CEL has no sum of a list and a map; the library makes a list with the keys of it.
            if matches!(&mine, Err(Fault::Wrong(why)) if why == "add is not for a list and an object") {
                return Ok(());
            }
            prop_assert_eq!(mine, Ok(Ok(theirs)), "{}", source);
        }
    }
}

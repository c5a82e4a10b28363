use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn labelled(labels: serde_json::Value) -> Object {
    Object::from_value(json!({"metadata": {"labels": labels, "name": "x"}, "status": {"phase": "Running"}})).unwrap()
}

#[rstest]
#[case("", true)]
#[case(" ", true)]
#[case("app=web", true)]
#[case("app==web", true)]
#[case(" app = web ", true)]
#[case("app=api", false)]
#[case("app!=api", true)]
#[case("app!=web", false)]
#[case("missing!=x", true)]
#[case("missing notin (x)", true)]
#[case("app in (api, web)", true)]
#[case("app in (api,db)", false)]
#[case("app notin (api,db),example.com/tier", true)]
#[case("app", true)]
#[case("!app", false)]
#[case("! missing", true)]
#[case("empty=", true)]
#[case("empty in (,a)", true)]
#[case("app=", false)]
#[case("size>3,size<5", true)]
#[case("size>4", false)]
#[case("app>4", false)]
#[case("in in (notin)", true)]
fn labels(#[case] query: &str, #[case] expected: bool) {
    let object = labelled(json!({"app": "web", "example.com/tier": "a", "empty": "", "size": "4", "in": "notin"}));
    let selector = Selector::parse(query).unwrap();
    assert_eq!(selector.matches_object(&object), expected, "{query}");
    assert_eq!(Selector::parse(&selector.to_string()).unwrap(), selector, "{query} prints as {selector}");
}

#[rstest]
#[case("a=b,", 4, "expected the name of a label, found the end")]
#[case(",a", 0, "expected the name of a label, found ','")]
#[case("a b", 2, "expected one of = == != > < in notin, found 'b'")]
#[case("a in x", 5, "expected an opening parenthesis, found 'x'")]
#[case("a in (x", 7, "expected a comma or a closing parenthesis, found the end")]
#[case("a in ()", 0, "a is compared with no value")]
#[case("a=b c", 4, "expected a comma or the end, found 'c'")]
#[case("x,a=-b", 2, "\"-b\" is not the value of a label")]
#[case("a/b/c=d", 0, "\"a/b/c\" is not the name of a label")]
#[case("a>b", 0, "a is compared with something that is not one whole number")]
#[case("!a=b", 2, "expected a comma or the end, found '='")]
#[case("é=b", 0, "\"é\" is not the name of a label")]
fn bad_labels(#[case] query: &str, #[case] at: usize, #[case] expected: &str) {
    let error = Selector::parse(query).unwrap_err();
    assert_eq!(error, Error::Selector { position: at, message: expected.to_owned() }, "{query}");
}

#[rstest]
#[case(json!(null), false)]
#[case(json!({}), true)]
#[case(json!({"matchLabels": {"app": "web"}}), true)]
#[case(json!({"matchLabels": {"app": "web", "no": "x"}}), false)]
#[case(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}), true)]
#[case(json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), false)]
#[case(json!({"matchExpressions": [{"key": "no", "operator": "DoesNotExist"}, {"key": "app", "operator": "Exists"}]}), true)]
fn json_labels(#[case] selector: serde_json::Value, #[case] expected: bool) {
    let parsed = Selector::from_json(&selector).unwrap();
    assert_eq!(parsed.matches_object(&labelled(json!({"app": "web"}))), expected, "{selector}");
}

#[rstest]
#[case(json!([]))]
#[case(json!({"matchLabels": []}))]
#[case(json!({"matchLabels": {"a": 1}}))]
#[case(json!({"matchExpressions": {}}))]
#[case(json!({"matchExpressions": [3]}))]
#[case(json!({"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}))]
#[case(json!({"matchExpressions": [{"key": "a", "operator": "In"}]}))]
#[case(json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}))]
fn bad_json_labels(#[case] selector: serde_json::Value) {
    assert!(Selector::from_json(&selector).is_err(), "{selector}");
}

#[rstest]
#[case("", true)]
#[case("metadata.name=x", true)]
#[case("metadata.name==x,status.phase!=Pending", true)]
#[case("metadata.name!=x", false)]
#[case("metadata.namespace=", true)]
#[case("metadata.namespace!=", false)]
#[case("spec.on=true,spec.size=3", true)]
#[case(r"spec.text=a\,b\=c\\", true)]
fn fields(#[case] query: &str, #[case] expected: bool) {
    let mut object = labelled(json!({}));
    object.set(&["spec"], json!({"on": true, "size": 3, "text": "a,b=c\\"}));
    let selector = FieldSelector::parse(query).unwrap();
    assert_eq!(selector.matches(&object), expected, "{query}");
    assert_eq!(FieldSelector::parse(&selector.to_string()).unwrap(), selector, "{query} prints as {selector}");
}

#[rstest]
#[case("a=b,c", 5)]
#[case("=b", 0)]
#[case("a=b=c", 3)]
#[case("a=b\\x", 3)]
fn bad_fields(#[case] query: &str, #[case] at: usize) {
    let error = FieldSelector::parse(query).unwrap_err();
    assert!(matches!(&error, Error::Selector { position, .. } if *position == at), "{query}: {error:?}");
}

proptest! {
    #[test]
    fn any_text_parses_or_fails(text in ".{0,40}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
        if let Ok(selector) = FieldSelector::parse(&text) {
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn negations_are_opposites(key in "[a-c]", value in "[a-c]", label in proptest::option::of("[a-c]")) {
        let object = labelled(label.map_or(json!({}), |label| json!({"a": label})));
        let matches = |query: String| Selector::parse(&query).unwrap().matches_object(&object);
        prop_assert_ne!(matches(format!("{key}={value}")), matches(format!("{key}!={value}")));
        prop_assert_ne!(matches(format!("{key} in ({value},z)")), matches(format!("{key} notin ({value},z)")));
        prop_assert_ne!(matches(key.clone()), matches(format!("!{key}")));
    }
}

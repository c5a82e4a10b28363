use std::borrow::Cow;

use outrigger_interpreter::{Answer, Interpreter, Question};
use outrigger_object::Object;
use serde_json::{Value, json};

use super::{Generic, ignorant, knowing, widget};

fn scaled() -> Generic {
    knowing(Value::Null, json!({"scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}}))
}

fn workload(replicas: Value) -> Object {
    let container = json!({"name": "c", "resources": {"requests": {"cpu": "500m"}}});
    widget(json!({"spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}}}))
}

#[test]
fn replicas_come_from_the_scale_subresource() {
    let check = |generic: &Generic, object: &Object, expected: Result<Option<(i64, bool)>, &str>| match (
        generic.replicas(object).into_result(),
        expected,
    ) {
        (Err(error), Err(part)) => assert_eq!(error.to_string(), part),
        (Ok(info), Ok(expected)) => {
            assert_eq!(info.map(|info| (info.replicas, info.requirements.is_some())), expected, "{object:?}");
        }
        (got, expected) => panic!("{got:?} instead of {expected:?}"),
    };
    let sized = |size: Value| widget(json!({"spec": {"size": size, "replicas": 9}}));
    check(&scaled(), &sized(json!(3)), Ok(Some((3, false))));
    check(&scaled(), &sized(Value::Null), Ok(None));
    check(&scaled(), &sized(json!("3")), Err("spec.size: expected an integer, found a string"));
    check(&scaled(), &sized(json!(-1)), Err("spec.size: -1 is less than none"));
    // A kind without the subresource is not scaled, whatever its fields are called.
    check(&knowing(Value::Null, json!({})), &workload(json!(3)), Ok(None));
    check(&ignorant(), &workload(json!(3)), Ok(Some((3, true))));
    check(&ignorant(), &widget(json!({"spec": {"replicas": 3}})), Ok(None));
}

#[test]
fn revision_writes_where_something_is() {
    let revised = |object: Object| scaled().revise_replicas(object, 7).into_result().unwrap();
    let object = revised(widget(json!({"spec": {"size": 3}}))).unwrap();
    assert_eq!(object.get(&["spec"]), Some(&json!({"size": 7})));
    assert_eq!(revised(widget(json!({"spec": {}}))), None);
}

fn managed(manager: &str, subresource: &str, field: &str) -> Value {
    json!({"manager": manager, "operation": "Update", "subresource": subresource,
        "fieldsV1": {"f:spec": {(format!("f:{field}")): {}}}})
}

/// What is retained of 5 replicas in the member, where the template wants 3; and by which rule.
#[track_caller]
fn retains(label: Option<&str>, managers: Vec<Value>, expected: Option<&str>) {
    let mut desired = widget(json!({"spec": {"size": 3, "color": "red"}}));
    if let Some(label) = label {
        desired.set_label("resourcetemplate.karmada.io/retain-replicas", label);
    }
    let observed = widget(json!({"metadata": {"managedFields": managers}, "spec": {"size": 5, "color": "blue"}}));
    let question = Question::Retain { desired: Cow::Borrowed(&desired), observed: Cow::Borrowed(&observed) };
    assert_eq!(scaled().rule(&question).as_deref(), expected);
    match scaled().retain(desired.clone(), &observed) {
        Answer::Value(kept) => {
            assert!(expected.is_some());
            assert_eq!(kept.get(&["spec"]), Some(&json!({"size": 5, "color": "red"})), "replicas and nothing else");
        }
        answer => assert!(answer == Answer::NotHandled && expected.is_none(), "{answer:?}"),
    }
}

#[test]
fn replicas_are_retained_where_a_machine_scales() {
    retains(None, vec![], None);
    retains(Some("true"), vec![], Some("retain-replicas label"));
    retains(Some("false"), vec![], None);
    let scaled = Some("scaled in the member");
    retains(None, vec![managed("kube-controller-manager", "scale", "size")], scaled);
    retains(None, vec![managed("outrigger", "", "size"), managed("keda-operator", "", "size")], scaled);
    retains(None, vec![managed("my-autoscaler", "", "size")], scaled);
    retains(None, vec![managed("kube-controller-manager", "scale", "other")], None);
    retains(None, vec![managed("kubectl", "scale", "size")], None);
    retains(None, vec![managed("outrigger", "scale", "size")], None);
    retains(None, vec![managed("manager", "", "size")], None);
    retains(None, vec![json!(3), json!({"manager": 1, "fieldsV1": []})], None);
}

#[test]
fn what_the_template_leaves_open_needs_no_retention() {
    let observed =
        widget(json!({"metadata": {"managedFields": [managed("hpa", "scale", "size")]}, "spec": {"size": 5}}));
    assert_eq!(scaled().retain(widget(json!({"spec": {}})), &observed), Answer::NotHandled);
}

//! Every operation: what the function is given, what it may give, and what is refused.

use outrigger_api::config::ResourceInterpreterCustomization;
use outrigger_interpreter::{Answer, ErrorKind, Health, Operation, Question, StatusItem};
use outrigger_lua::{Customization, Script};
use outrigger_object::Object;
use rstest::rstest;
use serde_json::{Value, json};

pub(crate) fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

fn widget() -> Object {
    object(json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"},
        "spec": {"replicas": 3, "big": 9007199254740993_i64, "empty": {}, "none": [], "nothing": null,
            "list": [1, null, 2.0, 0.5], "template": {"spec": {
                "serviceAccountName": "web", "nodeSelector": {"disk": "ssd"},
                "containers": [{"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}],
                "volumes": [{"secret": {"secretName": "tls"}}]}}},
        "status": {"phase": "Ready"},
    }))
}

/// Asks one script one question about the widget; the answer, or the error, as JSON.
fn ask(operation: Operation, source: &str) -> Value {
    let script = Script::compile(source, operation, "test").unwrap();
    let (widget, observed) = (widget(), object(json!({"kind": "Widget", "spec": {"suspend": true, "kept": {}}})));
    let items = [
        StatusItem {
            cluster_name: "east".to_owned(),
            status: Some(json!({"ready": 1, "at": [{"a": {}}]})),
            applied: true,
            ..StatusItem::default()
        },
        StatusItem { cluster_name: "west".to_owned(), health: Health::Unhealthy, ..StatusItem::default() },
    ];
    let given = match operation {
        Operation::InterpretReplica => script.replicas(&widget).map(|info| json!(info)),
        Operation::InterpretComponent => script.components(&widget).map(|list| json!(list)),
        Operation::ReviseReplica => script.revise_replicas(&widget, 7).map(|object| json!(object)),
        Operation::Retain => script.retain(&widget, &observed).map(|object| json!(object)),
        Operation::AggregateStatus => script.aggregate_status(&widget, Some(&items)).map(|object| json!(object)),
        Operation::InterpretDependency => script.dependencies(&widget).map(|list| json!(list)),
        Operation::InterpretStatus => script.reflect_status(&widget),
        _ => script.health(&widget).map(|report| json!(report)),
    };
    given.unwrap_or_else(|error| {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let text = error.to_string();
        json!(text.strip_prefix(&format!("test: {operation:?} of example.com/v1/Widget: ")).unwrap_or(&text))
    })
}

use Operation::{
    AggregateStatus, InterpretComponent, InterpretDependency, InterpretHealth, InterpretReplica, InterpretStatus,
    Retain, ReviseReplica,
};

#[rstest]
#[case(InterpretHealth, "function InterpretHealth(o) return o.status.phase == 'Ready' end", json!({"health": "Healthy"}))]
#[case(InterpretHealth, "function InterpretHealth(o) return false end", json!({"health": "Unhealthy"}))]
#[case(InterpretHealth, "function InterpretHealth(o) return 'yes' end", json!("result type string is not bool"))]
#[case(InterpretHealth, "function InterpretHealth(o) end", json!("result type nil is not bool"))]
#[case(InterpretHealth, "function Health(o) return true end", json!("not found function InterpretHealth"))]
#[case(InterpretHealth, "InterpretHealth = 3", json!("InterpretHealth is not a function: number"))]
#[case(InterpretHealth, "function InterpretHealth(o)\n  return o.spec.a.b\nend",
    json!("line 2: attempt to index field 'a' (a nil value)"))]
#[case(InterpretHealth, "function InterpretHealth(o)\n\n  error('no good')\nend", json!("line 3: no good"))]
#[case(InterpretHealth, "local x = 1\nx.y.z = 1", json!("line 2: attempt to index local 'x' (a number value)"))]
#[case(InterpretReplica, "function GetReplicas(o) return o.spec.replicas end", json!({"replicas": 3}))]
#[case(InterpretReplica, "function GetReplicas(o) return 2.9, nil end", json!({"replicas": 2}))]
#[case(InterpretReplica, "local kube = require('kube')
    function GetReplicas(o) return 1, kube.accuratePodRequirements(o.spec.template) end",
    json!({"replicas": 1, "requirements": {
        "nodeClaim": {"nodeSelector": {"disk": "ssd"}}, "resourceRequest": {"cpu": "500m", "memory": "1Gi"}}}))]
#[case(InterpretReplica, "function GetReplicas(o) return 1, {resourceRequest = {cpu = 2, memory = '1Gi'}, nodeClaim = {}} end",
    json!({"replicas": 1, "requirements": {"resourceRequest": {"cpu": "2", "memory": "1Gi"}}}))]
#[case(InterpretReplica, "function GetReplicas(o) return '3' end", json!("result type string is not number"))]
#[case(InterpretReplica, "function GetReplicas(o) return 1e10 end", json!("10000000000 replicas do not fit 32 bits"))]
#[case(InterpretReplica, "function GetReplicas(o) return 1, 2 end", json!("expect the returned type is table but got number"))]
#[case(InterpretReplica, "function GetReplicas(o) return 1, {resourceRequest = {cpu = 'x'}} end",
    json!("resourceRequest.cpu: \"x\" is not a quantity: it has no digits"))]
#[case(InterpretComponent, "function GetComponents(o)
      return {{name = 'a', replicas = 2, replicaRequirements = {resourceRequest = {cpu = '1'}}}, {name = 'b', replicas = 0}}
    end",
    json!([{"name": "a", "replicas": 2, "replicaRequirements": {"resourceRequest": {"cpu": "1"}}}, {"name": "b", "replicas": 0}]))]
#[case(InterpretComponent, "function GetComponents(o) return {} end", json!([]))]
#[case(InterpretComponent, "function GetComponents(o) end", json!([]))]
#[case(InterpretComponent, "function GetComponents(o) return {{replicas = 'x'}} end",
    json!("[0].replicas: expected an integer, found a string"))]
#[case(InterpretComponent, "function GetComponents(o) return {name = 'a'} end", json!("a list was expected, an object came"))]
#[case(InterpretDependency, "local kube = require('kube')
    function GetDependencies(o) return kube.getPodDependencies(o.spec.template, o.metadata.namespace) end",
    json!([{"apiVersion": "v1", "kind": "Secret", "namespace": "shop", "name": "tls"},
        {"apiVersion": "v1", "kind": "ServiceAccount", "namespace": "shop", "name": "web"}]))]
#[case(InterpretDependency, "function GetDependencies(o)
      local a = {apiVersion = 'v1', kind = 'Secret', name = 'b'}
      return {a, {apiVersion = 'v1', kind = 'ConfigMap', labelSelector = {matchLabels = {x = 'y'}}}, a}
    end",
    json!([{"apiVersion": "v1", "kind": "ConfigMap", "labelSelector": {"matchLabels": {"x": "y"}}},
        {"apiVersion": "v1", "kind": "Secret", "name": "b"}]))]
#[case(InterpretDependency, "function GetDependencies(o) return {{kind = 'Secret', name = 'b'}} end",
    json!("[0].apiVersion: missing required apiVersion"))]
#[case(InterpretDependency, "function GetDependencies(o) return {{apiVersion = 'v1', kind = 'Secret'}} end",
    json!("[0]: dependency can not leave name and labelSelector all empty"))]
#[case(InterpretDependency, "function GetDependencies(o) return nil end", json!("expect the returned type is table but got nil"))]
#[case(InterpretStatus, "function ReflectStatus(o) return {phase = o.status.phase, n = o.spec.replicas, big = o.spec.big} end",
    json!({"phase": "Ready", "n": 3, "big": 9007199254740993_i64}))]
#[case(InterpretStatus, "function ReflectStatus(o) return {} end", json!({}))]
#[case(InterpretStatus, "function ReflectStatus(o) return {a = {}, b = {{}, {c = 1}}, list = o.spec.list} end",
    json!({"b": [{"c": 1}], "list": [1, 2, 0.5]}))]
#[case(InterpretStatus, "function ReflectStatus(o) return o.spec end", json!({
    "replicas": 3, "big": 9007199254740993_i64, "list": [1, 2, 0.5], "template": {"spec": {
        "serviceAccountName": "web", "nodeSelector": {"disk": "ssd"},
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}],
        "volumes": [{"secret": {"secretName": "tls"}}]}}}))]
#[case(InterpretStatus, "function ReflectStatus(o) return {1, a = 2} end", json!("cannot encode mixed or invalid key types"))]
#[case(InterpretStatus, "function ReflectStatus(o) return {1, nil, 3} end", json!("cannot encode sparse array"))]
#[case(InterpretStatus, "function ReflectStatus(o) return {f = print} end", json!("cannot encode function to JSON"))]
#[case(InterpretStatus, "function ReflectStatus(o) return {n = 0/0} end", json!("cannot encode the number NaN to JSON"))]
#[case(InterpretStatus, "function ReflectStatus(o) local t = {} t.t = t return t end",
    json!("cannot encode recursively nested tables to JSON"))]
#[case(InterpretStatus, "function ReflectStatus(o) local t = {x = 1} return {a = t, b = t} end",
    json!({"a": {"x": 1}, "b": {"x": 1}}))]
#[case(ReviseReplica, "function ReviseReplica(o, n) return {kind = o.kind, n = n, m = n / 2, e = {}, spec = {empty = {}, none = {}}} end",
    json!({"kind": "Widget", "n": 7, "m": 3.5, "spec": {"empty": {}, "none": []}}))]
#[case(ReviseReplica, "function ReviseReplica(o, n) return {} end", json!("the result has no kind"))]
#[case(ReviseReplica, "function ReviseReplica(o, n) return o.kind end", json!("expect the returned type is table but got string"))]
#[case(Retain, "function Retain(d, o) return {kind = d.kind, spec = {suspend = o.spec.suspend, kept = o.spec.kept, none = d.spec.none}} end",
    json!({"kind": "Widget", "spec": {"suspend": true, "kept": {}, "none": []}}))]
#[case(AggregateStatus, "function AggregateStatus(o, items)
      local ready, names = 0, {}
      for i = 1, #items do
        names[i] = items[i].clusterName .. ':' .. items[i].health .. ':' .. tostring(items[i].applied)
        if items[i].status ~= nil then ready = ready + items[i].status.ready end
      end
      return {kind = o.kind, status = {ready = ready, names = names, raw = items[1].status}}
    end",
    json!({"kind": "Widget", "status": {
        "ready": 1, "names": ["east:Unknown:true", "west:Unhealthy:nil"], "raw": {"ready": 1, "at": [{}]}}}))]
fn operations(#[case] operation: Operation, #[case] source: &str, #[case] expected: Value) {
    assert_eq!(ask(operation, source), expected, "{source}");
}

#[test]
fn untouched_parts_come_back_as_they_were() {
    let changed = ask(Operation::ReviseReplica, "function ReviseReplica(o, n) o.spec.replicas = n return o end");
    let mut expected = json!(widget());
    expected["spec"]["replicas"] = json!(7);
    // As in Karmada: null is no field, and no item.
    expected["spec"].as_object_mut().unwrap().remove("nothing");
    expected["spec"]["list"] = json!([1, 2, 0.5]);
    assert_eq!(changed, expected);
}

/// What is moved, shared, replaced or left: the answer is the same whether the object is lent or given.
#[rstest]
#[case::left("return d", json!({"a": {"x": 1}, "b": {"y": {"z": [2]}}, "t": "T", "u": "U"}))]
#[case::looked_at("local _ = d.spec.a.x return d", json!({"a": {"x": 1}, "b": {"y": {"z": [2]}}, "t": "T", "u": "U"}))]
#[case::read_and_set("local _ = d.spec.a.none, d.spec.a.x d.spec.a.w = d.spec.a.x + d.spec.a.x return d",
    json!({"a": {"x": 1, "w": 2}, "b": {"y": {"z": [2]}}, "t": "T", "u": "U"}))]
#[case::swapped("d.spec.a, d.spec.b = d.spec.b, d.spec.a return d",
    json!({"a": {"y": {"z": [2]}}, "b": {"x": 1}, "t": "T", "u": "U"}))]
#[case::texts_swapped("d.spec.t, d.spec.u = d.spec.u, d.spec.t return d",
    json!({"a": {"x": 1}, "b": {"y": {"z": [2]}}, "t": "U", "u": "T"}))]
#[case::shared("d.spec.c = d.spec.b d.spec.a.d = d.spec.b return d", json!({
    "a": {"x": 1, "d": {"y": {"z": [2]}}}, "b": {"y": {"z": [2]}}, "c": {"y": {"z": [2]}}, "t": "T", "u": "U"}))]
#[case::below("d.spec.b.y.w = d.spec.b.y.z d.spec.b.y.z = nil return d",
    json!({"a": {"x": 1}, "b": {"y": {"w": [2]}}, "t": "T", "u": "U"}))]
#[case::gone("d.spec.a, d.spec.t = nil, nil return d", json!({"b": {"y": {"z": [2]}}, "u": "U"}))]
#[case::in_a_list("d.spec.b.y.z = {d.spec.a, d.spec.a} return d",
    json!({"a": {"x": 1}, "b": {"y": {"z": [{"x": 1}, {"x": 1}]}}, "t": "T", "u": "U"}))]
#[case::of_another("d.spec.a = o.spec.a return d", json!({"a": {"x": 9}, "b": {"y": {"z": [2]}}, "t": "T", "u": "U"}))]
#[case::another("return o", json!({"a": {"x": 9}, "t": "other"}))]
#[case::a_new_one("return {kind = d.kind, spec = {b = d.spec.b, a = d.spec.t}}", json!({"a": "T", "b": {"y": {"z": [2]}}}))]
fn parts_go_where_they_are_put(#[case] body: &str, #[case] expected: Value) {
    let object = |spec: Value| Object::from_value(json!({"kind": "Widget", "spec": spec})).unwrap();
    let desired = object(json!({"a": {"x": 1}, "b": {"y": {"z": [2]}}, "t": "T", "u": "U"}));
    let observed = object(json!({"a": {"x": 9}, "t": "other"}));
    let script = Script::compile(&format!("function Retain(d, o) {body} end"), Operation::Retain, "test").unwrap();
    assert_eq!(script.retain(&desired, &observed).as_ref(), Ok(&object(expected.clone())), "lent: {body}");
    assert_eq!(script.retain(desired, &observed), Ok(object(expected)), "given: {body}");
}

#[test]
fn no_items_are_nil() {
    let source = "function AggregateStatus(o, items) o.status = {none = items == nil} return o end";
    let script = Script::compile(source, Operation::AggregateStatus, "test").unwrap();
    let status = |items| script.aggregate_status(widget(), items).unwrap().0.remove("status").unwrap();
    assert_eq!(status(None), json!({"none": true}));
    assert_eq!(status(Some(&[])), json!({"none": false}));
}

fn customization(rules: Value) -> ResourceInterpreterCustomization {
    serde_json::from_value(json!({
        "apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterCustomization",
        "metadata": {"name": "widgets"},
        "spec": {"target": {"apiVersion": "example.com/v1", "kind": "Widget"}, "customizations": rules},
    }))
    .unwrap()
}

#[test]
fn a_customization_answers_what_it_has_scripts_for() {
    let source = customization(json!({
        "retention": {"luaScript": "function Retain(d, o) d.spec.suspend = o.spec.suspend return d end"},
        "healthInterpretation": {"luaScript": "function InterpretHealth(o) return true end"},
        "statusReflection": {"luaScript": ""},
    }));
    let interpreter = Customization::new(&source).unwrap().interpreter();
    assert_eq!(interpreter.name(), "customization/widgets");
    let [support] = &interpreter.supports()[..] else { panic!("one kind") };
    let handled: Vec<_> = Operation::ALL.into_iter().filter(|one| support.operations.contains(*one)).collect();
    assert_eq!((handled, support.gvk.kind.as_str()), (vec![Retain, InterpretHealth], "Widget"));
    assert_eq!(interpreter.health(&widget()), Answer::Value(Health::Healthy.into()));
    assert_eq!(interpreter.reflect_status(&widget()), Answer::NotHandled);
    let question = Question::InterpretReplica { object: std::borrow::Cow::Owned(widget()) };
    assert_eq!(question.put_to(&*interpreter), Answer::NotHandled);
}

#[test]
fn load_errors_have_operation_and_line() {
    let source = customization(json!({
        "healthInterpretation": {"luaScript": "function InterpretHealth(o)\n  return )\nend"},
    }));
    let error = Customization::new(&source).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.line()),
        ("customization/widgets: InterpretHealth: line 2: unexpected symbol near ')'", 2)
    );
    let bytecode = "\x1bLua anything";
    assert!(Script::compile(bytecode, InterpretHealth, "test").is_err());
    assert!(Script::compile("return 1", Operation::Localize, "test").is_err());
}

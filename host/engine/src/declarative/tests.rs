use outrigger_interpreter::Health;
use rstest::rstest;
use serde_json::json;

use super::*;

const HEAD: &str = "apiVersion: interpreters.outrigger.io/v1alpha1
kind: Interpreter
metadata: {name: widgets.example.com, uid: kept-by-the-server}
spec:
  target: {apiVersion: example.com/v1, kind: Widget}
";

fn load(spec: &str) -> Arc<dyn Interpreter> {
    Declarative::parse("w.yaml", &format!("{HEAD}{spec}")).unwrap_or_else(|error| panic!("{error}"))
}

#[rstest]
#[case::unknown_block("  replicaz: {path: a}\n", 6, "unknown field")]
#[case::unknown_key("  replicas:\n    path: a\n    pathz: b\n", 8, "unknown field")]
#[case::missing_key("  retain: {}\n", 0, "retain has paths, replicas, rules or lua")]
#[case::bad_path("  replicas:\n    path: 'spec['\n", 7, "\"spec[\" is not a path")]
#[case::several("  retain:\n    paths:\n    - spec.a\n    - spec.b[*]\n", 9, "can find several values")]
#[case::bad_cel("  health:\n  - health: Healthy\n    when: 'status.phase =='\n", 8, "")]
#[case::unknown_variable("  health:\n  - {when: 'self.x', health: Healthy}\n", 7, "\"self\" is not known here")]
#[case::bad_health("  health:\n  - {health: Fine}\n", 7, "Fine")]
#[case::bad_op("  aggregateStatus:\n    fields:\n    - {path: a, op: average}\n", 8, "average")]
#[case::no_order("  aggregateStatus:\n    fields:\n    - {path: a, op: worst}\n", 8, "worst needs an order")]
#[case::stray_order("  aggregateStatus:\n    fields:\n    - {path: a, op: sum, order: [b]}\n", 8, "belong to worst")]
#[case::stray_equal("  aggregateStatus:\n    fields:\n    - {path: a, op: sum, equal: 1}\n", 8, "belongs to count")]
#[case::stray_default(
    "  aggregateStatus:\n    fields:\n    - {path: a, op: observedGeneration, default: 1}\n",
    8,
    "neither"
)]
#[case::two_pods("  replicas: {path: a, podTemplate: b, podSpec: c}\n", 6, "exclude each other")]
#[case::pod_and_kind("  dependencies:\n  - {podSpec: a, kind: Secret}\n", 7, "not for both")]
#[case::half_a_kind("  dependencies:\n  - {kind: Secret, name: a}\n", 7, "apiVersion, kind and name")]
#[case::scope(
    "  dependencies:\n  - {apiVersion: v1, kind: Node, name: a, clusterScoped: true, namespace: b}\n",
    7,
    "has no namespace"
)]
#[case::lua_syntax("  health:\n  - lua: |\n      function InterpretHealth(o)\n        return ==\n      end\n", 9, "")]
#[case::lua_alone("  replicas: {path: a, lua: x}\n", 6, "nothing stands beside it")]
#[case::tab("  replicas: {path: a}\n\tretain: {}\n", 7, "")]
#[case::twice("  lifeCycle: RunOnce\n  lifeCycle: RunOnce\n", 7, "duplicate")]
fn faults_have_a_place(#[case] spec: &str, #[case] line: u64, #[case] part: &str) {
    let Err(error) = Declarative::parse("w.yaml", &format!("{HEAD}{spec}")) else { panic!("loaded:\n{spec}") };
    assert_eq!(error.line(), line, "{error}");
    assert!(error.message().contains(part), "{error}");
    let place = if line == 0 { "w.yaml: ".to_owned() } else { format!("w.yaml:{line}:") };
    assert!(error.to_string().starts_with(&place), "{error}");
    assert!(!error.message().contains('\n'), "{error}");
}

#[test]
fn a_target_may_be_open() {
    let text = HEAD.replace("Widget}", "Widget, alsoGroups: ['*.example.com'], alsoVersions: ['*']}");
    let interpreter = Declarative::parse("w.yaml", &format!("{text}  health:\n  - health: Healthy\n")).unwrap();
    let operations = |group: &str| interpreter.supports_kind(&Gvk::new(group, "v7", "Widget"));
    assert!(interpreter.is_open() && operations("a.example.com").contains(Operation::InterpretHealth));
    assert!(!operations("a.example.com").contains(Operation::Retain) && operations("example.org").is_empty());
}

#[test]
fn the_header_is_checked() {
    let wrong = |from: &str, to: &str| {
        let Err(error) = Declarative::parse("", &HEAD.replace(from, to)) else { panic!("loaded {to}") };
        error.to_string()
    };
    assert!(wrong("v1alpha1\nkind", "v9\nkind").starts_with("line 1, column 13: apiVersion is"));
    assert!(wrong("kind: Interpreter", "kind: Translator").starts_with("line 2, column 7: kind is"));
    assert!(wrong("kind: Widget", "kind: ''").contains("are needed"));
    assert!(Declarative::parse("", "").is_err());
    assert!(Declarative::parse("", "[1, 2]").is_err());
}

#[test]
fn nothing_is_supported_without_a_block() {
    let interpreter = load("  lifeCycle: Request\n");
    let [support] = interpreter.supports().try_into().unwrap();
    assert_eq!(support.life_cycle, Some(LifeCycle::Request));
    assert_eq!(support.operations, Default::default());
    assert_eq!(interpreter.health(&Object::default()), Answer::NotHandled);
    assert_eq!(interpreter.retain(Object::default(), &Object::default()), Answer::NotHandled);
}

/// One field over the values of clusters; `null` is a cluster without a status.
#[rstest]
#[case::sum("sum", json!([{"a": 1}, {"a": 2}, {}, null]), json!(3))]
#[case::sum_of_nothing("sum", json!([{}]), json!(0))]
#[case::sum_of_fractions("sum", json!([{"a": 1}, {"a": 0.5}]), json!(1.5))]
#[case::min("min", json!([{"a": 3}, {"a": 2}, {}]), json!(2))]
#[case::max("max", json!([{"a": 3}, {"a": 7.5}, {}]), json!(7.5))]
#[case::min_of_nothing("min", json!([{}]), json!("gone"))]
#[case::earliest("earliest", json!([{"a": "2026-01-01T10:00:00+02:00"}, {"a": "2026-01-01T09:00:00Z"}]), json!("2026-01-01T10:00:00+02:00"))]
#[case::latest("latest", json!([{"a": "2026-01-01T10:00:00+02:00"}, {"a": "2026-01-01T09:00:00Z"}]), json!("2026-01-01T09:00:00Z"))]
#[case::first("first", json!([{}, {"a": "x"}, {"a": "y"}]), json!("x"))]
#[case::last("last", json!([{"a": "x"}, {"a": "y"}, {}]), json!("y"))]
#[case::all_equal("allEqual", json!([{"a": [1]}, {"a": [1]}]), json!([1]))]
#[case::not_all_equal("allEqual", json!([{"a": 1}, {"a": 2}]), json!("gone"))]
#[case::count("count", json!([{"a": 1}, {"a": "x"}, {}]), json!(2))]
#[case::count_equal("count, equal: x", json!([{"a": 1}, {"a": "x"}, {"a": "x"}]), json!(2))]
#[case::worst("worst, order: [Bad, Busy, Good]", json!([{"a": "Good"}, {"a": "Busy"}, {"a": "Odd"}]), json!("Busy"))]
#[case::worst_unknown("worst, order: [Bad]", json!([{"a": "Odd"}, {"a": "Strange"}]), json!("Odd"))]
#[case::worst_of_a_rank("worst, order: [Bad|Sad, Good]", json!([{"a": "Good"}, {"a": "Sad"}, {"a": "Bad"}]), json!("Sad"))]
#[case::worst_along("worst, order: [Bad, Good], along: [why]", json!([{"a": "Good", "why": 1}, {"a": "Bad", "why": 2}]), json!("Bad"))]
#[case::best("best, order: [Good, Bad]", json!([{"a": "Bad"}, {"a": "Good"}]), json!("Good"))]
#[case::worst_unreported("worst, order: [Bad, New, Good], unreported: New", json!([{"a": "Good"}, null]), json!("New"))]
#[case::worst_only_unreported("worst, order: [Bad, New, Good], unreported: New", json!([null]), json!("New"))]
#[case::union("union", json!([{"a": [1, 2]}, {"a": [2, 3]}, {"a": 4}]), json!([1, 2, 3, 4]))]
#[case::concat("concat", json!([{"a": [1, 2]}, {"a": [2]}]), json!([1, 2, 2]))]
#[case::from("sum, from: 'list[*].n'", json!([{"list": [{"n": 1}, {"n": 2}]}, {"list": [{"n": 4}]}]), json!(7))]
#[case::default("last, default: none", json!([{}]), json!("none"))]
#[case::default_unreported("last, default: none", json!([null]), json!("none"))]
#[case::nobody_has_it("last", json!([null]), json!("gone"))]
#[case::keep("last, keep: true", json!([{}, null]), json!("old"))]
#[case::initial("sum, initial: start", json!([]), json!("start"))]
#[case::no_clusters("last, default: x", json!([]), json!("old"))]
#[case::sum_of_no_clusters("sum", json!([]), json!(0))]
#[case::keep_without_clusters("sum, keep: true", json!([]), json!("old"))]
#[case::skip_empty("last, skipEmpty: true", json!([{"a": "x"}, {"a": ""}, {"a": []}]), json!("x"))]
#[case::last_report("lastReport, default: x", json!([{"a": 1}, {"a": 2}, null]), json!(2))]
#[case::last_report_lacks_it("lastReport, default: x", json!([{"a": 1}, {}]), json!("gone"))]
#[case::last_report_of_nobody("lastReport, default: x", json!([null]), json!("x"))]
#[case::latest_text("latest", json!([{"a": "b"}, {"a": ""}, {"a": "c"}, {"a": "a"}]), json!("c"))]
#[case::longest("longest", json!([{"a": "59m59s"}, {"a": "1h2m"}, {"a": "odd"}]), json!("1h2m"))]
#[case::quantities("sumQuantities", json!([{"a": "1500m"}, {"a": ""}, {"a": 2}]), json!("3500m"))]
#[case::no_quantities("sumQuantities", json!([{}]), json!("0"))]
#[case::union_by("union, by: [k]", json!([{"a": [{"k": 1, "v": 1}, {"k": 2}]}, {"a": [{"k": 1, "v": 2}]}]), json!([{"k": 1, "v": 2}, {"k": 2}]))]
#[case::with_cluster("concatWithCluster", json!([{"a": ["x", 1]}, {"a": "y"}]), json!(["c0=x", "c0=1", "c1=y"]))]
#[case::group_by("groupBy, by: [k], fields: [{path: n, op: sum}, {path: m, op: last}]",
    json!([{"a": [{"k": 1, "n": 1, "o": 1}, {"k": 2, "n": 5}]}, {"a": [{"k": 1, "n": 2, "m": 3, "o": 2}]}]),
    json!([{"k": 1, "n": 3, "m": 3, "o": 1}, {"k": 2, "n": 5}]))]
#[case::merge_maps("mergeMaps", json!([{"a": {"x": 1, "y": 1}}, {"a": {"y": 2}}]), json!({"x": 1, "y": 2}))]
#[case::sum_maps("sumMaps", json!([{"a": {"x": {"n": 1}, "t": "u"}}, {"a": {"x": {"n": 2, "m": 1}, "t": "v"}}]), json!({"x": {"n": 3, "m": 1}, "t": "v"}))]
#[case::group_conditions("groupConditions",
    json!([{"a": [{"type": "R", "status": "True", "message": "x", "at": 1}]}, {"a": [{"type": "R", "status": "True", "message": "y"}, {"type": "R", "status": "False", "message": "z"}]}]),
    json!([{"type": "R", "status": "True", "message": "c0=x, c1=y", "at": 1}, {"type": "R", "status": "False", "message": "c1=z"}]))]
#[case::when_present("sum, whenPresent: true", json!([{"a": 1}]), json!(1))]
fn operators(#[case] op: &str, #[case] statuses: Value, #[case] expected: Value) {
    let interpreter = load(&format!("  aggregateStatus:\n    fields:\n    - {{path: a, op: {op}}}\n"));
    let template = Object::from_value(json!({"status": {"a": "old", "other": 1}})).unwrap();
    let aggregated = interpreter.aggregate_status(template, &items(&statuses)).into_result().unwrap().unwrap();
    assert_eq!(aggregated.get(&["status", "a"]).cloned().unwrap_or(json!("gone")), expected);
    assert_eq!(aggregated.int(&["status", "other"]), Some(1));
}

#[rstest]
#[case("sum", json!({"a": "1"}), "the status from cluster c0: a: expected a number, found \"1\"")]
#[case("latest", json!({"a": 3}), "the status from cluster c0: a: expected a time, found 3")]
#[case("groupBy, by: [k], fields: [{path: n, op: sum}]", json!({"a": [{"k": 1, "n": "1"}]}), "the status from cluster c0: n: expected a number, found \"1\"")]
#[case("union, by: [k]", json!({"a": [3]}), "the status from cluster c0: k: expected an object on the way, found a number")]
#[case("worst, order: [x]", json!({"a": 1}), "the status from cluster c0: a: expected a string, found 1")]
#[case("mergeConditions", json!({"a": {"type": "x"}}), "the status from cluster c0: the object: expected a list, found an object")]
#[case("sum", json!([1]), "the status from cluster c0: expected an object")]
fn operators_fail_with_the_cluster(#[case] op: &str, #[case] status: Value, #[case] expected: &str) {
    let interpreter = load(&format!("  aggregateStatus:\n    fields:\n    - {{path: a, op: {op}}}\n"));
    let answer = interpreter.aggregate_status(Object::default(), &items(&json!([status])));
    assert_eq!(answer.into_result().unwrap_err().to_string(), expected);
}

#[rstest]
#[case::what_is_empty_goes_everywhere("fields: [{path: a, op: last}]", json!([{"a": {}}]),
    json!({"metadata": {"labels": {}}, "spec": {"list": [{}, {"x": []}]}}), json!({"metadata": {}, "spec": {"list": [{}]}, "status": {}}))]
#[case::omit("fields: [{path: a, op: last}], omit: [spec.x]", json!([{}]),
    json!({"spec": {"x": 1, "y": 2}}), json!({"spec": {"y": 2}}))]
#[case::omit_without_clusters("fields: [{path: a, op: last}], omit: [spec.x]", json!([]),
    json!({"spec": {"x": 1}}), json!({"spec": {"x": 1}}))]
#[case::when_present("fields: [{path: n, op: sum, whenPresent: true, initial: 0}]", json!([{"n": 1}]),
    json!({"status": {"o": 1}}), json!({"status": {"o": 1}}))]
#[case::when_present_begins("fields: [{path: n, op: sum, whenPresent: true, initial: 0}]", json!([]),
    json!({"status": {"o": 1}}), json!({"status": {"o": 1, "n": 0}}))]
fn templates(#[case] block: &str, #[case] statuses: Value, #[case] template: Value, #[case] expected: Value) {
    let interpreter = load(&format!("  aggregateStatus: {{{block}}}\n"));
    let template = Object::from_value(template).unwrap();
    let aggregated = interpreter.aggregate_status(template, &items(&statuses)).into_result().unwrap().unwrap();
    assert_eq!(aggregated.into_value(), expected);
}

fn items(statuses: &Value) -> Vec<StatusItem> {
    let statuses = statuses.as_array().unwrap().iter().enumerate();
    statuses
        .map(|(index, status)| StatusItem {
            cluster_name: format!("c{index}"),
            status: Some(status.clone()).filter(|status| !status.is_null()),
            ..StatusItem::default()
        })
        .collect()
}

#[test]
fn conditions_are_as_good_as_the_worst() {
    let interpreter =
        load("  aggregateStatus:\n    fields:\n    - {path: conditions, op: mergeConditions, negative: [Stalled]}\n");
    let condition = |kind: &str, status: &str, reason: &str, message: &str, at: u8| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": format!("2026-01-0{at}T00:00:00Z")})
    };
    let statuses = json!([
        {"conditions": [condition("Ready", "True", "Up", "all good", 5), condition("Stalled", "False", "", "", 1)]},
        {"conditions": [condition("Ready", "False", "Down", "no disk", 2), condition("Stalled", "True", "Loop", "stuck", 3)]},
        {"conditions": [condition("Ready", "False", "Down", "no net", 4), condition("Synced", "Unknown", "Wait", "", 1)]},
        {"conditions": [condition("Synced", "True", "Done", "", 2)]},
    ]);
    let object = interpreter.aggregate_status(Object::default(), &items(&statuses)).into_result().unwrap().unwrap();
    assert_eq!(
        object.get(&["status", "conditions"]),
        Some(&json!([
            {"type": "Ready", "status": "False", "reason": "Down", "message": "c1=no disk, c2=no net",
                "lastTransitionTime": "2026-01-04T00:00:00Z"},
            {"type": "Stalled", "status": "True", "reason": "Loop", "message": "c1=stuck",
                "lastTransitionTime": "2026-01-03T00:00:00Z"},
            {"type": "Synced", "status": "Unknown", "reason": "Wait", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]))
    );
}

#[test]
fn dependencies_by_name() {
    let interpreter = load(
        "  dependencies:
  - {apiVersion: v1, kind: Secret, name: 'spec.users[*].secret', namespace: spec.where}
  - {apiVersion: v1, kind: Node, name: spec.node, clusterScoped: true}
  - {apiVersion: v1, kind: ConfigMap, name: spec.config, optional: false}
",
    );
    let mut object = Object::from_value(json!({
        "metadata": {"namespace": "own"},
        "spec": {"users": [{"secret": "b"}, {}, {"secret": "a"}, {"secret": "a"}], "node": "n1", "config": "c"},
    }))
    .unwrap();
    let names = |object: &Object| {
        let found = interpreter.dependencies(object).into_result();
        let found = found.map(Option::unwrap).map_err(|error| error.to_string())?;
        Ok::<_, String>(
            found.iter().map(|one| format!("{} {}/{}", one.kind, one.namespace, one.name)).collect::<Vec<_>>(),
        )
    };
    assert_eq!(names(&object).unwrap(), ["ConfigMap own/c", "Node /n1", "Secret own/a", "Secret own/b"]);
    object.set(&["spec", "where"], "there");
    assert_eq!(names(&object).unwrap()[2..], ["Secret there/a", "Secret there/b"]);
    object.set(&["spec", "node"], 3);
    assert_eq!(names(&object).unwrap_err(), "spec.node: the name of a Node is not a string");
    object.remove(&["spec", "node"]);
    object.remove(&["spec", "config"]);
    assert_eq!(names(&object).unwrap_err(), "spec.config: no name of a ConfigMap");
}

#[test]
fn starts_by_condition() {
    let interpreter = load("  lifeCycle: RunOnce\n  started: status.phase != 'New'\n");
    let started = |status: Value| interpreter.has_started(&Object::from_value(json!({"status": status})).unwrap());
    assert!(!started(json!({"phase": "New"})));
    assert!(started(json!({"phase": "Running"})));
    assert!(!started(json!({})));
    let broken = load("  started: status.phase + 1 == 2\n");
    assert!(broken.has_started(&Object::from_value(json!({"status": {"phase": "x"}})).unwrap()));
}

#[test]
fn health_without_a_match_is_unknown() {
    let interpreter =
        load("  health:\n  - {when: status.ok, health: Healthy, reasonFrom: status.why, reason: Fixed}\n");
    let health = |status: Value| {
        interpreter.health(&Object::from_value(json!({"status": status})).unwrap()).into_result().map(Option::unwrap)
    };
    assert_eq!(health(json!({"ok": false})), Ok(Health::Unknown.into()));
    let undefined = health(json!(null)).unwrap();
    assert_eq!((undefined.health, undefined.reason.as_str()), (Health::Unknown, health::UNDEFINED));
    assert_eq!(undefined.message, "status.ok is missing");
    assert_eq!(health(json!({"ok": true})).unwrap().reason, "Fixed");
    assert_eq!(health(json!({"ok": true, "why": "Said"})).unwrap().reason, "Said");
    assert!(health(json!({"ok": true, "why": 1})).is_err());
    assert!(health(json!({"ok": "yes"})).is_err());
}

#[rstest]
#[case(json!([{"type": "Ready", "status": "True"}, {"type": "Ready", "status": "True", "reason": "Up"}]), Health::Healthy)]
#[case(json!([{"type": "Ready", "status": "True", "reason": "Other"}]), Health::Unhealthy)]
#[case(json!([{"type": "Other", "status": "True", "reason": "Up"}]), Health::Unknown)]
#[case(json!([]), Health::Unknown)]
fn any_condition_of_the_type_will_do(#[case] conditions: Value, #[case] expected: Health) {
    let interpreter = load(
        "  health:
  - {condition: {type: Ready, reason: [Up]}, health: Healthy}
  - {condition: {type: Ready, status: Missing}, health: Unknown}
  - {health: Unhealthy}
",
    );
    let object = Object::from_value(json!({"status": {"conditions": conditions}})).unwrap();
    assert_eq!(interpreter.health(&object).into_result().unwrap().unwrap().health, expected);
}

#[test]
fn lua_takes_the_place_of_a_block() {
    let interpreter = load(
        "  replicas: {lua: 'function GetReplicas(o) return o.spec.n * 2 end'}
  components: [{lua: 'function GetComponents(o) return {{name = o.metadata.name, replicas = 3}} end'}]
  reviseReplica: {lua: 'function ReviseReplica(o, n) o.spec.n = n / 2; return o end'}
  retain: {lua: 'function Retain(d, o) d.spec.n = o.spec.n; return d end'}
  aggregateStatus: {lua: 'function AggregateStatus(o, i) o.status = {n = i and #i or -1}; return o end'}
  dependencies: [{lua: \"function GetDependencies(o) return {{apiVersion = 'v1', kind = 'Secret', name = 's'}} end\"}]
  status: {lua: 'function ReflectStatus(o) return {n = o.spec.n} end'}
  health: [{lua: 'function InterpretHealth(o) return o.spec.n > 1 end'}]
",
    );
    let object =
        |n: i64| Object::from_value(json!({"kind": "Widget", "metadata": {"name": "x"}, "spec": {"n": n}})).unwrap();
    assert_eq!(interpreter.replicas(&object(2)).into_result().unwrap().unwrap().replicas, 4);
    assert_eq!(interpreter.components(&object(2)).into_result().unwrap().unwrap()[0].name, "x");
    assert_eq!(interpreter.revise_replicas(object(1), 8).into_result(), Ok(Some(object(4))));
    assert_eq!(interpreter.retain(object(1), &object(7)).into_result(), Ok(Some(object(7))));
    let counted = |statuses: Value| {
        let aggregated = interpreter.aggregate_status(object(1), &items(&statuses)).into_result();
        aggregated.unwrap().unwrap().int(&["status", "n"])
    };
    assert_eq!((counted(json!([])), counted(json!([{}, null]))), (Some(-1), Some(2)));
    assert_eq!(interpreter.dependencies(&object(1)).into_result().unwrap().unwrap()[0].name, "s");
    assert_eq!(interpreter.reflect_status(&object(3)).into_result(), Ok(Some(json!({"n": 3}))));
    assert_eq!(interpreter.health(&object(1)).into_result().unwrap().unwrap().health, Health::Unhealthy);
    let [support] = interpreter.supports().try_into().unwrap();
    assert!(Operation::ALL[..8].iter().all(|operation| support.operations.contains(*operation)));
}

#[rstest]
#[case(json!("7"), json!({"generation": 2, "resourceTemplateGeneration": 7}))]
#[case(json!(7), json!({"generation": 2, "resourceTemplateGeneration": 7}))]
#[case(json!("seven"), json!({"generation": 2}))]
fn generations(#[case] annotation: Value, #[case] expected: Value) {
    let interpreter = load("  status: {generations: true, paths: [a]}\n");
    let annotations = json!({"resourcetemplate.karmada.io/generation": annotation});
    let object = json!({"metadata": {"generation": 2, "annotations": annotations}, "status": {"a": {}}});
    let object = Object::from_value(object).unwrap();
    assert_eq!(interpreter.reflect_status(&object).into_result(), Ok(Some(expected)));
}

#[test]
fn nothing_is_retained() {
    let desired = Object::from_value(json!({"spec": {"a": {}}})).unwrap();
    let interpreter = load("  retain: {paths: []}\n");
    assert_eq!(interpreter.retain(desired.clone(), &Object::default()).into_result(), Ok(Some(desired)));
}

#[test]
fn the_schema_in_the_catalogue_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../interpreters/schema.json");
    let current = format!("{:#}\n", json_schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == current, "interpreters/schema.json is old: run this test with UPDATE_SCHEMA=1");
    let schema = json_schema();
    assert_eq!(schema["properties"]["apiVersion"]["type"], json!("string"));
    assert_eq!(schema["$defs"]["Spec"]["additionalProperties"], json!(false));
    assert!(schema["$defs"]["Op"].to_string().contains("mergeConditions"));
}

#[test]
fn an_object_in_an_api_server_loads() {
    let mut object = Object::from_value(json!({
        "apiVersion": format::API_VERSION, "kind": format::KIND,
        "metadata": {"name": "widgets", "managedFields": [{"fieldsV1": {"f:spec": {}}}]},
        "spec": {
            "target": {"apiVersion": "example.com/v1", "kind": "Widget"},
            "health": [{"when": "status.note == 'a \"b\" \\\\ \u{1F600} : # c'", "health": "Healthy"}],
            "cases": [{"name": "x", "operation": "InterpretHealth", "output": {"healthy": true}}],
        },
        "status": {"conditions": []},
    }))
    .unwrap();
    let interpreter = Declarative::from_object("interpreter widgets", &object).unwrap();
    let widget = Object::from_value(json!({"status": {"note": "a \"b\" \\ \u{1F600} : # c"}})).unwrap();
    assert_eq!(interpreter.health(&widget).into_result().unwrap().unwrap().health, Health::Healthy);
    assert_eq!(cases_of("", &object).unwrap()[0].name, "x");
    object.set(&["spec", "cases"], json!([{"name": "x"}]));
    assert!(cases_of("o", &object).unwrap_err().to_string().contains("spec.cases[0]: missing field"));
    object.set(&["spec", "health"], json!([{"when": "status.", "health": "Healthy"}]));
    let Err(error) = Declarative::from_object("interpreter widgets", &object) else { panic!("loaded") };
    assert!(error.to_string().starts_with("interpreter widgets: the expression does not parse"), "{error}");
}

/// Writing must not put an object where something else is: what is there would be gone, and nobody told.
#[test]
fn nothing_is_written_over_on_the_way() {
    let yaml = format!(
        "apiVersion: {}\nkind: {}\nmetadata: {{name: x}}\nspec:\n  target: {{apiVersion: a/v1, kind: A}}\n  \
         reviseReplica: {{path: spec.replicas}}\n  retain: {{paths: [spec.replicas]}}\n",
        format::API_VERSION,
        format::KIND
    );
    let interpreter = Declarative::parse("x.yaml", &yaml).unwrap();
    let member: Object = serde_json::from_value(json!({"spec": {"replicas": 2}})).unwrap();
    let check = |object: Value, expected: std::result::Result<(), &str>| {
        let object: Object = serde_json::from_value(object).unwrap();
        for (answer, replicas) in
            [(interpreter.revise_replicas(object.clone(), 7), 7), (interpreter.retain(object.clone(), &member), 2)]
        {
            match (answer, expected) {
                (Answer::Value(given), Ok(_)) => assert_eq!(given.int(&["spec", "replicas"]), Some(replicas)),
                (Answer::Failed(error), Err(part)) => assert_eq!(error.to_string(), part),
                (answer, expected) => panic!("{object:?}: {answer:?}, expected {expected:?}"),
            }
        }
    };
    check(json!({"spec": {"replicas": 1}}), Ok(()));
    check(json!({"spec": {"replicas": "1"}}), Ok(()));
    check(json!({"spec": null}), Ok(()));
    check(json!({}), Ok(()));
    check(json!({"spec": [1]}), Err("spec.replicas: expected an object on the way, found a list"));
    check(json!({"spec": "x"}), Err("spec.replicas: expected an object on the way, found a string"));
}

fn localized(block: &str, object: Value) -> std::result::Result<Value, String> {
    let yaml = format!(
        "apiVersion: {}\nkind: {}\nmetadata: {{name: x}}\nspec:\n  target: {{apiVersion: a/v1, kind: A}}\n  localize:\n{block}",
        format::API_VERSION,
        format::KIND
    );
    let interpreter = Declarative::parse("x.yaml", &yaml).map_err(|error| error.to_string())?;
    let cluster = json!({"name": "edge", "labels": {"tier": "far"}, "region": "eu-1", "zones": ["eu-1b", "eu-1a"]});
    let cluster = serde_json::from_value(cluster).map_err(|error| error.to_string())?;
    let object = serde_json::from_value(object).map_err(|error| error.to_string())?;
    match interpreter.localize(object, &cluster) {
        Answer::Value(object) => Ok(object.into_value()),
        Answer::NotHandled => Err("not handled".to_owned()),
        Answer::Failed(error) => Err(error.to_string()),
    }
}

#[test]
fn an_object_is_fitted_to_its_cluster() {
    let check =
        |block: &str, object: Value, expected: Value| assert_eq!(localized(block, object), Ok(expected), "{block}");
    let a = |spec: Value| json!({"apiVersion": "a/v1", "kind": "A", "spec": spec});
    check(
        "  - {path: spec.prefix, cel: 'object.spec.prefix + \"/\" + cluster.name'}\n  - {path: spec.zone, cel: cluster.zone}\n  \
         - {path: spec.far, value: true, when: 'cluster.labels.tier == \"far\"'}\n  \
         - {path: spec.near, value: true, when: 'cluster.labels.tier == \"near\"'}\n  - {path: spec.old, remove: true}\n",
        a(json!({"prefix": "backups", "old": 1})),
        a(json!({"prefix": "backups/edge", "zone": "eu-1b", "far": true})),
    );
    // An entry sees what those before it wrote; a label that is missing makes a condition false.
    check(
        "  - {path: spec.a, cel: cluster.region}\n  - {path: spec.b, cel: spec.a + '!'}\n  \
         - {path: spec.c, value: 1, when: 'cluster.labels.none == \"\"'}\n  - {path: spec.d, cel: 'null'}\n",
        a(json!({})),
        a(json!({"a": "eu-1", "b": "eu-1!"})),
    );
}

#[test]
fn what_cannot_be_localized_is_refused() {
    let check = |block: &str, told: &str| {
        let error = localized(block, json!({"spec": {"list": []}})).unwrap_err();
        assert!(error.contains(told), "no {told:?} in {error}");
    };
    check("  - {path: metadata.name, cel: cluster.name}\n", "metadata.name is the same in all clusters");
    check("  - {path: status.x, value: 1}\n", "status is the same in all clusters");
    check("  - {path: spec.x, value: 1, remove: true}\n", "one of value, cel and remove");
    check("  - {path: spec.x, cel: cluster.nam}\n", "cluster.nam is missing");
    check("  - {path: 'spec.list[0]', value: 1}\n", "spec.list[0]: cannot be written");
    let yaml = "apiVersion: interpreters.outrigger.io/v1alpha1\nkind: Interpreter\nmetadata: {name: x}\nspec:\n  target: \
                {apiVersion: a/v1, kind: A}\n  health: [{when: 'cluster.name == \"a\"', health: Healthy}]\n";
    let error = Declarative::parse("x.yaml", yaml).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("x.yaml:6") && error.contains("cluster and config are there in localize"), "{error}");
}

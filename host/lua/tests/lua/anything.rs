//! Any object and any program: an error or an answer, and never a panic.

use outrigger_interpreter::{ErrorKind, Operation, StatusItem};
use outrigger_lua::{Limits, Script};
use outrigger_object::Object;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::contract::object;

/// A script for each operation, of the kind that people write.
const SCRIPTS: [(Operation, &str); 8] = [
    (Operation::InterpretReplica, "local kube = require('kube')
        function GetReplicas(o) return o.spec.replicas, kube.accuratePodRequirements(o.spec.template) end"),
    (Operation::InterpretComponent, "local kube = require('kube')
        function GetComponents(o)
          local list = {}
          for name, part in pairs(o.spec.parts) do
            list[#list + 1] = {name = name, replicas = tonumber(part.replicas), replicaRequirements = {
              resourceRequest = {cpu = part.cpu, memory = kube.getResourceQuantity(part.memory)}}}
          end
          return list
        end"),
    (Operation::ReviseReplica, "function ReviseReplica(o, n) o.spec.replicas = n return o end"),
    (Operation::Retain, "function Retain(d, o) d.spec.replicas = o.spec.replicas d.status = o.status return d end"),
    (Operation::AggregateStatus, "function AggregateStatus(o, items)
          local n = 0
          for i = 1, #items do n = n + items[i].status.replicas end
          o.status = {replicas = n, conditions = items[1].status.conditions}
          return o
        end"),
    (Operation::InterpretDependency, "local kube = require('kube')
        function GetDependencies(o) return kube.getPodDependencies(o.spec.template, o.metadata.namespace) end"),
    (Operation::InterpretStatus, "function ReflectStatus(o) return o.status end"),
    (Operation::InterpretHealth, "function InterpretHealth(o)
          for _, c in ipairs(o.status.conditions) do if c.type:find('^Rea') and c.status == 'True' then return true end end
          return o.status.observedGeneration == o.metadata.generation
        end"),
];

/// Answers, or says why not, with the operation and the interpreter; and a good object is answered afterwards.
fn ask(script: &Script, object: &Object, items: &[StatusItem]) -> Result<(), ErrorKind> {
    let given = match script.operation() {
        Operation::InterpretReplica => script.replicas(object).map(drop),
        Operation::InterpretComponent => script.components(object).map(drop),
        Operation::ReviseReplica => script.revise_replicas(object, 2).map(drop),
        Operation::Retain => script.retain(object, object).map(drop),
        Operation::AggregateStatus => script.aggregate_status(object, Some(items)).map(drop),
        Operation::InterpretDependency => script.dependencies(object).map(drop),
        Operation::InterpretStatus => script.reflect_status(object).map(drop),
        _ => script.health(object).map(drop),
    };
    given.map_err(|error| {
        let text = error.to_string();
        assert!(text.starts_with(&format!("any: {:?} of ", script.operation())), "{text}");
        assert!(text.len() > 20 && !text.contains("panic"), "{text}");
        assert_ne!(error.kind(), ErrorKind::Internal, "{text}");
        error.kind()
    })
}

fn compile(operation: Operation, source: &str) -> Script {
    let limits = Limits { deadline: std::time::Duration::from_secs(60), ..Limits::default() };
    Script::with_limits(source, operation, "any", limits).unwrap()
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9.]{0,6}|\\PC{0,4}".prop_map(Value::from),
        Just(json!("500m")),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let names = prop_oneof![
            prop::sample::select(vec![
                "spec",
                "replicas",
                "template",
                "containers",
                "parts",
                "conditions",
                "type",
                "status",
                "cpu",
                "memory",
                "volumes",
                "name",
                "resources",
                "requests",
                "observedGeneration",
            ])
            .prop_map(str::to_owned),
            "\\PC{0,3}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_object(spec in any_value(), status in any_value(), metadata in any_value()) {
        let input = object(json!({
            "apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": spec, "status": status.clone(),
        }));
        let items = [
            StatusItem { cluster_name: "east".to_owned(), status: Some(status), ..StatusItem::default() },
            StatusItem::default(),
        ];
        for (operation, source) in SCRIPTS {
            let _ = ask(&compile(operation, source), &input, &items);
        }
    }

    /// What goes through untouched is unchanged but for nulls, and empty parts where Karmada leaves them out.
    #[test]
    fn a_round_trip(spec in any_value()) {
        let input = object(json!({"kind": "Widget", "spec": spec}));
        let touch = "
            local function walk(t)
              for k, v in pairs(t) do if type(v) == 'table' then walk(v) end end
              return t
            end
            function ReviseReplica(o, n) return walk(o) end";
        let leave = "function ReviseReplica(o, n) return o end";
        let half = "function ReviseReplica(o, n) for k, v in pairs(o.spec or {}) do end return o end";
        let spec_is_map = input.get(&["spec"]).is_none_or(|spec| spec.is_object() || spec.is_null());
        for source in [leave, if spec_is_map { half } else { leave }] {
            let [touched, left] = [touch, source].map(|source| {
                compile(Operation::ReviseReplica, source).revise_replicas(input.clone(), 1).unwrap()
            });
            prop_assert_eq!(touched, left);
        }
    }

    #[test]
    fn any_program(cut in 0_usize..400, with in "[a-z0-9 =(){}.,'#~-]{0,12}", which in 0_usize..8) {
        let (operation, source) = SCRIPTS[which];
        let at = (0..=cut.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap();
        let mangled = format!("{}{with}{}", &source[..at], &source[(at + with.len()).min(source.len())..]);
        let limits = Limits { deadline: std::time::Duration::from_millis(200), memory: 16 << 20, ..Limits::default() };
        if let Ok(script) = Script::with_limits(&mangled, operation, "any", limits) {
            let _ = ask(&script, &object(json!({"kind": "Widget", "spec": {"replicas": 1}, "status": {}})), &[]);
        }
    }
}

#[test]
fn nesting_200_deep() {
    let deep =
        (0..200).fold(json!({"end": []}), |inner, n| if n % 2 == 0 { json!({ "in": inner }) } else { json!([inner]) });
    let input = object(json!({"kind": "Widget", "spec": {"deep": deep}, "status": {}}));
    let source = "
        function ReviseReplica(o, n)
          local at = o.spec.deep
          while at do at = at['in'] or at[1] end
          return o
        end";
    let given = compile(Operation::ReviseReplica, source).revise_replicas(&input, 1).unwrap();
    assert_eq!(given, input);
}

#[test]
fn nesting_too_deep() {
    let source = "function ReflectStatus(o) local t = {x = 1} for i = 1, 5000 do t = {t} end return t end";
    assert_eq!(ask(&compile(Operation::InterpretStatus, source), &object(json!({})), &[]), Err(ErrorKind::Invalid));
}

#[test]
fn an_object_of_5_mib() {
    let list: Vec<Value> = (0..40_000).map(|n| json!({"name": format!("item-{n}"), "value": "x".repeat(80)})).collect();
    let input = object(json!({"kind": "Widget", "spec": {"replicas": 1, "list": list}, "status": {"list": list}}));
    for (operation, source) in SCRIPTS {
        let result = ask(&compile(operation, source), &input, &[]);
        let simple = matches!(operation, Operation::ReviseReplica | Operation::Retain | Operation::InterpretStatus);
        assert!(!simple || result.is_ok(), "{operation:?}: {result:?}");
    }
}

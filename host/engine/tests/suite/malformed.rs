//! Objects that are not what their kinds say: an answer or a failure, and never a panic.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use outrigger_engine::{Generic, Kinds, catalogue, native};
use outrigger_interpreter::{Answer, Interpreter, StatusItem};
use outrigger_object::Object;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Field names that the rules read, so that random objects get past the first step.
const NAMES: &[&str] = &[
    "spec",
    "status",
    "metadata",
    "template",
    "replicas",
    "containers",
    "initContainers",
    "resources",
    "requests",
    "limits",
    "cpu",
    "volumes",
    "env",
    "valueFrom",
    "secretKeyRef",
    "name",
    "labels",
    "annotations",
    "generation",
    "conditions",
    "type",
    "loadBalancer",
    "ingress",
    "ports",
    "port",
    "ip",
    "hostname",
    "phase",
    "startTime",
    "active",
    "parallelism",
    "selector",
    "matchLabels",
    "volumeMounts",
    "secrets",
    "data",
    "tls",
    "secretName",
    "observedGeneration",
    "disruptedPods",
    "ready",
    "updatedReplicas",
    "availableReplicas",
    "containerStatuses",
    "state",
    "jobTemplate",
    "volumeClaimTemplates",
    "overhead",
    "nodeSelector",
    "tolerations",
    "affinity",
    "projected",
    "sources",
    "clusterIP",
    "lastScheduleTime",
    "completionTime",
    "resourcetemplate.karmada.io/generation",
    "resourcetemplate.karmada.io/retain-replicas",
    "imagePullSecrets",
    "suspend",
    "status",
    "reason",
    "message",
    "health",
    "secretRef",
    "managedFields",
    "fieldsV1",
    "f:spec",
    "f:replicas",
    "manager",
    "subresource",
    "replicaStatuses",
    "lastTransitionTime",
];
const TEXTS: &[&str] = &[
    "",
    "True",
    "LoadBalancer",
    "3",
    "Complete",
    "Failed",
    "1Gi",
    "x",
    "2026-01-01T00:00:00Z",
    "Running",
    "true",
    "Always",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_i64..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            3 => proptest::collection::vec((proptest::sample::select(NAMES), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, v)| (name.to_owned(), v)).collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Object> {
    let part = || prop_oneof![3 => any_value(), 1 => Just(json!({}))];
    (part(), part(), part(), any_value()).prop_map(|(metadata, spec, status, more)| {
        let mut fields = match more {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        fields.extend([("metadata".to_owned(), metadata), ("spec".to_owned(), spec), ("status".to_owned(), status)]);
        Object(fields)
    })
}

/// Puts odd values into a well-formed object, so that deep rules are reached.
fn spoiled(mut object: Value, at: usize, with: Value) -> Object {
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(count).sum::<usize>(),
            Value::Object(map) => map.values().map(count).sum(),
            _ => 0,
        }
    }
    fn replace(value: &mut Value, at: &mut usize, with: &Value) {
        if *at == 0 {
            *value = with.clone();
        }
        *at = at.wrapping_sub(1);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, with)),
            Value::Object(map) => map.values_mut().for_each(|item| replace(item, at, with)),
            _ => {}
        }
    }
    let mut place = 1 + at % (count(&object) - 1);
    replace(&mut object, &mut place, &with);
    Object::from_value(object).unwrap()
}

/// A value with every field that the rules read.
fn full() -> Value {
    let pod = json!({
        "serviceAccountName": "a", "imagePullSecrets": [{"name": "p"}], "nodeSelector": {"a": "b"},
        "containers": [{
            "name": "c", "env": [{"valueFrom": {"configMapKeyRef": {"name": "m"}}}], "envFrom": [{"secretRef": {"name": "s"}}],
            "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}, "volumeMounts": [{"name": "v"}],
        }],
        "initContainers": [{"name": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": 1}}}],
        "volumes": [{"projected": {"sources": [{"secret": {"name": "x"}}]}}, {"persistentVolumeClaim": {"claimName": "y"}}],
        "overhead": {"cpu": "1m"},
    });
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": pod});
    let mut spec = pod.clone();
    let more = json!({
        "replicas": 3, "parallelism": 2, "completions": 3, "selector": {"matchLabels": {"a": "b"}}, "type": "LoadBalancer",
        "template": template, "jobTemplate": {"spec": {"template": template}}, "tls": [{"secretName": "t"}],
        "clusterIP": "10.0.0.1", "healthCheckNodePort": 3, "volumeName": "v", "claimRef": {"name": "c"},
        "volumeClaimTemplates": [{"metadata": {"name": "y"}}],
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "metadata": {
            "name": "n", "namespace": "s", "generation": 2,
            "labels": {"resourcetemplate.karmada.io/retain-replicas": "true"},
            "annotations": {"resourcetemplate.karmada.io/generation": "1"},
        },
        "type": "kubernetes.io/service-account-token", "data": {"token": "x"}, "secrets": [{"name": "a"}],
        "spec": spec,
        "status": {
            "replicas": 3, "observedGeneration": 2, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"},
                {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:00Z", "active": [{"name": "a"}],
            "loadBalancer": {"ingress": [{"ip": "1.2.3.4", "ports": [{"port": 1, "protocol": "TCP"}]}]},
            "containerStatuses": [{"ready": true, "state": {}}], "disruptedPods": {"p": "2026-01-01T00:00:00Z"},
            "lastScheduleTime": "2026-01-01T00:00:00Z", "desiredHealthy": 1,
        },
    })
}

/// Asks everything; gives how often an interpreter failed.
pub fn ask_all(interpreter: &dyn Interpreter, object: &Object, other: &Object) -> usize {
    let items = [other, object].map(|object| StatusItem {
        cluster_name: "east".to_owned(),
        status: object.0.get("status").cloned(),
        ..StatusItem::default()
    });
    fn failed<T>(answer: Answer<T>) -> usize {
        match answer {
            Answer::Failed(error) => {
                assert!(error.to_string().contains(": "), "a failure names a path: {error}");
                1
            }
            _ => 0,
        }
    }
    interpreter.has_started(object);
    failed(interpreter.replicas(object))
        + failed(interpreter.components(object))
        + failed(interpreter.dependencies(object))
        + failed(interpreter.health(object))
        + failed(interpreter.reflect_status(object))
        + failed(interpreter.revise_replicas(object.clone(), 3))
        + failed(interpreter.retain(object.clone(), other))
        + failed(interpreter.aggregate_status(object.clone(), &items))
}

static INTERPRETERS: LazyLock<Vec<Arc<dyn Interpreter>>> = LazyLock::new(|| {
    let generic = [Kinds::default(), knowing()].map(|kinds| Arc::new(Generic::new(Arc::new(kinds))) as Arc<_>);
    let everything = super::declarative::everything();
    native::interpreters().into_iter().chain(catalogue::interpreters()).chain(generic).chain([everything]).collect()
});

/// Knows a kind that is the empty one, as that of random objects is: with a scale and a schema.
fn knowing() -> Kinds {
    let status = json!({"type": "object", "properties": {
        "replicas": {"type": "integer"}, "ready": {"type": "boolean"}, "phase": {"type": "string"},
        "observedGeneration": {"type": "integer"},
        "conditions": {"type": "array", "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        "startTime": {"type": "string", "format": "date-time"},
        "state": {"type": "object", "additionalProperties": {"type": "object", "properties": {"active": {"type": "integer"}}}},
    }});
    let kinds = Kinds::default();
    let crd = json!({"metadata": {"name": "x", "annotations": {"interpreters.outrigger.io/generic-dependencies": "true"}},
        "spec": {"group": "", "names": {"kind": ""}, "versions": [{"name": "",
            "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"status": status}}}}]}});
    kinds.learn(&Arc::new(Object::from_value(crd).unwrap()));
    assert!(kinds.get("", "").is_some());
    kinds
}

fn check<'i>(
    interpreters: impl Iterator<Item = &'i Arc<dyn Interpreter>>,
    object: &Object,
    other: &Object,
) -> Result<usize, TestCaseError> {
    let mut failures = 0;
    for interpreter in interpreters {
        let asked = catch_unwind(AssertUnwindSafe(|| ask_all(&**interpreter, object, other)));
        failures += asked.map_err(|_| TestCaseError::fail(format!("{} panicked on {object:?}", interpreter.name())))?;
    }
    Ok(failures)
}

/// One of eight: the bundled ones are many, and each has its turn.
fn some(turn: usize) -> impl Iterator<Item = &'static Arc<dyn Interpreter>> {
    INTERPRETERS.iter().skip(turn % 8).step_by(8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_objects_never_panic(turn in any::<usize>(), object in any_object(), other in any_object()) {
        check(some(turn), &object, &other)?;
    }

    #[test]
    fn spoiled_objects_never_panic(at in any::<usize>(), with in any_value(), at_other in any::<usize>()) {
        check(some(at_other.wrapping_add(at / 8)), &spoiled(full(), at, with.clone()), &spoiled(full(), at_other, with))?;
    }
}

#[test]
fn the_full_object_fails_nowhere_and_a_broken_spec_does() {
    let full = full();
    let whole = Object::from_value(full.clone()).unwrap();
    // Kinds disagree over some fields: a Job's active is a number and a CronJob's a list. Few may fail for that.
    let failing = INTERPRETERS.iter().filter(|one| ask_all(&***one, &whole, &whole) > 0).count();
    assert!(failing <= INTERPRETERS.len() / 15, "{failing} of {}", INTERPRETERS.len());
    let mut broken = whole.clone();
    broken.set(&["spec"], json!([1]));
    assert!(check(INTERPRETERS.iter(), &broken, &broken).unwrap() > 20);
}

/// Deep, large and lopsided objects: each gets an answer from the generic layer.
#[test]
fn large_objects_are_answered() {
    let nested = |depth: usize, leaf: Value| (0..depth).fold(leaf, |inner, _| json!({"a": inner}));
    let deep = nested(200, json!({"replicas": 1, "secretName": "s"}));
    let text = "x".repeat(5 << 20);
    let many: Vec<Value> =
        (0..20_000).map(|index| json!({"type": format!("T{index}"), "status": "True", "message": "m"})).collect();
    let wide: Map<String, Value> =
        (0..50_000).map(|index| (format!("field{index}"), json!({"readyReplicas": index}))).collect();
    for status in [
        deep.clone(),
        json!({"phase": text}),
        json!({"conditions": many}),
        Value::Object(wide),
        json!({"message": text}),
    ] {
        let object =
            json!({"metadata": {"name": "n", "namespace": "s", "generation": 1}, "spec": deep, "status": status});
        let object = Object::from_value(object).unwrap();
        for generic in INTERPRETERS.iter().filter(|one| one.name() == "generic") {
            assert_eq!(ask_all(&**generic, &object, &object), 0);
        }
    }
}

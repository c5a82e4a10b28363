//! Every operation: what the hook is sent, and what its answer means.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use outrigger_engine::Layer;
use outrigger_interpreter::{Answer, ClusterFacts, Question, StatusItem};
use serde_json::{Value, json};

use crate::{
    configuration::{World, lamp, object},
    server::{Reply, Server},
};

fn patch(operations: Value) -> Value {
    json!({"patchType": "JSONPatch", "patch": BASE64_STANDARD.encode(operations.to_string())})
}

/// Asks with a hook that answers so; looks at what it was sent, and at what comes out.
fn check(question: Question<'_>, answer: Value, sent: Value, expected: Value) {
    let seen = Arc::new(Mutex::new(Value::Null));
    let server = Server::start(&["http/1.1"], {
        let seen = seen.clone();
        move |context| {
            *seen.lock().unwrap() = context.clone();
            Reply::Fields(answer.clone())
        }
    });
    let world = World::of(&server);
    let operation = question.operation();
    let reply = world.engine.answer(question);
    assert_eq!(reply.layer(), Some(Layer::Webhook));
    assert_eq!(reply.interpreter(), Some("webhook/tools/lamps"));
    let given = match reply.answer {
        Answer::Value(given) => serde_json::to_value(given).unwrap(),
        other => panic!("{operation:?}: {other:?}"),
    };
    assert_eq!(given, expected, "{operation:?}");
    let mut seen = seen.lock().unwrap().take();
    let uid = seen["request"].as_object_mut().unwrap().remove("uid").unwrap();
    assert_eq!(uid.as_str().map(str::len), Some(36));
    let mut request = json!({
        "kind": {"group": "tools.io", "version": "v1", "kind": "Lamp"}, "name": "l", "namespace": "n",
        "operation": format!("{operation:?}"), "object": lamp(), "replicas": 0,
    });
    request.as_object_mut().unwrap().extend(sent.as_object().cloned().unwrap());
    let context = json!({"apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterContext",
        "request": request});
    assert_eq!(seen, context, "{operation:?}");
    assert_eq!(world.metrics.calls_of("tools/lamps", operation, "ok"), 1);
}

#[test]
fn replicas() {
    let requirements = json!({"nodeClaim": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "a"}]},
        "resourceRequest": {"cpu": "100m", "gpu": 2}, "namespace": null});
    check(
        Question::InterpretReplica { object: (&lamp()).into() },
        json!({"replicas": 3, "replicaRequirements": requirements}),
        json!({}),
        json!({"replicas": {"replicas": 3, "requirements": {
            "nodeClaim": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "a"}]},
            "resourceRequest": {"cpu": "100m", "gpu": "2"}}}}),
    );
    check(
        Question::InterpretReplica { object: (&lamp()).into() },
        json!({"replicas": 0}),
        json!({}),
        json!({"replicas": {"replicas": 0}}),
    );
}

#[test]
fn components() {
    let component = json!({"name": "bulb", "replicas": 3, "replicaRequirements": {"resourceRequest": {"cpu": "1"}}});
    let question = || Question::InterpretComponent { object: lamp().into() };
    check(question(), json!({"components": [component]}), json!({}), json!({"components": [component]}));
    check(question(), json!({}), json!({}), json!({"components": []}));
}

#[test]
fn revised_replicas() {
    let mut expected = lamp();
    expected.set(&["spec", "bulbs"], 7);
    check(
        Question::ReviseReplica { object: (&lamp()).into(), replicas: 7 },
        patch(json!([{"op": "replace", "path": "/spec/bulbs", "value": 7}])),
        json!({"replicas": 7}),
        json!({"object": expected}),
    );
}

#[test]
fn retained() {
    let mut observed = lamp();
    observed.set(&["spec", "dimmer"], 9);
    let mut expected = lamp();
    expected.set(&["spec", "dimmer"], 9);
    let question = || Question::Retain { desired: lamp().into(), observed: observed.clone().into() };
    check(
        question(),
        patch(json!([{"op": "add", "path": "/spec/dimmer", "value": 9}])),
        json!({"observedObject": observed}),
        json!({"object": expected}),
    );
    let unchanged = json!({"object": lamp()});
    check(question(), json!({}), json!({"observedObject": observed}), unchanged.clone());
    check(question(), patch(json!([])), json!({"observedObject": observed}), unchanged);
}

#[test]
fn aggregated_status() {
    let items = [
        StatusItem {
            cluster_name: "a".to_owned(),
            status: Some(json!({"lit": 1})),
            applied: true,
            ..Default::default()
        },
        StatusItem { cluster_name: "b".to_owned(), ..Default::default() },
    ];
    let mut expected = lamp();
    expected.set(&["status"], json!({"lit": 1}));
    check(
        Question::AggregateStatus { template: lamp().into(), items: items.as_slice().into() },
        patch(json!([{"op": "add", "path": "/status", "value": {"lit": 1}}])),
        json!({"aggregatedStatus": [
            {"clusterName": "a", "status": {"lit": 1}, "applied": true, "health": "Unknown"},
            {"clusterName": "b", "applied": false, "health": "Unknown"},
        ]}),
        json!({"object": expected}),
    );
}

#[test]
fn dependencies() {
    let dependencies = json!([
        {"apiVersion": "v1", "kind": "Secret", "namespace": "n", "name": "s"},
        {"apiVersion": "v1", "kind": "ConfigMap", "labelSelector": {"matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "c", "operator": "Exists"}]}},
    ]);
    let question = || Question::InterpretDependency { object: lamp().into() };
    check(question(), json!({"dependencies": dependencies}), json!({}), json!({"dependencies": dependencies}));
    check(question(), json!({"dependencies": null}), json!({}), json!({"dependencies": []}));
}

#[test]
fn status_and_health() {
    let status = || Question::InterpretStatus { object: lamp().into() };
    check(status(), json!({"rawStatus": {"lit": 2}}), json!({}), json!({"status": {"lit": 2}}));
    check(status(), json!({"rawStatus": {}}), json!({}), json!({"status": {}}));
    for (healthy, expected) in [(true, "Healthy"), (false, "Unhealthy")] {
        check(
            Question::InterpretHealth { object: lamp().into() },
            json!({"healthy": healthy}),
            json!({}),
            json!({"health": {"health": expected}}),
        );
    }
}

#[test]
fn what_is_not_karmadas_is_not_asked() {
    let server = Server::start(&["http/1.1"], |_| Reply::Fields(json!({})));
    let world = World::of(&server);
    assert_eq!(world.engine.localize(lamp(), &ClusterFacts::default()).answer, Answer::NotHandled);
    let other = object(json!({"apiVersion": "tools.io/v2", "kind": "Lamp"}));
    assert_eq!(world.engine.health(&other).answer, Answer::NotHandled);
    assert_eq!(server.requests(), 0);
    let many = world.engine.revise_replicas(lamp(), 1 << 40).answer;
    assert!(matches!(many, Answer::Failed(error) if error.to_string().contains("more than the protocol can say")));
}

//! What keeps a hook from answering is a failure, with the reason.

use std::net::TcpListener;

use outrigger_auth::pki::CertificateAuthority;
use outrigger_interpreter::{Answer, ErrorKind, Operation};
use outrigger_object::Object;
use outrigger_webhook::{Options, Services};
use serde_json::{Value, json};

use crate::{
    configuration::{World, bundle, by_url, configuration, hook, lamp, object, options},
    server::{Reply, Server},
};

/// Asks for the health, which must fail so.
fn check_world(world: &World, kind: ErrorKind, part: &str) {
    match world.engine.health(&lamp()).answer {
        Answer::Failed(error) => {
            let message = error.to_string();
            assert!(message.starts_with("webhook/tools/lamps: InterpretHealth of Lamp n/l: "), "{message}");
            assert!(message.contains(part), "{message:?} lacks {part:?}");
            assert_eq!(error.kind(), kind, "{message}");
        }
        other => panic!("{other:?}"),
    }
}

fn check(reply: impl Fn() -> Reply + Send + Sync + 'static, kind: ErrorKind, part: &str) {
    let server = Server::start(&["h2", "http/1.1"], move |_| reply());
    check_world(&World::new(by_url(&server), Options { attempts: 1, ..options() }), kind, part);
    assert_eq!(server.requests(), 1);
}

fn fields(fields: Value) -> impl Fn() -> Reply + Send + Sync + 'static {
    move || Reply::Fields(fields.clone())
}

fn exact(body: &'static str) -> impl Fn() -> Reply + Send + Sync + 'static {
    move || Reply::Exact(body.to_owned())
}

#[test]
fn answers_that_are_none() {
    use ErrorKind::Internal;
    check(fields(json!({})), Internal, "no response.healthy");
    check(fields(json!({"healthy": null})), Internal, "no response.healthy");
    check(fields(json!({"healthy": "yes"})), Internal, "invalid type");
    check(fields(json!({"healthy": true, "uid": "other"})), Internal, "response.uid is \"other\"");
    check(exact("never mind"), Internal, "invalid answer: expected ident");
    check(exact(""), Internal, "invalid answer: EOF");
    check(exact("{}"), Internal, "no response");
    check(exact(r#"{"kind": "Status", "apiVersion": "v1"}"#), Internal, "kind is \"Status\"");
    check(exact(r#"{"apiVersion": "config.karmada.io/v9", "response": {}}"#), Internal, "config.karmada.io/v9");
    check(|| Reply::Status(404, None, "page\n not found"), Internal, "status 404: page not found");
    check(|| Reply::Status(302, Some(("location", "https://else.where")), ""), Internal, "status 302");
    check(|| Reply::Endless, Internal, "longer than 8388608 bytes");
}

#[test]
fn refusals_by_the_hook() {
    let refused = |status: Value| fields(json!({"successful": false, "status": status, "healthy": true}));
    check(refused(json!({"code": 422, "message": "no bulbs"})), ErrorKind::Invalid, "code 422: no bulbs");
    check(refused(json!({"code": 500, "message": "oh"})), ErrorKind::Internal, "code 500: oh");
    check(refused(json!({})), ErrorKind::Internal, "code 0");
    check(refused(Value::Null), ErrorKind::Internal, "no response.status");
}

#[test]
fn answers_to_other_operations() {
    let check = |answer: Value, operation: Operation, part: &str| {
        let server = Server::start(&["http/1.1"], move |_| Reply::Fields(answer.clone()));
        let engine = World::of(&server).engine;
        let failure = match operation {
            Operation::InterpretReplica => engine.replicas(&lamp()).into_result().err(),
            Operation::InterpretComponent => engine.components(&lamp()).into_result().err(),
            Operation::InterpretStatus => engine.reflect_status(&lamp()).into_result().err(),
            Operation::InterpretDependency => engine.dependencies(&lamp()).into_result().err(),
            _ => engine.retain(lamp(), &lamp()).into_result().err(),
        };
        let message = failure.unwrap_or_else(|| panic!("{operation:?} does not lack {part}")).to_string();
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    };
    use Operation::*;
    check(json!({"replicaRequirements": {}}), InterpretReplica, "no response.replicas");
    check(json!({"replicas": 1u64 << 40}), InterpretReplica, "invalid value");
    check(
        json!({"replicas": 1, "replicaRequirements": {"resourceRequest": []}}),
        InterpretReplica,
        "replicaRequirements",
    );
    check(json!({"components": [{"name": "a", "replicas": 1}, {"name": "b"}]}), InterpretComponent, "components[1]");
    check(json!({}), InterpretStatus, "no response.rawStatus");
    check(json!({"dependencies": [{"apiVersion": "v1", "kind": "", "name": "a"}]}), InterpretDependency, "no kind");
    check(json!({"dependencies": [{"apiVersion": "v1", "kind": "Secret"}]}), InterpretDependency, "neither name nor");
    let selector = json!({"matchExpressions": [{"key": "a", "operator": "Like"}]});
    let dependency = json!({"apiVersion": "v1", "kind": "Secret", "labelSelector": selector});
    check(json!({"dependencies": [dependency]}), InterpretDependency, "dependencies[0].labelSelector");
    check(json!({"patch": "W10="}), Retain, "no response.patchType");
    check(json!({"patchType": "JSONPatch"}), Retain, "no response.patch,");
    check(json!({"patchType": "MergePatch", "patch": "W10="}), Retain, "\"MergePatch\" instead of JSONPatch");
    check(json!({"patchType": "JSONPatch", "patch": "?"}), Retain, "response.patch: Invalid");
    check(json!({"patchType": "JSONPatch", "patch": "e30="}), Retain, "error decoding patch");
    // Removes what is not there; replaces the whole object with a list.
    let gone = "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL3gifV0=";
    check(json!({"patchType": "JSONPatch", "patch": gone}), Retain, "missing path: /x");
    let list = "W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6IiIsInZhbHVlIjpbXX1d";
    check(json!({"patchType": "JSONPatch", "patch": list}), Retain, "no object with a kind");
}

#[test]
fn silence_ends_with_the_deadline() {
    check(|| Reply::Never, ErrorKind::Limit, "no answer within 1s");
    check(|| Reply::Stall, ErrorKind::Limit, "no answer within 1s");
}

#[test]
fn connections_that_do_not_come_about() {
    let server = Server::start(&["http/1.1"], |_| Reply::Fields(json!({"healthy": true})));
    let (other, _) = CertificateAuthority::create("other", jiff::Timestamp::now()).unwrap();
    let reached = |client_config: Value, kind: ErrorKind, part: &str| {
        check_world(&World::new(client_config, options()), kind, part);
    };
    use ErrorKind::{Internal, Limit};
    let wrong = json!({"url": server.url(), "caBundle": bundle(other.certificate())});
    reached(wrong, Internal, "no secure connection: invalid peer certificate");
    let name = server.url().replace("127.0.0.1", "localhost");
    reached(json!({"url": name, "caBundle": bundle(&server.authority)}), Internal, "invalid peer certificate");
    reached(json!({"url": server.url(), "caBundle": "Tm8u"}), Internal, "no certificate in PEM form");
    reached(json!({"url": "http://127.0.0.1/"}), Internal, "does not begin with https://");
    reached(json!({"service": {"namespace": "tools", "name": "hook"}}), Limit, "no cluster network");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = json!({"url": format!("https://{free}/"), "caBundle": bundle(&server.authority)});
    reached(refused, Limit, "refused");
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_hook_of_the_future_fails_and_stops_no_other() {
    let server = Server::start(&["http/1.1"], |_| Reply::Fields(json!({"healthy": true})));
    let world = World::of(&server);
    let mut newer = hook("lamps", by_url(&server));
    newer["interpreterContextVersions"] = json!(["v1beta1"]);
    let mut fans = hook("fans", by_url(&server));
    fans["rules"][0]["kinds"] = json!(["Fan"]);
    let configurations = [configuration("tools", json!([newer, fans]))];
    let problems: Vec<bool> =
        world.webhooks.interpreters(&configurations).iter().map(|one| one.problem.is_some()).collect();
    assert_eq!(problems, [true, false]);
    world.configure(&configurations);
    check_world(&world, ErrorKind::Internal, "none of the known versions");
    let fan = object(json!({"apiVersion": "tools.io/v1", "kind": "Fan"}));
    assert!(matches!(world.engine.health(&fan).answer, Answer::Value(_)));
}

#[test]
fn services_of_the_control_plane_lead_to_the_hook() {
    struct Hub(String);
    impl Services for Hub {
        fn find(&self, namespace: &str, name: &str) -> Option<Object> {
            (namespace == "tools" && name == "hook").then(|| {
                object(json!({"metadata": {"namespace": "tools", "name": "hook"},
                    "spec": {"type": "ExternalName", "externalName": self.0}}))
            })
        }

        fn has_cluster_network(&self) -> bool {
            false
        }
    }
    let server = Server::start(&["http/1.1"], |_| Reply::Fields(json!({"healthy": true})));
    let services = std::sync::Arc::new(Hub(server.address.ip().to_string()));
    let service = json!({"namespace": "tools", "name": "hook", "path": "/interpret", "port": server.address.port()});
    let config = json!({"service": service, "caBundle": bundle(&server.authority)});
    let world = World::new(config, Options { services, ..options() });
    assert!(matches!(world.engine.health(&lamp()).answer, Answer::Value(_)));
}

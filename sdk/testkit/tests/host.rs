//! The simulated host, by what a controller sees of it.

use outrigger_addon::{CallError, CallErrorKind, Cluster, Controller, EventKind, Host, Outcome, Place, Request, Watch};
use outrigger_interpreter::ClusterFacts;
use outrigger_object::{Gvk, Object, ObjectKey};
use outrigger_testkit::{HostCall, TestHost};
use serde_json::{Value, json};

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

fn map(name: &str, more: Value) -> Object {
    let mut map = object(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "default", "name": name, "labels": {"app": "a"}}}));
    for (field, value) in more.as_object().unwrap() {
        map.set(&[field], value.clone());
    }
    map
}

fn maps() -> Gvk {
    Gvk::new("", "v1", "ConfigMap")
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

/// Copies ConfigMaps of the control plane to all clusters.
struct Copier;

impl Controller for Copier {
    fn name(&self) -> &str {
        "copier"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch { gvk: maps(), members: false, label_selector: "app=a".into() }]
    }

    fn reconcile(&self, request: &Request, host: &dyn Host) -> Result<Outcome, CallError> {
        let Some(object) = host.get(&request.place, &request.gvk, &request.key)? else {
            return Ok(Outcome::Skipped("gone".into()));
        };
        for cluster in host.clusters()? {
            let copy = map(object.name(), json!({"data": object.get(&["data"])}));
            host.apply(&Place::member(cluster.facts.name), &copy)?;
        }
        host.event(&object, EventKind::Normal, "Copied", "to all clusters");
        host.count("copies", &Default::default(), 1);
        Ok(Outcome::Applied)
    }
}

#[test]
fn a_controller_runs_until_nothing_changes() {
    let host = TestHost::new().with_cluster("east").with_cluster("west");
    host.put(&Place::Hub, map("one", json!({"data": {"k": "1"}})));
    host.put(&Place::Hub, {
        let mut other = map("other", json!({}));
        other.set_label("app", "b");
        other
    });
    let ran = host.settle(&Copier);
    assert_eq!(ran.len(), 1, "the other is not watched: {ran:?}");
    let copy = host.object(&Place::member("west"), &maps(), &key("one")).expect("a copy");
    assert_eq!(copy.str(&["data", "k"]), Some("1"));
    assert_eq!(host.take_events().first().map(|event| event.reason.clone()).as_deref(), Some("Copied"));
    assert_eq!(host.counter("copies", &[]), 2);
    assert_eq!(host.take_writes().len(), 4);

    host.fail(HostCall::Apply, Some(Place::member("east")), CallErrorKind::Transient, 1);
    let kinds = |ran: Vec<outrigger_testkit::Ran>| -> Vec<Option<CallErrorKind>> {
        ran.into_iter().map(|ran| ran.result.err().map(|error| error.kind)).collect()
    };
    assert_eq!(kinds(host.run(&Copier)), [Some(CallErrorKind::Transient)]);
    assert_eq!(kinds(host.run(&Copier)), [None]);
    host.cancel();
    assert_eq!(kinds(host.run(&Copier)), [Some(CallErrorKind::Cancelled)]);
}

#[test]
fn apply_merges_and_takes_back_its_own() {
    let host = TestHost::new();
    host.put(&Place::Hub, map("a", json!({"data": {"theirs": "x"}, "spec": {"n": 1}})));
    let check = |data: Value, expected: Value| {
        let applied = host.apply(&Place::Hub, &map("a", json!({"data": data}))).unwrap();
        assert_eq!(applied.get(&["data"]), Some(&expected));
        applied
    };
    check(json!({"mine": "1", "more": "2"}), json!({"theirs": "x", "mine": "1", "more": "2"}));
    let first = check(json!({"mine": "1"}), json!({"theirs": "x", "mine": "1"}));
    let second = check(json!({"mine": "1"}), json!({"theirs": "x", "mine": "1"}));
    assert_eq!(first.resource_version(), second.resource_version(), "nothing changed");
    assert_eq!(second.generation(), 1);
}

#[test]
fn writes_fail_as_they_do_on_an_api_server() {
    let host = TestHost::new().with_cluster("push");
    let facts = ClusterFacts { name: "pull".into(), ..ClusterFacts::default() };
    host.set_cluster(Cluster { facts, ready: true, pull: true });
    let stored = host.put(
        &Place::Hub,
        map(
            "a",
            json!({"metadata": {"namespace": "default", "name": "a",
        "finalizers": ["x/y"]}}),
        ),
    );
    let check = |result: Result<(), CallError>, expected: Option<CallErrorKind>| {
        assert_eq!(result.map_err(|error| error.kind).err(), expected);
    };
    let status = |version: &str| {
        let mut object = map("a", json!({"status": {"phase": "Done"}}));
        object.set(&["metadata", "resourceVersion"], version);
        object
    };
    check(host.write_status(&Place::Hub, &status("77")).map(drop), Some(CallErrorKind::Conflict));
    check(host.write_status(&Place::Hub, &map("b", json!({}))).map(drop), Some(CallErrorKind::NotFound));
    check(host.write_status(&Place::Hub, &status(stored.resource_version())).map(drop), None);
    check(host.delete(&Place::Hub, &maps(), &key("a"), "another"), Some(CallErrorKind::Conflict));
    check(host.delete(&Place::Hub, &maps(), &key("a"), stored.uid()), None);
    assert!(host.object(&Place::Hub, &maps(), &key("a")).is_some_and(|object| object.is_deleting()));
    check(host.delete(&Place::Hub, &maps(), &key("gone"), "u"), None);
    check(host.apply(&Place::member("nowhere"), &map("a", json!({}))).map(drop), Some(CallErrorKind::NotFound));
    check(host.apply(&Place::member("pull"), &map("a", json!({}))).map(drop), None);
    check(host.delete(&Place::member("pull"), &maps(), &key("a"), "u"), Some(CallErrorKind::Invalid));
    check(host.list(&Place::Hub, &maps(), "", "no good=").map(drop), Some(CallErrorKind::Invalid));
}

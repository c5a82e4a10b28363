//! The life of interpreters on a real API server in this process: a leader stages and reports, an agent
//! follows.

use std::{sync::Arc, time::Duration};

use outrigger_apiserver::{ApiServer, Options, User};
use outrigger_customization::{Customizations, Kind, Role};
use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::{Health, HealthReport};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{
    Change, Client, Informer, Patch, Recorder, RecorderConfig, Selection, Subresource, SystemClock, to_object,
};
use outrigger_store::{Limits, MemoryStore};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; passing it is a failure.
const LONG: Duration = Duration::from_secs(10);

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap()
}

fn crds() -> Resource {
    Resource {
        gvk: Gvk::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        plural: "customresourcedefinitions".to_owned(),
        namespaced: false,
        has_status: true,
        has_scale: false,
    }
}

fn widgets() -> Resource {
    Resource {
        gvk: Gvk::new("example.com", "v1", "Widget"),
        plural: "widgets".to_owned(),
        namespaced: true,
        has_status: true,
        has_scale: false,
    }
}

/// A control plane's API server, with the kinds that hold interpreters, and a kind to interpret.
struct World {
    client: Client,
    stop: CancellationToken,
}

impl World {
    async fn start() -> Self {
        let server = ApiServer::start(Arc::new(MemoryStore::new(Limits::default())), Options::default()).await.unwrap();
        let client = Client::new(kube::Client::new(server.service_as(User::system("admin")), "default"), "hub");
        let world = Self { client, stop: CancellationToken::new() };
        let mut all = outrigger_customization::crds();
        all.extend(outrigger_api::crds::all().iter().map(|crd| to_object(crd).unwrap()));
        all.push(object(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
            },
        })));
        for crd in &all {
            world.client.create(&crds(), crd).await.unwrap();
            world.until(&crds(), crd.name(), |crd| condition(crd, "Established") == "True").await;
        }
        world
    }

    fn lead(&self) -> (Arc<Engine>, Customizations) {
        let clock = Arc::new(SystemClock);
        let recorder = Recorder::start(
            self.client.clone(),
            "outrigger",
            clock.clone(),
            RecorderConfig::default(),
            self.stop.clone(),
        );
        self.run(Role::Lead { recorder, clock })
    }

    fn run(&self, role: Role) -> (Arc<Engine>, Customizations) {
        let engine = Arc::new(Engine::standard());
        let running =
            Customizations::start(self.client.clone(), engine.clone(), role, Default::default(), &self.stop).unwrap();
        (engine, running)
    }

    /// Creates or replaces an interpreter of Widgets.
    async fn write(&self, name: &str, spec: Value) {
        let interpreter = object(json!({
            "apiVersion": "interpreters.outrigger.io/v1alpha1", "kind": "Interpreter",
            "metadata": {"name": name}, "spec": spec,
        }));
        self.client.apply(&Kind::Interpreter.resource(), &interpreter, true).await.unwrap();
    }

    async fn until(&self, resource: &Resource, name: &str, wanted: impl Fn(&Object) -> bool) -> Arc<Object> {
        let cancel = CancellationToken::new();
        let informer = Informer::unstarted(Selection::all(resource.clone()), &cancel);
        let told = Arc::new(Notify::new());
        let tell = told.clone();
        informer.on_change(move |_: &Change| tell.notify_one());
        informer.begin(self.client.clone());
        let find = || informer.list().into_iter().find(|one| one.name() == name);
        let waited = tokio::time::timeout(LONG, async {
            loop {
                if let Some(found) = find().filter(|one| wanted(one)) {
                    return found;
                }
                told.notified().await;
            }
        });
        let result = waited.await;
        cancel.cancel();
        result.unwrap_or_else(|_| panic!("{name} is not as wanted within {LONG:?}: {:#?}", find()))
    }

    /// Waits for conditions of an interpreter's newest generation.
    async fn conditions(&self, name: &str, wanted: [(&str, &str); 2]) -> Arc<Object> {
        self.until(&Kind::Interpreter.resource(), name, |one| {
            one.int(&["status", "observedGeneration"]) == Some(one.generation())
                && wanted.iter().all(|(type_, status)| condition(one, type_) == *status)
        })
        .await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn settled(running: &Customizations) {
    tokio::time::timeout(LONG, running.settled()).await.expect("it settles");
}

fn found<'a>(object: &'a Object, type_: &str) -> Option<&'a Value> {
    let conditions = object.get(&["status", "conditions"])?.as_array()?;
    conditions.iter().find(|condition| condition["type"] == type_)
}

fn condition<'a>(object: &'a Object, type_: &str) -> &'a str {
    found(object, type_).and_then(|condition| condition["status"].as_str()).unwrap_or_default()
}

fn message<'a>(object: &'a Object, type_: &str) -> &'a str {
    found(object, type_).and_then(|condition| condition["message"].as_str()).unwrap_or_default()
}

fn widget(phase: &str) -> Object {
    object(json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"},
        "spec": {"replicas": 2}, "status": {"phase": phase},
    }))
}

/// Judges a Widget healthy when its phase is this.
fn rules(phase: &str) -> Value {
    json!({
        "target": {"apiVersion": "example.com/v1", "kind": "Widget"},
        "health": [
            {"when": format!("status.phase == {phase:?}"), "health": "Healthy"},
            {"health": "Unhealthy", "reason": "Progressing"},
        ],
    })
}

/// What users' interpreters say; the generic rules would answer otherwise.
fn health(engine: &Engine, phase: &str) -> Option<Health> {
    let reply = engine.health(&widget(phase));
    let by_user = reply.layer() == Some(Layer::UserCustomization);
    reply.into_result().unwrap().filter(|_| by_user).map(|report: HealthReport| report.health)
}

async fn answers(running: &Customizations, engine: &Engine, phase: &str, wanted: Option<Health>) {
    let mut changes = running.changes();
    let waited = tokio::time::timeout(LONG, async {
        while health(engine, phase) != wanted {
            changes.changed().await.unwrap();
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{phase} is {:?} and not {wanted:?}", health(engine, phase)));
}

#[tokio::test]
async fn what_is_applied_answers_and_what_is_broken_leaves_the_last_good() {
    let world = World::start().await;
    let (engine, running) = world.lead();
    settled(&running).await;
    assert_eq!(health(&engine, "Ready"), None);

    world.write("widgets", rules("Ready")).await;
    let told = world.conditions("widgets", [("Compiled", "True"), ("InUse", "True")]).await;
    assert_eq!(health(&engine, "Ready"), Some(Health::Healthy));
    assert_eq!(told.get(&["status", "kinds"]), Some(&json!(["example.com/v1/Widget"])));
    assert_eq!(told.get(&["status", "operations"]), Some(&json!(["InterpretHealth"])));
    assert_eq!((condition(&told, "Conflicts"), condition(&told, "CasesPassed")), ("False", "True"));

    // It does not compile.
    let mut broken = rules("Done");
    broken["health"][0]["when"] = json!("status.phase ==");
    world.write("widgets", broken).await;
    let told = world.conditions("widgets", [("Compiled", "False"), ("InUse", "False")]).await;
    assert!(message(&told, "Compiled").contains("does not parse"), "{told:#?}");
    assert_eq!(told.int(&["status", "lastGood", "generation"]), Some(1));
    assert_eq!(health(&engine, "Ready"), Some(Health::Healthy));

    // After a restart the last good is used still, and an agent uses it too.
    drop(running);
    let (engine, running) = world.lead();
    let (agents, agent) = world.run(Role::Follow);
    settled(&running).await;
    settled(&agent).await;
    for engine in [&engine, &agents] {
        assert_eq!(health(engine, "Ready"), Some(Health::Healthy));
        assert_eq!(health(engine, "Done"), Some(Health::Unhealthy));
    }

    // It is mended.
    world.write("widgets", rules("Done")).await;
    let told = world.conditions("widgets", [("Compiled", "True"), ("InUse", "True")]).await;
    assert_eq!(told.get(&["status", "lastGood"]), None);
    assert_eq!(health(&engine, "Done"), Some(Health::Healthy));
    answers(&agent, &agents, "Done", Some(Health::Healthy)).await;

    // It is removed.
    let key = ObjectKey::new("", "widgets");
    world.client.delete(&Kind::Interpreter.resource(), &key, &Default::default()).await.unwrap();
    answers(&running, &engine, "Done", None).await;
    answers(&agent, &agents, "Done", None).await;
}

#[tokio::test]
async fn cases_that_fail_keep_it_out() {
    let world = World::start().await;
    let (engine, running) = world.lead();
    settled(&running).await;
    let mut spec = rules("Ready");
    let case = |phase: &str| {
        json!({"name": "a widget that is ready", "operation": "InterpretHealth", "output": {"healthy": true},
            "observedObj": widget(phase).into_value()})
    };
    spec["cases"] = json!([case("Ready"), case("Broken")]);
    world.write("widgets", spec.clone()).await;
    let told = world.conditions("widgets", [("Compiled", "True"), ("CasesPassed", "False")]).await;
    assert!(message(&told, "CasesPassed").starts_with("1 of 2 cases failed"), "{told:#?}");
    assert_eq!(health(&engine, "Ready"), None);
    spec["cases"] = json!([case("Ready")]);
    world.write("widgets", spec).await;
    world.conditions("widgets", [("CasesPassed", "True"), ("InUse", "True")]).await;
    assert_eq!(health(&engine, "Ready"), Some(Health::Healthy));
}

#[tokio::test]
async fn failing_on_a_live_object_that_is_answered_keeps_it_out() {
    let world = World::start().await;
    let (engine, running) = world.lead();
    settled(&running).await;
    let mut live = widget("Ready");
    live.set(&["spec", "size"], "large");
    world.client.create(&widgets(), &live).await.unwrap();
    let spec =
        |path: &str| json!({"target": {"apiVersion": "example.com/v1", "kind": "Widget"}, "replicas": {"path": path}});
    world.write("widgets", spec("spec.replicas")).await;
    world.conditions("widgets", [("Compiled", "True"), ("InUse", "True")]).await;
    world.write("widgets", spec("spec.size")).await;
    let told = world.conditions("widgets", [("Compiled", "True"), ("InUse", "False")]).await;
    assert!(message(&told, "InUse").contains("InterpretReplica of"), "{told:#?}");
    assert_eq!(engine.replicas(&live).into_result().unwrap().map(|info| info.replicas), Some(2));
}

#[tokio::test]
async fn two_that_want_the_same_both_say_so_and_one_answers() {
    let world = World::start().await;
    let (engine, running) = world.lead();
    settled(&running).await;
    world.write("b", rules("Ready")).await;
    world.conditions("b", [("InUse", "True"), ("Conflicts", "False")]).await;
    world.write("a", rules("Done")).await;
    world.conditions("a", [("InUse", "True"), ("Conflicts", "True")]).await;
    let told = world.conditions("b", [("InUse", "False"), ("Conflicts", "True")]).await;
    assert!(message(&told, "InUse").contains("a does"), "{told:#?}");
    assert_eq!(engine.health(&widget("Done")).layer(), Some(Layer::UserCustomization));
    assert_eq!(health(&engine, "Done"), Some(Health::Healthy));
    let key = ObjectKey::new("", "a");
    world.client.delete(&Kind::Interpreter.resource(), &key, &Default::default()).await.unwrap();
    world.conditions("b", [("InUse", "True"), ("Conflicts", "False")]).await;
    assert_eq!(health(&engine, "Ready"), Some(Health::Healthy));
}

#[tokio::test]
async fn statuses_are_left_alone_while_nothing_happens() {
    let world = World::start().await;
    let (_engine, running) = world.lead();
    settled(&running).await;
    world.write("widgets", rules("Ready")).await;
    let told = world.conditions("widgets", [("Compiled", "True"), ("InUse", "True")]).await;
    drop(running);
    let (_engine, running) = world.lead();
    settled(&running).await;
    // A second interpreter that is judged shows that the leader has gone over the first.
    world.write("other", json!({"target": {"apiVersion": "example.com/v1", "kind": "Other"}})).await;
    world.conditions("other", [("Compiled", "True"), ("InUse", "True")]).await;
    let patch = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    let key = ObjectKey::new("", "widgets");
    let resource = Kind::Interpreter.resource();
    let now = world.client.patch(&resource, &key, &patch, Subresource::None).await.unwrap();
    assert_eq!(now.status(), told.status());
}

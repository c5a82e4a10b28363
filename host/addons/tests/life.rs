//! The life of addons on a real API server in this process: installed, changed, taken back, removed.

use std::{sync::Arc, time::Duration};

use outrigger_addon::{Addon, Error, Manifest, manifest::Rule};
use outrigger_addons::{Addons, Role, kinds};
use outrigger_apiserver::{ApiServer, Options, User};
use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::{Answer, Health, HealthReport, Interpreter, Operation, Support};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{
    Change, Client, Informer, Patch, Recorder, RecorderConfig, Selection, Subresource, SystemClock,
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

fn resource(gvk: Gvk, plural: &str, namespaced: bool) -> Resource {
    Resource { gvk, plural: plural.to_owned(), namespaced, has_status: true, has_scale: false }
}

fn crds() -> Resource {
    resource(Gvk::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), "customresourcedefinitions", false)
}

fn widgets() -> Resource {
    resource(Gvk::new("example.com", "v1", "Widget"), "widgets", true)
}

fn widget(phase: &str) -> Object {
    object(json!({
        "apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"},
        "status": {"phase": phase},
    }))
}

/// Judges Widgets by the phase that its configuration names, and fails on all when that is `Broken`.
struct Gauge(Manifest);

impl Gauge {
    fn linked(name: &str, more: &str) -> Arc<dyn Addon> {
        let text = format!(
            "name: {name}\ndescription: x\nversions: {{addon: 1.0.0, manifest: 1}}\nkinds: [{{apiVersion: example.com/v1, kind: Widget, operations: [InterpretHealth]}}]\nconfigSchema: {{type: object, properties: {{phase: {{type: string, default: Ready}}}}}}\n{more}"
        );
        Arc::new(Self(Manifest::from_yaml(&text).unwrap()))
    }
}

impl Addon for Gauge {
    fn manifest(&self) -> &Manifest {
        &self.0
    }

    fn crds(&self) -> Vec<Object> {
        vec![object(json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
            },
        }))]
    }

    fn interpreters(&self, config: &Value) -> Result<Vec<Arc<dyn Interpreter>>, Error> {
        let phase = config["phase"].as_str().ok_or_else(|| Error::Config("no phase".into()))?;
        Ok(vec![Arc::new(Needle { name: format!("{}/Widget", self.0.name), phase: phase.to_owned() })])
    }
}

struct Needle {
    name: String,
    phase: String,
}

impl Interpreter for Needle {
    fn name(&self) -> &str {
        &self.name
    }

    fn supports(&self) -> Vec<Support> {
        let operations = [Operation::InterpretHealth].into_iter().collect();
        vec![Support { gvk: widgets().gvk, operations, life_cycle: None, unmarked: false }]
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        if self.phase == "Broken" {
            return Answer::Failed(outrigger_interpreter::Error::internal("broken"));
        }
        let healthy = object.str(&["status", "phase"]) == Some(&self.phase);
        Answer::Value(HealthReport {
            health: if healthy { Health::Healthy } else { Health::Unhealthy },
            ..HealthReport::default()
        })
    }
}

struct World {
    client: Client,
    stop: CancellationToken,
}

impl World {
    async fn start() -> Self {
        let server = ApiServer::start(Arc::new(MemoryStore::new(Limits::default())), Options::default()).await.unwrap();
        let client = Client::new(kube::Client::new(server.service_as(User::system("admin")), "default"), "hub");
        let world = Self { client, stop: CancellationToken::new() };
        for crd in outrigger_addons::crds() {
            world.client.create(&crds(), &crd).await.unwrap();
            world.until(&crds(), crd.name(), |crd| condition(crd, "Established").0 == "True").await;
        }
        world
    }

    async fn run(&self, addons: &[Arc<dyn Addon>], leads: bool) -> (Arc<Engine>, Addons) {
        let clock = Arc::new(SystemClock);
        let config = RecorderConfig::default();
        let recorder = Recorder::start(self.client.clone(), "outrigger", clock.clone(), config, self.stop.clone());
        let trial = Duration::from_millis(300);
        let role = if leads { Role::Lead { recorder, clock, trial } } else { Role::Follow };
        let engine = Arc::new(Engine::standard());
        let host = "0.1.0".parse().unwrap();
        let running = Addons::start(self.client.clone(), engine.clone(), addons.to_vec(), host, role, &self.stop);
        tokio::time::timeout(LONG, running.settled()).await.expect("it settles");
        (engine, running)
    }

    async fn write(&self, name: &str, config: Value) {
        let spec = json!({"source": {"builtIn": true}, "config": config});
        let addon = object(json!({
            "apiVersion": "addons.outrigger.io/v1alpha1", "kind": "Addon", "metadata": {"name": name}, "spec": spec,
        }));
        self.client.apply(&kinds::addons(), &addon, true).await.unwrap();
    }

    async fn delete(&self, resource: &Resource, key: &ObjectKey) {
        self.client.delete(resource, key, &Default::default()).await.unwrap();
    }

    async fn until(&self, resource: &Resource, name: &str, wanted: impl Fn(&Object) -> bool) -> Arc<Object> {
        self.wait(resource, |all| all.iter().find(|one| one.name() == name && wanted(one)).cloned(), name).await
    }

    async fn wait<T>(&self, resource: &Resource, judge: impl Fn(&[Arc<Object>]) -> Option<T>, what: &str) -> T {
        let cancel = CancellationToken::new();
        let informer = Informer::unstarted(Selection::all(resource.clone()), &cancel);
        let told = Arc::new(Notify::new());
        let tell = told.clone();
        informer.on_change(move |_: &Change| tell.notify_one());
        informer.begin(self.client.clone());
        assert!(informer.wait_synced().await);
        let waited = tokio::time::timeout(LONG, async {
            loop {
                if let Some(found) = judge(&informer.list()) {
                    return found;
                }
                told.notified().await;
            }
        });
        let result = waited.await;
        cancel.cancel();
        result.unwrap_or_else(|_| panic!("{what} is not as wanted within {LONG:?}: {:#?}", informer.list()))
    }

    /// Waits for a condition of an addon's newest generation, and gives its message.
    async fn condition(&self, name: &str, type_: &str, status: &str, reason: &str) -> String {
        let found = self
            .until(&kinds::addons(), name, |one| {
                let (now, why, _) = condition(one, type_);
                one.int(&["status", "observedGeneration"]) == Some(one.generation()) && now == status && why == reason
            })
            .await;
        condition(&found, type_).2.to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn condition<'a>(object: &'a Object, type_: &str) -> (&'a str, &'a str, &'a str) {
    outrigger_runtime::conditions::of(object, type_).unwrap_or_default()
}

/// What an addon says of a Widget; the generic rules would answer otherwise.
fn health(engine: &Engine, phase: &str) -> Option<Health> {
    let reply = engine.health(&widget(phase));
    let by_addon = reply.layer() == Some(Layer::Addon);
    reply.into_result().unwrap().filter(|_| by_addon).map(|report| report.health)
}

async fn answers(running: &Addons, engine: &Engine, phase: &str, wanted: Option<Health>) {
    let mut changes = running.changes();
    let waited = tokio::time::timeout(LONG, async {
        while health(engine, phase) != wanted {
            changes.changed().await.unwrap();
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{phase} is {:?} and not {wanted:?}", health(engine, phase)));
}

#[tokio::test]
async fn installed_changed_taken_back_and_removed() {
    let world = World::start().await;
    let all = [Gauge::linked("gauge", "")];
    let (engine, running) = world.run(&all, true).await;
    assert_eq!(health(&engine, "Ready"), None);
    let begun = std::time::Instant::now();
    world.write("gauge", json!({})).await;
    answers(&running, &engine, "Ready", Some(Health::Healthy)).await;
    println!("from the write to the first answer: {:?}", begun.elapsed());
    world.condition("gauge", "InUse", "True", "InUse").await;
    world.condition("gauge", "Healthy", "True", "Kept").await;
    let (agents, agent) = world.run(&all, false).await;
    answers(&agent, &agents, "Ready", Some(Health::Healthy)).await;

    // A configuration that does not fit its schema changes nothing.
    world.write("gauge", json!({"fase": "Done"})).await;
    let told = world.condition("gauge", "Staged", "False", "ConfigInvalid").await;
    assert!(told.contains("fase"), "{told}");
    assert_eq!(health(&engine, "Ready"), Some(Health::Healthy));

    // One that fits is used, here and by agents.
    world.write("gauge", json!({"phase": "Done"})).await;
    answers(&running, &engine, "Done", Some(Health::Healthy)).await;
    answers(&agent, &agents, "Done", Some(Health::Healthy)).await;
    world.condition("gauge", "Healthy", "True", "Kept").await;

    // One that fails on objects is taken back by itself.
    world.write("gauge", json!({"phase": "Broken"})).await;
    let mut changes = running.changes();
    while engine.health(&widget("Done")).into_result().is_ok() {
        tokio::time::timeout(LONG, changes.changed()).await.unwrap().unwrap();
    }
    for _ in 0..3 {
        assert!(engine.health(&widget("Done")).into_result().is_err());
    }
    let told = world.condition("gauge", "Healthy", "False", "RolledBack").await;
    assert!(told.contains("answers again"), "{told}");
    assert_eq!(health(&engine, "Done"), Some(Health::Healthy));
    answers(&agent, &agents, "Done", Some(Health::Healthy)).await;

    // After a restart it is the last good that answers, and what was taken back stays out.
    drop(running);
    let (engine, running) = world.run(&all, true).await;
    assert_eq!(health(&engine, "Done"), Some(Health::Healthy));
    tokio::time::timeout(LONG, running.looked_at("gauge")).await.unwrap();
    assert_eq!(health(&engine, "Done"), Some(Health::Healthy));

    // It cannot go while objects of its kinds are there.
    world.client.create(&widgets(), &widget("Done")).await.unwrap();
    world.delete(&kinds::addons(), &ObjectKey::new("", "gauge")).await;
    let told = world.condition("gauge", "Removable", "False", "LiveObjects").await;
    assert!(told.starts_with("1 objects") && told.contains("Widget"), "{told}");
    assert_eq!(health(&engine, "Done"), Some(Health::Healthy));
    world.delete(&widgets(), &ObjectKey::new("default", "w")).await;
    answers(&running, &engine, "Done", None).await;
    answers(&agent, &agents, "Done", None).await;
    world.wait(&kinds::addons(), |all| all.is_empty().then_some(()), "the list of Addons").await;
    let gone = |all: &[Arc<Object>]| all.iter().all(|crd| crd.name() != "widgets.example.com").then_some(());
    world.wait(&crds(), gone, "its definition").await;
}

#[tokio::test]
async fn one_that_cannot_be_resolved_blocks_no_other_and_comes_when_it_can() {
    let world = World::start().await;
    let grants = "permissions: {hub: [{apiGroups: [apps], resources: [deployments], verbs: [get]}]}";
    let all = [
        Gauge::linked("a", "requires: [{name: b, version: '1'}]"),
        Gauge::linked("b", ""),
        Gauge::linked("c", grants),
        Gauge::linked("d", "requires: [{name: e, version: '1'}]"),
        Gauge::linked("e", "requires: [{name: d, version: '1'}]"),
    ];
    let (engine, running) = world.run(&all, true).await;
    world.write("a", json!({})).await;
    let told = world.condition("a", "Resolved", "False", "DependencyMissing").await;
    assert!(told.contains("addon b"), "{told}");
    world.write("unknown", json!({})).await;
    world.condition("unknown", "Resolved", "False", "SourceMissing").await;
    world.write("c", json!({})).await;
    let told = world.condition("c", "Permitted", "False", "NotGranted").await;
    assert!(told.contains("get deployments.apps"), "{told}");
    world.write("d", json!({})).await;
    world.write("e", json!({})).await;
    let told = world.condition("e", "Resolved", "False", "DependencyCycle").await;
    assert!(told.contains("e -> d -> e"), "{told}");
    assert_eq!(health(&engine, "Ready"), None);

    world.write("b", json!({"phase": "Done"})).await;
    world.condition("b", "InUse", "True", "InUse").await;
    world.condition("a", "InUse", "True", "InUse").await;

    // Both claim Widgets: both say so, and the older one answers.
    world.condition("a", "Conflicts", "True", "SameQuestions").await;
    world.condition("b", "Conflicts", "True", "SameQuestions").await;
    let first = engine.health(&widget("Ready"));
    assert_eq!(first.interpreter(), Some("a/Widget"));

    // With the grant the third comes too, and its identity has just that.
    let rule = Rule {
        api_groups: vec!["apps".into()],
        resources: vec!["deployments".into()],
        verbs: vec!["get".into()],
        ..Rule::default()
    };
    let patch = Patch::Merge(json!({"spec": {"grants": {"hub": [rule]}}}));
    world.client.patch(&kinds::addons(), &ObjectKey::new("", "c"), &patch, Subresource::None).await.unwrap();
    world.condition("c", "InUse", "True", "InUse").await;
    let roles = resource(Gvk::new("rbac.authorization.k8s.io", "v1", "ClusterRole"), "clusterroles", false);
    let role = world.client.get(&roles, &ObjectKey::new("", "outrigger:addon:c")).await.unwrap();
    assert_eq!(role.get(&["rules"]), Some(&json!([rule])));
    drop(running);
}

//! The addon: an interpreter and a controller that do what objects tell them, good or bad.

use std::{collections::BTreeMap, path::Path, sync::Arc, thread, time::Duration};

use outrigger_addon::{
    Addon, CallError, CallErrorKind, Controller, Error, EventKind, Host, Manifest, Outcome, Place, Request, Watch,
};
use outrigger_interpreter::{Answer, Health, HealthReport, Interpreter, Operation, Support};
use outrigger_object::{Gvk, Object, ObjectKey};
use serde_json::{Value, json};

pub struct Probe(Manifest);

impl Default for Probe {
    fn default() -> Self {
        Self(Manifest::from_yaml(include_str!("addon.yaml")).expect("a manifest"))
    }
}

impl Addon for Probe {
    fn manifest(&self) -> &Manifest {
        &self.0
    }

    fn crds(&self) -> Vec<Object> {
        vec![object(json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "probes.examples.outrigger.io"}}))]
    }

    fn interpreters(&self, config: &Value) -> Result<Vec<Arc<dyn Interpreter>>, Error> {
        let word = config.get("word").and_then(Value::as_str).unwrap_or("none");
        if word == "bad" {
            return Err(Error::Config("word: it may not be bad".into()));
        }
        Ok(vec![Arc::new(Reader(word.to_owned()))])
    }

    fn controllers(&self) -> Vec<Arc<dyn Controller>> {
        vec![Arc::new(Doer)]
    }
}

fn object(value: Value) -> Object {
    Object::from_value(value).unwrap_or_default()
}

/// Blocks until a file is there, whatever anybody says.
fn wait_for(file: &str) {
    while !Path::new(file).exists() {
        thread::sleep(Duration::from_millis(1));
    }
}

struct Reader(String);

impl Interpreter for Reader {
    fn name(&self) -> &str {
        "reader"
    }

    /// It says that it retains, and does not.
    fn supports(&self) -> Vec<Support> {
        let operations = [Operation::InterpretHealth, Operation::Retain];
        let gvk = Gvk::new("examples.outrigger.io", "v1", "Probe");
        vec![Support { gvk, operations: operations.into_iter().collect(), life_cycle: None, unmarked: false }]
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        match object.str(&["spec", "do"]).unwrap_or_default() {
            "panic" => panic!("no {}", object.name()),
            "wait" => wait_for(object.str(&["spec", "file"]).unwrap_or_default()),
            _ => {}
        }
        Answer::Value(HealthReport { message: self.0.clone(), ..Health::Healthy.into() })
    }
}

struct Doer;

fn maps() -> Gvk {
    Gvk::new("", "v1", "ConfigMap")
}

fn map(name: &str, value: &str) -> Object {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "default", "name": name}, "data": {"value": value}}))
}

impl Controller for Doer {
    fn name(&self) -> &str {
        "doer"
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch { gvk: maps(), members: false, label_selector: "probe=yes".into() },
            Watch { gvk: maps(), members: true, label_selector: String::new() },
        ]
    }

    fn reconcile(&self, request: &Request, host: &dyn Host) -> Result<Outcome, CallError> {
        let Some(told) = host.get(&request.place, &request.gvk, &request.key)? else {
            return Ok(Outcome::Skipped("it is gone".into()));
        };
        if let Place::Member(cluster) = &request.place {
            host.count("seen", &BTreeMap::from([("cluster".into(), cluster.clone())]), 1);
            return Ok(Outcome::Applied);
        }
        let data = |name: &str| told.str(&["data", name]).unwrap_or_default();
        let place = match data("place") {
            "" => Place::Hub,
            cluster => Place::member(cluster),
        };
        let secret = (Gvk::new("", "v1", "Secret"), ObjectKey::new("default", "secret"));
        match data("do") {
            "copy" => {
                let word = host.config().get("word").and_then(Value::as_str).unwrap_or("none").to_owned();
                host.apply(&place, &map(&format!("{}-copy", told.name()), &word))?;
                host.event(&told, EventKind::Normal, "Copied", "as told");
            }
            "read-secret" => drop(host.get(&place, &secret.0, &secret.1)?),
            "list-secrets" => drop(host.list(&place, &secret.0, "", "")?),
            "write-secret" => {
                let secret = json!({"apiVersion": "v1", "kind": "Secret",
                    "metadata": {"namespace": "default", "name": "secret"}});
                host.apply(&place, &object(secret))?;
            }
            "delete" => host.delete(&place, &maps(), &ObjectKey::new("default", data("name")), data("uid"))?,
            "clusters" => host.gauge("clusters", &BTreeMap::new(), host.clusters()?.len() as f64),
            "panic" => panic!("told by {}", told.name()),
            "wait" => wait_for(data("file")),
            "fail" => return Err(CallError { kind: CallErrorKind::Invalid, message: "it is told to fail".into() }),
            "flood" => {
                for n in 0..1000 {
                    host.apply(&place, &map("flood", &n.to_string()))?;
                }
            }
            "shout" => (0..1000).for_each(|_| host.event(&told, EventKind::Warning, "Shout", "hey")),
            "series" => (0..1000).for_each(|n| {
                host.count("many", &BTreeMap::from([("n".into(), n.to_string())]), 1);
            }),
            _ => host.count("idle", &BTreeMap::new(), 1),
        }
        Ok(Outcome::Applied)
    }
}

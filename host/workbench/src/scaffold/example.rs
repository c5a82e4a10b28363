//! Cases for a new interpreter, over objects that are made to have what it reads.

use std::fmt::Write;

use outrigger_engine::{Declarative, Engine, Layer};
use outrigger_interpreter::{Answer, Given, HealthReport, Operation, Question, StatusItem};
use outrigger_object::Object;
use serde_json::{Map, Value, json};

use super::infer::{Combine, Inferred};
use crate::{
    Fault,
    definitions::{Definition, Version},
};

const CLUSTERS: [&str; 2] = ["east", "west"];
const FILL_IN: &str = "FILL IN: paste an object that is healthy, as a cluster has it (kubectl get -o yaml), in place of observedObj,\n\
                       # and give the case a name that says what makes it so.";

/// Writes the cases. What they expect is asked of the interpreter itself.
pub fn cases(
    definition: &Definition,
    version: &Version,
    inferred: &Inferred,
    interpreter: &str,
) -> Result<String, Fault> {
    let loaded = Declarative::parse("interpreter.yaml", interpreter)
        .map_err(|error| Fault::of_load(format!("the interpreter written for {}", definition.file), &error))?;
    let supports = loaded.supports();
    let engine = Engine::empty();
    engine.install(Layer::UserCustomization, vec![loaded]);
    let mut text = String::from(
        "# Each case: an operation, its inputs, and what must come out. What is expected here is what the interpreter\n\
         # gives now: check that it is what you mean. Run them with: outrigger interpreter test .\n",
    );
    let maker = Maker { definition, version, inferred };
    let operations = supports.iter().map(|support| support.operations);
    let has = |operation| operations.clone().any(|operations| operations.contains(operation));
    let mut first = true;
    for operation in Operation::ALL.into_iter().filter(|operation| has(*operation)) {
        for example in maker.examples(operation) {
            let case = example.case(&engine, operation)?;
            if !std::mem::take(&mut first) {
                text.push_str("---\n");
            }
            if example.fill_in {
                let _ = writeln!(text, "# {FILL_IN}");
            }
            for (key, value) in case {
                let yaml = serde_saphyr::to_string(&json!({key: value})).map_err(|error| {
                    Fault::new(definition.file.clone(), format_args!("a case is not YAML: {error}"))
                })?;
                text.push_str(&yaml);
            }
        }
    }
    Ok(text)
}

/// One case without what it expects.
#[derive(Default)]
struct Example {
    name: &'static str,
    desired: Option<Object>,
    observed: Option<Object>,
    items: Vec<StatusItem>,
    replicas: Option<i64>,
    fill_in: bool,
}

impl Example {
    /// The keys of the case, in the order in which they read well.
    fn case(&self, engine: &Engine, operation: Operation) -> Result<Vec<(&'static str, Value)>, Fault> {
        let fault = |message: String| Fault::new("cases.yaml", format!("{}: {message}", self.name));
        let mut case = vec![("name", self.name.into()), ("operation", json!(operation))];
        for (key, object) in [("desiredObj", &self.desired), ("observedObj", &self.observed)] {
            case.extend(object.clone().map(|object| (key, object.into_value())));
        }
        if !self.items.is_empty() {
            case.push(("statusItems", items(&self.items)));
        }
        case.extend(self.replicas.map(|replicas| ("inputReplicas", replicas.into())));
        let question = self.question(operation).ok_or_else(|| fault("an input is missing".to_owned()))?;
        let output = match engine.answer(question).answer {
            Answer::Value(given) => output(operation, given),
            Answer::NotHandled => return Err(fault("the interpreter does not handle it".to_owned())),
            Answer::Failed(error) => return Err(fault(error.to_string())),
        };
        case.push(("output", output));
        Ok(case)
    }

    fn question(&self, operation: Operation) -> Option<Question<'_>> {
        use std::borrow::Cow::Borrowed;
        let desired = self.desired.as_ref().map(Borrowed);
        let observed = self.observed.as_ref().map(Borrowed);
        Some(match operation {
            Operation::InterpretReplica => Question::InterpretReplica { object: desired? },
            Operation::InterpretComponent => Question::InterpretComponent { object: desired? },
            Operation::ReviseReplica => Question::ReviseReplica { object: desired?, replicas: self.replicas? },
            Operation::Retain => Question::Retain { desired: desired?, observed: observed? },
            Operation::AggregateStatus => {
                Question::AggregateStatus { template: desired?, items: Borrowed(self.items.as_slice()) }
            }
            Operation::InterpretDependency => Question::InterpretDependency { object: desired? },
            Operation::InterpretStatus => Question::InterpretStatus { object: observed? },
            Operation::InterpretHealth => Question::InterpretHealth { object: observed? },
            Operation::Localize => return None,
        })
    }
}

/// Items as people write them: name and status.
fn items(items: &[StatusItem]) -> Value {
    items.iter().map(|item| json!({"clusterName": item.cluster_name, "status": item.status})).collect()
}

fn output(operation: Operation, given: Given) -> Value {
    match given {
        Given::Replicas(info) => match info.requirements {
            Some(requirements) => json!({"replica": info.replicas, "requires": requirements}),
            None => json!({"replica": info.replicas}),
        },
        Given::Components(components) => json!({"components": components}),
        Given::Dependencies(dependencies) => json!({"dependencies": dependencies}),
        Given::Status(status) => json!({"status": status}),
        // Which rule decided is not what a case is about.
        Given::Health(report) => json!({"health": HealthReport { rule: "".into(), ..report }}),
        Given::Object(object) => {
            let key = match operation {
                Operation::ReviseReplica => "revised",
                Operation::Retain => "retained",
                _ => "aggregatedStatus",
            };
            json!({key: object})
        }
    }
}

/// Makes objects of the kind.
struct Maker<'a> {
    definition: &'a Definition,
    version: &'a Version,
    inferred: &'a Inferred,
}

impl Maker<'_> {
    fn examples(&self, operation: Operation) -> Vec<Example> {
        let template = self.template();
        match operation {
            Operation::InterpretReplica => {
                vec![Example { name: "replicas and what each needs", desired: Some(template), ..Example::default() }]
            }
            Operation::InterpretComponent => {
                vec![Example { name: "the parts and what each needs", desired: Some(template), ..Example::default() }]
            }
            Operation::ReviseReplica => vec![Example {
                name: "a revision writes the number of replicas",
                desired: Some(template),
                replicas: Some(5),
                ..Example::default()
            }],
            Operation::Retain => vec![Example {
                name: "the member keeps its status",
                desired: Some(template),
                observed: Some(self.with_status(true, 1)),
                ..Example::default()
            }],
            Operation::AggregateStatus => vec![Example {
                name: "the statuses of two clusters become one",
                desired: Some(self.bare()),
                items: self.items(),
                ..Example::default()
            }],
            Operation::InterpretDependency => {
                vec![Example { name: "what must be beside it", desired: Some(template), ..Example::default() }]
            }
            Operation::InterpretStatus => vec![Example {
                name: "what a member reports",
                observed: Some(self.with_status(true, 1)),
                ..Example::default()
            }],
            Operation::InterpretHealth => vec![
                Example {
                    name: "healthy",
                    observed: Some(self.with_status(true, 1)),
                    fill_in: true,
                    ..Example::default()
                },
                Example { name: "unhealthy", observed: Some(self.with_status(false, 1)), ..Example::default() },
                Example { name: "no status yet", observed: Some(self.bare()), ..Example::default() },
            ],
            Operation::Localize => Vec::new(),
        }
    }

    /// An object with no more than its number of replicas.
    fn bare(&self) -> Object {
        let mut object = Object::default();
        object.set(&["apiVersion"], format!("{}/{}", self.definition.group, self.version.name));
        object.set(&["kind"], self.definition.kind.as_str());
        object.set(&["metadata", "name"], "example");
        if self.definition.namespaced {
            object.set(&["metadata", "namespace"], "default");
        }
        object.set(&["metadata", "generation"], 1);
        let mut value = object.into_value();
        if let Some(path) = &self.inferred.replicas {
            plant(&mut value, path, 3.into());
        }
        Object::from_value(value).unwrap_or_default()
    }

    /// An object with all that the interpreter reads of its spec.
    fn template(&self) -> Object {
        let mut value = self.bare().into_value();
        if let Some(pod) = &self.inferred.pod {
            plant(&mut value, &pod.spec(), pod_spec());
        }
        for part in &self.inferred.parts {
            let owner = match (part.repeated, &part.name) {
                (false, _) => part.owner.clone(),
                (true, Some(_)) => format!("{}[*]", part.owner),
                // A map; its key is the name.
                (true, None) => format!("{}.worker", part.owner),
            };
            if let (true, Some(name)) = (part.repeated, &part.name) {
                plant(&mut value, &format!("{owner}.{name}"), "worker".into());
            }
            if let Some(field) = &part.replicas {
                plant(&mut value, &format!("{owner}.{field}"), 2.into());
            }
            plant(&mut value, &format!("{owner}.{}", part.pod.spec()), pod_spec());
        }
        for reference in &self.inferred.references {
            let name = format!("a-{}", reference.kind.to_lowercase());
            plant(&mut value, &reference.name.replace(".*", ".key"), name.into());
            if let Some(path) = &reference.namespace {
                plant(&mut value, path, "default".into());
            }
        }
        Object::from_value(value).unwrap_or_default()
    }

    fn with_status(&self, healthy: bool, number: i64) -> Object {
        let mut object = self.bare();
        let mut status = Map::new();
        for (field, combine) in &self.inferred.fields {
            for (name, value) in self.field(field, combine, healthy, number) {
                status.insert(name, value);
            }
        }
        object.set(&["status"], Value::Object(status));
        object
    }

    fn field(&self, field: &str, combine: &Combine, healthy: bool, number: i64) -> Vec<(String, Value)> {
        let one = |value: Value| vec![(field.to_owned(), value)];
        match combine {
            Combine::ObservedGeneration => one(1.into()),
            Combine::Conditions => {
                let Some((condition, _)) = &self.inferred.condition else { return Vec::new() };
                let (status, reason) = if healthy { ("True", "AllWell") } else { ("False", "NotWell") };
                let mut condition = json!({"type": condition, "status": status});
                if self.condition_has("reason") {
                    plant(&mut condition, "reason", reason.into());
                }
                if self.condition_has("message") {
                    plant(&mut condition, "message", if healthy { "all is well" } else { "something is wrong" }.into());
                }
                one(json!([condition]))
            }
            Combine::Worst(order, along) => {
                let good = self.inferred.phase.as_ref().and_then(|phase| phase.good.first());
                let word = if healthy { good.or(order.last()) } else { order.first() };
                let Some(word) = word else { return Vec::new() };
                let along = along.iter().map(|name| (name.clone(), "said by the controller".into()));
                std::iter::once((field.to_owned(), word.as_str().into())).chain(along).collect()
            }
            Combine::Op("sum" | "max") => {
                let replicas = Some(field) == self.inferred.ready.as_deref() && healthy;
                one(if replicas { 3 } else { number }.into())
            }
            Combine::Op("earliest" | "latest") => one(format!("2026-01-0{number}T00:00:00Z").into()),
            Combine::Op(_) => one(self.word(field)),
        }
    }

    /// A word that a field may hold.
    fn word(&self, field: &str) -> Value {
        let node = self.version.schema.pointer(&format!("/properties/status/properties/{field}"));
        let first = node.and_then(|node| node.pointer("/enum/0")).cloned();
        first.unwrap_or_else(|| "word".into())
    }

    fn condition_has(&self, name: &str) -> bool {
        let path = format!("/properties/status/properties/conditions/items/properties/{name}");
        self.version.schema.pointer(&path).is_some()
    }

    fn items(&self) -> Vec<StatusItem> {
        let item = |(at, cluster): (usize, &str)| {
            let number = i64::try_from(at + 1).unwrap_or(1);
            let mut status = self.with_status(at == 0, number).0.remove("status").unwrap_or_default();
            if self.inferred.observed_generation {
                plant(&mut status, "generation", 1.into());
                plant(&mut status, "resourceTemplateGeneration", 1.into());
            }
            StatusItem { cluster_name: cluster.to_owned(), status: Some(status), ..StatusItem::default() }
        };
        CLUSTERS.into_iter().enumerate().map(item).collect()
    }
}

fn pod_spec() -> Value {
    json!({"containers": [{
        "name": "main", "image": "example.com/main:1",
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }]})
}

/// Sets the value at a path, making objects on the way, and lists of one item for `[*]`.
fn plant(value: &mut Value, path: &str, leaf: Value) {
    let mut at = value;
    for step in path.split('.') {
        let (name, list) = step.strip_suffix("[*]").map_or((step, false), |name| (name, true));
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(map) = at else { return };
        at = map.entry(name).or_insert(Value::Null);
        if list {
            if !at.is_array() {
                *at = json!([null]);
            }
            let Some(first) = at.as_array_mut().and_then(|items| items.first_mut()) else { return };
            at = first;
        }
    }
    *at = leaf;
}

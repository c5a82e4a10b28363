//! What one call of a script costs. Aims: 15 µs for simple operations,
//! 60 µs for heavy ones.
//!
//! The scripts here are for a Deployment. With `OUTRIGGER_KARMADA_SCRIPTS` naming a folder of Karmada's
//! `customizations.yaml` files, and the shared reference cases beside the workspace, those are measured too, each on
//! the case of its operation that has the largest object.

use std::{env, fs, hint::black_box, path::Path, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use outrigger_engine::cases;
use outrigger_interpreter::{Interpreter, Operation, Question, StatusItem};
use outrigger_lua::{Customization, Script};
use outrigger_object::Object;
use serde_json::{Value, json};

fn deployment() -> Object {
    let container = |name: &str| {
        json!({
            "name": name, "image": "example.com/app:1",
            "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}},
            "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
        })
    };
    let value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "generation": 3, "labels": {"app": "web"},
            "annotations": {"resourcetemplate.karmada.io/generation": "3"},
        },
        "spec": {
            "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {
                "serviceAccountName": "web", "containers": [container("a"), container("b")],
                "volumes": [{"name": "tls", "secret": {"secretName": "tls"}}],
            }},
        },
        "status": status(3),
    });
    Object::from_value(value).unwrap()
}

fn status(replicas: i64) -> Value {
    json!({
        "observedGeneration": 3, "replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas,
        "availableReplicas": replicas, "generation": 3, "resourceTemplateGeneration": 3,
    })
}

const HEALTH: &str = "
function InterpretHealth(o)
  return o.status.observedGeneration == o.metadata.generation and o.status.updatedReplicas >= o.spec.replicas
    and o.status.availableReplicas >= o.status.updatedReplicas
end";
const REVISE: &str = "function ReviseReplica(o, n) o.spec.replicas = n return o end";
const RETAIN: &str = "function Retain(d, o) d.spec.replicas = o.spec.replicas return d end";
const REPLICAS: &str = "
local kube = require('kube')
function GetReplicas(o) return o.spec.replicas, kube.accuratePodRequirements(o.spec.template) end";
const DEPENDENCIES: &str = "
local kube = require('kube')
function GetDependencies(o) return kube.getPodDependencies(o.spec.template, o.metadata.namespace) end";
const STATUS: &str = "
function ReflectStatus(o)
  return {
    replicas = o.status.replicas, readyReplicas = o.status.readyReplicas, generation = o.metadata.generation,
    resourceTemplateGeneration = tonumber(o.metadata.annotations['resourcetemplate.karmada.io/generation']),
  }
end";
const AGGREGATE: &str = "
function AggregateStatus(o, items)
  local sum, seen = {replicas = 0, readyReplicas = 0, updatedReplicas = 0, availableReplicas = 0}, 0
  for i = 1, #items do
    local status = items[i].status
    if status ~= nil then
      for name, value in pairs(sum) do sum[name] = value + (status[name] or 0) end
      if status.resourceTemplateGeneration == o.metadata.generation then seen = seen + 1 end
    end
  end
  if seen == #items then sum.observedGeneration = o.metadata.generation end
  o.status = sum
  return o
end";

fn bench(c: &mut Criterion) {
    let script = |source, operation| Script::compile(source, operation, "bench").unwrap();
    let object = deployment();
    let items: Vec<StatusItem> = ["east", "west", "edge"]
        .map(|name| StatusItem { cluster_name: name.to_owned(), status: Some(status(1)), ..StatusItem::default() })
        .into();
    let health = script(HEALTH, Operation::InterpretHealth);
    c.bench_function("Deployment health", |b| b.iter(|| health.health(black_box(&object)).unwrap()));
    let revise = script(REVISE, Operation::ReviseReplica);
    c.bench_function("Deployment revise", |b| b.iter(|| revise.revise_replicas(black_box(&object), 7).unwrap()));
    let retain = script(RETAIN, Operation::Retain);
    c.bench_function("Deployment retain", |b| b.iter(|| retain.retain(black_box(&object), &object).unwrap()));
    let status = script(STATUS, Operation::InterpretStatus);
    c.bench_function("Deployment reflect", |b| b.iter(|| status.reflect_status(black_box(&object)).unwrap()));
    let replicas = script(REPLICAS, Operation::InterpretReplica);
    c.bench_function("Deployment replicas", |b| b.iter(|| replicas.replicas(black_box(&object)).unwrap()));
    let dependencies = script(DEPENDENCIES, Operation::InterpretDependency);
    c.bench_function("Deployment dependencies", |b| b.iter(|| dependencies.dependencies(black_box(&object)).unwrap()));
    let aggregate = script(AGGREGATE, Operation::AggregateStatus);
    c.bench_function("Deployment aggregate 3", |b| {
        b.iter(|| aggregate.aggregate_status(black_box(&object), Some(&items)).unwrap())
    });
    karmada(c);
}

const KINDS: [&str; 3] =
    ["flink.apache.org/v1beta1/FlinkDeployment", "argoproj.io/v1alpha1/Workflow", "apps.kruise.io/v1alpha1/CloneSet"];

fn karmada(c: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/karmada/interpreter-fixtures");
    let Some(scripts) = env::var_os("OUTRIGGER_KARMADA_SCRIPTS") else { return };
    for kind in KINDS {
        let yaml = fs::read_to_string(Path::new(&scripts).join(kind).join("customizations.yaml")).unwrap();
        let interpreter = Customization::new(&serde_saphyr::from_str(&yaml).unwrap()).unwrap();
        let Ok(files) = fs::read_dir(root.join(kind)) else { continue };
        for file in files {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let cases = cases::parse("", &text).unwrap();
            let Some(case) = cases.iter().max_by_key(|case| json!(case.desired_obj).to_string().len()) else {
                continue;
            };
            let Some(question) = question(case) else { continue };
            let name = format!("{} {:?}", kind.rsplit('/').next().unwrap_or(kind), case.operation);
            c.bench_function(&name, |b| b.iter(|| ask(&interpreter, black_box(&question))));
        }
    }
}

fn question(case: &cases::Case) -> Option<Question<'_>> {
    use std::borrow::Cow::Borrowed;
    let desired = case.desired_obj.as_ref().or(case.observed_obj.as_ref()).map(Borrowed)?;
    let observed = case.observed_obj.as_ref().or(case.desired_obj.as_ref()).map(Borrowed)?;
    Some(match case.operation {
        Operation::InterpretReplica => Question::InterpretReplica { object: desired },
        Operation::InterpretComponent => Question::InterpretComponent { object: desired },
        Operation::ReviseReplica => Question::ReviseReplica { object: desired, replicas: case.input_replicas? },
        Operation::Retain => Question::Retain { desired, observed },
        Operation::AggregateStatus => {
            Question::AggregateStatus { template: desired, items: Borrowed(&case.status_items) }
        }
        Operation::InterpretDependency => Question::InterpretDependency { object: desired },
        Operation::InterpretStatus => Question::InterpretStatus { object: observed },
        Operation::InterpretHealth => Question::InterpretHealth { object: observed },
        Operation::Localize => return None,
    })
}

fn ask(interpreter: &Customization, question: &Question) {
    let answer = question.clone().put_to(interpreter as &dyn Interpreter);
    assert!(answer.into_result().is_ok());
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700));
    targets = bench
}
criterion_main!(benches);

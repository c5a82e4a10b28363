//! The five engines, each with its interpreter of lanterns.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use outrigger_engine::{Declarative, Engine, Layer};
use outrigger_interpreter::{Answer, Error, Given, Health, Interpreter, Question};
use outrigger_library::Options;
use outrigger_object::Object;
use outrigger_webhook::{Metrics, Webhooks};
use serde_json::{Value, json};

use crate::{
    lantern::Lantern,
    library,
    server::{Reply, Server},
};

/// One way to interpret lanterns.
pub struct One {
    pub name: &'static str,
    pub engine: Engine,
}

/// All of them; the first is what the others must agree with.
pub static ALL: LazyLock<Vec<One>> = LazyLock::new(|| {
    let declarative = Declarative::parse("declarative.yaml", include_str!("declarative.yaml")).expect("it loads");
    let lua = serde_saphyr::from_str(include_str!("lua.yaml")).expect("a customization");
    let lua = outrigger_lua::Customization::new(&lua).expect("it loads").interpreter();
    // The longest objects take long where nothing is optimized.
    let patient = Options { deadline: Duration::from_secs(30), ..Options::default() };
    let library = outrigger_library::load(library::lantern(), patient).expect("it loads");
    vec![
        One::new("linked in", Layer::Addon, Arc::new(Lantern)),
        One::new("declarative", Layer::UserCustomization, declarative),
        One::new("Lua", Layer::UserCustomization, lua),
        One::new("webhook", Layer::Webhook, webhook()),
        One::new("library", Layer::Addon, library),
    ]
});

impl One {
    fn new(name: &'static str, layer: Layer, interpreter: Arc<dyn Interpreter>) -> Self {
        let engine = Engine::empty();
        engine.install(layer, vec![interpreter]);
        Self { name, engine }
    }
}

/// A webhook over HTTPS that asks the same code behind Karmada's protocol. Its server lives as long as the tests.
fn webhook() -> Arc<dyn Interpreter> {
    let server = Box::leak(Box::new(Server::start(&["h2", "http/1.1"], |context| {
        Reply::Fields(interpreted(&context["request"]).unwrap_or_else(
            |error| json!({"successful": false, "status": {"code": 422, "message": error.to_string()}}),
        ))
    })));
    let configuration = serde_json::from_value(json!({
        "apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterWebhookConfiguration",
        "metadata": {"name": "lanterns"}, "webhooks": [{
            "name": "lanterns.example.com", "interpreterContextVersions": ["v1alpha1"], "timeoutSeconds": 30,
            "clientConfig": {"url": server.url(), "caBundle": BASE64_STANDARD.encode(&server.authority)},
            "rules": [{"operations": ["*"], "apiGroups": ["examples.outrigger.io"], "apiVersions": ["v1"],
                "kinds": ["Lantern"]}],
        }],
    }))
    .expect("a configuration");
    let webhooks = Webhooks::new(outrigger_webhook::Options::default(), Metrics::default()).expect("a runtime");
    let hooked = webhooks.interpreters(&[configuration]).pop().expect("one hook");
    assert_eq!(hooked.problem, None);
    hooked.interpreter
}

/// What the webhook answers.
fn interpreted(request: &Value) -> Result<Value, Error> {
    let object = |name: &str| Object::from_value(request[name].clone()).map_err(|_| Error::invalid(name));
    let patch = |object: Object| {
        let patch = json!([{"op": "replace", "path": "", "value": object}]).to_string();
        json!({"patchType": "JSONPatch", "patch": BASE64_STANDARD.encode(patch)})
    };
    let items = || serde_json::from_value::<Vec<_>>(request["aggregatedStatus"].clone()).unwrap_or_default();
    let question = match request["operation"].as_str().unwrap_or_default() {
        "InterpretReplica" => Question::InterpretReplica { object: object("object")?.into() },
        "InterpretComponent" => Question::InterpretComponent { object: object("object")?.into() },
        "ReviseReplica" => {
            let replicas = request["replicas"].as_i64().ok_or_else(|| Error::invalid("replicas"))?;
            Question::ReviseReplica { object: object("object")?.into(), replicas }
        }
        "Retain" => Question::Retain { desired: object("object")?.into(), observed: object("observedObject")?.into() },
        "AggregateStatus" => Question::AggregateStatus { template: object("object")?.into(), items: items().into() },
        "InterpretDependency" => Question::InterpretDependency { object: object("object")?.into() },
        "InterpretStatus" => Question::InterpretStatus { object: object("object")?.into() },
        "InterpretHealth" => Question::InterpretHealth { object: object("object")?.into() },
        other => return Err(Error::invalid(other)),
    };
    match question.put_to(&Lantern).into_result()?.ok_or_else(|| Error::internal("not handled"))? {
        Given::Replicas(info) => Ok(json!({"replicas": info.replicas, "replicaRequirements": info.requirements})),
        Given::Components(components) => Ok(json!({"components": components})),
        Given::Object(object) => Ok(patch(object)),
        Given::Dependencies(dependencies) => Ok(json!({"dependencies": dependencies})),
        Given::Status(status) => Ok(json!({"rawStatus": status})),
        Given::Health(report) => Ok(json!({"healthy": report.health == Health::Healthy})),
    }
}

/// An answer in a form that all engines share: of health the verdict alone, since Karmada's engines have no more,
/// and of a failure that it is one.
pub fn shared(answer: Answer<Given>) -> Value {
    match answer {
        Answer::Value(Given::Health(report)) => json!({"health": report.health}),
        Answer::Value(given) => serde_json::to_value(given).expect("JSON"),
        Answer::NotHandled => json!("not handled"),
        Answer::Failed(error) => {
            assert!(!error.to_string().is_empty());
            json!("failed")
        }
    }
}

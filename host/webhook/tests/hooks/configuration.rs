//! Configurations, and engines with hooks in them.

use std::sync::Arc;
use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use outrigger_api::config::ResourceInterpreterWebhookConfiguration;
use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::Interpreter;
use outrigger_object::Object;
use outrigger_webhook::{Hooked, Metrics, Options, Webhooks};
use serde_json::{Value, json};

use crate::server::Server;

/// A configuration as users write it.
pub fn configuration(name: &str, hooks: Value) -> ResourceInterpreterWebhookConfiguration {
    serde_json::from_value(json!({
        "apiVersion": "config.karmada.io/v1alpha1", "kind": "ResourceInterpreterWebhookConfiguration",
        "metadata": {"name": name}, "webhooks": hooks,
    }))
    .expect("a configuration")
}

/// A hook for all operations of Lamps.
pub fn hook(name: &str, client_config: Value) -> Value {
    json!({
        "name": name, "clientConfig": client_config, "timeoutSeconds": 1, "interpreterContextVersions": ["v1alpha1"],
        "rules": [{"operations": ["*"], "apiGroups": ["tools.io"], "apiVersions": ["v1"], "kinds": ["Lamp"]}],
    })
}

/// How a server is reached by its URL.
pub fn by_url(server: &Server) -> Value {
    json!({"url": server.url(), "caBundle": bundle(&server.authority)})
}

pub fn bundle(authority: &str) -> Value {
    BASE64_STANDARD.encode(authority).into()
}

/// Pauses that tests can wait for.
pub fn options() -> Options {
    Options { pause: Duration::from_millis(1), ..Options::default() }
}

pub fn interpreters(hooked: Vec<Hooked>) -> Vec<Arc<dyn Interpreter>> {
    hooked.into_iter().map(|one| one.interpreter).collect()
}

/// An engine that asks one hook, `tools/lamps`, and nobody else.
pub struct World {
    pub engine: Engine,
    pub webhooks: Webhooks,
    pub metrics: Metrics,
}

impl World {
    pub fn new(client_config: Value, options: Options) -> Self {
        let metrics = Metrics::default();
        let webhooks = Webhooks::new(options, metrics.clone()).expect("a runtime");
        let world = Self { engine: Engine::empty(), webhooks, metrics };
        world.configure(&[configuration("tools", json!([hook("lamps", client_config)]))]);
        world
    }

    pub fn of(server: &Server) -> Self {
        Self::new(by_url(server), options())
    }

    pub fn configure(&self, configurations: &[ResourceInterpreterWebhookConfiguration]) {
        self.engine.install(Layer::Webhook, interpreters(self.webhooks.interpreters(configurations)));
    }
}

pub fn object(value: Value) -> Object {
    Object::from_value(value).expect("an object")
}

pub fn lamp() -> Object {
    object(json!({
        "apiVersion": "tools.io/v1", "kind": "Lamp", "metadata": {"name": "l", "namespace": "n"},
        "spec": {"bulbs": 3}, "status": {"lit": 2},
    }))
}

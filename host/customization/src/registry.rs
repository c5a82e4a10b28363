//! What is in use, by source.
//!
//! **Invariant:** a source without a good state has no interpreter in the engine.

use std::{collections::BTreeMap, sync::Arc};

use outrigger_engine::{Engine, Layer};
use outrigger_interpreter::Interpreter;
use outrigger_webhook::{Hooked, Webhooks};
use serde_json::Value;

use crate::{
    compile::Compiled,
    source::{Key, Kind},
    stage::Verdict,
};

/// All that is known of the objects that hold interpreters.
#[derive(Default)]
pub struct Registry {
    known: BTreeMap<Key, Known>,
    /// The hooks that are installed.
    hooked: Vec<Hooked>,
}

/// What is known of one.
#[derive(Clone, Default)]
pub struct Known {
    /// What is in use.
    pub good: Option<Good>,
    /// What was judged last, and what came of it.
    pub judged: Option<(Arc<Value>, Verdict)>,
}

/// A state of a source that is in use.
#[derive(Clone)]
pub struct Good {
    /// The generation.
    pub generation: i64,
    /// What was compiled.
    pub compiled: Arc<Compiled>,
    /// What it was compiled from.
    pub body: Arc<Value>,
}

impl Registry {
    /// What is known of one.
    pub fn get(&self, key: &Key) -> Option<&Known> {
        self.known.get(key)
    }

    /// What is known of one, to change.
    pub fn entry(&mut self, key: &Key) -> &mut Known {
        self.known.entry(key.clone()).or_default()
    }

    /// All that are known.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.known.keys().cloned()
    }

    /// Forgets one; says whether it was in use.
    pub fn remove(&mut self, key: &Key) -> bool {
        self.known.remove(key).is_some_and(|known| known.good.is_some())
    }

    /// The interpreters of a source that are in use.
    pub fn interpreters(&self, key: &Key) -> Vec<Arc<dyn Interpreter>> {
        if key.kind == Kind::Webhook {
            return self.hooks(key).map(|hook| hook.interpreter.clone()).collect();
        }
        let good = self.known.get(key).and_then(|known| known.good.as_ref());
        good.map(|good| good.compiled.interpreters.clone()).unwrap_or_default()
    }

    /// Why hooks of a configuration cannot be asked.
    pub fn problems(&self, key: &Key) -> Vec<String> {
        let problem = |hook: &Hooked| Some(format!("{}: {}", hook.interpreter.name(), hook.problem.as_ref()?));
        self.hooks(key).filter_map(problem).collect()
    }

    fn hooks(&self, key: &Key) -> impl Iterator<Item = &Hooked> {
        let name = (key.kind == Kind::Webhook).then_some(key.name.as_str());
        self.hooked.iter().filter(move |hook| Some(hook.configuration.as_str()) == name)
    }

    /// Whether a hook that is in use is reached through a Service.
    pub fn names_services(&self) -> bool {
        let good = self.known.values().filter_map(|known| known.good.as_ref());
        let mut hooks = good.filter_map(|good| good.compiled.configuration.as_ref()).flat_map(|one| &one.webhooks);
        hooks.any(|hook| hook.client_config.service.is_some())
    }

    /// Makes the engine have what is in use, and nothing else, in the layers that are kept here.
    pub fn install(&mut self, engine: &Engine, webhooks: &Webhooks) {
        let good: Vec<&Good> = self.known.values().filter_map(|known| known.good.as_ref()).collect();
        let users = good.iter().flat_map(|good| good.compiled.interpreters.iter().cloned()).collect();
        let configurations: Vec<_> = good.iter().filter_map(|good| good.compiled.configuration.clone()).collect();
        engine.install(Layer::UserCustomization, users);
        self.hooked = webhooks.interpreters(&configurations);
        engine.install(Layer::Webhook, self.hooked.iter().map(|hook| hook.interpreter.clone()).collect());
    }
}

//! Agents: use what the leader reported to be in use.

use std::sync::Arc;

use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Error, Outcome, Reconciler, from_object};
use tracing::warn;

use crate::{Shared, kinds};

/// See the module.
pub struct Follow(pub Arc<Shared>);

impl Reconciler for Follow {
    const NAME: &'static str = "addons";
    type Key = String;

    async fn reconcile(&self, name: &String) -> Result<Outcome, Error> {
        let shared = &*self.0;
        let mut registry = shared.registry.lock();
        let found = shared.informer.get(&ObjectKey::new("", name.as_str()));
        let active = found.as_ref().and_then(|object| {
            from_object::<kinds::Addon>(Object::clone(object)).ok().and_then(|addon| addon.status.active)
        });
        let changed = match (&found, &active) {
            (Some(object), Some(active)) => shared.take(&mut registry, object, active).unwrap_or_else(|error| {
                warn!(addon = name, error, "an addon that is in use cannot be used here");
                false
            }),
            _ => registry.remove(name),
        };
        if changed {
            shared.install(&mut registry);
        }
        Ok(Outcome::Applied)
    }
}

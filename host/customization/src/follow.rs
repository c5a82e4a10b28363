//! Agents: use what the leader reported to be in use.
//!
//! | The leader says of the object's newest generation | Used |
//! |---|---|
//! | it is in use | it |
//! | it is not, and this was before | that |
//! | nothing yet | what is used now; without that, and without any report, the object as it is |

use std::sync::Arc;

use outrigger_object::{Object, ObjectKey};
use outrigger_runtime::{Error, Outcome, Reconciler, conditions};
use serde::Deserialize;
use serde_json::Value;
use tracing::warn;

use crate::{
    Shared,
    compile::compile,
    kinds::{self, CASES_PASSED, COMPILED, IN_USE, Status},
    registry::{Good, Registry},
    source::{Key, Kind, with_body},
};

/// See the module.
pub struct Follow(pub Arc<Shared>);

impl Reconciler for Follow {
    const NAME: &'static str = "customizations";
    type Key = Key;

    async fn reconcile(&self, key: &Key) -> Result<Outcome, Error> {
        let shared = &*self.0;
        let mut registry = shared.registry.lock();
        let changed = match shared.informer(key.kind).get(&key.object_key()) {
            None => registry.remove(key),
            Some(object) => take(shared, &mut registry, key, &object),
        };
        if changed {
            shared.install(&mut registry);
        }
        Ok(Outcome::Applied)
    }
}

/// What was reported on an object.
pub fn status(shared: &Shared, key: &Key, object: &Object) -> Option<Status> {
    let read = |object: &Object| Status::deserialize(object.status()?).ok();
    match key.kind {
        Kind::Interpreter => read(object),
        _ => shared.reports.get(&ObjectKey::new("", kinds::report_name(key))).and_then(|report| read(&report)),
    }
}

/// Why an object is not in use as it is, by what was reported, or else by itself.
pub fn complaint(shared: &Shared, key: &Key, object: &Object) -> Option<String> {
    let failed = |status: &Status, name: &str| {
        let condition = status.conditions.iter().find(|one| one.type_ == name && one.status == "False")?;
        Some(condition.message.clone())
    };
    let reported = status(shared, key, object).filter(|status| status.observed_generation == object.generation());
    match reported {
        Some(status) => {
            failed(&status, COMPILED).or_else(|| failed(&status, CASES_PASSED)).or_else(|| failed(&status, IN_USE))
        }
        None => compile(key, object).err(),
    }
}

/// Takes what the leader uses into the registry. Says whether that is a change.
pub fn take(shared: &Shared, registry: &mut Registry, key: &Key, object: &Object) -> bool {
    let status = status(shared, key, object);
    let known = registry.entry(key);
    let own = || (object.generation(), object.get(&[key.kind.body()]).cloned().unwrap_or_default());
    let wanted: Option<(i64, Value)> = match status {
        None if known.good.is_some() => return false,
        None => Some(own()),
        Some(status) if status.observed_generation < object.generation() => match (&known.good, status.last_good) {
            (Some(_), _) => return false,
            (None, before) => before.map(|before| (before.generation, before.body)),
        },
        Some(status) if conditions::is_true(&status.conditions, IN_USE) => Some(own()),
        Some(status) => status.last_good.map(|before| (before.generation, before.body)),
    };
    let Some((generation, body)) = wanted else { return known.good.take().is_some() };
    if known.good.as_ref().is_some_and(|good| *good.body == body) {
        return false;
    }
    match compile(key, &with_body(object, key.kind, &body)) {
        Ok(compiled) => {
            known.good = Some(Good { generation, compiled: Arc::new(compiled), body: Arc::new(body) });
            true
        }
        Err(error) => {
            warn!(key = %key, error, "an interpreter that is in use does not compile here");
            false
        }
    }
}

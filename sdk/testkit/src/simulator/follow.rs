//! List, watch, and take each object one step further when it changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams},
};
use outrigger_object::{Object, ObjectKey};
use serde_json::{Value, json};

use super::{Next, Step, world::World};

/// A kind, who writes it, and what is done to its objects.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub group: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub manager: &'static str,
    /// Whether its objects wait for those of other kinds, as a Backup does for its location.
    pub waits: bool,
    pub next: Next,
}

impl Kind {
    fn resource(&self) -> ApiResource {
        let api_version = if self.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", self.group) };
        ApiResource {
            group: self.group.to_owned(),
            version: "v1".to_owned(),
            api_version,
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }
}

/// How long to wait before asking again for a kind that is not served, or a server that is away.
const RETRY: Duration = Duration::from_millis(200);

/// Follows a kind for ever.
pub(super) async fn follow(client: Client, kind: &Kind, world: Arc<World>, pace: Duration) {
    loop {
        if let Err(error) = follow_once(&client, kind, &world, pace).await {
            tracing::debug!(kind = kind.kind, %error, "cannot follow; trying again");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn follow_once(client: &Client, kind: &Kind, world: &World, pace: Duration) -> Result<(), kube::Error> {
    let resource = kind.resource();
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let list = api.list(&ListParams::default()).await?;
    let version = list.metadata.resource_version.clone().unwrap_or_default();
    for object in list.items {
        world.put(kind.kind, plain(&object));
    }
    let mut events = api.watch(&WatchParams::default(), &version).await?.boxed();
    let mut steps = Steps::default();
    let start = world.keys(kind.kind);
    start.into_iter().for_each(|object| steps.add(client, kind, object, world, pace));
    // Objects that wait for another kind are looked at again.
    let mut again = tokio::time::interval(pace.max(Duration::from_millis(20)) * 4);
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                    let object = plain(&object);
                    world.put(kind.kind, object.clone());
                    steps.add(client, kind, object, world, pace);
                }
                Some(Ok(WatchEvent::Deleted(object))) => world.remove(kind.kind, &plain(&object)),
                Some(Ok(WatchEvent::Bookmark(_))) => {}
                Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => return Ok(()),
            },
            Some((key, result)) = steps.running.next() => {
                steps.pending.remove(&key);
                if let Err(error) = result {
                    tracing::debug!(kind = kind.kind, %key, %error, "step refused; waiting for the newer object");
                }
                if let Some(object) = world.get(kind.kind, &key.namespace, &key.name) {
                    steps.add(client, kind, object, world, pace);
                }
            }
            _ = again.tick(), if kind.waits => {
                let all = world.keys(kind.kind);
                all.into_iter().for_each(|object| steps.add(client, kind, object, world, pace));
            }
        }
    }
}

type Running = futures::future::BoxFuture<'static, (ObjectKey, Result<(), kube::Error>)>;

/// Steps under way, at most one for each object, and each at most once for one version of it.
#[derive(Default)]
struct Steps {
    running: FuturesUnordered<Running>,
    pending: HashMap<ObjectKey, ()>,
    done: HashMap<ObjectKey, String>,
}

impl Steps {
    fn add(&mut self, client: &Client, kind: &Kind, object: Object, world: &World, pace: Duration) {
        let key = object.key();
        let version = object.resource_version().to_owned();
        if self.pending.contains_key(&key) || self.done.get(&key) == Some(&version) {
            return;
        }
        let Some(step) = (kind.next)(&object, world, Timestamp::now()) else { return };
        self.pending.insert(key.clone(), ());
        self.done.insert(key.clone(), version);
        let (client, kind) = (client.clone(), *kind);
        self.running.push(Box::pin(async move {
            tokio::time::sleep(pace).await;
            let result = write(client, kind, &object, step).await;
            (key, result)
        }));
    }
}

/// Patches as the real controller does, guarded by the version that the step was decided on.
async fn write(client: Client, kind: Kind, object: &Object, step: Step) -> Result<(), kube::Error> {
    let resource = kind.resource();
    let api: Api<DynamicObject> = match object.namespace() {
        "" => Api::all_with(client, &resource),
        namespace => Api::namespaced_with(client, namespace, &resource),
    };
    let mut patch = step.patch;
    let guard = json!({ "resourceVersion": object.resource_version() });
    match patch.get_mut("metadata").and_then(Value::as_object_mut) {
        Some(metadata) => {
            metadata.insert("resourceVersion".to_owned(), object.resource_version().into());
        }
        None => patch["metadata"] = guard,
    }
    let params = PatchParams { field_manager: Some(kind.manager.to_owned()), ..PatchParams::default() };
    if step.to_status {
        api.patch_status(object.name(), &params, &Patch::Merge(patch)).await?;
    } else {
        api.patch(object.name(), &params, &Patch::Merge(patch)).await?;
    }
    Ok(())
}

fn plain(object: &DynamicObject) -> Object {
    serde_json::to_value(object).ok().and_then(|value| Object::from_value(value).ok()).unwrap_or_default()
}

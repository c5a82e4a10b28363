//! When each object was seen where.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use futures::{TryStreamExt, pin_mut};
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use serde_json::Value;
use tokio::{sync::Notify, task::JoinSet};

use crate::{Kind, cluster::Cluster};

/// Between two tries to watch.
const RETRY: Duration = Duration::from_millis(200);

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    on_member: HashMap<(String, String), Instant>,
    made_ready: HashMap<String, Instant>,
    aggregated: HashMap<String, Instant>,
}

/// Watches on the hub and on every member.
pub struct Arrivals {
    seen: Arc<Mutex<Seen>>,
    changed: Arc<Notify>,
    members: Vec<String>,
    _tasks: JoinSet<()>,
}

impl Arrivals {
    /// Starts to watch a kind in a namespace.
    pub async fn watch(hub: &Cluster, members: &[Cluster], kind: Kind, namespace: &str) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let changed = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let expected = i64::try_from(members.len())? * 2;
        for member in members {
            let cluster = Arc::new(Cluster { name: member.name.clone(), client: member.client.clone() });
            let (seen, changed) = (seen.clone(), changed.clone());
            let note = move |object: DynamicObject| {
                let name = object.metadata.name.clone().unwrap_or_default();
                let key = (cluster.name.clone(), name.clone());
                let is_new = lock(&seen).on_member.insert_if_absent(key);
                changed.notify_waiters();
                if is_new && kind == Kind::Deployment {
                    let (cluster, seen) = (cluster.clone(), seen.clone());
                    tokio::spawn(async move {
                        if let Err(error) = cluster.make_ready(&object).await {
                            eprintln!("{}: {name}: {error:#}", cluster.name);
                        }
                        lock(&seen).made_ready.insert(name, Instant::now());
                    });
                }
            };
            tasks.spawn(follow(member.api(namespace, &kind.resource()), note));
        }
        if kind == Kind::Deployment {
            let (seen, changed) = (seen.clone(), changed.clone());
            let note = move |object: DynamicObject| {
                let ready = object.data.pointer("/status/readyReplicas").and_then(Value::as_i64);
                if ready == Some(expected) {
                    lock(&seen).aggregated.insert_if_absent(object.metadata.name.unwrap_or_default());
                    changed.notify_waiters();
                }
            };
            tasks.spawn(follow(hub.api(namespace, &kind.resource()), note));
        }
        let members = members.iter().map(|member| member.name.clone()).collect();
        Ok(Self { seen, changed, members, _tasks: tasks })
    }

    /// Waits until an object is on every member, and tells since when.
    pub async fn everywhere(&self, name: &str) -> Result<Vec<(String, Instant)>> {
        self.wait(|seen| {
            let at = |member: &String| Some((member.clone(), *seen.on_member.get(&(member.clone(), name.to_owned()))?));
            self.members.iter().map(at).collect()
        })
        .await
    }

    /// Waits until the sum of all members shows on the hub: when the last became ready, and when it showed.
    pub async fn aggregated(&self, name: &str) -> Result<(Instant, Instant)> {
        self.wait(|seen| {
            let shown = *seen.aggregated.get(name)?;
            Some((seen.made_ready.get(name).copied().unwrap_or(shown).min(shown), shown))
        })
        .await
    }

    async fn wait<T>(&self, find: impl Fn(&Seen) -> Option<T>) -> Result<T> {
        loop {
            let changed = self.changed.notified();
            pin_mut!(changed);
            changed.as_mut().enable();
            if let Some(found) = find(&lock(&self.seen)) {
                return Ok(found);
            }
            changed.await;
        }
    }
}

trait InsertIfAbsent<K> {
    fn insert_if_absent(&mut self, key: K) -> bool;
}

impl<K: std::hash::Hash + Eq> InsertIfAbsent<K> for HashMap<K, Instant> {
    fn insert_if_absent(&mut self, key: K) -> bool {
        let before = self.len();
        self.entry(key).or_insert_with(Instant::now);
        self.len() > before
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Tells of every object that there is and comes. Lists, then watches from that version: a watch that begins with
/// everything (version "0" with bookmarks) is refused by an API server over an etcd before 3.5.
async fn follow(api: kube::Api<DynamicObject>, note: impl Fn(DynamicObject)) {
    loop {
        if let Err(error) = follow_once(&api, &note).await {
            eprintln!("watch broke, starting again: {error:#}");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn follow_once(api: &kube::Api<DynamicObject>, note: &impl Fn(DynamicObject)) -> Result<()> {
    let all = api.list(&ListParams::default()).await?;
    let version = all.metadata.resource_version.unwrap_or_default();
    all.items.into_iter().for_each(note);
    let events = api.watch(&WatchParams::default(), &version).await?;
    pin_mut!(events);
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => note(object),
            WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => bail!("{} ({})", status.message, status.code),
        }
    }
    Ok(())
}

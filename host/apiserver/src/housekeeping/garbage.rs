//! Owner references: what loses its last owner goes, unless the owner's deletion said otherwise.
//!
//! ```text
//! owner gone              ─▶ each dependent: all its owners gone? ─▶ delete it
//! owner waits, foreground ─▶ delete what blocks it; none left ─▶ its finalizer goes
//! owner waits, orphan     ─▶ take the reference out of each dependent ─▶ its finalizer goes
//! ```
//!
//! **Invariant:** an object is deleted only when each of its owners has been looked up in the store
//! and is not there under its uid. An owner of a kind that is not served may be there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use outrigger_object::{Gvk, Object};
use outrigger_store::Event;
use serde_json::Value;

use super::{Metadata, Owner, is_moot, locate, scan, without_finalizer};
use crate::objects::{Change, FOREGROUND, ORPHAN, Propagation, Removal, Writer};
use crate::registry::Resource;
use crate::server::Inner;

type Key = Arc<str>;

/// What is known of who owns whom.
#[derive(Default)]
struct Graph {
    /// By the uid of the owner.
    dependents: HashMap<String, HashSet<Key>>,
    /// The owners of a dependent.
    owners: HashMap<Key, Vec<Owner>>,
    /// Owners that wait for their dependents, by uid.
    waiting: HashMap<String, Key>,
}

impl Graph {
    /// Takes note of an object, or of its end. Gives whether its owners are others than before.
    fn note(&mut self, key: &Key, metadata: Option<&Metadata>) -> bool {
        let owners = metadata.map_or(&[][..], |metadata| &metadata.owner_references);
        let before = self.owners.get(key).map_or(&[][..], Vec::as_slice);
        if before == owners {
            return false;
        }
        for owner in self.owners.remove(key).into_iter().flatten() {
            if let Some(set) = self.dependents.get_mut(&owner.uid) {
                set.remove(key);
                if set.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        for owner in owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(key.clone());
        }
        if !owners.is_empty() {
            self.owners.insert(key.clone(), owners.to_vec());
        }
        true
    }

    fn of(&self, uid: &str) -> Vec<Key> {
        let mut keys: Vec<Key> = self.dependents.get(uid).into_iter().flatten().cloned().collect();
        keys.sort();
        keys
    }
}

/// What is known of one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Here,
    /// Here, and waiting for its dependents to go.
    Waiting,
    Gone,
    Unknown,
}

struct Collector {
    server: Arc<Inner>,
    graph: Graph,
}

pub(super) async fn run(server: Arc<Inner>) {
    let cancel = server.cancel.clone();
    while !cancel.is_cancelled() {
        let (entries, mut watch) = match scan(&server, "/registry/") {
            Ok(scanned) => scanned,
            Err(error) => {
                tracing::error!(%error, "garbage collection cannot read the store and ends");
                return;
            }
        };
        let mut collector = Collector { server: server.clone(), graph: Graph::default() };
        let mut todo = Vec::new();
        for entry in &entries {
            if is_of_interest(&entry.value)
                && let Some(metadata) = Metadata::read(&entry.value)
            {
                collector.graph.note(&entry.key, Some(&metadata));
                todo.push((entry.key.clone(), metadata));
            }
        }
        drop(entries);
        for (key, metadata) in todo {
            collector.look_at(&key, &metadata, true).await;
        }
        loop {
            let events = tokio::select! {
                () = cancel.cancelled() => return,
                events = watch.next() => events,
            };
            let Ok(events) = events else { break };
            for event in events {
                collector.take(&event).await;
            }
        }
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Whether an object may have owners or may be waiting for its dependents.
fn is_of_interest(value: &[u8]) -> bool {
    contains(value, b"\"ownerReferences\"") || contains(value, b"\"deletionTimestamp\"")
}

impl Collector {
    async fn take(&mut self, event: &Event) {
        match &event.value {
            Some(value) => {
                if !is_of_interest(value) && !self.graph.owners.contains_key(&event.key) {
                    return;
                }
                let Some(metadata) = Metadata::read(value) else { return };
                let old_owners = self.graph.owners.get(&event.key).cloned().unwrap_or_default();
                let changed = self.graph.note(&event.key, Some(&metadata));
                self.look_at(&event.key, &metadata, changed).await;
                if changed {
                    self.wake(&old_owners).await;
                }
            }
            None => {
                let owners = self.graph.owners.get(&event.key).cloned().unwrap_or_default();
                self.graph.note(&event.key, None);
                self.wake(&owners).await;
                if self.graph.dependents.is_empty() && self.graph.waiting.is_empty() {
                    return;
                }
                let Some(metadata) = event.previous.as_ref().and_then(|entry| Metadata::read(&entry.value)) else {
                    return;
                };
                self.graph.waiting.remove(&metadata.uid);
                for dependent in self.graph.of(&metadata.uid) {
                    self.check(&dependent).await;
                }
            }
        }
    }

    /// A dependent of these went, or is theirs no more: those that wait for it go on.
    async fn wake(&mut self, owners: &[Owner]) {
        for owner in owners {
            if let Some(key) = self.graph.waiting.get(&owner.uid).cloned() {
                self.finish_foreground(&key, &owner.uid).await;
            }
        }
    }

    async fn look_at(&mut self, key: &Key, metadata: &Metadata, owners_changed: bool) {
        if metadata.deletion_timestamp.is_some() {
            if metadata.has_finalizer(ORPHAN) {
                self.orphan(key, &metadata.uid).await;
            } else if metadata.has_finalizer(FOREGROUND) {
                self.graph.waiting.insert(metadata.uid.clone(), key.clone());
                for dependent in self.graph.of(&metadata.uid) {
                    self.check(&dependent).await;
                }
                self.finish_foreground(key, &metadata.uid).await;
            }
        }
        if owners_changed && !metadata.owner_references.is_empty() {
            self.check(key).await;
        }
    }

    fn presence(&self, dependent: &Resource, namespace: &str, owner: &Owner) -> Presence {
        let gvk = Gvk::from_api_version(&owner.api_version, &owner.kind);
        let snapshot = self.server.registry.snapshot();
        let of_kind = |version: &str| snapshot.kind(&gvk.group, version, &gvk.kind);
        let other_versions = || {
            let group = snapshot.groups.iter().find(|group| group.name == gvk.group)?;
            group.versions.iter().find_map(|(version, _)| of_kind(version))
        };
        let Some(resource) = of_kind(&gvk.version).or_else(other_versions) else { return Presence::Unknown };
        if resource.namespaced && !dependent.namespaced {
            return Presence::Unknown;
        }
        let namespace = if resource.namespaced { namespace } else { "" };
        match self.server.store.get(&resource.key(namespace, &owner.name)) {
            Err(_) => Presence::Unknown,
            Ok(None) => Presence::Gone,
            Ok(Some(entry)) => match Metadata::read(&entry.value) {
                None => Presence::Unknown,
                Some(found) if found.uid != owner.uid => Presence::Gone,
                Some(found) if found.deletion_timestamp.is_some() && found.has_finalizer(FOREGROUND) => {
                    Presence::Waiting
                }
                Some(_) => Presence::Here,
            },
        }
    }

    /// Deletes a dependent whose owners are all gone, or about to go once it has.
    async fn check(&mut self, key: &Key) {
        let Some((resource, namespace, name)) = locate(&self.server, key) else { return };
        let Ok(Some(entry)) = self.server.store.get(key) else { return };
        let Some(metadata) = Metadata::read(&entry.value) else { return };
        if metadata.owner_references.is_empty() {
            return;
        }
        let presence: Vec<Presence> =
            metadata.owner_references.iter().map(|owner| self.presence(&resource, &namespace, owner)).collect();
        if presence.contains(&Presence::Unknown) {
            return;
        }
        if presence.contains(&Presence::Here) {
            let gone: Vec<&str> = metadata
                .owner_references
                .iter()
                .zip(&presence)
                .filter(|(_, presence)| matches!(presence, Presence::Gone | Presence::Waiting))
                .map(|(owner, _)| owner.uid.as_str())
                .collect();
            if !gone.is_empty() {
                self.disown(&resource, &namespace, &name, &gone).await;
            }
            return;
        }
        if metadata.deletion_timestamp.is_some() {
            return;
        }
        let propagation = match presence.contains(&Presence::Waiting) {
            true => Some(Propagation::Foreground),
            // Finalizers that say otherwise are kept.
            false => (!metadata.has_finalizer(ORPHAN) && !metadata.has_finalizer(FOREGROUND))
                .then_some(Propagation::Background),
        };
        let removal = Removal { uid: Some(metadata.uid), propagation, ..Removal::default() };
        if let Err(status) = self.server.remove(&resource, &namespace, &name, &removal).await
            && !is_moot(&status)
        {
            tracing::warn!(%key, error = %status, "a dependent without owners could not be deleted");
        }
    }

    /// Takes references out of a dependent.
    async fn disown(&self, resource: &Resource, namespace: &str, name: &str, uids: &[&str]) -> bool {
        let done = self
            .server
            .modify(resource, namespace, name, Writer::server(), &mut |old| {
                let mut object = old.clone();
                object.remove(&["metadata", "resourceVersion"]);
                drop_owners(&mut object, uids);
                Ok(Change::to(object))
            })
            .await;
        match done {
            Ok(_) => true,
            Err(status) if is_moot(&status) => true,
            Err(status) => {
                tracing::warn!(%namespace, %name, error = %status, "owner references could not be removed");
                false
            }
        }
    }

    async fn orphan(&mut self, key: &Key, uid: &str) {
        let mut all = true;
        for dependent in self.graph.of(uid) {
            if let Some((resource, namespace, name)) = locate(&self.server, &dependent) {
                all &= self.disown(&resource, &namespace, &name, &[uid]).await;
            }
        }
        if all {
            self.release(key, ORPHAN).await;
        }
    }

    /// Lets an owner go when nothing blocks it any more.
    async fn finish_foreground(&mut self, key: &Key, uid: &str) {
        let blocked = self.graph.of(uid).iter().any(|dependent| {
            let owners = self.graph.owners.get(dependent).into_iter().flatten();
            let blocks = owners.filter(|owner| owner.uid == uid).any(|owner| owner.block_owner_deletion == Some(true));
            blocks && !matches!(self.server.store.get(dependent), Ok(None))
        });
        if !blocked {
            self.graph.waiting.remove(uid);
            self.release(key, FOREGROUND).await;
        }
    }

    async fn release(&self, key: &Key, finalizer: &str) {
        let Some((resource, namespace, name)) = locate(&self.server, key) else { return };
        let done = self
            .server
            .modify(&resource, &namespace, &name, Writer::server(), &mut |old| {
                Ok(Change::to(without_finalizer(old, finalizer)))
            })
            .await;
        if let Err(status) = done
            && !is_moot(&status)
        {
            tracing::warn!(%key, error = %status, finalizer, "a finalizer could not be removed");
        }
    }
}

fn drop_owners(object: &mut Object, uids: &[&str]) {
    let Some(Value::Array(list)) = object.get(&["metadata", "ownerReferences"]).cloned() else { return };
    let left: Vec<Value> = list
        .into_iter()
        .filter(|owner| !owner.get("uid").and_then(Value::as_str).is_some_and(|uid| uids.contains(&uid)))
        .collect();
    match left.is_empty() {
        true => {
            object.remove(&["metadata", "ownerReferences"]);
        }
        false => object.set(&["metadata", "ownerReferences"], left),
    }
}

//! The end of a definition: its objects go, then its finalizer, then it.
//!
//! **Invariant:** objects are deleted only for a definition that was served under its names; one that
//! never was owns none of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use outrigger_store::{Range, Watch};

use super::{Metadata, is_moot, scan, without_finalizer};
use crate::objects::{CLEANUP, Change, Removal, Writer};
use crate::server::Inner;

const PREFIX: &str = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

pub(super) async fn run(server: Arc<Inner>) {
    let cancel = server.cancel.clone();
    while !cancel.is_cancelled() {
        let Ok((entries, mut watch)) = scan(&server, PREFIX) else { return };
        // Definitions that still have objects, and the watches of those.
        let mut held: BTreeMap<String, Box<dyn Watch>> = BTreeMap::new();
        let mut again: Vec<String> =
            entries.iter().filter_map(|entry| terminating(&entry.key, Some(&entry.value))).collect();
        loop {
            for name in std::mem::take(&mut again) {
                match finish(&server, &name).await {
                    None => {
                        held.remove(&name);
                    }
                    Some(objects) => {
                        held.insert(name, objects);
                    }
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                events = watch.next() => {
                    let Ok(events) = events else { break };
                    for event in events {
                        again.extend(terminating(&event.key, event.value.as_deref()));
                    }
                }
                name = any_gone(&mut held) => again.push(name),
            }
        }
    }
}

/// The first definition of which an object went.
async fn any_gone(held: &mut BTreeMap<String, Box<dyn Watch>>) -> String {
    let mut waits: FuturesUnordered<_> = held
        .iter_mut()
        .map(|(name, watch)| async move {
            loop {
                match watch.next().await {
                    Ok(events) if events.iter().all(|event| event.value.is_some()) => {}
                    _ => return name.clone(),
                }
            }
        })
        .collect();
    match waits.next().await {
        Some(name) => name,
        None => std::future::pending().await,
    }
}

fn terminating(key: &str, value: Option<&[u8]>) -> Option<String> {
    let metadata = Metadata::read(value?)?;
    metadata.deletion_timestamp.as_ref()?;
    if !metadata.has_finalizer(CLEANUP) {
        return None;
    }
    key.strip_prefix(PREFIX).map(str::to_owned)
}

/// Deletes the objects of a definition and lets it go. Gives a watch on the objects that are left.
async fn finish(server: &Inner, name: &str) -> Option<Box<dyn Watch>> {
    let snapshot = server.registry.snapshot();
    if let Some(definition) = snapshot.definitions.get(name)
        && let Some(resource) = definition.resources().first()
    {
        let watch = server.store.watch(&resource.prefix(), 0).ok()?;
        let Ok(page) = server.store.range(&Range { prefix: resource.prefix(), ..Range::default() }) else {
            return Some(watch);
        };
        let mut left = 0;
        for entry in &page.entries {
            let rest = entry.key.strip_prefix(&resource.prefix()).unwrap_or_default();
            let (namespace, object) = rest.split_once('/').unwrap_or(("", rest));
            match server.remove(resource, namespace, object, &Removal::default()).await {
                Ok(written) if written.gone => {}
                Err(status) if status.code == 404 => {}
                Ok(_) => left += 1,
                Err(status) => {
                    left += 1;
                    tracing::warn!(key = %entry.key, error = %status, "could not be deleted with its definition");
                }
            }
        }
        if left > 0 {
            return Some(watch);
        }
    }
    let resource = snapshot.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")?;
    let done = server
        .modify(resource, "", name, Writer::server(), &mut |old| Ok(Change::to(without_finalizer(old, CLEANUP))))
        .await;
    if let Err(status) = done
        && !is_moot(&status)
    {
        tracing::warn!(definition = %name, error = %status, "a definition could not be finished");
    }
    None
}

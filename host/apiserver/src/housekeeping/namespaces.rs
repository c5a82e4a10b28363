//! The end of a namespace: everything in it goes, then its finalizer, then it.
//!
//! **Invariant:** a namespace goes only when nothing of any served kind is left in it, and what is
//! created in it at the last moment goes with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use outrigger_store::{Range, Watch};
use serde_json::{Value, json};

use super::{is_moot, scan};
use crate::meta;
use crate::objects::{Change, Removal, Writer};
use crate::registry::crd::set_condition;
use crate::server::Inner;

const PREFIX: &str = "/registry/core/namespaces/";
const FINALIZER: &str = "kubernetes";

pub(super) async fn run(server: Arc<Inner>) {
    let cancel = server.cancel.clone();
    while !cancel.is_cancelled() {
        let Ok((entries, mut watch)) = scan(&server, PREFIX) else { return };
        // Namespaces that still hold something, and what happens to that.
        let mut held: BTreeSet<String> = BTreeSet::new();
        let mut contents: Option<Box<dyn Watch>> = None;
        for entry in &entries {
            if let Some(name) = terminating(&entry.key, Some(&entry.value)) {
                held.insert(name);
            }
        }
        let mut again: BTreeSet<String> = held.clone();
        loop {
            if !held.is_empty() && contents.is_none() {
                contents = server.store.watch("/registry/", 0).ok();
            }
            for name in std::mem::take(&mut again) {
                if finish(&server, &name).await {
                    held.remove(&name);
                }
            }
            if held.is_empty() {
                contents = None;
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                events = watch.next() => {
                    let Ok(events) = events else { break };
                    for event in events {
                        if let Some(name) = terminating(&event.key, event.value.as_deref()) {
                            held.insert(name.clone());
                            again.insert(name);
                        } else if event.value.is_none()
                            && let Some(name) = event.key.strip_prefix(PREFIX)
                        {
                            held.remove(name);
                            // What was being created while the namespace went.
                            empty(&server, name).await;
                        }
                    }
                }
                events = next(&mut contents) => {
                    let Ok(events) = events else { break };
                    for event in events {
                        let gone = event.value.is_none();
                        if let Some(name) = held.iter().find(|name| is_in(&event.key, name)).filter(|_| gone) {
                            again.insert(name.clone());
                        }
                    }
                }
            }
        }
    }
}

async fn next(watch: &mut Option<Box<dyn Watch>>) -> outrigger_store::Result<Vec<Arc<outrigger_store::Event>>> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// Whether a key lies in a namespace: `/registry/GROUP/PLURAL/NAMESPACE/NAME`.
fn is_in(key: &str, namespace: &str) -> bool {
    let mut parts = key.split('/').skip(4);
    parts.next() == Some(namespace) && parts.next().is_some()
}

/// The name of a namespace that is going away.
fn terminating(key: &str, value: Option<&[u8]>) -> Option<String> {
    let metadata = super::Metadata::read(value?)?;
    metadata.deletion_timestamp?;
    key.strip_prefix(PREFIX).map(str::to_owned)
}

/// Deletes everything in a namespace. Gives what is left and why, by resource.
async fn empty(server: &Inner, namespace: &str) -> Vec<(String, usize, Vec<String>)> {
    let mut left = Vec::new();
    let snapshot = server.registry.snapshot();
    for resource in snapshot.all_stored().filter(|resource| resource.namespaced) {
        let range = Range { prefix: resource.namespace_prefix(namespace), ..Range::default() };
        let Ok(page) = server.store.range(&range) else {
            left.push((resource.qualified(), 1, Vec::new()));
            continue;
        };
        let (mut count, mut finalizers) = (0, Vec::new());
        for entry in &page.entries {
            let Some(name) = entry.key.rsplit('/').next() else { continue };
            match server.remove(resource, namespace, name, &Removal::default()).await {
                Ok(written) if written.gone => {}
                Ok(written) => {
                    count += 1;
                    finalizers.extend(written.object.finalizers().map(str::to_owned));
                }
                Err(status) if status.code == 404 => {}
                Err(status) => {
                    count += 1;
                    tracing::warn!(key = %entry.key, error = %status, "could not be deleted with its namespace");
                }
            }
        }
        if count > 0 {
            left.push((resource.qualified(), count, finalizers));
        }
    }
    left
}

/// Empties a namespace and lets it go. Gives whether there is no more to do.
async fn finish(server: &Inner, name: &str) -> bool {
    let snapshot = server.registry.snapshot();
    let Some(resource) = snapshot.resource("", "v1", "namespaces") else { return true };
    let left = empty(server, name).await;
    let now = meta::time(server.options.clock.now());
    let done = match left.is_empty() {
        true => {
            server
                .modify(resource, "", name, Writer::server_through("finalize"), &mut |old| {
                    let mut object = old.clone();
                    object.remove(&["metadata", "resourceVersion"]);
                    let finalizers: Vec<Value> = old
                        .get(&["spec", "finalizers"])
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .filter(|finalizer| finalizer.as_str() != Some(FINALIZER))
                        .cloned()
                        .collect();
                    object.set(&["spec", "finalizers"], json!(finalizers));
                    Ok(Change::to(object))
                })
                .await
        }
        false => {
            let resources: Vec<String> =
                left.iter().map(|(resource, count, _)| format!("{resource} has {count} resource instances")).collect();
            let mut finalizers: Vec<&str> = left.iter().flat_map(|(.., all)| all).map(String::as_str).collect();
            finalizers.sort_unstable();
            let waits: Vec<String> = finalizers
                .chunk_by(|a, b| a == b)
                .map(|same| format!("{} in {} resource instances", same.first().unwrap_or(&""), same.len()))
                .collect();
            server
                .modify(resource, "", name, Writer::server_through("status"), &mut |old| {
                    let mut object = old.clone();
                    object.remove(&["metadata", "resourceVersion"]);
                    let remaining = format!("Some resources are remaining: {}", resources.join(", "));
                    let waiting =
                        format!("Some content in the namespace has finalizers remaining: {}", waits.join(", "));
                    set_condition(
                        &mut object,
                        "NamespaceContentRemaining",
                        true,
                        "SomeResourcesRemain",
                        &remaining,
                        &now,
                    );
                    let waits_for_any = !waits.is_empty();
                    let reason = if waits_for_any { "SomeFinalizersRemain" } else { "ContentHasNoFinalizers" };
                    let message =
                        if waits_for_any { waiting } else { "All content-preserving finalizers finished".into() };
                    set_condition(&mut object, "NamespaceFinalizersRemaining", waits_for_any, reason, &message, &now);
                    Ok(Change::to(object))
                })
                .await
        }
    };
    match done {
        Ok(written) => written.gone || left.is_empty(),
        Err(status) if is_moot(&status) => true,
        Err(status) => {
            tracing::warn!(namespace = %name, error = %status, "a namespace could not be finished");
            false
        }
    }
}

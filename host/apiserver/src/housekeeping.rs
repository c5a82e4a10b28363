//! What the server does of its own accord: garbage collection, the ends of namespaces and of
//! definitions, certificates.
//!
//! Each is one task that follows the store. A task that fell behind what the store remembers looks
//! at everything again.
//!
//! **Invariant:** nothing is deleted on uncertain knowledge. A store that cannot be read, and a kind
//! that is not served, mean that an owner may be there.

mod definitions;
mod events;
mod garbage;
mod namespaces;
mod signer;

use std::sync::Arc;

use outrigger_object::Object;
use outrigger_store::{Entry, Range, Watch};
use serde::Deserialize;
use tokio::task::JoinSet;

pub(crate) use signer::SIGNERS;

use crate::error::{Error, Result};
use crate::registry::Resource;
use crate::server::Inner;
use crate::status;

/// Starts all of it.
pub(crate) fn spawn(server: &Arc<Inner>, tasks: &mut JoinSet<()>) -> Result<()> {
    // A store that cannot be followed now will not be followed later either.
    server.store.watch("/registry/", 0).map_err(Error::Store)?;
    tasks.spawn(garbage::run(server.clone()));
    tasks.spawn(namespaces::run(server.clone()));
    tasks.spawn(definitions::run(server.clone()));
    tasks.spawn(events::run(server.clone()));
    if server.options.signer.is_some() {
        tasks.spawn(signer::run(server.clone()));
    }
    Ok(())
}

/// Everything below a prefix, and what happens to it from there on.
fn scan(server: &Inner, prefix: &str) -> outrigger_store::Result<(Vec<Entry>, Box<dyn Watch>)> {
    let page = server.store.range(&Range { prefix: prefix.to_owned(), ..Range::default() })?;
    let watch = server.store.watch(prefix, page.revision)?;
    Ok((page.entries, watch))
}

/// The resource, namespace and name of a key; nothing when the kind is not served.
fn locate(server: &Inner, key: &str) -> Option<(Arc<Resource>, String, String)> {
    let mut parts = key.strip_prefix("/registry/")?.splitn(3, '/');
    let (group, plural, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let group = if group == "core" { "" } else { group };
    let resource = server.registry.snapshot().stored(group, plural)?.clone();
    let (namespace, name) = match resource.namespaced {
        true => rest.split_once('/')?,
        false => ("", rest),
    };
    Some((resource, namespace.to_owned(), name.to_owned()))
}

/// A reference to an owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    block_owner_deletion: Option<bool>,
}

/// What housekeeping looks at in an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    uid: String,
    owner_references: Vec<Owner>,
    deletion_timestamp: Option<String>,
    finalizers: Vec<String>,
}

impl Metadata {
    fn read(value: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Outer {
            metadata: Metadata,
        }
        serde_json::from_slice::<Outer>(value).ok().map(|outer| outer.metadata)
    }

    fn has_finalizer(&self, name: &str) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == name)
    }
}

/// Drops a finalizer from an object.
fn without_finalizer(object: &Object, finalizer: &str) -> Object {
    let mut object = object.clone();
    object.remove(&["metadata", "resourceVersion"]);
    let left: Vec<String> = object.finalizers().filter(|one| *one != finalizer).map(str::to_owned).collect();
    match left.is_empty() {
        true => {
            object.remove(&["metadata", "finalizers"]);
        }
        false => object.set(&["metadata", "finalizers"], left),
    }
    object
}

/// Whether an error of a write means that the object is gone, or not what it was: nothing to do.
fn is_moot(status: &status::Status) -> bool {
    matches!(status.code, 404 | 409)
}

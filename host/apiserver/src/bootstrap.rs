//! The objects that every cluster has from its first moment: namespaces, roles and their bindings.
//!
//! **Invariant:** what is there already is left alone, so that a second start writes nothing.

use outrigger_object::Object;
use serde_json::json;

use crate::error::{Error, Result};
use crate::objects::{Change, Writer};
use crate::server::Inner;

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Makes what is missing.
pub(crate) async fn run(server: &Inner) -> Result<()> {
    let namespaces =
        NAMESPACES.map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    for object in namespaces.into_iter().filter_map(|value| Object::from_value(value).ok()) {
        make(server, object).await?;
    }
    for object in outrigger_auth::rbac::default_objects() {
        make(server, object).await?;
    }
    Ok(())
}

async fn make(server: &Inner, object: Object) -> Result<()> {
    let gvk = object.gvk();
    let snapshot = server.registry.snapshot();
    let Some(resource) = snapshot.kind(&gvk.group, &gvk.version, &gvk.kind) else { return Ok(()) };
    let what = format!("{} {}", resource.qualified(), object.name());
    let namespace = object.namespace().to_owned();
    let known = server.store.get(&resource.key(&namespace, object.name())).map_err(Error::Store)?;
    if known.is_some() {
        return Ok(());
    }
    match server.create(resource, Change::to(object), &namespace, Writer::server()).await {
        Ok(_) => Ok(()),
        Err(status) if status.reason == "AlreadyExists" => Ok(()),
        Err(source) => Err(Error::Bootstrap { what, source }),
    }
}

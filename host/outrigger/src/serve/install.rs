//! What the control plane's API server must have before controllers can run: CRDs.
//!
//! **Invariant:** an addon is installed by itself once, with the first start, and stays removed when a user
//! removes it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::future::try_join_all;
use outrigger_addons::kinds::{Source, Spec};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Client, to_object};
use serde_json::Value;

use crate::{cluster::wait, engine};

/// The definition of Addons: without it, this is the first start.
const ADDONS: &str = "addons.addons.outrigger.io";
const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// Applies what is missing or different, and waits until all kinds are served. Gives the addons that were
/// installed with it: CRDs of addons come with these.
pub async fn install(hub: &Client) -> Result<Vec<String>> {
    let mut own = Vec::new();
    for crd in outrigger_api::crds::all() {
        own.push(to_object(&crd)?);
    }
    own.extend(outrigger_customization::crds());
    let first = hub.get_opt(&crds(), &ObjectKey::new("", ADDONS)).await?.is_none();
    own.extend(outrigger_addons::crds());
    // One after the other would take a second and more over an API server that is far.
    try_join_all(own.iter().map(|crd| apply(hub, crd))).await?;
    try_join_all(own.iter().map(|crd| until_served(hub, crd.name()))).await?;
    if !first {
        return Ok(Vec::new());
    }
    // A control plane that is new, or from before there were Addons, has what is linked in. It can be removed.
    let mut installed = Vec::new();
    for addon in engine::addons()? {
        let manifest = addon.manifest();
        let source = Source { built_in: true, ..Source::default() };
        let spec = Spec { source, grants: manifest.permissions.clone(), ..Spec::default() };
        let object = outrigger_addons::addon(&manifest.name, &spec);
        hub.apply(&outrigger_addons::kinds::addons(), &object, true)
            .await
            .with_context(|| format!("the addon {} could not be installed", manifest.name))?;
        installed.push(manifest.name.clone());
    }
    Ok(installed)
}

async fn apply(hub: &Client, crd: &Object) -> Result<()> {
    let applied = hub.apply(&crds(), crd, true).await;
    applied.map(drop).with_context(|| format!("the CRD {} could not be installed", crd.name()))
}

/// Waits until the API server serves a CRD.
pub async fn until_served(hub: &Client, name: &str) -> Result<()> {
    let key = ObjectKey::new("", name);
    let is_served = |crd: Option<&Object>| crd.is_some_and(is_established).then_some(());
    match wait::until(hub, &crds(), &key, SERVED_WITHIN, is_served).await? {
        Some(()) => Ok(()),
        None => bail!("the API server did not serve {name} within {} s", SERVED_WITHIN.as_secs()),
    }
}

fn is_established(crd: &Object) -> bool {
    let conditions = crd.get(&["status", "conditions"]).and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
}

fn crds() -> Resource {
    resource(Gvk::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), "customresourcedefinitions")
}

fn resource(gvk: Gvk, plural: &str) -> Resource {
    Resource { gvk, plural: plural.to_owned(), namespaced: false, has_status: false, has_scale: false }
}

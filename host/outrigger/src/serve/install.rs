//! What the control plane's API server must have before controllers can run: CRDs.
//!
//! **Invariant:** a CRD that somebody else brought, such as that of a Velero which runs in the same
//! cluster, is used and not changed.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::future::try_join_all;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{Client, to_object};
use serde_json::Value;

use crate::{cluster::wait, engine};

/// Marks the CRDs that came with an addon, with its name.
const ADDON_LABEL: &str = "addons.outrigger.io/addon";
const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// Applies what is missing or different, and waits until all kinds are served.
pub async fn install(hub: &Client) -> Result<()> {
    let mut names = Vec::new();
    for crd in outrigger_api::crds::all() {
        let crd = to_object(&crd)?;
        hub.apply(&crds(), &crd, true).await.context("a CRD of Karmada's API could not be installed")?;
        names.push(crd.name().to_owned());
    }
    for crd in outrigger_customization::crds() {
        hub.apply(&crds(), &crd, true).await.context("a CRD of interpreters could not be installed")?;
        names.push(crd.name().to_owned());
    }
    for addon in engine::addons()? {
        let addon_name = &addon.manifest().name;
        for mut crd in addon.crds() {
            crd.set(&["metadata", "labels", ADDON_LABEL], addon_name.as_str());
            install_addon_crd(hub, &crd)
                .await
                .with_context(|| format!("a CRD of the addon {addon_name} could not be installed"))?;
            names.push(crd.name().to_owned());
        }
    }
    try_join_all(names.iter().map(|name| until_served(hub, name))).await?;
    Ok(())
}

async fn install_addon_crd(hub: &Client, crd: &Object) -> Result<()> {
    let existing = hub.get_opt(&crds(), &crd.key()).await?;
    if existing.is_none_or(|existing| existing.label(ADDON_LABEL).is_some()) {
        hub.apply(&crds(), crd, true).await?;
    }
    Ok(())
}

async fn until_served(hub: &Client, name: &str) -> Result<()> {
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

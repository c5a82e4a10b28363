//! Installing CRDs into an API server.

use futures::{TryStreamExt, pin_mut};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, WatchEvent, WatchParams},
};
use outrigger_object::Object;

/// Applies CRDs and waits until each of them is served. Gives the server's error when it refuses one.
pub async fn install_crds(client: &Client, crds: &[Object]) -> Result<(), kube::Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply("outrigger-testkit").force();
    for crd in crds {
        api.patch(crd.name(), &params, &Patch::Apply(crd)).await?;
    }
    for crd in crds {
        wait_until_served(&api, crd.name()).await?;
    }
    Ok(())
}

async fn wait_until_served(api: &Api<CustomResourceDefinition>, name: &str) -> Result<(), kube::Error> {
    loop {
        // Read, then watched from there: an API server over an older etcd refuses to begin a watch at 0.
        let crd = api.get(name).await?;
        if is_established(&crd) {
            return Ok(());
        }
        let params = WatchParams::default().fields(&format!("metadata.name={name}"));
        let events = api.watch(&params, crd.metadata.resource_version.as_deref().unwrap_or_default()).await?;
        pin_mut!(events);
        while let Some(event) = events.try_next().await? {
            if let WatchEvent::Added(crd) | WatchEvent::Modified(crd) = event
                && is_established(&crd)
            {
                return Ok(());
            }
        }
    }
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
}

//! Removing what an earlier test has left on API servers that tests share.
//!
//! No control plane runs meanwhile, so finalizers that wait for one are taken off.

use outrigger_object::{Object, Resource};
use outrigger_runtime::{Client, ErrorKind, ListParams};
use serde_json::json;

use crate::{
    api::{self, kind, patch},
    world::LABEL,
};

/// Everything of this project on the API server of a control plane.
pub async fn hub(client: &Client) {
    let policy = |name: &str, plural: &str, namespaced| kind("policy.karmada.io/v1alpha1", name, plural, namespaced);
    for resource in [
        policy("PropagationPolicy", "propagationpolicies", true),
        policy("ClusterPropagationPolicy", "clusterpropagationpolicies", false),
        policy("OverridePolicy", "overridepolicies", true),
        policy("ClusterOverridePolicy", "clusteroverridepolicies", false),
        api::bindings(),
        kind("work.karmada.io/v1alpha2", "ClusterResourceBinding", "clusterresourcebindings", false),
        api::works(),
        api::clusters(),
        kind("coordination.k8s.io/v1", "Lease", "leases", true),
    ] {
        for object in list(client, &resource, &ListParams::default()).await {
            let is_ours = resource.plural != "leases" || object.namespace() == "outrigger-system";
            if is_ours {
                remove(client, &resource, &object).await;
            }
        }
    }
    for namespace in list(client, &api::namespaces(), &ListParams::default()).await {
        if namespace.name().starts_with("karmada-es-") || namespace.label(LABEL).is_some() {
            remove(client, &api::namespaces(), &namespace).await;
            api::until_gone(client, &api::namespaces(), namespace.key(), "it is swept away").await;
        }
    }
}

/// What tests have had placed on a member.
pub async fn member(client: &Client) {
    for namespace in list(client, &api::namespaces(), &ListParams::default()).await {
        if namespace.name().starts_with("e2e-") {
            for resource in [api::backups(), api::deployments()] {
                let there = client.list(&resource, Some(namespace.name()), &ListParams::default()).await;
                for object in there.map(|list| list.items).unwrap_or_default() {
                    remove(client, &resource, &object).await;
                }
            }
            remove(client, &api::namespaces(), &namespace).await;
            api::until_gone(client, &api::namespaces(), namespace.key(), "it is swept away").await;
        }
    }
}

async fn list(client: &Client, resource: &Resource, params: &ListParams) -> Vec<Object> {
    match client.list(resource, None, params).await {
        Ok(list) => list.items,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

async fn remove(client: &Client, resource: &Resource, object: &Object) {
    if object.finalizers().next().is_some() {
        patch(client, resource, &object.key(), json!({"metadata": {"finalizers": null}})).await;
    }
    client.delete(resource, &object.key(), &Default::default()).await.unwrap();
}

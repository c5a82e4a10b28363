//! Removal: nothing that an addon brought goes while objects depend on it, unless the policy says so.

use std::time::Duration;

use outrigger_addon::{MemberObject, UninstallPolicy, manifest::Rule};
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use outrigger_runtime::{DeleteParams, ListParams, Lookup, Outcome, Patch, Result, Subresource};
use serde_json::{Value, json};

use crate::{
    gvks,
    kinds::{self, FINALIZER, LABEL, REMOVABLE},
    lead::{Lead, definitions},
};

/// How many live objects are told one by one.
const TOLD: usize = 20;
/// How often a removal that waits looks again.
const PAUSE: Duration = Duration::from_secs(2);
/// Namespace of the identities of addons.
const NAMESPACE: &str = "outrigger-addons";

/// Goes on with a removal.
pub async fn remove(lead: &Lead, object: &Object, addon: &kinds::Addon) -> Result<Outcome> {
    let name = object.name();
    if !object.finalizers().any(|one| one == FINALIZER) {
        return Ok(Outcome::Skipped("it is let go"));
    }
    let client = &lead.shared.client;
    let mut content = lead.shared.registry.lock().get(name).map(|active| active.content.clone());
    if content.is_none()
        && let Some(active) = &addon.status.active
    {
        content = lead.shared.content(name, &active.source).ok();
    }
    let Some(content) = content else {
        lead.let_go(name);
        return finish(lead, object).await;
    };
    let policy = addon.spec.uninstall.unwrap_or(content.manifest.uninstall);
    let mut live = Vec::new();
    for gvk in gvks(&content) {
        if let Lookup::Found(resource) = lead.shared.discovery.resolve(&gvk).await {
            let templates = client.list(&resource, None, &ListParams::default()).await?.items;
            live.extend(templates.into_iter().map(|one| (resource.clone(), one)));
        }
        if policy == UninstallPolicy::Block {
            let label = format!("{}={}", outrigger_addon::member_object::KIND_LABEL, MemberObject::kind_label(&gvk));
            let seen = client.list(&MemberObject::resource(), None, &ListParams::labels(label)).await;
            let seen = seen.map(|list| list.items).unwrap_or_default();
            live.extend(seen.into_iter().map(|one| (MemberObject::resource(), one)));
        }
    }
    if !live.is_empty() && policy != UninstallPolicy::Orphan {
        let mut told: Vec<String> = live.iter().take(TOLD).map(|(_, one)| one.reference().to_string()).collect();
        if live.len() > TOLD {
            told.push(format!("{} more", live.len() - TOLD));
        }
        let (reason, what) = match policy {
            UninstallPolicy::Delete => ("Deleting", "being deleted"),
            _ => ("LiveObjects", "still there: delete them, or set spec.uninstall to Orphan or Delete"),
        };
        let message = format!("{} objects of its kinds are {what}: {}", live.len(), told.join(", "));
        let mut status = addon.status.clone();
        lead.set(&mut status, object, REMOVABLE, Some(false), reason, &message);
        lead.recorder.warn(object, "AddonNotRemovable", message);
        lead.write(object, status).await?;
        if policy == UninstallPolicy::Delete {
            for (resource, one) in live.iter().filter(|(_, one)| !one.is_deleting()) {
                client.delete(resource, &one.key(), &DeleteParams::of(one)).await?;
            }
        }
        return Ok(Outcome::Waiting(PAUSE));
    }
    for old in &content.hub {
        let Lookup::Found(resource) = lead.shared.discovery.resolve(&old.gvk()).await else { continue };
        delete(lead, name, &resource, &old.key()).await?;
    }
    for (resource, one) in identity(name, &[]) {
        if one.kind() != "Namespace" {
            delete(lead, name, &resource, &one.key()).await?;
        }
    }
    for crd in &content.crds {
        let owned = content.manifest.crds.iter().find(|one| one.name == crd.name()).is_none_or(|one| one.owned);
        let Some(found) = client.get_opt(&definitions(), &crd.key()).await? else { continue };
        if owned && !lead.is_used(&found).await? {
            delete(lead, name, &definitions(), &crd.key()).await?;
        }
    }
    lead.let_go(name);
    finish(lead, object).await
}

/// Deletes an object that the addon brought.
async fn delete(lead: &Lead, name: &str, resource: &Resource, key: &ObjectKey) -> Result<()> {
    let client = &lead.shared.client;
    match client.get_opt(resource, key).await? {
        Some(live) if live.label(LABEL) == Some(name) => {
            client.delete(resource, key, &DeleteParams::of(&live)).await.map(|_| ())
        }
        _ => Ok(()),
    }
}

async fn finish(lead: &Lead, object: &Object) -> Result<Outcome> {
    let rest: Vec<&str> = object.finalizers().filter(|one| *one != FINALIZER).collect();
    let patch = json!({"metadata": {"finalizers": rest, "resourceVersion": object.resource_version()}});
    match lead.shared.client.patch(&kinds::addons(), &object.key(), &Patch::Merge(patch), Subresource::None).await {
        Err(error) if error.is_not_found() => {}
        result => {
            result?;
        }
    }
    Ok(Outcome::Applied)
}

/// The objects of an addon's identity on the control plane.
pub fn identity(name: &str, rules: &[Rule]) -> Vec<(Resource, Object)> {
    let group = "rbac.authorization.k8s.io";
    let role = format!("outrigger:addon:{name}");
    let labels = json!({ LABEL: name });
    let rules = serde_json::to_value(rules).unwrap_or_default();
    let make = |api: &str, version: &str, kind: &str, plural: &str, namespaced: bool, value: Value| {
        let gvk = Gvk::new(api, version, kind);
        let mut object = Object::from_value(value).unwrap_or_default();
        object.set(&["apiVersion"], gvk.api_version());
        object.set(&["kind"], kind);
        let resource = Resource { gvk, plural: plural.to_owned(), namespaced, has_status: false, has_scale: false };
        (resource, object)
    };
    vec![
        make("", "v1", "Namespace", "namespaces", false, json!({"metadata": {"name": NAMESPACE}})),
        make(
            "",
            "v1",
            "ServiceAccount",
            "serviceaccounts",
            true,
            json!({
                "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            }),
        ),
        make(
            group,
            "v1",
            "ClusterRole",
            "clusterroles",
            false,
            json!({
                "metadata": {"name": role, "labels": labels}, "rules": rules,
            }),
        ),
        make(
            group,
            "v1",
            "ClusterRoleBinding",
            "clusterrolebindings",
            false,
            json!({
                "metadata": {"name": role, "labels": labels},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
            }),
        ),
    ]
}

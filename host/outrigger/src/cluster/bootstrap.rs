//! What an agent reads before it trusts anybody: the control plane's address and CA.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use outrigger_object::Object;
use outrigger_runtime::to_object;
use serde_json::json;

use super::access::object;
use super::kinds;
use crate::connect::{Connection, explain};

/// Everyone who shows a token made by `token create`, as Karmada has it.
pub const BOOTSTRAP_GROUP: &str = "system:bootstrappers:karmada:default-cluster-token";

/// Makes what an agent reads before it trusts anybody: the ConfigMap `kube-public/cluster-info` with the
/// control plane's address and CA, open to everyone, as kubeadm and Karmada have it. One that is there
/// already, with the same CA, is left as it is.
pub async fn publish(hub: &Connection) -> Result<()> {
    let told = |error| explain(error, hub);
    let authority = STANDARD.encode(hub.ca_pem());
    let info = cluster_info(&hub.url(), &authority)?;
    let known = hub.client.get_opt(&kinds::config_map(), &info.key()).await.map_err(told)?;
    let same = |known: Object| known.str(&["data", "kubeconfig"]).is_some_and(|text| text.contains(&authority));
    if known.is_some_and(same) {
        return Ok(());
    }
    for object in reading_rights().into_iter().chain([info]) {
        let Some(resource) = kinds::find(&object.gvk()) else { continue };
        hub.client.apply(&resource, &object, true).await.map_err(told)?;
    }
    Ok(())
}

fn cluster_info(url: &str, authority: &str) -> Result<Object> {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": "", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "contexts": [], "users": [], "current-context": "", "preferences": {},
    });
    Ok(to_object(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "cluster-info", "namespace": "kube-public"},
        "data": {"kubeconfig": serde_saphyr::to_string(&kubeconfig)?},
    }))?)
}

fn reading_rights() -> Vec<Object> {
    let (group, name) = ("rbac.authorization.k8s.io", "outrigger:cluster-info");
    let metadata = json!({"name": name, "namespace": "kube-public"});
    vec![
        object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-public"}})),
        object(json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{
                "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["cluster-info"], "verbs": ["get"],
            }],
        })),
        object(json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [
                {"apiGroup": group, "kind": "User", "name": "system:anonymous"},
                {"apiGroup": group, "kind": "Group", "name": "system:authenticated"},
            ],
        })),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_info_is_a_kubeconfig_with_the_authority() {
        let info = cluster_info("https://hub:7443", "Q0E=").unwrap();
        let text = info.str(&["data", "kubeconfig"]).unwrap();
        let kubeconfig = kube::config::Kubeconfig::from_yaml(text).unwrap();
        let cluster = kubeconfig.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.server.as_deref(), Some("https://hub:7443"));
        assert_eq!(cluster.certificate_authority_data.as_deref(), Some("Q0E="));
    }
}

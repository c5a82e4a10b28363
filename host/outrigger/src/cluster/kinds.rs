//! The fixed kinds that these commands read and write.

use outrigger_api::definition::Kind;
use outrigger_object::{Gvk, Resource};

/// A kind of Karmada's API.
pub fn of<T: Kind>() -> Resource {
    let definition = T::DEFINITION;
    Resource {
        gvk: Gvk::new(definition.group, definition.version, definition.kind),
        plural: definition.plural.to_owned(),
        namespaced: definition.namespaced,
        has_status: definition.status,
        has_scale: false,
    }
}

/// Group, version, kind, plural, whether namespaced.
const BUILTIN: &[(&str, &str, &str, &str, bool)] = &[
    ("", "v1", "Namespace", "namespaces", false),
    ("", "v1", "ServiceAccount", "serviceaccounts", true),
    ("", "v1", "Secret", "secrets", true),
    ("", "v1", "ConfigMap", "configmaps", true),
    ("", "v1", "Service", "services", true),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("apps", "v1", "Deployment", "deployments", true),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", true),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true),
];

/// A built-in kind that every API server has, if it is one that these commands use.
pub fn find(gvk: &Gvk) -> Option<Resource> {
    let (group, version, kind, plural, namespaced) = BUILTIN
        .iter()
        .find(|(group, version, kind, ..)| (*group, *version, *kind) == (&gvk.group, &gvk.version, &gvk.kind))?;
    Some(Resource {
        gvk: Gvk::new(*group, *version, *kind),
        plural: (*plural).to_owned(),
        namespaced: *namespaced,
        has_status: false,
        has_scale: false,
    })
}

fn core(kind: &str, plural: &str, namespaced: bool) -> Resource {
    Resource {
        gvk: Gvk::new("", "v1", kind),
        plural: plural.to_owned(),
        namespaced,
        has_status: false,
        has_scale: false,
    }
}

/// `v1` Namespace.
pub fn namespace() -> Resource {
    core("Namespace", "namespaces", false)
}

/// `v1` Secret.
pub fn secret() -> Resource {
    core("Secret", "secrets", true)
}

/// `v1` ServiceAccount.
pub fn service_account() -> Resource {
    core("ServiceAccount", "serviceaccounts", true)
}

/// `v1` ConfigMap.
pub fn config_map() -> Resource {
    core("ConfigMap", "configmaps", true)
}

/// A kind of `rbac.authorization.k8s.io/v1`.
pub fn rbac(kind: &str) -> Resource {
    Resource {
        gvk: Gvk::new("rbac.authorization.k8s.io", "v1", kind),
        plural: format!("{}s", kind.to_lowercase()),
        namespaced: !kind.starts_with("Cluster"),
        has_status: false,
        has_scale: false,
    }
}

//! The fixed kinds that controllers read and write.

use outrigger_api::definition::Kind;
use outrigger_object::{Gvk, Resource};

/// A kind of Karmada's API.
pub(crate) fn of<T: Kind>() -> Resource {
    let definition = T::DEFINITION;
    Resource {
        gvk: Gvk::new(definition.group, definition.version, definition.kind),
        plural: definition.plural.to_owned(),
        namespaced: definition.namespaced,
        has_status: definition.status,
        has_scale: false,
    }
}

fn builtin(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool, has_status: bool) -> Resource {
    Resource {
        gvk: Gvk::new(group, version, kind),
        plural: plural.to_owned(),
        namespaced,
        has_status,
        has_scale: false,
    }
}

/// `apiextensions.k8s.io/v1` CustomResourceDefinition.
pub(crate) fn definition() -> Resource {
    builtin("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false, true)
}

/// `v1` Namespace.
pub(crate) fn namespace() -> Resource {
    builtin("", "v1", "Namespace", "namespaces", false, true)
}

/// `v1` Secret.
pub(crate) fn secret() -> Resource {
    builtin("", "v1", "Secret", "secrets", true, false)
}

/// `coordination.k8s.io/v1` Lease.
pub(crate) fn lease() -> Resource {
    builtin("coordination.k8s.io", "v1", "Lease", "leases", true, false)
}

/// `certificates.k8s.io/v1` CertificateSigningRequest.
pub(crate) fn signing_request() -> Resource {
    builtin("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", false, true)
}

/// A kind of `rbac.authorization.k8s.io/v1`.
pub(crate) fn rbac(kind: &str) -> Resource {
    let plural = format!("{}s", kind.to_lowercase());
    builtin("rbac.authorization.k8s.io", "v1", kind, &plural, !kind.starts_with("Cluster"), false)
}

//! The fields that an endpoint takes from what is stored instead of from the request: nobody comes to
//! own them through it.

use std::sync::LazyLock;

use outrigger_object::Resource;

use super::set::FieldSet;

/// Status endpoints of these kinds write nothing in `metadata`, as those of all custom resources.
const METADATA_KEPT: &[(&str, &str)] = &[
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("apiregistration.k8s.io", "APIService"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("internal.apiserver.k8s.io", "StorageVersion"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("resource.k8s.io", "DeviceTaintRule"),
    ("resource.k8s.io", "ResourceClaim"),
    ("resource.k8s.io", "ResourcePoolStatusRequest"),
    ("scheduling.k8s.io", "PodGroup"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storagemigration.k8s.io", "StorageVersionMigration"),
];

/// What the endpoint of a resource, or of a subresource of it, does not write. `custom` says that the
/// resource comes from a CustomResourceDefinition.
pub fn reset_fields(resource: &Resource, custom: bool, subresource: &str) -> &'static FieldSet {
    static SETS: LazyLock<Sets> = LazyLock::new(Sets::new);
    let sets = &*SETS;
    let kind = (resource.gvk.group.as_str(), resource.gvk.kind.as_str());
    match (kind, subresource) {
        (("certificates.k8s.io", "CertificateSigningRequest"), "") => &sets.request,
        (("certificates.k8s.io", "CertificateSigningRequest"), "approval") => &sets.approval,
        (("certificates.k8s.io", "CertificateSigningRequest"), "status") => &sets.certificate,
        (("", "Namespace"), "finalize") => &sets.status,
        (_, "") if resource.has_status => &sets.status,
        (("apps", "Deployment"), "status") => &sets.deployment,
        (("", "Pod"), "status") => &sets.pod,
        (kind, "status") if custom || METADATA_KEPT.contains(&kind) => &sets.metadata_and_spec,
        (_, "status") => &sets.spec,
        _ => &sets.nothing,
    }
}

struct Sets {
    nothing: FieldSet,
    status: FieldSet,
    spec: FieldSet,
    metadata_and_spec: FieldSet,
    deployment: FieldSet,
    pod: FieldSet,
    request: FieldSet,
    approval: FieldSet,
    certificate: FieldSet,
}

impl Sets {
    fn new() -> Self {
        Self {
            nothing: FieldSet::default(),
            status: FieldSet::of([&["status"]]),
            spec: FieldSet::of([&["spec"]]),
            metadata_and_spec: FieldSet::of([&["metadata"], &["spec"]]),
            deployment: FieldSet::of([&["spec"], &["metadata", "labels"]]),
            pod: FieldSet::of([&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]]),
            request: FieldSet::of([&["spec"], &["status"]]),
            approval: FieldSet::of([&["spec"], &["status", "certificate"]]),
            certificate: FieldSet::of([&["spec"], &["status", "conditions"]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use outrigger_object::Gvk;

    use super::*;

    fn check(group: &str, kind: &str, custom: bool, subresource: &str, expected: &[&str]) {
        let resource = Resource {
            gvk: Gvk::new(group, "v1", kind),
            plural: String::new(),
            namespaced: true,
            has_status: kind != "ConfigMap",
            has_scale: false,
        };
        assert_eq!(reset_fields(&resource, custom, subresource).paths(), expected, "{kind}/{subresource}");
    }

    #[test]
    fn endpoints_reset_what_they_do_not_write() {
        check("apps", "Deployment", false, "", &[".status"]);
        check("apps", "Deployment", false, "status", &[".spec", ".metadata.labels"]);
        check("apps", "StatefulSet", false, "status", &[".spec"]);
        check("", "ConfigMap", false, "", &[]);
        check("", "Namespace", false, "finalize", &[".status"]);
        check("example.io", "Widget", true, "", &[".status"]);
        check("example.io", "Widget", true, "status", &[".metadata", ".spec"]);
        check("storage.k8s.io", "VolumeAttachment", false, "status", &[".metadata", ".spec"]);
        check("certificates.k8s.io", "CertificateSigningRequest", false, "approval", &[".spec", ".status.certificate"]);
    }
}

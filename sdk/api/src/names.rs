//! Names of objects that are made from other objects' names, exactly as Karmada makes them.
//!
//! Karmada's clients and agents compute the same names on their own, so a different character here
//! loses objects there. Where a name must be unique beyond what it shows, it ends in a hash: 32-bit
//! FNV-1a over the text, its decimal digits spelt in Kubernetes' safe alphabet (no vowels, so no words).

/// Prefix of execution spaces: one namespace per cluster, which holds its Works.
pub const EXECUTION_SPACE_PREFIX: &str = "karmada-es-";
/// Namespace of the system itself; never propagated.
pub const NAMESPACE_SYSTEM: &str = "karmada-system";
/// Namespace of what belongs to clusters, such as Leases and credentials; never propagated.
pub const NAMESPACE_CLUSTER: &str = "karmada-cluster";
/// The scheduler that places what names no other.
pub const DEFAULT_SCHEDULER: &str = "default-scheduler";
/// Longest name of a cluster, so that names made from it stay within 63 characters.
pub const CLUSTER_NAME_MAX: usize = 48;

/// Execution space of a cluster: `karmada-es-<cluster>`.
pub fn execution_space(cluster: &str) -> String {
    format!("{EXECUTION_SPACE_PREFIX}{cluster}")
}

/// Cluster of an execution space; `None` when the namespace is not one.
pub fn cluster_of_execution_space(namespace: &str) -> Option<&str> {
    namespace.strip_prefix(EXECUTION_SPACE_PREFIX)
}

/// Whether a namespace belongs to the system and is kept from propagation.
pub fn is_reserved_namespace(namespace: &str) -> bool {
    namespace == NAMESPACE_SYSTEM || namespace == NAMESPACE_CLUSTER || namespace.starts_with(EXECUTION_SPACE_PREFIX)
}

/// Binding of a template: `<name>-<kind>` in lower case, a colon as a dot.
///
/// Kinds of the same name in two groups share a binding name; Karmada accepts that.
pub fn binding(kind: &str, name: &str) -> String {
    format!("{}-{kind}", dns_safe(name)).to_lowercase()
}

/// Key that stands for a binding in a label: a hash of `namespace/name`, or of the name alone.
pub fn binding_reference_key(namespace: &str, name: &str) -> String {
    hash(&namespaced_key(namespace, name))
}

/// Work of a template: its name in lower case, a colon as a dot, and a hash of namespace, name and kind.
pub fn work(kind: &str, name: &str, namespace: &str) -> String {
    let name = dns_safe(name).to_lowercase();
    let full = if namespace.is_empty() { format!("{name}-{kind}") } else { format!("{namespace}-{name}-{kind}") };
    format!("{name}-{}", hash(&full.to_lowercase()))
}

/// Policy made for a promoted object: its name, a colon as a dot, and a hash of namespace and kind, all
/// in lower case. `gvk` is written as Go prints it: `apps/v1, Kind=Deployment`.
pub fn policy(namespace: &str, name: &str, gvk: &str) -> String {
    format!("{}-{}", dns_safe(name), hash(&format!("{namespace}{gvk}"))).to_lowercase()
}

/// `namespace/name`, or the name alone for cluster scope.
pub fn namespaced_key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// ServiceAccount of the control plane in a member: `karmada-<cluster>`.
pub fn service_account(cluster: &str) -> String {
    format!("karmada-{cluster}")
}

/// Role or ClusterRole of a ServiceAccount in a member.
pub fn role(service_account: &str) -> String {
    format!("karmada-controller-manager:{service_account}")
}

/// Secret with the token for impersonation: `<cluster>-impersonator`.
pub fn impersonation_secret(cluster: &str) -> String {
    format!("{cluster}-impersonator")
}

/// EndpointSlice collected from a member: `imported-<cluster>-<slice>`.
pub fn endpoint_slice(slice: &str, cluster: &str) -> String {
    format!("imported-{cluster}-{slice}")
}

/// Service made for a ServiceImport: `derived-<service>`.
pub fn derived_service(service: &str) -> String {
    format!("derived-{service}")
}

/// Service or Deployment of a cluster's scheduler estimator: `<prefix>-<cluster>`; the usual prefix is
/// `karmada-scheduler-estimator`.
pub fn estimator(prefix: &str, cluster: &str) -> String {
    format!("{prefix}-{cluster}")
}

/// RBAC names may hold colons, names of custom resources may not.
fn dns_safe(name: &str) -> String {
    name.replace(':', ".")
}

/// FNV-1a of the text in decimal, spelt in the safe alphabet.
fn hash(text: &str) -> String {
    safe_encode(&fnv1a(text.as_bytes()).to_string())
}

/// 32-bit FNV-1a, Go's `fnv.New32a`.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// Replaces each byte by one of 27 characters, as `rand.SafeEncodeString` of apimachinery does.
fn safe_encode(text: &str) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    text.bytes().map(|b| char::from(ALPHABET[usize::from(b) % ALPHABET.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values were printed by Karmada's `pkg/util/names`.
    #[test]
    fn works_and_bindings_are_named_as_karmada_names_them() {
        let check = |kind: &str, name: &str, namespace: &str, want_work: &str, want_binding: &str| {
            assert_eq!(work(kind, name, namespace), want_work, "work of {kind} {namespace}/{name}");
            assert_eq!(binding(kind, name), want_binding, "binding of {kind} {name}");
        };
        check("Deployment", "nginx", "default", "nginx-687f7fb96f", "nginx-deployment");
        check("pods", "Pod", "default", "pod-5fdddc94c5", "pod-pods");
        check("Pod", "pod", "", "pod-6c46fd8b9d", "pod-pod");
        check(
            "Role",
            "system:controller:tom",
            "kube-system",
            "system.controller.tom-84f6687ff9",
            "system.controller.tom-role",
        );
        check("ClusterRole", "system::Tom", "", "system..tom-5458b967f5", "system..tom-clusterrole");
        check("Backup", "daily-2026", "velero", "daily-2026-69bbff4b8b", "daily-2026-backup");
        check("Role", "naïve:\"q\"", "a", "naïve.\"q\"-759f767c97", "naïve.\"q\"-role");
        check("ConfigMap", "", "", "-7f48b784d", "-configmap");
    }

    #[test]
    fn reference_keys_are_karmadas() {
        let check = |namespace: &str, name: &str, want: &str| {
            assert_eq!(binding_reference_key(namespace, name), want, "{namespace}/{name}");
        };
        check("prod-xxx", "mytest-deployment", "5d6cf9f4c6");
        check("qa-xxx", "mytest-deployment", "656646cbb7");
        check("", "mytest-deployment", "5f6fd649fc");
        check("a", "b-c", "54b8f6799c");
        check("a-b", "c", "57959946cc");
        check("", "", "65bb57b6b5");
    }

    #[test]
    fn policies_of_promoted_objects_are_named_as_karmada_names_them() {
        let check = |namespace: &str, name: &str, gvk: &str, want: &str| {
            assert_eq!(policy(namespace, name, gvk), want, "{gvk} {namespace}/{name}");
        };
        check("ns-foo", "foo", "rand", "foo-b4978784");
        check("ns-foo", "system:foo", "rand", "system.foo-b4978784");
        check("default", "Web", "apps/v1, Kind=Deployment", "web-6d7f8d5f5b");
        check("", "x", "", "x-65bb57b6b5");
    }

    #[test]
    fn namespaces_tell_whether_they_are_reserved_and_whose_they_are() {
        let check = |namespace: &str, reserved: bool, cluster: Option<&str>| {
            assert_eq!(is_reserved_namespace(namespace), reserved, "{namespace}");
            assert_eq!(cluster_of_execution_space(namespace), cluster, "{namespace}");
        };
        check("karmada-system", true, None);
        check("karmada-cluster", true, None);
        check("karmada-es-", true, Some(""));
        check("karmada-es-m1", true, Some("m1"));
        check("karmada-es", false, None);
        check("default", false, None);
        check("kube-system", false, None);
        check("", false, None);
        assert_eq!(cluster_of_execution_space(&execution_space("m1")), Some("m1"));
    }

    #[test]
    fn plain_names_join_their_parts() {
        let check = |got: String, want: &str| assert_eq!(got, want);
        check(execution_space("member-cluster-normal"), "karmada-es-member-cluster-normal");
        check(service_account("cluster1"), "karmada-cluster1");
        check(role("account"), "karmada-controller-manager:account");
        check(impersonation_secret("clusterA"), "clusterA-impersonator");
        check(endpoint_slice("endpoint", "cluster"), "imported-cluster-endpoint");
        check(derived_service("service"), "derived-service");
        check(estimator("karmada-scheduler-estimator", "cluster"), "karmada-scheduler-estimator-cluster");
        check(namespaced_key("default", "pod"), "default/pod");
        check(namespaced_key("", "pod"), "pod");
    }
}

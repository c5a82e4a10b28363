//! Annotation keys and their values.

/// Namespace of the PropagationPolicy that claimed a template; set by the detector on the template and
/// its binding.
pub const PROPAGATION_POLICY_NAMESPACE: &str = "propagationpolicy.karmada.io/namespace";
/// Name of the PropagationPolicy that claimed a template; set by the detector on the template and its
/// binding.
pub const PROPAGATION_POLICY_NAME: &str = "propagationpolicy.karmada.io/name";
/// Name of the ClusterPropagationPolicy that claimed a template; set by the detector on the template and
/// its binding.
pub const CLUSTER_PROPAGATION_POLICY_NAME: &str = "clusterpropagationpolicy.karmada.io/name";

/// Namespace of the ResourceBinding that a Work and its manifests come from; set by the binding
/// controller.
pub const RESOURCE_BINDING_NAMESPACE: &str = "resourcebinding.karmada.io/namespace";
/// Name of the ResourceBinding that a Work and its manifests come from; set by the binding controller.
pub const RESOURCE_BINDING_NAME: &str = "resourcebinding.karmada.io/name";
/// Name of the ClusterResourceBinding that a Work and its manifests come from; set by the binding
/// controller.
pub const CLUSTER_RESOURCE_BINDING_NAME: &str = "clusterresourcebinding.karmada.io/name";
/// On a binding: what its template depends on, as a JSON list of references; set by the dependencies
/// distributor.
pub const DEPENDENCIES: &str = "resourcebinding.karmada.io/dependencies";

/// Namespace of the Work that a manifest, and then the member's object, comes from; set by the binding
/// controller on the manifest.
pub const WORK_NAMESPACE: &str = "work.karmada.io/namespace";
/// Name of the Work that a manifest, and then the member's object, comes from; set by the binding
/// controller on the manifest.
pub const WORK_NAME: &str = "work.karmada.io/name";

/// What to do when a member already has the object. Set by users on a template, and by the binding
/// controller, from the template or else the binding, on the Work and its manifests.
pub const CONFLICT_RESOLUTION: &str = "work.karmada.io/conflict-resolution";
/// Value of [`CONFLICT_RESOLUTION`]: take the object over.
pub const CONFLICT_RESOLUTION_OVERWRITE: &str = "overwrite";
/// Value of [`CONFLICT_RESOLUTION`]: leave it and report. The default.
pub const CONFLICT_RESOLUTION_ABORT: &str = "abort";

/// UID of the template; set by the binding controller on manifests.
pub const TEMPLATE_UID: &str = "resourcetemplate.karmada.io/uid";
/// Generation of the template; set by the binding controller on manifests. Reflected status carries it
/// back, which tells whether a member has acted on the latest template.
pub const TEMPLATE_GENERATION: &str = "resourcetemplate.karmada.io/generation";
/// Label keys of the template, sorted and joined with commas; set on manifests by admission of a Work.
/// A label that a member has and this list had but the template no longer has was deleted on purpose.
pub const MANAGED_LABELS: &str = "resourcetemplate.karmada.io/managed-labels";
/// Annotation keys of the template, sorted and joined with commas; set on manifests by admission of a
/// Work, and read like [`MANAGED_LABELS`].
pub const MANAGED_ANNOTATIONS: &str = "resourcetemplate.karmada.io/managed-annotations";

/// On a binding: the placement that was last scheduled, as JSON; set by the scheduler. A difference
/// from `spec.placement` asks for scheduling.
pub const APPLIED_PLACEMENT: &str = "policy.karmada.io/applied-placement";
/// On a Work: what OverridePolicies changed, as JSON sorted by the policy's name; set by the binding
/// controller.
pub const APPLIED_OVERRIDES: &str = "policy.karmada.io/applied-overrides";
/// On a Work: what ClusterOverridePolicies changed, as JSON sorted by the policy's name; set by the
/// binding controller.
pub const APPLIED_CLUSTER_OVERRIDES: &str = "policy.karmada.io/applied-cluster-overrides";

/// On an object in the search cache: the cluster it was read from.
pub const CACHED_FROM_CLUSTER: &str = "resource.karmada.io/cached-from-cluster";
/// On a metric of the metrics adapter: the cluster it was read from.
pub const QUERIED_FROM_CLUSTER: &str = "resource.karmada.io/query-from-cluster";

/// On a dispatched EndpointSlice's Work: the cluster that provides the endpoints; set by the dispatch
/// controller.
pub const ENDPOINT_SLICE_PROVISION_CLUSTER: &str = "endpointslice.karmada.io/provision-cluster";
/// Namespace of the MultiClusterService that manages a Service and its binding; set by its controller.
pub const MULTI_CLUSTER_SERVICE_NAMESPACE: &str = "multiclusterservice.karmada.io/namespace";
/// Name of the MultiClusterService that manages a Service and its binding; set by its controller.
pub const MULTI_CLUSTER_SERVICE_NAME: &str = "multiclusterservice.karmada.io/name";

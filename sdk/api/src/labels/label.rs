//! Label keys and their values.
//!
//! A permanent id is a random UUID given once at admission. Objects point at each other by it rather
//! than by UID, because a UID changes when objects are restored into another control plane.

/// Permanent id of a PropagationPolicy: on the policy by admission; on the templates it claims and on
/// their bindings by the detector.
pub const PROPAGATION_POLICY_PERMANENT_ID: &str = "propagationpolicy.karmada.io/permanent-id";

/// Permanent id of a ClusterPropagationPolicy: on the policy by admission; on the templates it claims
/// and on their bindings by the detector.
pub const CLUSTER_PROPAGATION_POLICY_PERMANENT_ID: &str = "clusterpropagationpolicy.karmada.io/permanent-id";

/// Permanent id of a ResourceBinding: on the binding by admission; on its Works and their manifests by
/// the binding controller.
pub const RESOURCE_BINDING_PERMANENT_ID: &str = "resourcebinding.karmada.io/permanent-id";

/// Permanent id of a ClusterResourceBinding: on the binding by admission; on its Works and their
/// manifests by the binding controller.
pub const CLUSTER_RESOURCE_BINDING_PERMANENT_ID: &str = "clusterresourcebinding.karmada.io/permanent-id";

/// Permanent id of a Work: on the Work and on its manifests by admission.
pub const WORK_PERMANENT_ID: &str = "work.karmada.io/permanent-id";

/// Permanent id of a MultiClusterService: on the service by admission; on its Works and bindings by the
/// MultiClusterService controller.
pub const MULTI_CLUSTER_SERVICE_PERMANENT_ID: &str = "multiclusterservice.karmada.io/permanent-id";

/// Prefix of a label on an attached binding that names the binding which depends on it: the suffix is
/// [`crate::names::binding_reference_key`], the value that binding's permanent id. Set by the
/// dependencies distributor.
pub const DEPENDED_BY_PREFIX: &str = "resourcebinding.karmada.io/depended-by-";

/// Kind that manages a binding other than a policy, such as `MultiClusterService`; set by that kind's
/// controller, and the scheduler then takes the binding as scheduled on purpose.
pub const BINDING_MANAGED_BY: &str = "binding.karmada.io/managed-by";

/// Marks an object that the system put into a member; set on manifests by the binding controller.
/// What lacks it in a member belongs to someone else.
pub const MANAGED: &str = "karmada.io/managed";
/// Value of [`MANAGED`].
pub const MANAGED_TRUE: &str = "true";

/// Marks objects that the system keeps for itself, such as execution spaces and its roles; set by
/// whatever makes them, and no policy propagates them.
pub const SYSTEM: &str = "karmada.io/system";
/// Value of [`SYSTEM`].
pub const SYSTEM_TRUE: &str = "true";

/// On a Namespace: `true` keeps the namespace controller from creating it in members. Set by users.
pub const NAMESPACE_SKIP_AUTO_PROPAGATION: &str = "namespace.karmada.io/skip-auto-propagation";

/// On a template: `true` leaves replicas to the member. Set by users, and by the HPA marker on the
/// target of a propagated HorizontalPodAutoscaler.
pub const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";
/// Value of [`RETAIN_REPLICAS`] that retains.
pub const RETAIN_REPLICAS_TRUE: &str = "true";

/// On a template: the kind in charge of propagating it other than a policy; the detector then leaves
/// the template alone. Set by the MultiClusterService controller.
pub const TEMPLATE_CLAIMED_BY: &str = "resourcetemplate.karmada.io/claimed-by";

/// On any object of the control plane: [`DELETION_PROTECTED_ALWAYS`] refuses its deletion at admission.
/// Set by users.
pub const DELETION_PROTECTED: &str = "resourcetemplate.karmada.io/deletion-protected";
/// The one value of [`DELETION_PROTECTED`] that protects.
pub const DELETION_PROTECTED_ALWAYS: &str = "Always";

/// Namespace of the service whose EndpointSlice a Work reports; set by the ServiceExport controller.
pub const ENDPOINT_SLICE_SERVICE_NAMESPACE: &str = "endpointslice.karmada.io/namespace";
/// Name of the service whose EndpointSlice a Work reports; set by the ServiceExport controller.
pub const ENDPOINT_SLICE_SERVICE_NAME: &str = "endpointslice.karmada.io/name";

/// Kinds, joined with dots, that keep a Work with a reported EndpointSlice alive; set by the
/// controllers that collect slices.
pub const ENDPOINT_SLICE_MANAGED_BY: &str = "endpointslice.karmada.io/managed-by";
/// Value of Kubernetes' managed-by label on EndpointSlices that the dispatch controller writes.
pub const ENDPOINT_SLICE_DISPATCH_CONTROLLER: &str = "endpointslice-dispatch-controller.karmada.io";
/// Value of Kubernetes' managed-by label on EndpointSlices imported for a ServiceImport.
pub const ENDPOINT_SLICE_CONTROLLER: &str = "endpointslice-controller.karmada.io";

/// Namespace of the MultiClusterService that a Work belongs to; set by its controllers.
pub const MULTI_CLUSTER_SERVICE_NAMESPACE: &str = "multiclusterservice.karmada.io/namespace";
/// Name of the MultiClusterService that a Work belongs to; set by its controllers.
pub const MULTI_CLUSTER_SERVICE_NAME: &str = "multiclusterservice.karmada.io/name";

/// Namespace of the FederatedResourceQuota that a Work belongs to; set by its sync controller.
pub const FEDERATED_RESOURCE_QUOTA_NAMESPACE: &str = "federatedresourcequota.karmada.io/namespace";
/// Name of the FederatedResourceQuota that a Work belongs to; set by its sync controller.
pub const FEDERATED_RESOURCE_QUOTA_NAME: &str = "federatedresourcequota.karmada.io/name";

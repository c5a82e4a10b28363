//! Finalizers: who holds an object back from deletion, and until when.

/// On a Cluster, by the cluster controller: until its Works and its execution space are gone.
pub const CLUSTER_CONTROLLER: &str = "karmada.io/cluster-controller";
/// On a Work, by whoever creates it: until its manifests are gone from the member.
pub const EXECUTION_CONTROLLER: &str = "karmada.io/execution-controller";
/// On a ResourceBinding, by the detector: until its Works are gone.
pub const BINDING_CONTROLLER: &str = "karmada.io/binding-controller";
/// On a ClusterResourceBinding, by the detector: until its Works are gone.
pub const CLUSTER_RESOURCE_BINDING_CONTROLLER: &str = "karmada.io/cluster-resource-binding-controller";
/// On a binding that others are attached to, by the dependencies distributor: until they are detached.
pub const BINDING_DEPENDENCIES_DISTRIBUTOR: &str = "karmada.io/binding-dependencies-distributor";
/// On a PropagationPolicy, by admission: until its templates and bindings are released.
pub const PROPAGATION_POLICY_CONTROLLER: &str = "karmada.io/propagation-policy-controller";
/// On a ClusterPropagationPolicy, by admission: until its templates and bindings are released.
pub const CLUSTER_PROPAGATION_POLICY_CONTROLLER: &str = "karmada.io/cluster-propagation-policy-controller";
/// On a Work with a reported EndpointSlice: until the slices made from it are gone.
pub const ENDPOINT_SLICE_CONTROLLER: &str = "karmada.io/endpointslice-controller";
/// On a MultiClusterService, by its controller: until the service's Works are gone.
pub const MULTI_CLUSTER_SERVICE_CONTROLLER: &str = "karmada.io/multiclusterservice-controller";
/// On a MultiClusterService: until Works with collected EndpointSlices are gone.
pub const MULTI_CLUSTER_SERVICE_COLLECT: &str = "karmada.io/mcs-endpointslice-collect-controller";
/// On a MultiClusterService: until Works with dispatched EndpointSlices are gone.
pub const MULTI_CLUSTER_SERVICE_DISPATCH: &str = "karmada.io/mcs-endpointslice-dispatch-controller";

//! Names that controllers, agents and clients must agree on: labels, annotations, finalizers, taints,
//! condition types and reasons.
//!
//! Each constant says who writes it and where it is found. The values are Karmada's, so that its
//! clients and objects written by it keep their meaning.

pub mod annotation;
pub mod condition;
pub mod event;
pub mod eviction;
pub mod finalizer;
pub mod label;
pub mod taint;

/// Labels on objects in members that the system put there, and that no template may claim.
pub const MANAGED_RESOURCE_LABELS: [&str; 3] =
    [label::RESOURCE_BINDING_PERMANENT_ID, label::WORK_PERMANENT_ID, label::MANAGED];

/// Annotations on objects in members that the system put there, and that no template may claim.
pub const MANAGED_RESOURCE_ANNOTATIONS: [&str; 8] = [
    annotation::MANAGED_ANNOTATIONS,
    annotation::MANAGED_LABELS,
    annotation::RESOURCE_BINDING_NAMESPACE,
    annotation::RESOURCE_BINDING_NAME,
    annotation::TEMPLATE_UID,
    annotation::TEMPLATE_GENERATION,
    annotation::WORK_NAME,
    annotation::WORK_NAMESPACE,
];

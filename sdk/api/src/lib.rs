//! Karmada's API as Rust types: kinds, labels, conditions and names; no logic.
//!
//! Each kind is a plain struct with `metadata` and `spec` (and `status` where the API has one) that
//! implements [`kube::Resource`] and [`kube::CustomResourceExt`], so that it works with `kube::Api`.
//! Values are written as Go's `omitempty` writes them: what is empty is left out.
//!
//! | Module | Group | Kinds |
//! |---|---|---|
//! | [`cluster`] | `cluster.karmada.io/v1alpha1` | `Cluster` |
//! | [`policy`] | `policy.karmada.io/v1alpha1` | `PropagationPolicy`, `OverridePolicy` and their cluster-wide forms |
//! | [`work`] | `work.karmada.io/v1alpha2`, `Work` in `v1alpha1` | `ResourceBinding`, `ClusterResourceBinding`, `Work` |
//! | [`config`] | `config.karmada.io/v1alpha1` | `ResourceInterpreterCustomization`, `ResourceInterpreterWebhookConfiguration` |
//!
//! [`crds`] makes the CustomResourceDefinitions from these types; [`labels`] and [`names`] hold the
//! strings that controllers, agents and clients must agree on.
//!
//! **Invariant:** the schemas accept what Karmada's accept and set the same defaults; the test
//! `reference` compares them field by field.

pub mod cluster;
pub mod config;
pub mod crds;
pub mod definition;
pub mod labels;
pub mod names;
pub mod policy;
pub mod work;

mod omit;
mod raw;
mod schema;

pub use raw::RawExtension;

//! RBAC: what a user may do, by Roles, ClusterRoles and their bindings.
//!
//! [`RbacIndex`] takes these objects as they come and answers by looking at the bindings of the
//! user's own name and groups only.
//!
//! **Invariant:** what is not granted is denied; an object that cannot be read grants nothing.

mod defaults;
mod escalation;
mod index;
mod rule;

use std::fmt;

pub use defaults::{RECONCILED_LABEL, default_objects};
pub use index::RbacIndex;
pub use rule::Rule;

use crate::User;

/// The API group of the objects.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// What a request wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// Verb, such as `get`, `deletecollection`; lower-case HTTP method for paths.
    pub verb: &'a str,
    /// With what.
    pub target: Target<'a>,
}

/// With what a request wants to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A resource. Names that do not apply are empty.
    Resource {
        /// API group.
        group: &'a str,
        /// Plural name.
        resource: &'a str,
        /// Subresource.
        subresource: &'a str,
        /// Namespace.
        namespace: &'a str,
        /// Name of the object.
        name: &'a str,
    },
    /// A URL path that is no resource, such as `/healthz`.
    Path(&'a str),
}

impl<'a> Attributes<'a> {
    /// A verb on a resource.
    pub fn resource(verb: &'a str, group: &'a str, resource: &'a str, namespace: &'a str, name: &'a str) -> Self {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Self { verb, target: Target::Resource { group, resource, subresource, namespace, name } }
    }

    /// A verb on a path.
    pub fn path(verb: &'a str, path: &'a str) -> Self {
        Self { verb, target: Target::Path(path) }
    }

    /// What a denial says: `User "alice" cannot get resource "pods" in API group "" in the namespace "shop"`.
    pub fn denial(&self, user: &User) -> String {
        format!("User {:?} cannot {self}", user.name)
    }
}

impl fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target {
            Target::Path(path) => write!(f, "{} path {path:?}", self.verb),
            Target::Resource { group, resource, subresource, namespace, .. } => {
                write!(f, "{} resource \"{resource}", self.verb)?;
                if !subresource.is_empty() {
                    write!(f, "/{subresource}")?;
                }
                write!(f, "\" in API group {group:?} ")?;
                if namespace.is_empty() {
                    f.write_str("at the cluster scope")
                } else {
                    write!(f, "in the namespace {namespace:?}")
                }
            }
        }
    }
}

/// Whether a request is allowed, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// It is.
    pub allowed: bool,
    /// The binding that allows it, or what is missing.
    pub reason: String,
}

/// Why a role or a binding may not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Escalation(pub String);

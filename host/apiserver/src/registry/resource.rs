//! [`Resource`]: one kind in one version, and how it behaves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use outrigger_schema::Schema;

use crate::registry::crd::DefinitionVersion;
use crate::request::Verb;

/// A subresource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// Its name, such as `status`.
    pub name: String,
    /// Group, version and kind of what it speaks, where that is not the resource's own kind.
    pub kind: Option<(String, String, String)>,
    /// What can be done to it.
    pub verbs: Vec<String>,
}

/// One resource: a kind in one version.
#[derive(Debug)]
pub struct Resource {
    /// Group; empty for core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Kind of its lists.
    pub list_kind: String,
    /// Plural name in URLs.
    pub plural: String,
    /// Singular name.
    pub singular: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What can be done to it.
    pub verbs: Vec<String>,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories, such as `all`.
    pub categories: Vec<String>,
    /// Subresources.
    pub subresources: Vec<Subresource>,
    /// What its definition says, for custom resources.
    pub custom: Option<Arc<DefinitionVersion>>,
    /// Tells resources apart for as long as the process lives.
    pub(crate) id: u64,
    pub(crate) shape: OnceLock<Schema>,
}

/// The next [`Resource::id`].
pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Resource {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, `pods`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether its objects are kept, unlike those of reviews.
    pub fn is_stored(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "get") && self.plural != "componentstatuses"
    }

    /// Whether a verb is served.
    pub fn allows(&self, verb: Verb) -> bool {
        self.verbs.iter().any(|known| known == verb.as_str())
    }

    /// A subresource by its name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// Whether status is written through a subresource only.
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }

    /// The group that its objects are stored under. Events are one set in two groups.
    pub fn storage_group(&self) -> &str {
        match self.group.as_str() {
            "events.k8s.io" => "",
            group => group,
        }
    }

    /// The prefix of its keys in the store, with a slash at the end.
    pub fn prefix(&self) -> String {
        let group = match self.storage_group() {
            "" => "core",
            group => group,
        };
        format!("/registry/{group}/{}/", self.plural)
    }

    /// The prefix of the keys of one namespace, or of all when it is empty.
    pub fn namespace_prefix(&self, namespace: &str) -> String {
        let mut prefix = self.prefix();
        if self.namespaced && !namespace.is_empty() {
            prefix.push_str(namespace);
            prefix.push('/');
        }
        prefix
    }

    /// The key of an object in the store.
    pub fn key(&self, namespace: &str, name: &str) -> String {
        let mut key = self.namespace_prefix(namespace);
        key.push_str(name);
        key
    }

    /// The shape of its objects, for apply, strategic merge and pruning.
    pub fn schema(&self) -> &Schema {
        self.shape.get_or_init(|| match &self.custom {
            Some(version) => version.shape(),
            None => {
                outrigger_schema::builtin::schema(&self.group, &self.version, &self.kind).unwrap_or_else(Schema::any)
            }
        })
    }

    /// Whether this is the resource of that group and plural, in any version.
    pub fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    /// Whether `metadata.generation` counts changes of its objects.
    pub fn has_generation(&self) -> bool {
        if self.custom.is_some() {
            return true;
        }
        match self.group.as_str() {
            "" => matches!(self.plural.as_str(), "pods" | "replicationcontrollers"),
            "apps" => self.plural != "controllerrevisions",
            "batch"
            | "admissionregistration.k8s.io"
            | "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "flowcontrol.apiserver.k8s.io"
            | "discovery.k8s.io" => true,
            "networking.k8s.io" => matches!(self.plural.as_str(), "ingresses" | "networkpolicies" | "ingressclasses"),
            "policy" => self.plural == "poddisruptionbudgets",
            "scheduling.k8s.io" => self.plural == "priorityclasses",
            _ => false,
        }
    }

    /// Whether an update without a resourceVersion is taken.
    pub fn allows_unconditional_update(&self) -> bool {
        self.custom.is_none()
            && !matches!(
                (self.group.as_str(), self.plural.as_str()),
                ("coordination.k8s.io", "leases") | ("apiextensions.k8s.io", _) | ("policy", "poddisruptionbudgets")
            )
    }

    /// Whether an update of an object that does not exist makes it.
    pub fn creates_on_update(&self) -> bool {
        matches!(
            (self.group.as_str(), self.plural.as_str()),
            ("coordination.k8s.io", "leases")
                | ("rbac.authorization.k8s.io", _)
                | ("" | "events.k8s.io", "events")
                | ("", "endpoints" | "services" | "limitranges")
        )
    }
}

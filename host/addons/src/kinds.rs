//! The kinds Addon and AddonPackage, and their CustomResourceDefinitions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use outrigger_addon::{
    Crd, MemberObject, UninstallPolicy,
    manifest::{Permissions, Rollout},
    member_object::{GROUP, VERSION},
};
use outrigger_object::{Gvk, Object, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Finalizer of an Addon.
pub const FINALIZER: &str = "addons.outrigger.io/addon";
/// Label of everything that an addon brought, with its name.
pub const LABEL: &str = "addons.outrigger.io/addon";

/// Condition: the source is there, fits this host, and its dependencies are installed.
pub const RESOLVED: &str = "Resolved";
/// Condition: the source is trusted.
pub const VERIFIED: &str = "Verified";
/// Condition: what it asks for is granted.
pub const PERMITTED: &str = "Permitted";
/// Condition: it compiles, its cases pass, and it does not fail on live objects.
pub const STAGED: &str = "Staged";
/// Condition: this generation answers.
pub const IN_USE: &str = "InUse";
/// Condition: it does what it is for.
pub const HEALTHY: &str = "Healthy";
/// Condition: its parts for members are in all clusters that they are for.
pub const ROLLED_OUT: &str = "RolledOut";
/// Condition: another addon claims some of the same.
pub const CONFLICTS: &str = "Conflicts";
/// Condition, only while it is deleted: nothing depends on it.
pub const REMOVABLE: &str = "Removable";

/// An installed addon.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct Addon {
    /// What is wanted.
    pub spec: Spec,
    /// What became of it.
    #[serde(default)]
    pub status: Status,
}

/// What is wanted of an addon.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Where it comes from; exactly one of the fields.
    pub source: Source,
    /// Its configuration.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "anything")]
    pub config: Value,
    /// What it may do. Who writes this must hold as much; the command line checks it.
    #[serde(default, skip_serializing_if = "Permissions::is_empty")]
    pub grants: Permissions,
    /// What becomes of live objects when it is removed, if not what its manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uninstall: Option<UninstallPolicy>,
    /// How its parts reach members, if not as its manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "anything")]
    pub rollout: Option<Rollout>,
    /// Whether the rollout to members stands still.
    #[serde(default)]
    pub paused: bool,
}

/// Where an addon comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// It is linked into the host, under the name of the Addon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub built_in: bool,
    /// Digest of a package that is on the control plane as AddonPackages: `sha256:<hex>`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub package: String,
    /// A reference in an OCI registry, pinned by digest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub oci: String,
}

impl Source {
    /// In a few words, for tables.
    pub fn short(&self) -> String {
        if self.built_in {
            "builtIn".to_owned()
        } else if self.oci.is_empty() {
            self.package.chars().take("sha256:".len() + 12).collect()
        } else {
            self.oci.clone()
        }
    }

    /// What is wrong with it, if it does not say exactly one thing.
    pub fn check(&self) -> Result<(), String> {
        let said = [self.built_in, !self.package.is_empty(), !self.oci.is_empty()];
        match said.iter().filter(|one| **one).count() {
            1 => Ok(()),
            count => Err(format!("spec.source has {count} of builtIn, package and oci; exactly one is needed")),
        }
    }
}

/// What became of an addon.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation that the conditions are about.
    pub observed_generation: i64,
    /// Resolved, Verified, Permitted, Staged, InUse, Healthy, RolledOut, Conflicts, Removable.
    #[schemars(with = "Vec<ConditionForm>")]
    pub conditions: Vec<Condition>,
    /// What answers.
    pub active: Option<Revision>,
    /// What answered before, newest first.
    pub history: Vec<Revision>,
    /// Where the active revision comes from, in a few words.
    pub source: String,
    /// The kinds that it knows, as `group/version/Kind`.
    pub kinds: Vec<String>,
    /// Its parts in the clusters.
    pub clusters: Vec<ClusterState>,
    /// What its controllers are not asked about for a while.
    pub quarantined: Vec<Quarantined>,
}

/// A state of an addon that is or was in use.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Revision {
    /// Version of the addon.
    pub version: String,
    /// Digest of the package; that of a built-in addon is `builtin`.
    pub digest: String,
    /// Where it came from.
    pub source: Source,
    /// Its configuration, with defaults.
    #[schemars(schema_with = "anything")]
    pub config: Value,
    /// Since when it answers.
    pub since: String,
}

impl Revision {
    /// Whether it is the same but for its time.
    pub fn is(&self, other: &Self) -> bool {
        self.version == other.version && self.digest == other.digest && self.config == other.config
    }
}

/// An addon's parts in one cluster.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterState {
    /// The cluster.
    pub name: String,
    /// The version that it has, or gets.
    pub version: String,
    /// The wave that it is at.
    pub wave: String,
    /// Pending, Progressing, Done or Failed.
    pub state: String,
    /// Why.
    pub message: String,
    /// Since when.
    pub since: String,
}

/// Something that an addon's controllers keep failing on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Quarantined {
    /// The object, or `addon` for all of it.
    pub request: String,
    /// Since when.
    pub since: String,
    /// Why.
    pub reason: String,
}

/// A part of a package, as it is kept on the control plane.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct AddonPackage {
    /// The part.
    pub spec: PackageSpec,
}

/// A part of a package.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct PackageSpec {
    /// Digest of the whole, `sha256:<hex>`.
    pub digest: String,
    /// Which part, from 0.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// The bytes, in base64.
    pub data: String,
    /// Signatures of the whole, in base64; each part has them all.
    #[serde(default)]
    pub signatures: Vec<String>,
}

/// The form of a `meta/v1` Condition.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct ConditionForm {
    /// Type.
    r#type: String,
    /// True, False or Unknown.
    status: String,
    /// CamelCase word.
    reason: String,
    /// Sentence.
    message: String,
    /// When the status last changed.
    #[schemars(extend("format" = "date-time"))]
    last_transition_time: String,
    /// The generation that it is about.
    observed_generation: Option<i64>,
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

fn resource(kind: &str, plural: &str, has_status: bool) -> Resource {
    Resource {
        gvk: Gvk::new(GROUP, VERSION, kind),
        plural: plural.to_owned(),
        namespaced: false,
        has_status,
        has_scale: false,
    }
}

/// The resource of Addons.
pub fn addons() -> Resource {
    resource("Addon", "addons", true)
}

/// The resource of AddonPackages.
pub fn packages() -> Resource {
    resource("AddonPackage", "addonpackages", false)
}

/// An Addon as it is written.
pub fn addon(name: &str, spec: &Spec) -> Object {
    let mut object = Object::default();
    object.set(&["apiVersion"], format!("{GROUP}/{VERSION}"));
    object.set(&["kind"], "Addon");
    object.set(&["metadata", "name"], name);
    object.set(&["spec"], serde_json::to_value(spec).unwrap_or_default());
    object
}

/// The CustomResourceDefinitions of this group.
pub fn crds() -> Vec<Object> {
    let addon = Crd {
        group: GROUP,
        version: VERSION,
        kind: "Addon",
        plural: "addons",
        namespaced: false,
        short_names: &[],
        status_subresource: true,
        columns: &[
            ("Version", "string", ".status.active.version"),
            ("Source", "string", ".status.source"),
            ("InUse", "string", ".status.conditions[?(@.type==\"InUse\")].status"),
            ("Healthy", "string", ".status.conditions[?(@.type==\"Healthy\")].status"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    };
    let package = Crd {
        kind: "AddonPackage",
        plural: "addonpackages",
        status_subresource: false,
        columns: &[
            ("Digest", "string", ".spec.digest"),
            ("Part", "integer", ".spec.part"),
            ("Parts", "integer", ".spec.parts"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
        ..addon.clone()
    };
    vec![addon.build::<Addon>(), package.build::<AddonPackage>(), MemberObject::crd()]
}

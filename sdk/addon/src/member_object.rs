//! [`MemberObject`]: an object in a member, shown on the control plane.
//!
//! The session of a member writes one, in the cluster's namespace, for each object of a kind that an addon's
//! manifest calls `observed`: what the member makes by itself, such as the backups of a schedule. Push and pull
//! members are the same in it.
//!
//! **Invariant:** it is a view. Writing or deleting it changes nothing in the member, and the next change there
//! puts it right.

use std::collections::BTreeMap;

use outrigger_interpreter::HealthReport;
use outrigger_object::{Gvk, Object, ObjectKey, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Crd;

/// Group of the kinds of addons.
pub const GROUP: &str = "addons.outrigger.io";
/// Version of the kinds of addons.
pub const VERSION: &str = "v1alpha1";
/// Label with the object's kind and group, `<kind>.<group>`, or the kind alone.
pub const KIND_LABEL: &str = "addons.outrigger.io/kind";

/// An object in a member, shown on the control plane.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberObject {
    /// The object.
    pub spec: Seen,
    /// What became of it.
    #[serde(default)]
    pub status: SeenStatus,
}

/// An object in a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace, if it has one.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID in the member.
    pub uid: String,
    /// Its generation.
    #[serde(default)]
    pub generation: i64,
    /// When it was made.
    #[serde(default)]
    pub created: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Its `spec`.
    #[serde(default)]
    #[schemars(schema_with = "anything")]
    pub spec: Value,
}

/// What became of an object in a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenStatus {
    /// Its status, as the interpreter of the kind reports it.
    #[serde(default)]
    #[schemars(schema_with = "anything")]
    pub reported: Value,
    /// Whether it does what it is for: Healthy, Unhealthy or Unknown.
    #[serde(default)]
    pub health: String,
    /// Why, in one word.
    #[serde(default)]
    pub reason: String,
    /// Why, in a sentence.
    #[serde(default)]
    pub message: String,
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

impl MemberObject {
    /// Shows an object.
    pub fn of(object: &Object, reported: Option<Value>, health: Option<&HealthReport>) -> Self {
        let map = |field: &str| -> BTreeMap<String, String> {
            let entries = object.get(&["metadata", field]).and_then(Value::as_object);
            let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
            entries.into_iter().flatten().filter_map(text).collect()
        };
        let mut annotations = map("annotations");
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        let status = SeenStatus {
            reported: reported.unwrap_or_default(),
            health: health.map(|report| format!("{:?}", report.health)).unwrap_or_default(),
            reason: health.map(|report| report.reason.clone()).unwrap_or_default(),
            message: health.map(|report| report.message.clone()).unwrap_or_default(),
        };
        let spec = Seen {
            api_version: object.api_version().to_owned(),
            kind: object.kind().to_owned(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            generation: object.generation(),
            created: object.str(&["metadata", "creationTimestamp"]).unwrap_or_default().to_owned(),
            labels: map("labels"),
            annotations,
            spec: object.get(&["spec"]).cloned().unwrap_or_default(),
        };
        Self { spec, status }
    }

    /// Reads one from the control plane. `None` if it is not well formed.
    pub fn read(object: &Object) -> Option<Self> {
        serde_json::from_value(object.clone().into_value()).ok()
    }

    /// The object in the member, as far as it is shown.
    pub fn object(&self) -> Object {
        let Self { spec, status } = self;
        let mut object = Object::default();
        object.set(&["apiVersion"], spec.api_version.as_str());
        object.set(&["kind"], spec.kind.as_str());
        let mut metadata = json!({
            "name": spec.name,
            "uid": spec.uid,
            "generation": spec.generation,
            "creationTimestamp": spec.created,
            "labels": spec.labels,
            "annotations": spec.annotations,
        });
        if !spec.namespace.is_empty() {
            metadata["namespace"] = json!(spec.namespace);
        }
        object.set(&["metadata"], metadata);
        for (field, value) in [("spec", &spec.spec), ("status", &status.reported)] {
            if !value.is_null() {
                object.set(&[field], value.clone());
            }
        }
        object
    }

    /// As an object of the control plane, in a namespace.
    pub fn to_object(&self, namespace: &str) -> Object {
        let gvk = Gvk::from_api_version(&self.spec.api_version, &self.spec.kind);
        let key = ObjectKey::new(self.spec.namespace.as_str(), self.spec.name.as_str());
        let mut object = Object::default();
        object.set(&["apiVersion"], format!("{GROUP}/{VERSION}"));
        object.set(&["kind"], "MemberObject");
        object.set(&["metadata", "namespace"], namespace);
        object.set(&["metadata", "name"], Self::name_of(&gvk, &key));
        object.set(&["metadata", "labels", KIND_LABEL], Self::kind_label(&gvk));
        if let Ok(Value::Object(fields)) = serde_json::to_value(self) {
            for (name, value) in fields {
                object.set(&[name.as_str()], value);
            }
        }
        object
    }

    /// The value of [`KIND_LABEL`] for a kind.
    pub fn kind_label(gvk: &Gvk) -> String {
        if gvk.group.is_empty() { gvk.kind.clone() } else { format!("{}.{}", gvk.kind, gvk.group) }
    }

    /// The name of the MemberObject of an object: readable, and unique by a hash.
    pub fn name_of(gvk: &Gvk, key: &ObjectKey) -> String {
        let whole = format!("{}/{}/{}/{}", gvk.group, gvk.kind, key.namespace, key.name);
        // FNV-1a: nothing depends on it but that it stays the same.
        let hash = whole
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut name: String =
            key.name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        name.truncate(180);
        format!("{}-{}-{hash:016x}", gvk.kind.to_lowercase(), name.trim_matches('-'))
    }

    /// The resource.
    pub fn resource() -> Resource {
        Resource {
            gvk: Gvk::new(GROUP, VERSION, "MemberObject"),
            plural: "memberobjects".to_owned(),
            namespaced: true,
            has_status: false,
            has_scale: false,
        }
    }

    /// The CustomResourceDefinition. Status is no subresource: an object and its status are written at once.
    pub fn crd() -> Object {
        let crd = Crd {
            group: GROUP,
            version: VERSION,
            kind: "MemberObject",
            plural: "memberobjects",
            namespaced: true,
            short_names: &["mo"],
            status_subresource: false,
            columns: &[
                ("Kind", "string", ".spec.kind"),
                ("Object-Namespace", "string", ".spec.namespace"),
                ("Object", "string", ".spec.name"),
                ("Health", "string", ".status.health"),
                ("Reason", "string", ".status.reason"),
                ("Created", "date", ".spec.created"),
            ],
        };
        crd.build::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_shown_as_it_is() {
        let value = json!({
            "apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "nightly-1", "namespace": "velero", "uid": "u", "generation": 4,
                "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"velero.io/schedule-name": "nightly"}, "annotations": {"a": "b"}},
            "spec": {"ttl": "720h"}, "status": {"phase": "Completed"},
        });
        let object = Object::from_value(value.clone()).unwrap();
        let shown = MemberObject::of(&object, Some(json!({"phase": "Completed"})), None);
        let written = shown.to_object("karmada-es-east");
        assert_eq!(written.label(KIND_LABEL), Some("Backup.velero.io"));
        assert!(written.name().starts_with("backup-nightly-1-"), "{}", written.name());
        let read = MemberObject::read(&written).unwrap();
        assert_eq!(read.object().into_value(), value);
    }

    #[test]
    fn names_tell_objects_apart() {
        let name = |kind: &str, namespace: &str, name: &str| {
            MemberObject::name_of(&Gvk::new("velero.io", "v1", kind), &ObjectKey::new(namespace, name))
        };
        let names = [
            name("Backup", "a", "x.y"),
            name("Backup", "a", "x-y"),
            name("Backup", "b", "x-y"),
            name("Restore", "a", "x-y"),
        ];
        let set: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(set.len(), names.len(), "{names:?}");
        assert!(name("Backup", "a", &"n".repeat(253)).len() <= 253);
    }
}

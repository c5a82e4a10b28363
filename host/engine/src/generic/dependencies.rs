//! What must be beside an object, by the shapes in which objects refer to others.
//!
//! | Shape | Kind |
//! |---|---|
//! | `secretRef`, `…SecretRef`, `secretKeyRef` with a name; `secretName`, `…SecretName`; `imagePullSecrets` | Secret |
//! | `configMapRef`, `configMapKeyRef`, `…ConfigMapRef` with a name; `configMapName` | ConfigMap |
//! | `serviceAccountName` | ServiceAccount |
//! | `claimName` | PersistentVolumeClaim |
//! | a pod spec, wherever `containers` is a list | what native workloads depend on |
//! | `{apiVersion, kind, name}` | that kind |
//!
//! A reference without a namespace is to the object's own.

use std::collections::BTreeSet;

use outrigger_interpreter::{Dependency, Error};
use outrigger_object::{Cursor, Object};
use serde_json::{Map, Value};

use super::{DEPENDENCIES, KindFacts, Kinds, Result, names};
use crate::native::pod_spec_dependencies;

/// Deeper fields are not looked at.
const DEEPEST: usize = 64;

/// Whether the object, or its kind, asks for it.
pub fn are_wanted(object: &Object, facts: Option<&KindFacts>) -> bool {
    match object.annotation(DEPENDENCIES) {
        Some(word) => word == "true",
        None => facts.is_some_and(|facts| facts.dependencies),
    }
}

/// Everything that an object refers to, sorted, each once.
pub fn of(object: &Object, kinds: &Kinds) -> Result<Vec<Dependency>> {
    let mut search = Search { object, kinds, found: BTreeSet::new() };
    for (name, value) in &object.0 {
        if !matches!(name.as_str(), "metadata" | "status") {
            search.look(name, value, name, 0)?;
        }
    }
    Ok(search.found.into_iter().collect())
}

struct Search<'o> {
    object: &'o Object,
    kinds: &'o Kinds,
    found: BTreeSet<Dependency>,
}

impl Search<'_> {
    fn look(&mut self, name: &str, value: &Value, path: &str, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Ok(());
        }
        match value {
            Value::String(text) => {
                if let Some(kind) = kind_of_name(name) {
                    self.add("v1", kind, text, None);
                }
            }
            Value::Array(items) => {
                for item in items {
                    match item {
                        Value::Array(_) => {}
                        item => self.look(name, item, path, depth + 1)?,
                    }
                }
            }
            Value::Object(map) => self.object(name, map, value, path, depth)?,
            _ => {}
        }
        Ok(())
    }

    fn object(&mut self, name: &str, map: &Map<String, Value>, value: &Value, path: &str, depth: usize) -> Result<()> {
        let text = |field: &str| map.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let (Some(kind), Some(to)) = (kind_of_reference(name), text("name")) {
            self.add("v1", kind, to, text("namespace"));
        } else if let (Some(version), Some(kind), Some(to)) = (text("apiVersion"), text("kind"), text("name")) {
            self.add(version, kind, to, text("namespace"));
        }
        if map.get("containers").is_some_and(Value::is_array) {
            let pod = Cursor::of_value(value);
            let wrong = |error| Error::invalid(format_args!("{path}: {error}"));
            self.found.extend(pod_spec_dependencies(&pod, self.object.namespace()).map_err(wrong)?);
        }
        for (name, value) in map {
            if value.is_object() || value.is_array() || value.is_string() {
                self.look(name, value, &format!("{path}.{name}"), depth + 1)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, api_version: &str, kind: &str, name: &str, namespace: Option<&str>) {
        let own = self.object.namespace();
        if name.is_empty() || (kind == "ServiceAccount" && name == "default") {
            return;
        }
        let is_cluster_scoped = names::is_cluster_scoped(api_version, kind)
            || self.kinds.get(api_version, kind).is_some_and(|facts| !facts.namespaced);
        let namespace = if is_cluster_scoped { "" } else { namespace.unwrap_or(own) };
        if namespace.is_empty() && !is_cluster_scoped {
            // An object without a namespace says nothing of where this one is.
            return;
        }
        let object = self.object;
        let is_itself = kind == object.kind() && name == object.name() && api_version == object.api_version();
        if is_itself && namespace == own {
            return;
        }
        self.found.insert(Dependency {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            label_selector: None,
        });
    }
}

/// The kind of which a string under this name is a name.
fn kind_of_name(name: &str) -> Option<&'static str> {
    match name {
        "serviceAccountName" => Some("ServiceAccount"),
        "configMapName" => Some("ConfigMap"),
        "claimName" => Some("PersistentVolumeClaim"),
        "secretName" => Some("Secret"),
        _ if name.ends_with("SecretName") => Some("Secret"),
        _ if name.ends_with("ConfigMapName") => Some("ConfigMap"),
        _ => None,
    }
}

/// The kind that an object with a name under this name refers to.
fn kind_of_reference(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix('s').unwrap_or(name);
    match name {
        "secretRef" | "secretKeyRef" | "imagePullSecret" => Some("Secret"),
        "configMapRef" | "configMapKeyRef" => Some("ConfigMap"),
        "serviceAccountRef" => Some("ServiceAccount"),
        _ if name.ends_with("SecretRef") || name.ends_with("SecretKeyRef") => Some("Secret"),
        _ if name.ends_with("ConfigMapRef") => Some("ConfigMap"),
        _ => None,
    }
}

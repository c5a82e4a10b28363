//! CustomResourceDefinitions: what they say, whether they may say it, and the resources they make.
//!
//! **Invariant:** a definition is served only when its names clash with no other's and its schemas
//! compile; what is wrong with it is refused at the write, or shown in its conditions.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use outrigger_object::Object;
use outrigger_schema::Schema;
use outrigger_schema::structural::{Cause, FieldError, Structural};
use serde_json::{Value, json};

use super::resource::next_id;
use super::{Resource, Snapshot, Subresource, builtin};

/// A column of a Table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterColumn {
    /// Its heading.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean`, `date`.
    pub type_name: String,
    /// `name`, `date` and so on.
    pub format: String,
    /// What it shows.
    pub description: String,
    /// Columns above 0 are shown with `-o wide` only.
    pub priority: i64,
    /// Where the value is, as a path that begins with a dot.
    pub json_path: String,
}

/// Where the scale subresource finds its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// `specReplicasPath`
    pub spec_replicas: Vec<String>,
    /// `statusReplicasPath`
    pub status_replicas: Vec<String>,
    /// `labelSelectorPath`
    pub label_selector: Option<Vec<String>>,
}

/// One version of a definition.
#[derive(Debug)]
pub struct DefinitionVersion {
    /// The compiled schema.
    pub structural: Structural,
    /// `openAPIV3Schema` as it was written.
    pub schema: Value,
    /// Columns of its tables.
    pub columns: Vec<PrinterColumn>,
    /// `selectableFields`, as field selectors name them.
    pub selectable: Vec<String>,
    /// The scale subresource.
    pub scale: Option<ScalePaths>,
    /// Objects written at or before this revision may lack defaults of the schema.
    pub since: u64,
    /// Whether the schema has any defaults.
    pub has_defaults: bool,
    /// `deprecationWarning`, or the standard one of a deprecated version.
    pub deprecation: Option<String>,
}

impl DefinitionVersion {
    pub(crate) fn shape(&self) -> Schema {
        self.structural.shape()
    }
}

/// A definition that is served.
#[derive(Debug)]
pub struct Definition {
    /// Whether it is being deleted; then no object can be created.
    pub terminating: bool,
    spec: Value,
    resources: Vec<Arc<Resource>>,
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Splits a simple path such as `.spec.replicas`.
pub(crate) fn simple_path(path: &str) -> Vec<String> {
    path.trim_start_matches('.').split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect()
}

fn has_defaults(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(name, value)| name == "default" || has_defaults(value)),
        Value::Array(list) => list.iter().any(has_defaults),
        _ => false,
    }
}

/// The order of versions: `v2` before `v1` before `v1beta2` before `v1beta1` before `v1alpha1` before the rest.
pub fn version_order(a: &str, b: &str) -> Ordering {
    fn rank(version: &str) -> Option<(u8, u64, u64)> {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, rest) = rest.split_at(digits);
        let major: u64 = major.parse().ok()?;
        if rest.is_empty() {
            return Some((2, major, 0));
        }
        let (stage, minor) = match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
            (Some(minor), _) => (1, minor),
            (_, Some(minor)) => (0, minor),
            _ => return None,
        };
        Some((stage, major, minor.parse().ok()?))
    }
    match (rank(a), rank(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

impl Definition {
    /// Reads a stored definition; `None` when it is not established. What `known` compiled already
    /// is taken over, and with it the knowledge of which objects carry its defaults.
    pub(crate) fn read(object: &Object, revision: u64, known: Option<&Self>) -> Option<Self> {
        if !condition(object, "Established") {
            return None;
        }
        let spec = object.get(&["spec"])?.clone();
        let terminating = object.is_deleting();
        let name = object.name().to_owned();
        if let Some(known) = known.filter(|known| known.spec == spec) {
            return Some(Self { terminating, spec, resources: known.resources.clone() });
        }
        let known_version = |version: &str| known?.resources.iter().find(|resource| resource.version == version);
        let mut resources = Vec::new();
        for version in items(&spec, "versions") {
            if version.get("served").and_then(Value::as_bool) != Some(true) {
                continue;
            }
            let schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or(Value::Null);
            let since = match known_version(&text(version, "name")).and_then(|resource| resource.custom.as_ref()) {
                Some(known) if known.schema == schema => known.since,
                _ => revision,
            };
            match read_version(&spec, version, schema, since) {
                Some(resource) => resources.push(Arc::new(resource)),
                None => tracing::warn!(definition = %name, version = %text(version, "name"), "schema does not compile"),
            }
        }
        resources.sort_by(|a, b| version_order(&a.version, &b.version));
        Some(Self { terminating, spec, resources })
    }

    /// Its resources, one for each served version, the preferred version first.
    pub fn resources(&self) -> &[Arc<Resource>] {
        &self.resources
    }
}

fn read_version(spec: &Value, version: &Value, schema: Value, since: u64) -> Option<Resource> {
    let structural = match schema {
        Value::Null => Structural::open(),
        ref schema => Structural::parse(schema).ok()?,
    };
    let names = spec.get("names")?;
    let group = text(spec, "group");
    let version_name = text(version, "name");
    let mut subresources = Vec::new();
    let verbs = || ["get", "patch", "update"].map(str::to_owned).to_vec();
    let scale = version.pointer("/subresources/scale").map(|scale| ScalePaths {
        spec_replicas: simple_path(&text(scale, "specReplicasPath")),
        status_replicas: simple_path(&text(scale, "statusReplicasPath")),
        label_selector: scale.get("labelSelectorPath").and_then(Value::as_str).map(simple_path),
    });
    if version.pointer("/subresources/status").is_some() {
        subresources.push(Subresource { name: "status".into(), kind: None, verbs: verbs() });
    }
    if scale.is_some() {
        let kind = Some(("autoscaling".into(), "v1".into(), "Scale".into()));
        subresources.push(Subresource { name: "scale".into(), kind, verbs: verbs() });
    }
    let columns = items(version, "additionalPrinterColumns")
        .map(|column| PrinterColumn {
            name: text(column, "name"),
            type_name: text(column, "type"),
            format: text(column, "format"),
            description: text(column, "description"),
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or_default(),
            json_path: text(column, "jsonPath"),
        })
        .collect();
    let selectable = items(version, "selectableFields")
        .map(|field| text(field, "jsonPath").trim_start_matches('.').to_owned())
        .collect();
    let kind = text(names, "kind");
    let deprecation = (version.get("deprecated").and_then(Value::as_bool) == Some(true)).then(|| {
        match version.get("deprecationWarning").and_then(Value::as_str) {
            Some(warning) => warning.to_owned(),
            None => format!("{group}/{version_name} {kind} is deprecated"),
        }
    });
    Some(Resource {
        list_kind: match text(names, "listKind") {
            given if given.is_empty() => format!("{kind}List"),
            given => given,
        },
        plural: text(names, "plural"),
        singular: match text(names, "singular") {
            given if given.is_empty() => kind.to_lowercase(),
            given => given,
        },
        kind,
        namespaced: text(spec, "scope") == "Namespaced",
        verbs: builtin::VERBS.map(str::to_owned).to_vec(),
        short_names: texts(names.get("shortNames")),
        categories: texts(names.get("categories")),
        subresources,
        custom: Some(Arc::new(DefinitionVersion {
            has_defaults: has_defaults(&schema),
            structural,
            schema,
            columns,
            selectable,
            scale,
            since,
            deprecation,
        })),
        id: next_id(),
        shape: OnceLock::new(),
        group,
        version: version_name,
    })
}

/// Whether a condition of an object is `True`.
pub(crate) fn condition(object: &Object, kind: &str) -> bool {
    object
        .get(&["status", "conditions"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|one| text(one, "type") == kind && text(one, "status") == "True")
}

/// Sets a condition; its transition time moves only when its status does.
pub(crate) fn set_condition(object: &mut Object, kind: &str, status: bool, reason: &str, message: &str, now: &str) {
    let status = if status { "True" } else { "False" };
    let mut list = match object.get(&["status", "conditions"]) {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let mut fresh =
        json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now});
    match list.iter_mut().find(|one| text(one, "type") == kind) {
        Some(one) => {
            if text(one, "status") == status
                && let Some(since) = one.get("lastTransitionTime").cloned()
            {
                fresh["lastTransitionTime"] = since;
            }
            *one = fresh;
        }
        None => list.push(fresh),
    }
    object.set(&["status", "conditions"], Value::Array(list));
}

/// Fills in what kube-apiserver fills into a definition.
pub(crate) fn default(object: &mut Object) {
    let kind = object.str(&["spec", "names", "kind"]).unwrap_or_default().to_owned();
    if object.str(&["spec", "names", "singular"]).unwrap_or_default().is_empty() {
        object.set(&["spec", "names", "singular"], kind.to_lowercase());
    }
    if object.str(&["spec", "names", "listKind"]).unwrap_or_default().is_empty() {
        object.set(&["spec", "names", "listKind"], format!("{kind}List"));
    }
    if object.get(&["spec", "conversion", "strategy"]).is_none() {
        object.set(&["spec", "conversion", "strategy"], "None");
    }
}

/// Everything that is wrong with a definition.
pub(crate) fn validate(object: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong =
        |cause, field: &str, message: String| errors.push(FieldError { cause, field: field.to_owned(), message });
    let group = object.str(&["spec", "group"]).unwrap_or_default();
    let plural = object.str(&["spec", "names", "plural"]).unwrap_or_default();
    let expected = format!("{plural}.{group}");
    if group.is_empty() {
        wrong(Cause::Required, "spec.group", "Required value".into());
    } else if !group.contains('.') {
        wrong(
            Cause::Invalid,
            "spec.group",
            format!("Invalid value: {group:?}: should be a domain with at least one dot"),
        );
    }
    for name in ["plural", "kind"] {
        if object.str(&["spec", "names", name]).unwrap_or_default().is_empty() {
            wrong(Cause::Required, &format!("spec.names.{name}"), "Required value".into());
        }
    }
    if object.name() != expected {
        let message = format!("Invalid value: {:?}: must be spec.names.plural+\".\"+spec.group", object.name());
        wrong(Cause::Invalid, "metadata.name", message);
    }
    match object.str(&["spec", "scope"]) {
        Some("Namespaced" | "Cluster") => {}
        Some(other) => wrong(
            Cause::NotSupported,
            "spec.scope",
            format!("Unsupported value: {other:?}: supported values: \"Cluster\", \"Namespaced\""),
        ),
        None => wrong(Cause::Required, "spec.scope", "Required value".into()),
    }
    if object.str(&["spec", "conversion", "strategy"]) == Some("Webhook") {
        wrong(
            Cause::NotSupported,
            "spec.conversion.strategy",
            "Unsupported value: \"Webhook\": supported values: \"None\"".into(),
        );
    }
    let versions: Vec<&Value> =
        object.get(&["spec", "versions"]).and_then(Value::as_array).into_iter().flatten().collect();
    let storage = versions.iter().filter(|version| version.get("storage") == Some(&Value::Bool(true))).count();
    if storage != 1 {
        let message = format!(
            "Invalid value: {}: must have exactly one version marked as storage version",
            object.get(&["spec", "versions"]).unwrap_or(&Value::Null)
        );
        wrong(Cause::Invalid, "spec.versions", message);
    }
    for (index, version) in versions.iter().enumerate() {
        let field = format!("spec.versions[{index}].schema.openAPIV3Schema");
        match version.pointer("/schema/openAPIV3Schema") {
            None => wrong(Cause::Required, &field, "Required value: schemas are required".into()),
            Some(schema) => {
                if let Err(problems) = Structural::parse(schema) {
                    for problem in problems {
                        let at =
                            if problem.path.is_empty() { field.clone() } else { format!("{field}.{}", problem.path) };
                        wrong(Cause::Invalid, &at, problem.message);
                    }
                }
            }
        }
        let served = version.get("served").and_then(Value::as_bool);
        if served.is_none() {
            wrong(Cause::Required, &format!("spec.versions[{index}].served"), "Required value".into());
        }
    }
    if let Some(old) = old {
        for path in
            [["spec", "group", ""], ["spec", "scope", ""], ["spec", "names", "plural"], ["spec", "names", "kind"]]
        {
            let path: Vec<&str> = path.into_iter().filter(|step| !step.is_empty()).collect();
            if old.get(&path) != object.get(&path) && condition(old, "Established") {
                let value = object.get(&path).unwrap_or(&Value::Null);
                wrong(Cause::Invalid, &path.join("."), format!("Invalid value: {value}: field is immutable"));
            }
        }
    }
    errors
}

/// Says in the status of a definition whether its names are accepted and it is served. Conditions
/// that hold keep their times.
pub(crate) fn establish(object: &mut Object, snapshot: &Snapshot, now: &str) {
    let names = object.get(&["spec", "names"]).cloned().unwrap_or_else(|| json!({}));
    let group = object.str(&["spec", "group"]).unwrap_or_default().to_owned();
    let clash = find_clash(object.name(), &group, &names, snapshot);
    let mut accepted = json!({"plural": names.get("plural"), "kind": names.get("kind")});
    match clash {
        None => {
            accepted = names;
            set_condition(object, "NamesAccepted", true, "NoConflicts", "no conflicts found", now);
            set_condition(
                object,
                "Established",
                true,
                "InitialNamesAccepted",
                "the initial names have been accepted",
                now,
            );
        }
        Some(message) => {
            set_condition(object, "NamesAccepted", false, "NameConflict", &message, now);
            set_condition(object, "Established", false, "NotAccepted", "not all names are accepted", now);
        }
    }
    object.set(&["status", "acceptedNames"], accepted);
    let mut stored = texts(object.get(&["status", "storedVersions"]));
    let storage = object
        .get(&["spec", "versions"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|version| version.get("storage") == Some(&Value::Bool(true)))
        .map(|version| text(version, "name"));
    if let Some(storage) = storage.filter(|storage| !stored.contains(storage)) {
        stored.push(storage);
    }
    object.set(&["status", "storedVersions"], stored);
}

fn find_clash(name: &str, group: &str, names: &Value, snapshot: &Snapshot) -> Option<String> {
    let known = snapshot.groups.iter().find(|known| known.name == group)?;
    let kinds = [text(names, "kind"), text(names, "listKind")];
    let mut words = texts(names.get("shortNames"));
    words.extend([text(names, "plural"), text(names, "singular")]);
    for resource in known.versions.iter().flat_map(|(_, resources)| resources) {
        if resource.custom.is_some() && resource.qualified() == name {
            continue;
        }
        if let Some(kind) = kinds.iter().find(|kind| **kind == resource.kind || **kind == resource.list_kind) {
            return Some(format!("{kind:?} is already in use"));
        }
        let taken = |word: &&String| {
            **word == resource.plural || **word == resource.singular || resource.short_names.contains(word)
        };
        if let Some(word) = words.iter().find(taken) {
            return Some(format!("{word:?} is already in use"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_order() {
        let mut versions = ["foo1", "v1alpha1", "v10", "v2", "v1beta2", "v11beta1", "v1beta1", "foo10", "v1"];
        versions.sort_by(|a, b| version_order(a, b));
        assert_eq!(versions, ["v10", "v2", "v1", "v11beta1", "v1beta2", "v1beta1", "v1alpha1", "foo1", "foo10"]);
    }
}

//! What must hold of every object, and a little of what must hold of the kinds that people write most.

use outrigger_object::Object;
use outrigger_schema::structural::{Cause, FieldError};
use serde_json::Value;

use crate::registry::Resource;

const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LARGEST_ANNOTATIONS: usize = 256 * 1024;

/// How names of a kind are checked.
#[derive(Clone, Copy)]
enum NameRule {
    Subdomain,
    Label,
    Service,
    PathSegment,
}

fn name_rule(resource: &Resource) -> NameRule {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "namespaces") => NameRule::Label,
        ("", "services") => NameRule::Service,
        ("rbac.authorization.k8s.io", _) => NameRule::PathSegment,
        _ => NameRule::Subdomain,
    }
}

fn is_dns_label(text: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.iter().all(|c| alphanumeric(*c) || *c == b'-')
        && bytes.first().copied().is_some_and(alphanumeric)
        && bytes.last().copied().is_some_and(alphanumeric)
}

fn name_problem(rule: NameRule, name: &str) -> Option<String> {
    let (fits, longest, message) = match rule {
        NameRule::Subdomain => (name.split('.').all(is_dns_label), 253, DNS_SUBDOMAIN),
        NameRule::Label => (is_dns_label(name), 63, DNS_LABEL),
        NameRule::Service => (is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_alphabetic()), 63, DNS_1035),
        NameRule::PathSegment => {
            if name == "." || name == ".." {
                return Some(format!("may not be '{name}'"));
            }
            return name.contains(['/', '%']).then(|| "may not contain '/' or '%'".to_owned());
        }
    };
    if name.len() > longest {
        return Some(format!("must be no more than {longest} characters"));
    }
    (!fits).then(|| message.to_owned())
}

fn invalid(field: impl Into<String>, value: &str, message: &str) -> FieldError {
    FieldError { cause: Cause::Invalid, field: field.into(), message: format!("Invalid value: {value:?}: {message}") }
}

fn required(field: impl Into<String>, message: &str) -> FieldError {
    let message = if message.is_empty() { "Required value".to_owned() } else { format!("Required value: {message}") };
    FieldError { cause: Cause::Required, field: field.into(), message }
}

/// Everything that is wrong with the metadata of an object.
pub(crate) fn metadata(resource: &Resource, object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let name = object.name();
    if name.is_empty() {
        errors.push(required("metadata.name", "name or generateName is required"));
    } else if let Some(problem) = name_problem(name_rule(resource), name) {
        errors.push(invalid("metadata.name", name, &problem));
    }
    if resource.namespaced
        && let Some(problem) = name_problem(NameRule::Label, object.namespace())
    {
        errors.push(invalid("metadata.namespace", object.namespace(), &problem));
    }
    if let Some(labels) = object.get(&["metadata", "labels"]).and_then(Value::as_object) {
        for (key, value) in labels {
            if !outrigger_object::selector::is_qualified_name(key) {
                errors.push(invalid("metadata.labels", key, QUALIFIED_NAME));
            }
            let text = value.as_str().unwrap_or_default();
            if text.len() > 63 {
                errors.push(invalid("metadata.labels", text, "must be no more than 63 characters"));
            } else if !outrigger_object::selector::is_label_value(text) {
                errors.push(invalid("metadata.labels", text, LABEL_VALUE));
            }
        }
    }
    let mut size = 0;
    for (key, value) in object.annotations() {
        size += key.len() + value.len();
        if !outrigger_object::selector::is_qualified_name(&key.to_lowercase()) {
            errors.push(invalid("metadata.annotations", key, QUALIFIED_NAME));
        }
    }
    if size > LARGEST_ANNOTATIONS {
        errors.push(FieldError {
            cause: Cause::TooLong,
            field: "metadata.annotations".into(),
            message: format!("Too long: may not be more than {LARGEST_ANNOTATIONS} bytes"),
        });
    }
    for finalizer in object.finalizers() {
        if !outrigger_object::selector::is_qualified_name(finalizer) {
            errors.push(invalid("metadata.finalizers", finalizer, QUALIFIED_NAME));
        }
    }
    let owners = object.get(&["metadata", "ownerReferences"]).and_then(Value::as_array).into_iter().flatten();
    let mut controllers = 0;
    for (index, owner) in owners.enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.get(field).and_then(Value::as_str).unwrap_or_default().is_empty() {
                let message = format!("{field} must not be empty");
                errors.push(invalid(format!("metadata.ownerReferences[{index}].{field}"), "", &message));
            }
        }
        controllers += usize::from(owner.get("controller") == Some(&Value::Bool(true)));
    }
    if controllers > 1 {
        errors.push(invalid("metadata.ownerReferences", "", "Only one reference can have Controller set to true."));
    }
    errors
}

/// What is wrong with a built-in object beyond its metadata, for the kinds that are written by hand.
pub(crate) fn builtin(resource: &Resource, object: &Object, old: Option<&Object>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "configmaps" | "secrets") => {
            for field in ["data", "binaryData", "stringData"] {
                for key in object.get(&[field]).and_then(Value::as_object).into_iter().flat_map(|map| map.keys()) {
                    if key.len() > 253
                        || !key.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c))
                        || key.is_empty()
                    {
                        errors.push(invalid(format!("{field}[{key}]"), key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"));
                    }
                }
            }
            if let Some(old) = old {
                immutable_data(object, old, &mut errors);
            }
        }
        ("apps", "deployments" | "statefulsets" | "replicasets" | "daemonsets") => {
            let selector = object.get(&["spec", "selector"]);
            match selector.map(outrigger_object::Selector::from_json) {
                None => errors.push(required("spec.selector", "")),
                Some(Err(error)) => errors.push(invalid("spec.selector", "", &error.to_string())),
                Some(Ok(selector)) => {
                    let labels = object.get(&["spec", "template", "metadata", "labels"]);
                    let label = |name: &str| labels.and_then(|labels| labels.get(name)).and_then(Value::as_str);
                    if selector.is_everything() {
                        errors.push(invalid("spec.selector", "", "empty selector is invalid for deployment"));
                    } else if !selector.matches(label) {
                        let shown = labels.unwrap_or(&Value::Null);
                        errors.push(FieldError {
                            cause: Cause::Invalid,
                            field: "spec.template.metadata.labels".into(),
                            message: format!("Invalid value: {shown}: `selector` does not match template `labels`"),
                        });
                    }
                }
            }
            if let Some(old) = old
                && old.get(&["spec", "selector"]) != selector
            {
                errors.push(FieldError {
                    cause: Cause::Invalid,
                    field: "spec.selector".into(),
                    message: format!("Invalid value: {}: field is immutable", selector.unwrap_or(&Value::Null)),
                });
            }
            if object.int(&["spec", "replicas"]).is_some_and(|replicas| replicas < 0) {
                errors.push(FieldError {
                    cause: Cause::Invalid,
                    field: "spec.replicas".into(),
                    message: format!(
                        "Invalid value: {}: must be greater than or equal to 0",
                        object.int(&["spec", "replicas"]).unwrap_or_default()
                    ),
                });
            }
            pod_spec(object.get(&["spec", "template", "spec"]), "spec.template.spec", &mut errors);
        }
        ("batch", "jobs") => pod_spec(object.get(&["spec", "template", "spec"]), "spec.template.spec", &mut errors),
        ("batch", "cronjobs") if object.str(&["spec", "schedule"]).unwrap_or_default().is_empty() => {
            errors.push(required("spec.schedule", ""));
        }
        ("", "pods") => pod_spec(object.get(&["spec"]), "spec", &mut errors),
        ("", "services") => {
            let headless = object.str(&["spec", "clusterIP"]) == Some("None");
            let external = object.str(&["spec", "type"]) == Some("ExternalName");
            let ports = object.get(&["spec", "ports"]).and_then(Value::as_array).map_or(0, Vec::len);
            if ports == 0 && !headless && !external {
                errors.push(required("spec.ports", ""));
            }
        }
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => {
            if object.str(&["roleRef", "name"]).unwrap_or_default().is_empty() {
                errors.push(required("roleRef.name", ""));
            }
            if let Some(old) = old
                && old.get(&["roleRef"]) != object.get(&["roleRef"])
            {
                errors.push(FieldError {
                    cause: Cause::Invalid,
                    field: "roleRef".into(),
                    message: format!(
                        "Invalid value: {}: cannot change roleRef",
                        object.get(&["roleRef"]).unwrap_or(&Value::Null)
                    ),
                });
            }
        }
        ("certificates.k8s.io", "certificatesigningrequests") => {
            for field in ["request", "signerName"] {
                if object.str(&["spec", field]).unwrap_or_default().is_empty() {
                    errors.push(required(format!("spec.{field}"), ""));
                }
            }
        }
        _ => {}
    }
    errors
}

fn immutable_data(object: &Object, old: &Object, errors: &mut Vec<FieldError>) {
    if old.bool(&["immutable"]) != Some(true) {
        return;
    }
    for field in ["data", "binaryData", "immutable"] {
        if old.get(&[field]) != object.get(&[field]) {
            errors.push(FieldError {
                cause: Cause::Forbidden,
                field: field.into(),
                message: "Forbidden: field is immutable when `immutable` is set".into(),
            });
        }
    }
}

fn pod_spec(spec: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
    let containers = spec.and_then(|spec| spec.get("containers")).and_then(Value::as_array);
    let Some(containers) = containers.filter(|containers| !containers.is_empty()) else {
        errors.push(required(format!("{path}.containers"), ""));
        return;
    };
    let mut names = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let at = format!("{path}.containers[{index}]");
        match container.get("name").and_then(Value::as_str).unwrap_or_default() {
            "" => errors.push(required(format!("{at}.name"), "")),
            name if names.contains(&name) => errors.push(FieldError {
                cause: Cause::Duplicate,
                field: format!("{at}.name"),
                message: format!("Duplicate value: {name:?}"),
            }),
            name => {
                if let Some(problem) = name_problem(NameRule::Label, name) {
                    errors.push(invalid(format!("{at}.name"), name, &problem));
                }
                names.push(name);
            }
        }
        if container.get("image").and_then(Value::as_str).unwrap_or_default().is_empty() {
            errors.push(required(format!("{at}.image"), ""));
        }
    }
}

//! Which objects of a collection a request is about.

use outrigger_object::{FieldSelector, Object, Selector};

use crate::registry::Resource;
use crate::request::Query;
use crate::status::{Result, Status};

/// Label and field selectors of a request.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    labels: Selector,
    fields: FieldSelector,
    events: bool,
}

/// Fields that can be selected by, beside `metadata.name` and `metadata.namespace`.
fn selectable<'a>(resource: &'a Resource) -> Vec<&'a str> {
    if let Some(version) = &resource.custom {
        return version.selectable.iter().map(String::as_str).collect();
    }
    let fields: &'a [&'a str] = match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        ("", "secrets") => &["type"],
        ("", "namespaces") => &["status.phase"],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") => &["status.replicas"],
        ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests") => &["spec.signerName"],
        ("certificates.k8s.io", "clustertrustbundles") => &["spec.signerName"],
        _ => &[],
    };
    fields.to_vec()
}

impl Selection {
    /// Reads the selectors of a query; a name, where there is one, is one more condition.
    pub(crate) fn read(resource: &Resource, query: &Query, name: &str) -> Result<Self> {
        let labels = Selector::parse(&query.label_selector)
            .map_err(|error| Status::bad_request(format!("unable to parse requirement: {error}")))?;
        let mut fields = FieldSelector::parse(&query.field_selector)
            .map_err(|error| Status::bad_request(format!("invalid field selector: {error}")))?;
        let known = selectable(resource);
        for requirement in &fields.requirements {
            let path = requirement.path.as_str();
            let common = path == "metadata.name" || (path == "metadata.namespace");
            if !common && !known.contains(&path) {
                let message = match known.is_empty() {
                    true => format!(
                        "{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    ),
                    false => format!("field label not supported: {path}"),
                };
                return Err(Status::bad_request(message));
            }
        }
        if !name.is_empty() {
            let by_name = FieldSelector::parse(&format!("metadata.name={name}"))
                .map_err(|error| Status::bad_request(format!("invalid name: {error}")))?;
            fields.requirements.extend(by_name.requirements);
        }
        let events = resource.plural == "events" && resource.storage_group().is_empty();
        Ok(Self { labels, fields, events })
    }

    /// Whether every object matches, so that none has to be looked at.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.requirements.is_empty()
    }

    /// The only name that can match, if the selectors say so.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.required("metadata.name")
    }

    /// Whether nothing but the name is selected by.
    pub(crate) fn is_name_only(&self) -> bool {
        self.labels.is_everything()
            && matches!(self.fields.requirements.as_slice(), [one] if one.equal && one.path == "metadata.name")
    }

    /// Whether an object matches.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        if !self.labels.matches_object(object) {
            return false;
        }
        if self.events
            && let Some(source) = self.fields.required("source")
        {
            let component = object.str(&["source", "component"]).or(object.str(&["reportingComponent"]));
            let mut others = self.fields.clone();
            others.requirements.retain(|one| one.path != "source");
            return component.unwrap_or_default() == source && others.matches(object);
        }
        self.fields.matches(object)
    }
}

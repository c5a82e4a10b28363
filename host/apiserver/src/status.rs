//! What a request can fail with, as Kubernetes clients expect to hear of it.
//!
//! **Invariant:** codes, reasons, details and messages are those of kube-apiserver, because clients
//! branch on them: `NotFound`, `AlreadyExists`, `Conflict`, `Expired` and so on.

use http::StatusCode;
use outrigger_schema::structural::{Cause, FieldError};
use serde::Serialize;

use crate::registry::Resource;

/// One cause among the details of a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusCause {
    /// Machine-readable reason.
    pub reason: String,
    /// What is wrong, for people.
    pub message: String,
    /// The field, where one is to blame.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// What a [`Status`] is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusDetails {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Group of its kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Its resource, or its kind for validation errors.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its uid.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Single causes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<StatusCause>,
    /// When the client may try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// A refusal: the `Status` object with `status: Failure`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// `reason`, on which clients branch.
    pub reason: &'static str,
    /// What happened, for people.
    pub message: String,
    /// What it is about.
    pub details: Box<StatusDetails>,
    /// `metadata.continue`, for an expired list that can be gone on with inconsistently.
    pub continue_token: Option<String>,
}

/// `Result` with a [`Status`].
pub type Result<T, E = Status> = std::result::Result<T, E>;

fn about(resource: &Resource, name: &str) -> StatusDetails {
    StatusDetails {
        name: name.to_owned(),
        group: resource.group.clone(),
        kind: resource.plural.clone(),
        ..StatusDetails::default()
    }
}

impl Status {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Box::default(), continue_token: None }
    }

    fn with(mut self, details: StatusDetails) -> Self {
        self.details = Box::new(details);
        self
    }

    /// 404 about an object.
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.qualified())).with(about(resource, name))
    }

    /// 404 about a path that nothing is served at.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409 about a name that is taken.
    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.qualified()))
            .with(about(resource, name))
    }

    /// 409: the object is not what the writer believed it to be.
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified()),
        )
        .with(about(resource, name))
    }

    /// 409: somebody else wrote first.
    pub fn modified(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 of an apply that would take fields from other managers.
    pub fn apply_conflict(message: String, causes: Vec<StatusCause>) -> Self {
        Self::new(409, "Conflict", message).with(StatusDetails { causes, ..StatusDetails::default() })
    }

    /// 422 with everything that is wrong with an object.
    pub fn invalid(resource: &Resource, name: &str, errors: &[FieldError]) -> Self {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let joined = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let kind = match resource.group.as_str() {
            "" => resource.kind.clone(),
            group => format!("{}.{group}", resource.kind),
        };
        let causes = errors
            .iter()
            .map(|error| StatusCause {
                reason: error.cause.reason().to_owned(),
                message: error.message.clone(),
                field: error.field.clone(),
            })
            .collect();
        Self::new(422, "Invalid", format!("{kind} \"{name}\" is invalid: {joined}")).with(StatusDetails {
            name: name.to_owned(),
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            causes,
            ..StatusDetails::default()
        })
    }

    /// 422 about one field.
    pub fn invalid_field(
        resource: &Resource,
        name: &str,
        cause: Cause,
        field: &str,
        message: impl Into<String>,
    ) -> Self {
        Self::invalid(resource, name, &[FieldError { cause, field: field.to_owned(), message: message.into() }])
    }

    /// 422 of a patch that does not apply.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message)
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403 about an object, or a collection when `name` is empty.
    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let subject = match name {
            "" => resource.qualified(),
            name => format!("{} \"{name}\"", resource.qualified()),
        };
        Self::new(403, "Forbidden", format!("{subject} is forbidden: {why}")).with(about(resource, name))
    }

    /// 403 about a path that is no resource, or a resource that is not served.
    pub fn forbidden_other(message: String, details: StatusDetails) -> Self {
        Self::new(403, "Forbidden", message).with(details)
    }

    /// 403 of a creation in a namespace that is going away.
    pub fn namespace_terminating(resource: &Resource, name: &str, namespace: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut status = Self::forbidden(resource, name, &why);
        status.details.causes.push(StatusCause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".into(),
        });
        status
    }

    /// 405.
    pub fn method_not_allowed(resource: &Resource, verb: &str) -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            format!("{verb} is not supported on resources of kind \"{}\"", resource.qualified()),
        )
        .with(about(resource, ""))
    }

    /// 405 of a method that a path does not know.
    pub fn method_not_allowed_here() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 406.
    pub fn not_acceptable(accepted: &str) -> Self {
        Self::new(406, "NotAcceptable", format!("only the following media types are accepted: {accepted}"))
    }

    /// 415.
    pub fn unsupported_media_type(accepted: &str) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}"),
        )
    }

    /// 413.
    pub fn too_large(limit: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit}"))
    }

    /// 410: the revision asked for is not remembered any more.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 504 about a revision that has not been written.
    pub fn too_large_revision(asked: u64, current: u64) -> Self {
        Self::new(504, "Timeout", format!("Timeout: Too large resource version: {asked}, current: {current}")).with(
            StatusDetails {
                causes: vec![StatusCause {
                    reason: "ResourceVersionTooLarge".into(),
                    message: "Too large resource version".into(),
                    field: String::new(),
                }],
                retry_after_seconds: Some(1),
                ..StatusDetails::default()
            },
        )
    }

    /// 503.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// 500.
    pub fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}")).with(StatusDetails {
            causes: vec![StatusCause { reason: String::new(), message: message.to_string(), field: String::new() }],
            ..StatusDetails::default()
        })
    }

    /// The HTTP status.
    pub fn http_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The `Status` object.
    pub fn to_json(&self) -> serde_json::Value {
        let mut metadata = serde_json::Map::new();
        if let Some(token) = &self.continue_token {
            metadata.insert("continue".into(), token.clone().into());
        }
        let mut object = serde_json::json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        if *self.details != StatusDetails::default()
            && let (Some(map), Ok(details)) = (object.as_object_mut(), serde_json::to_value(&self.details))
        {
            map.insert("details".into(), details);
        }
        object
    }
}

/// What the store says, about no particular object.
impl From<outrigger_store::Error> for Status {
    fn from(error: outrigger_store::Error) -> Self {
        use outrigger_store::Error;
        match error {
            Error::Compacted { asked, oldest } => {
                Self::expired(format!("too old resource version: {asked} ({oldest})"))
            }
            Error::Future { asked, current } => Self::too_large_revision(asked, current),
            Error::Conflict { .. } => Self::new(409, "Conflict", "the object has been modified"),
            Error::Disk { .. } => Self::unavailable(error.to_string()),
            Error::Closed => Self::unavailable("the server is shutting down"),
            Error::InUse { .. } | Error::Corrupt { .. } => Self::internal(error),
        }
    }
}

//! Answers: objects, lists, statuses, in the encoding and shape that the client accepts.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use outrigger_object::Object;
use serde_json::{Value, json};

use crate::body::Body;
use crate::negotiate::{Accepted, Encoding, Shape};
use crate::registry::Resource;
use crate::status::{Result, Status};
use crate::table;

const WARNING: HeaderName = http::header::WARNING;

/// A response with a JSON text.
pub(crate) fn json_text(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    with_type(code, "application/json", text)
}

/// A response with a text of some type.
pub(crate) fn with_type(code: StatusCode, media_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(text));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// A response with a JSON value, or the same as YAML.
pub(crate) fn value(code: StatusCode, encoding: Encoding, value: &Value) -> Response<Body> {
    match encoding {
        Encoding::Json => {
            let mut text = value.to_string();
            text.push('\n');
            json_text(code, text)
        }
        Encoding::Yaml => match serde_saphyr::to_string(value) {
            Ok(text) => with_type(code, "application/yaml", text),
            Err(error) => status(&Status::internal(error)),
        },
    }
}

/// A refusal.
pub(crate) fn status(status: &Status) -> Response<Body> {
    let mut text = status.to_json().to_string();
    text.push('\n');
    let mut response = json_text(status.http_code(), text);
    if let Some(seconds) = status.details.retry_after_seconds {
        response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status.code == 401 {
        response
            .headers_mut()
            .insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kubernetes-master\""));
    }
    response
}

/// One object in the shape that the client accepts.
pub(crate) fn object(
    code: StatusCode,
    accepted: Accepted,
    resource: &Resource,
    object: Object,
    include_object: &str,
) -> Result<Response<Body>> {
    let shaped = match accepted.shape {
        Shape::Object => object.into_value(),
        Shape::Metadata => metadata_only(&object),
        Shape::Table => {
            let revision = object.resource_version().to_owned();
            table::render(resource, std::slice::from_ref(&object), include_object, json!({"resourceVersion": revision}))
        }
    };
    Ok(value(code, accepted.encoding, &shaped))
}

/// The metadata of an object as a PartialObjectMetadata.
pub(crate) fn metadata_only(object: &Object) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get(&["metadata"]),
    })
}

/// `Status` with `status: Success`, as a deletion gives it.
pub(crate) fn deleted(resource: &Resource, object: &Object) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": object.name(), "group": resource.group, "kind": resource.plural, "uid": object.uid()},
    })
}

/// Adds `Warning` headers. What a header cannot hold is left out of it.
pub(crate) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for warning in warnings {
        let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
        let text: String = escaped.chars().filter(|c| !c.is_control()).take(4096).collect();
        if let Ok(header) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            response.headers_mut().append(WARNING, header);
        }
    }
}

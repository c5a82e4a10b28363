//! Makes an object.

use http::{Response, StatusCode};
use outrigger_auth::User;
use outrigger_object::Object;
use outrigger_schema::structural::Cause;

use super::Call;
use crate::body::Body;
use crate::housekeeping::SIGNERS;
use crate::meta;
use crate::objects::Change;
use crate::status::{Result, Status};

pub(crate) async fn run(call: &mut Call) -> Result<Response<Body>> {
    if !call.request.name.is_empty() {
        return Err(Status::method_not_allowed(&call.resource, "create"));
    }
    if call.resource.namespaced && call.request.namespace.is_empty() {
        return Err(Status::bad_request("an object of a namespaced kind is created in its namespace"));
    }
    let mut object = call.object()?;
    if call.resource.is("certificates.k8s.io", "certificatesigningrequests") {
        requester(call, &mut object);
        check_request(call, &object)?;
    }
    meta::place(&call.resource, &mut object, &call.request.namespace)?;
    call.server.check_escalation(&call.resource, &call.user, &object, None)?;
    let manager = call.manager();
    let namespace = call.request.namespace.clone();
    let created = call.server.create(&call.resource, Change::to(object), &namespace, call.writer(&manager)).await?;
    call.answer(StatusCode::CREATED, created)
}

/// Refuses requests that cannot be read, and those for client certificates of `system:masters`, which
/// nobody could take away again.
fn check_request(call: &Call, object: &Object) -> Result<()> {
    use base64::Engine;
    let invalid = |why: String| {
        Status::invalid_field(
            &call.resource,
            object.name(),
            Cause::Invalid,
            "spec.request",
            format!("Invalid value: {why}"),
        )
    };
    let encoded = object.str(&["spec", "request"]).unwrap_or_default();
    if encoded.is_empty() {
        return Ok(());
    }
    let pem = base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|error| invalid(error.to_string()))?;
    let pem = String::from_utf8(pem).map_err(|error| invalid(error.to_string()))?;
    let subject = outrigger_auth::pki::csr_subject(&pem).map_err(|error| invalid(error.to_string()))?;
    let signer = object.str(&["spec", "signerName"]).unwrap_or_default();
    if SIGNERS.contains(&signer) && subject.organizations.iter().any(|one| one == User::MASTERS) {
        let why = format!("use of {signer} signer with {} group is not allowed", User::MASTERS);
        return Err(Status::forbidden(&call.resource, object.name(), &why));
    }
    Ok(())
}

/// A request for a certificate says who made it; nobody else may say so.
fn requester(call: &Call, object: &mut Object) {
    object.set(&["spec", "username"], call.user.name.clone());
    for field in ["uid", "groups", "extra"] {
        object.remove(&["spec", field]);
    }
    if !call.user.uid.is_empty() {
        object.set(&["spec", "uid"], call.user.uid.clone());
    }
    if !call.user.groups.is_empty() {
        object.set(&["spec", "groups"], call.user.groups.clone());
    }
    if !call.user.extra.is_empty() {
        object.set(&["spec", "extra"], serde_json::json!(call.user.extra));
    }
}

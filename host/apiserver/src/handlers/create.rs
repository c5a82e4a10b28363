//! Makes an object.

use http::{Response, StatusCode};

use super::Call;
use crate::body::Body;
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
    }
    meta::place(&call.resource, &mut object, &call.request.namespace)?;
    call.server.check_escalation(&call.resource, &call.user, &object, None)?;
    let manager = call.manager();
    let namespace = call.request.namespace.clone();
    let created = call.server.create(&call.resource, Change::to(object), &namespace, call.writer(&manager)).await?;
    call.answer(StatusCode::CREATED, created)
}

/// A request for a certificate says who made it; nobody else may say so.
fn requester(call: &Call, object: &mut outrigger_object::Object) {
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

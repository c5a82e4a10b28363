//! Replaces an object, or what one of its subresources shows of it.

use http::{Response, StatusCode};
use outrigger_schema::structural::Cause;

use super::Call;
use crate::body::Body;
use crate::meta;
use crate::objects::Change;
use crate::status::{Result, Status};

pub(crate) async fn run(call: &mut Call) -> Result<Response<Body>> {
    let mut object = call.object()?;
    let (namespace, name) = (call.request.namespace.clone(), call.request.name.clone());
    if !object.name().is_empty() && object.name() != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            object.name()
        )));
    }
    if !object.namespace().is_empty() && object.namespace() != namespace && call.resource.namespaced {
        return Err(Status::bad_request(format!(
            "the namespace of the object ({}) does not match the namespace on the URL ({namespace})",
            object.namespace()
        )));
    }
    meta::place(&call.resource, &mut object, &namespace)?;
    let manager = call.manager();
    let writer = call.writer(&manager);
    if object.resource_version().is_empty() && !call.resource.allows_unconditional_update() {
        // An object that does not exist is the better answer.
        let missing = call.server.entry(&call.resource, &namespace, &name).is_err();
        if !missing {
            return Err(Status::invalid_field(
                &call.resource,
                &name,
                Cause::Invalid,
                "metadata.resourceVersion",
                "Invalid value: 0: must be specified for an update",
            ));
        }
    }
    let written = call
        .server
        .modify(&call.resource, &namespace, &name, writer, &mut |old| {
            call.server.check_escalation(&call.resource, &call.user, &object, Some(old))?;
            call.server.check_signer(&call.spoken(), &object, old)?;
            Ok(Change::to(object.clone()))
        })
        .await;
    match written {
        Err(status)
            if status.code == 404
                && call.resource.creates_on_update()
                && object.resource_version().is_empty()
                && call.request.subresource.is_empty() =>
        {
            object.set(&["metadata", "name"], name);
            call.server.check_escalation(&call.resource, &call.user, &object, None)?;
            let created = call.server.create(&call.resource, Change::to(object), &namespace, writer).await?;
            call.answer(StatusCode::CREATED, created)
        }
        other => call.answer(StatusCode::OK, other?.object),
    }
}

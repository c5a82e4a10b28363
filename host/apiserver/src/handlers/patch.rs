//! Changes parts of an object: JSON, merge, strategic merge and apply patches.
//!
//! **Invariant:** a patch without a resourceVersion is applied anew when somebody else wrote in
//! between; one with a resourceVersion is not.

use http::{Response, StatusCode};
use outrigger_object::Object;
use outrigger_schema::structural::Cause;
use serde_json::Value;

use super::Call;
use crate::access::Spoken;
use crate::body::Body;
use crate::negotiate::{Content, PatchType, patch_type};
use crate::objects::Change;
use crate::registry::Resource;
use crate::status::{Result, Status};
use crate::{fields, incoming, meta};

pub(crate) async fn run(call: &mut Call) -> Result<Response<Body>> {
    match patch_type(&call.headers, call.resource.custom.is_none())? {
        PatchType::Apply => apply(call).await,
        other => {
            if call.query.force {
                return Err(invalid_options("force: Forbidden: may not be specified for non-apply patch"));
            }
            change(call, other).await
        }
    }
}

fn invalid_options(message: &str) -> Status {
    Status::unprocessable(format!("PatchOptions.meta.k8s.io \"\" is invalid: {message}"))
}

/// Applies a patch to the JSON of an object. The result carries a resourceVersion only where the
/// patch speaks of one.
pub(crate) fn patched(
    resource: &Resource,
    kind: PatchType,
    patch: &Value,
    mentions_version: bool,
    old: &Object,
) -> Result<Value> {
    let mut value = Value::Object(old.0.clone());
    match kind {
        PatchType::Json => outrigger_patch::json::apply(&mut value, patch.clone()).map_err(fields::refusal)?,
        PatchType::Merge => {
            if !patch.is_object() {
                return Err(Status::bad_request("error decoding patch: a merge patch is a JSON object"));
            }
            outrigger_patch::merge::apply(&mut value, patch.clone());
        }
        PatchType::Strategic => {
            outrigger_patch::strategic::apply(resource.schema(), &mut value, patch.clone()).map_err(fields::refusal)?;
        }
        PatchType::Apply => return Err(Status::internal("an apply is not a patch of this kind")),
    }
    if !mentions_version && let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    Ok(value)
}

/// Whether a patch sets `metadata.resourceVersion`.
pub(crate) fn mentions_version(kind: PatchType, patch: &Value) -> bool {
    match kind {
        PatchType::Json => patch.as_array().into_iter().flatten().any(|operation| {
            operation.get("path").and_then(Value::as_str) == Some("/metadata/resourceVersion")
                && operation.get("op").and_then(Value::as_str) != Some("test")
        }),
        _ => patch.pointer("/metadata/resourceVersion").is_some_and(|version| !version.is_null()),
    }
}

async fn change(call: &mut Call, kind: PatchType) -> Result<Response<Body>> {
    let (patch, duplicates) = incoming::parse(&call.body, Content::Json)?;
    let mentions = mentions_version(kind, &patch);
    let validation = call.validation();
    let (server, resource) = (call.server.clone(), call.resource.clone());
    let (namespace, name) = (call.request.namespace.clone(), call.request.name.clone());
    let manager = call.manager();
    let (user, subresource) = (call.user.clone(), call.request.subresource.clone());
    let mut warnings = Vec::new();
    let written = server
        .modify(&resource, &namespace, &name, call.writer(&manager), &mut |old| {
            let value = patched(&resource, kind, &patch, mentions, old)?;
            let object = incoming::check_kind(&resource, value)?;
            if object.name() != name {
                return Err(Status::bad_request(format!(
                    "the name of the object ({}) does not match the name on the URL ({name})",
                    object.name()
                )));
            }
            warnings.clear();
            let object = incoming::shape(&resource, object, duplicates.clone(), validation, &mut warnings)?;
            server.check_escalation(&resource, &user, &object, Some(old))?;
            let spoken = Spoken { resource: &resource, subresource: &subresource, user: &user };
            server.check_signer(&spoken, &object, old)?;
            Ok(Change::to(object))
        })
        .await?;
    call.warnings.append(&mut warnings);
    call.answer(StatusCode::OK, written.object)
}

async fn apply(call: &mut Call) -> Result<Response<Body>> {
    if call.query.field_manager.is_empty() {
        return Err(invalid_options("fieldManager: Required value: is required for apply patch"));
    }
    let (value, duplicates) = incoming::parse(&call.body, Content::Yaml)?;
    let config = incoming::check_kind(&call.resource, value)?;
    let (namespace, name) = (call.request.namespace.clone(), call.request.name.clone());
    if !config.name().is_empty() && config.name() != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            config.name()
        )));
    }
    let validation = call.validation();
    let mut config = incoming::shape(&call.resource, config, duplicates, validation, &mut call.warnings)?;
    config.set(&["metadata", "name"], name.clone());
    if call.resource.namespaced {
        meta::place(&call.resource, &mut config, &namespace)?;
    }
    let server = call.server.clone();
    let manager = call.manager();
    let writer = call.writer(&manager);
    let now = meta::time(server.options.clock.now());
    let pinned = !config.resource_version().is_empty();
    let force = call.query.force;
    loop {
        let written = server
            .modify(&call.resource, &namespace, &name, writer, &mut |live| {
                if pinned && config.resource_version() != live.resource_version() {
                    return Err(Status::modified(&call.resource, &name));
                }
                let mut object = fields::apply(&call.resource, Some(live), &config, force, &writer, &now)?;
                server.check_escalation(&call.resource, &call.user, &object, Some(live))?;
                server.check_signer(&call.spoken(), &object, live)?;
                if !pinned {
                    object.remove(&["metadata", "resourceVersion"]);
                }
                Ok(Change { object, managed: true })
            })
            .await;
        match written {
            Ok(written) => return call.answer(StatusCode::OK, written.object),
            Err(status) if status.code == 404 && call.request.subresource.is_empty() => {}
            Err(status) => return Err(status),
        }
        if pinned {
            return Err(Status::conflict(
                &call.resource,
                &name,
                "the object does not exist, but the apply names a resourceVersion",
            ));
        }
        if !config.uid().is_empty() {
            return Err(Status::invalid_field(
                &call.resource,
                &name,
                Cause::Invalid,
                "metadata.uid",
                "Invalid value: uid mismatch: the object does not exist",
            ));
        }
        let object = fields::apply(&call.resource, None, &config, force, &writer, &now)?;
        server.check_escalation(&call.resource, &call.user, &object, None)?;
        match server.create(&call.resource, Change { object, managed: true }, &namespace, writer).await {
            Ok(created) => return call.answer(StatusCode::CREATED, created),
            // It was made in the meantime; apply to what is there.
            Err(status) if status.reason == "AlreadyExists" => {}
            Err(status) => return Err(status),
        }
    }
}

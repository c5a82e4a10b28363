//! Removes an object, or all that match.

use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::Call;
use super::selection::Selection;
use crate::body::Body;
use crate::incoming;
use crate::negotiate::content;
use crate::objects::{Propagation, Removal};
use crate::status::{Result, Status};
use crate::{reply, storage};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DeleteOptions {
    preconditions: Option<Preconditions>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    dry_run: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

fn removal(call: &Call) -> Result<Removal> {
    let mut options = DeleteOptions::default();
    if !call.body.is_empty() {
        let (value, _) = incoming::parse(&call.body, content(&call.headers)?)?;
        options = serde_json::from_value(value)
            .map_err(|error| Status::bad_request(format!("DeleteOptions cannot be decoded: {error}")))?;
    }
    let policy = match (&options.propagation_policy, call.query.propagation_policy.as_str()) {
        (Some(policy), _) => policy.as_str(),
        (None, policy) => policy,
    };
    let orphan = options.orphan_dependents.or(call.query.orphan_dependents);
    let propagation = match (policy, orphan) {
        ("", None) => None,
        ("", Some(true)) | ("Orphan", None) => Some(Propagation::Orphan),
        ("", Some(false)) | ("Background", None) => Some(Propagation::Background),
        ("Foreground", None) => Some(Propagation::Foreground),
        (_, Some(_)) => {
            return Err(Status::bad_request("orphanDependents and propagationPolicy cannot both be set"));
        }
        (other, None) => {
            return Err(Status::bad_request(format!(
                "propagationPolicy: Unsupported value: {other:?}: supported values: \"Background\", \"Foreground\", \"Orphan\""
            )));
        }
    };
    let dry_run = match options.dry_run.as_deref() {
        None | Some([]) => call.query.dry_run,
        Some(list) if list.iter().all(|one| one == "All") => true,
        Some(_) => return Err(Status::bad_request("dryRun: Unsupported value: supported values: \"All\"")),
    };
    let preconditions = options.preconditions.unwrap_or_default();
    Ok(Removal { uid: preconditions.uid, resource_version: preconditions.resource_version, propagation, dry_run })
}

pub(crate) async fn one(call: &mut Call) -> Result<Response<Body>> {
    let removal = removal(call)?;
    let (namespace, name) = (&call.request.namespace, &call.request.name);
    let written = call.server.remove(&call.resource, namespace, name, &removal).await?;
    // Pods are given back, as their graceful deletion would.
    if written.gone && !call.resource.is("", "pods") {
        let status = reply::deleted(&call.resource, &written.object);
        return Ok(reply::value(StatusCode::OK, call.accepted.encoding, &status));
    }
    call.answer(StatusCode::OK, written.object)
}

pub(crate) async fn many(call: &mut Call) -> Result<Response<Body>> {
    // All of a kind in all namespaces at once is not asked for by mistake only because it cannot be.
    if call.resource.namespaced && call.request.namespace.is_empty() {
        return Err(Status::method_not_allowed_here());
    }
    let removal = removal(call)?;
    let selection = Selection::read(&call.resource, &call.query, "")?;
    let page = call.server.store.range(&outrigger_store::Range {
        prefix: call.resource.namespace_prefix(&call.request.namespace),
        ..Default::default()
    })?;
    let mut deleted = Vec::new();
    for entry in &page.entries {
        let object = storage::decode(&call.resource, entry)?;
        if !selection.matches(&object) {
            continue;
        }
        let mut one = removal.clone();
        one.uid.get_or_insert_with(|| object.uid().to_owned());
        match call.server.remove(&call.resource, object.namespace(), object.name(), &one).await {
            Ok(written) => deleted.push(written.object.into_value()),
            // Somebody else was faster, or made it anew in the meantime.
            Err(status) if status.code == 404 || status.code == 409 => {}
            Err(status) => return Err(status),
        }
    }
    let list = json!({
        "kind": call.resource.list_kind,
        "apiVersion": call.resource.api_version(),
        "metadata": {"resourceVersion": call.server.store.revision().to_string()},
        "items": deleted,
    });
    Ok(reply::value(StatusCode::OK, call.accepted.encoding, &list))
}

//! What lies below an object: status, scale, approval, finalize, binding, eviction.

use std::time::Duration;

use http::{Response, StatusCode};
use outrigger_auth::service_account::ServiceAccount;
use serde_json::{Value, json};

use super::{Call, patch, read, scale, update};
use crate::body::Body;
use crate::incoming;
use crate::negotiate::content;
use crate::objects::{Change, Removal};
use crate::request::Verb;
use crate::status::{Result, Status};
use crate::{meta, reply};

pub(crate) async fn run(call: &mut Call) -> Result<Response<Body>> {
    let name = call.request.subresource.clone();
    let Some(subresource) = call.resource.subresource(&name) else { return Err(Status::no_such_path()) };
    if !subresource.verbs.iter().any(|verb| verb == call.request.verb.as_str()) {
        return Err(Status::method_not_allowed(&call.resource, call.request.verb.as_str()));
    }
    match (name.as_str(), call.request.verb) {
        ("scale", _) => scale::run(call).await,
        ("status" | "approval" | "resize" | "ephemeralcontainers" | "finalize", verb) => match verb {
            Verb::Get => read::run(call),
            Verb::Update => update::run(call).await,
            _ => patch::run(call).await,
        },
        ("eviction", _) => evict(call).await,
        ("binding", _) => bind(call).await,
        ("log" | "exec" | "attach" | "portforward" | "proxy", _) => {
            // These end at a kubelet or at an endpoint, and there is neither behind this server.
            call.server.entry(&call.resource, &call.request.namespace, &call.request.name)?;
            Err(Status::bad_request(format!(
                "{} {} does not have a host assigned",
                call.resource.singular, call.request.name
            )))
        }
        ("token", _) => issue_token(call),
        _ => Err(Status::method_not_allowed(&call.resource, call.request.verb.as_str())),
    }
}

/// Answers a TokenRequest.
fn issue_token(call: &mut Call) -> Result<Response<Body>> {
    let account = call.server.read(&call.resource, &call.request.namespace, &call.request.name)?;
    let Some(issuer) = call.server.access.authenticator.issuer() else {
        return Err(Status::method_not_allowed(&call.resource, call.request.verb.as_str()));
    };
    let (mut request, _) = incoming::parse(&call.body, content(&call.headers)?)?;
    if !request.is_object() {
        return Err(Status::bad_request("expected a TokenRequest"));
    }
    let audiences: Vec<String> = request
        .pointer("/spec/audiences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|audience| audience.as_str().map(str::to_owned))
        .collect();
    let seconds = request.pointer("/spec/expirationSeconds").and_then(Value::as_u64).unwrap_or(3600);
    let subject = ServiceAccount {
        namespace: account.namespace().to_owned(),
        name: account.name().to_owned(),
        uid: account.uid().to_owned(),
    };
    let now = call.server.options.clock.now();
    let issued = issuer.issue(&subject, &audiences, Duration::from_secs(seconds), now).map_err(Status::internal)?;
    request["apiVersion"] = "authentication.k8s.io/v1".into();
    request["kind"] = "TokenRequest".into();
    request["metadata"] = json!({"name": subject.name, "namespace": subject.namespace});
    request["status"] = json!({"token": issued.token.expose(), "expirationTimestamp": meta::time(issued.expires)});
    Ok(reply::value(StatusCode::CREATED, call.accepted.encoding, &request))
}

async fn evict(call: &mut Call) -> Result<Response<Body>> {
    let (eviction, _) = incoming::parse(&call.body, content(&call.headers)?)?;
    let text = |pointer: &str| eviction.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let removal = Removal {
        uid: text("/deleteOptions/preconditions/uid"),
        resource_version: text("/deleteOptions/preconditions/resourceVersion"),
        propagation: None,
        dry_run: call.query.dry_run || eviction.pointer("/deleteOptions/dryRun/0").is_some(),
    };
    call.server.remove(&call.resource, &call.request.namespace, &call.request.name, &removal).await?;
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(reply::value(StatusCode::CREATED, call.accepted.encoding, &done))
}

async fn bind(call: &mut Call) -> Result<Response<Body>> {
    let (binding, _) = incoming::parse(&call.body, content(&call.headers)?)?;
    let node = binding.pointer("/target/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if node.is_empty() {
        return Err(Status::bad_request("target.name: Required value"));
    }
    let manager = call.manager();
    let now = meta::time(call.server.options.clock.now());
    let (resource, name) = (call.resource.clone(), call.request.name.clone());
    call.server
        .modify(&resource, &call.request.namespace, &name, call.writer(&manager), &mut |old| {
            let assigned = old.str(&["spec", "nodeName"]).unwrap_or_default();
            if !assigned.is_empty() {
                return Err(Status::conflict(
                    &resource,
                    &name,
                    &format!("pod {name} is already assigned to node {assigned:?}"),
                ));
            }
            let mut pod = old.clone();
            pod.remove(&["metadata", "resourceVersion"]);
            pod.set(&["spec", "nodeName"], node.as_str());
            crate::registry::crd::set_condition(&mut pod, "PodScheduled", true, "", "", &now);
            Ok(Change::to(pod))
        })
        .await?;
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(reply::value(StatusCode::CREATED, call.accepted.encoding, &done))
}

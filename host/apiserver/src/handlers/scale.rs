//! The scale subresource: how many there are and should be, of any kind that can be scaled.

use http::{Response, StatusCode};
use outrigger_object::{Object, Selector};
use outrigger_schema::structural::Cause;
use serde_json::{Value, json};

use super::{Call, patch};
use crate::body::Body;
use crate::incoming;
use crate::negotiate::{Content, PatchType, content, patch_type};
use crate::objects::Change;
use crate::registry::{Resource, ScalePaths};
use crate::reply;
use crate::request::Verb;
use crate::status::{Result, Status};

fn paths(resource: &Resource) -> ScalePaths {
    let path = |steps: [&str; 2]| steps.map(str::to_owned).to_vec();
    match resource.custom.as_ref().and_then(|version| version.scale.clone()) {
        Some(paths) => paths,
        None => ScalePaths {
            spec_replicas: path(["spec", "replicas"]),
            status_replicas: path(["status", "replicas"]),
            label_selector: Some(path(["spec", "selector"])),
        },
    }
}

fn at<'a>(object: &'a Object, path: &[String]) -> Option<&'a Value> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    object.get(&path)
}

/// The Scale of an object.
fn scale_of(resource: &Resource, paths: &ScalePaths, object: &Object) -> Object {
    let mut scale = Object::default();
    scale.set(&["kind"], "Scale");
    scale.set(&["apiVersion"], "autoscaling/v1");
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.get(&["metadata", field]) {
            scale.set(&["metadata", field], value.clone());
        }
    }
    let number = |path: &[String]| at(object, path).and_then(Value::as_i64).unwrap_or_default();
    scale.set(&["spec"], json!({}));
    if let Some(wanted) = at(object, &paths.spec_replicas).and_then(Value::as_i64) {
        scale.set(&["spec", "replicas"], wanted);
    }
    scale.set(&["status", "replicas"], number(&paths.status_replicas));
    if let Some(selector) = paths.label_selector.as_ref().and_then(|path| at(object, path)) {
        let text = match (selector, resource.group.as_str()) {
            (Value::String(text), _) => text.clone(),
            // A replication controller selects by plain labels.
            (labels, "") => {
                let pairs = labels.as_object().into_iter().flatten();
                pairs
                    .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
                    .collect::<Vec<_>>()
                    .join(",")
            }
            (selector, _) => Selector::from_json(selector).map(|selector| selector.to_string()).unwrap_or_default(),
        };
        if !text.is_empty() {
            scale.set(&["status", "selector"], text);
        }
    }
    scale
}

pub(crate) async fn run(call: &mut Call) -> Result<Response<Body>> {
    let (server, resource) = (call.server.clone(), call.resource.clone());
    let (namespace, name) = (call.request.namespace.clone(), call.request.name.clone());
    let paths = paths(&resource);
    let answer = |object: &Object| {
        let scale = scale_of(&resource, &paths, object).into_value();
        Ok(reply::value(StatusCode::OK, call.accepted.encoding, &scale))
    };
    if call.request.verb == Verb::Get {
        return answer(&server.read(&resource, &namespace, &name)?);
    }
    let manager = call.manager();
    let writer = call.writer(&manager);
    let kind = match call.request.verb {
        Verb::Patch => Some(patch_type(&call.headers, true)?),
        _ => None,
    };
    let body_type = match kind {
        Some(PatchType::Apply) => Content::Yaml,
        Some(_) => Content::Json,
        None => content(&call.headers)?,
    };
    let (body, _) = incoming::parse(&call.body, body_type)?;
    let written = server
        .modify(&resource, &namespace, &name, writer, &mut |old| {
            let current = scale_of(&resource, &paths, old);
            let wanted = match kind {
                None => Object::from_value(body.clone()).map_err(|_| Status::bad_request("expected a Scale"))?,
                // An apply to a scale sets the fields that it names, as a merge does.
                Some(PatchType::Apply) => {
                    Object::from_value(patch::patched(&resource, PatchType::Merge, &body, true, &current)?)
                        .unwrap_or_default()
                }
                Some(PatchType::Strategic) => {
                    let mut value = current.clone().into_value();
                    outrigger_patch::merge::apply(&mut value, body.clone());
                    Object::from_value(value).unwrap_or_default()
                }
                Some(kind) => Object::from_value(patch::patched(&resource, kind, &body, true, &current)?)
                    .map_err(|_| Status::bad_request("expected a Scale"))?,
            };
            let given = wanted.resource_version();
            if !given.is_empty() && given != old.resource_version() {
                return Err(Status::modified(&resource, &name));
            }
            let replicas = wanted.int(&["spec", "replicas"]).unwrap_or_default();
            if replicas < 0 {
                return Err(Status::invalid_field(
                    &resource,
                    &name,
                    Cause::Invalid,
                    "spec.replicas",
                    format!("Invalid value: {replicas}: must be greater than or equal to 0"),
                ));
            }
            let mut object = old.clone();
            let path: Vec<&str> = paths.spec_replicas.iter().map(String::as_str).collect();
            object.set(&path, replicas);
            if kind.is_some() || given.is_empty() {
                object.remove(&["metadata", "resourceVersion"]);
            }
            Ok(Change::to(object))
        })
        .await?;
    answer(&written.object)
}

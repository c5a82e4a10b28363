//! `ResourceInterpreterContext`: what goes to a hook and comes back (`config.karmada.io/v1alpha1`).
//!
//! **Invariant:** an answer that lacks what its operation must give is an error, as in Karmada. It never turns
//! into zero, an empty list or "healthy: false".

use base64::{Engine as _, prelude::BASE64_STANDARD};
use outrigger_interpreter::{
    Component, Dependency, Health, HealthReport, Operation, ReplicaInfo, ReplicaRequirements, StatusItem,
};
use outrigger_object::{Object, Selector};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, rules};

const API_VERSION: &str = "config.karmada.io/v1alpha1";
const KIND: &str = "ResourceInterpreterContext";
/// The one version of the protocol that there is.
const VERSION: &str = "v1alpha1";

/// A question in the form that hooks know.
pub(crate) struct Question<'a> {
    pub operation: Operation,
    pub object: &'a Object,
    pub observed: Option<&'a Object>,
    pub replicas: i64,
    pub items: &'a [StatusItem],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    kind: &'a str,
    api_version: &'a str,
    request: Request<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    uid: &'a str,
    kind: GroupVersionKind<'a>,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    operation: &'a str,
    object: &'a Object,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_object: Option<&'a Object>,
    /// Karmada sends a number with every operation, 0 where it has no meaning.
    replicas: i32,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aggregated_status: &'a [StatusItem],
}

#[derive(Serialize)]
struct GroupVersionKind<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    response: Option<Response>,
}

/// What a hook answers, before it is known whether it is what was asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    successful: bool,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    patch: Option<String>,
    #[serde(default)]
    patch_type: Option<String>,
    #[serde(default)]
    replica_requirements: Option<Value>,
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    components: Option<Vec<Value>>,
    #[serde(default)]
    dependencies: Option<Vec<Value>>,
    #[serde(default)]
    raw_status: Option<Value>,
    #[serde(default)]
    healthy: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    code: Option<i32>,
}

/// Fails with [`Error::Configuration`] when a hook takes no version of the protocol that is known.
pub(crate) fn check_versions(versions: &[String]) -> Result<(), Error> {
    if versions.iter().any(|version| version == VERSION) {
        return Ok(());
    }
    Err(Error::Configuration(format!(
        "interpreterContextVersions {versions:?} has none of the known versions ({VERSION})"
    )))
}

impl Question<'_> {
    /// The body of the request.
    pub fn write(&self, uid: &str) -> Result<Vec<u8>, Error> {
        let operation = rules::name_of(self.operation)
            .ok_or_else(|| Error::Question(format!("webhooks have no operation {:?}", self.operation)))?;
        let replicas = i32::try_from(self.replicas)
            .map_err(|_| Error::Question(format!("{} replicas are more than the protocol can say", self.replicas)))?;
        let gvk = self.object.gvk();
        let request = Request {
            uid,
            kind: GroupVersionKind { group: &gvk.group, version: &gvk.version, kind: &gvk.kind },
            name: self.object.name(),
            namespace: self.object.namespace(),
            operation,
            object: self.object,
            observed_object: self.observed,
            replicas,
            aggregated_status: self.items,
        };
        serde_json::to_vec(&Sent { kind: KIND, api_version: API_VERSION, request })
            .map_err(|error| Error::Question(error.to_string()))
    }
}

/// Reads the body of an answer. Fails with [`Error::Answer`] and [`Error::Refused`].
pub(crate) fn read(body: &[u8], uid: &str) -> Result<Response, Error> {
    let received: Received = serde_json::from_slice(body).map_err(|error| Error::Answer(error.to_string()))?;
    for (what, found, expected) in [("kind", &received.kind, KIND), ("apiVersion", &received.api_version, API_VERSION)]
    {
        // Karmada's decoder takes an answer that does not say what it is for what it expects.
        if let Some(found) = found.as_deref().filter(|found| !found.is_empty() && *found != expected) {
            return Err(Error::Answer(format!("{what} is {found:?} instead of {expected}")));
        }
    }
    let response = received.response.ok_or_else(|| lacks("response"))?;
    if response.uid != uid {
        return Err(Error::Answer(format!("response.uid is {:?}, and not that of the request", response.uid)));
    }
    if response.successful {
        return Ok(response);
    }
    let status = response.status.ok_or_else(|| lacks("response.status, and is not successful"))?;
    Err(Error::Refused { code: status.code.unwrap_or_default(), message: status.message.unwrap_or_default() })
}

impl Response {
    pub fn replicas(self) -> Result<ReplicaInfo, Error> {
        let replicas = self.replicas.ok_or_else(|| lacks("response.replicas"))?;
        let requirements: Option<ReplicaRequirements> =
            self.replica_requirements.map(|value| typed("response.replicaRequirements", value)).transpose()?;
        Ok(ReplicaInfo { replicas: replicas.into(), requirements })
    }

    /// No list is an empty one: Go leaves an empty list out.
    pub fn components(self) -> Result<Vec<Component>, Error> {
        let components = self.components.unwrap_or_default().into_iter().enumerate();
        components.map(|(index, value)| typed(&format!("response.components[{index}]"), value)).collect()
    }

    /// No list is an empty one, as for components.
    pub fn dependencies(self) -> Result<Vec<Dependency>, Error> {
        let mut dependencies = Vec::new();
        for (index, value) in self.dependencies.unwrap_or_default().into_iter().enumerate() {
            let place = format!("response.dependencies[{index}]");
            let dependency: Dependency = typed(&place, value)?;
            if dependency.api_version.is_empty() || dependency.kind.is_empty() {
                return Err(Error::Answer(format!("{place} has no apiVersion or no kind")));
            }
            match &dependency.label_selector {
                None if dependency.name.is_empty() => {
                    return Err(Error::Answer(format!("{place} has neither name nor labelSelector")));
                }
                Some(selector) => {
                    let selector = serde_json::to_value(selector).unwrap_or_default();
                    Selector::from_json(&selector)
                        .map_err(|error| Error::Answer(format!("{place}.labelSelector: {error}")))?;
                }
                None => {}
            }
            dependencies.push(dependency);
        }
        Ok(dependencies)
    }

    pub fn status(self) -> Result<Value, Error> {
        self.raw_status.filter(|status| !status.is_null()).ok_or_else(|| lacks("response.rawStatus"))
    }

    pub fn health(self) -> Result<HealthReport, Error> {
        let healthy = self.healthy.ok_or_else(|| lacks("response.healthy"))?;
        Ok(if healthy { Health::Healthy } else { Health::Unhealthy }.into())
    }

    /// The object with the patch applied; without a patch, the object.
    pub fn patched(self, object: Object) -> Result<Object, Error> {
        let patch = self.patch.filter(|patch| !patch.is_empty());
        let patch = match (patch, self.patch_type.as_deref()) {
            (None, None) => return Ok(object),
            (None, Some(_)) => return Err(lacks("response.patch, but has response.patchType")),
            (Some(_), None) => return Err(lacks("response.patchType")),
            (Some(patch), Some("JSONPatch")) => patch,
            (Some(_), Some(other)) => {
                return Err(Error::Answer(format!("response.patchType is {other:?} instead of JSONPatch")));
            }
        };
        let wrong = |error: &dyn std::fmt::Display| Error::Answer(format!("response.patch: {error}"));
        let patch = BASE64_STANDARD.decode(patch).map_err(|error| wrong(&error))?;
        let patch: Value = serde_json::from_slice(&patch).map_err(|error| wrong(&error))?;
        let mut value = object.into_value();
        outrigger_patch::json::apply(&mut value, patch).map_err(|error| wrong(&error))?;
        match Object::from_value(value) {
            Ok(object) if !object.kind().is_empty() => Ok(object),
            _ => Err(wrong(&"what it makes is no object with a kind")),
        }
    }
}

fn lacks(what: &str) -> Error {
    Error::Answer(format!("it has no {what}"))
}

/// Reads a value as Go would: a null is as good as nothing, and a quantity may be a number.
fn typed<T: DeserializeOwned>(place: &str, mut value: Value) -> Result<T, Error> {
    without_nulls(&mut value);
    for path in ["/resourceRequest", "/replicaRequirements/resourceRequest"] {
        let quantities = value.pointer_mut(path).and_then(Value::as_object_mut);
        for quantity in quantities.into_iter().flat_map(|map| map.values_mut()) {
            if let Value::Number(number) = quantity {
                *quantity = Value::String(number.to_string());
            }
        }
    }
    serde_json::from_value(value).map_err(|error| Error::Answer(format!("{place}: {error}")))
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

//! What a member's object keeps: fields that the member's own controllers set, and that an update made
//! from the template would take away.

use outrigger_object::Object;
use serde_json::Value;

use super::Result;

/// The label on a template that leaves the number of replicas to the members, as an autoscaler there wants.
const RETAIN_REPLICAS: &str = "resourcetemplate.karmada.io/retain-replicas";

/// A Deployment's replicas, where its label asks for that.
pub fn replicas(mut desired: Object, observed: &Object) -> Result<Object> {
    let path = &["spec", "replicas"];
    if desired.cursor().str(&["metadata", "labels", RETAIN_REPLICAS])? == Some("true") {
        let root = observed.cursor();
        let replicas = root.int(path)?.ok_or_else(|| root.invalid(path, "there is nothing to retain"))?;
        desired.set(path, replicas);
    }
    Ok(desired)
}

/// What a Service has been given: cluster IP and health-check port.
pub fn service(mut desired: Object, observed: &Object) -> Result<Object> {
    let root = observed.cursor();
    if let Some(port) = root.int(&["spec", "healthCheckNodePort"])?.filter(|port| *port > 0) {
        desired.set(&["spec", "healthCheckNodePort"], port);
    }
    if let Some(ip) = root.str(&["spec", "clusterIP"])?.filter(|ip| !ip.is_empty()) {
        desired.set(&["spec", "clusterIP"], ip);
    }
    Ok(desired)
}

/// A claim's volume.
pub fn volume_claim(mut desired: Object, observed: &Object) -> Result<Object> {
    if let Some(name) = observed.cursor().str(&["spec", "volumeName"])?.filter(|name| !name.is_empty()) {
        desired.set(&["spec", "volumeName"], name);
    }
    Ok(desired)
}

/// A volume's claim.
pub fn volume(mut desired: Object, observed: &Object) -> Result<Object> {
    if let Some(claim) = observed.cursor().value(&["spec", "claimRef"])? {
        desired.set(&["spec", "claimRef"], claim.clone());
    }
    Ok(desired)
}

/// A Job's selector and the labels of its pods, which are generated and cannot change.
pub fn job(mut desired: Object, observed: &Object) -> Result<Object> {
    let root = observed.cursor();
    for path in [&["spec", "selector", "matchLabels"][..], &["spec", "template", "metadata", "labels"]] {
        root.strings(path)?;
        if let Some(labels) = root.map(path)? {
            desired.set(path, Value::Object(labels.clone()));
        }
    }
    Ok(desired)
}

/// A Pod's node, account, volumes and mounts: admission adds to them, and none of them can change.
pub fn pod(mut desired: Object, observed: &Object) -> Result<Object> {
    let root = observed.cursor();
    for field in ["nodeName", "serviceAccountName"] {
        let text = root.str(&["spec", field])?.filter(|text| !text.is_empty());
        put(&mut desired, &["spec", field], text.map(Value::from));
    }
    let volumes = root.list(&["spec", "volumes"])?;
    put(&mut desired, &["spec", "volumes"], (!volumes.is_empty()).then(|| volumes.to_vec().into()));
    for field in ["containers", "initContainers"] {
        desired.cursor().list(&["spec", field])?;
        let mut mounts = Vec::new();
        for container in root.items(&["spec", field])? {
            let mounted = container.list(&["volumeMounts"])?;
            mounts.push((container.str(&["name"])?.unwrap_or_default(), mounted));
        }
        let Some(Value::Array(containers)) = desired.0.get_mut("spec").and_then(|spec| spec.get_mut(field)) else {
            continue;
        };
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
            match mounts.iter().find(|(known, _)| *known == name) {
                None => {}
                Some((_, [])) => drop(container.remove("volumeMounts")),
                Some((_, mounted)) => drop(container.insert("volumeMounts".to_owned(), mounted.to_vec().into())),
            }
        }
    }
    Ok(desired)
}

/// A ServiceAccount's secrets: those of the template and those that the member has added.
pub fn service_account(mut desired: Object, observed: &Object) -> Result<Object> {
    for field in ["secrets", "imagePullSecrets"] {
        let mut merged: Vec<Value> = desired.cursor().list(&[field])?.to_vec();
        let here = desired.cursor();
        let mut names = Vec::new();
        for secret in here.items(&[field])? {
            names.push(secret.str(&["name"])?.unwrap_or_default().to_owned());
        }
        for secret in observed.cursor().items(&[field])? {
            let name = secret.str(&["name"])?.unwrap_or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
                merged.extend(secret.here().cloned());
            }
        }
        if !merged.is_empty() {
            desired.set(&[field], merged);
        }
    }
    Ok(desired)
}

/// The token in a Secret of type `kubernetes.io/service-account-token`.
pub fn secret(mut desired: Object, observed: &Object) -> Result<Object> {
    if desired.cursor().str(&["type"])? == Some("kubernetes.io/service-account-token") {
        let root = observed.cursor();
        root.strings(&["data"])?;
        if let Some(data) = root.map(&["data"])? {
            desired.set(&["data"], Value::Object(data.clone()));
        }
    }
    Ok(desired)
}

fn put(object: &mut Object, path: &[&str], value: Option<Value>) {
    match value {
        Some(value) => object.set(path, value),
        None => drop(object.remove(path)),
    }
}

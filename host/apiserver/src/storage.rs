//! How objects lie in the store, and how they come back.
//!
//! A stored object is compact JSON that begins with its metadata and has neither `apiVersion`, `kind`
//! nor `metadata.resourceVersion`: the first two follow from the key and the version asked for, the
//! third is the revision of the write. So one stored text answers for every served version, and a
//! read puts three words in front of it instead of taking it apart.
//!
//! **Invariant:** a stored text begins with `{"metadata":{` and its metadata is not empty.

use bytes::{BufMut, Bytes, BytesMut};
use outrigger_object::Object;
use outrigger_store::Entry;
use serde_json::{Map, Value};

use crate::registry::Resource;
use crate::status::{Result, Status};

mod convert;

/// What every stored text begins with.
const HEAD: &[u8] = b"{\"metadata\":{";

/// The stored form of an object.
pub(crate) fn encode(resource: &Resource, object: &Object) -> Bytes {
    let converted = convert::is_converted(resource).then(|| {
        let mut hub = object.clone();
        convert::to_hub(resource, &mut hub);
        hub
    });
    let object = converted.as_ref().unwrap_or(object);
    let mut out = BytesMut::with_capacity(1024);
    out.put_slice(b"{\"metadata\":{");
    let mut first = true;
    if let Some(metadata) = object.0.get("metadata").and_then(Value::as_object) {
        for (name, value) in metadata.iter().filter(|(name, _)| *name != "resourceVersion") {
            put_field(&mut out, &mut first, name, value);
        }
    }
    out.put_u8(b'}');
    let mut first = false;
    for (name, value) in &object.0 {
        if !matches!(name.as_str(), "metadata" | "apiVersion" | "kind") {
            put_field(&mut out, &mut first, name, value);
        }
    }
    out.put_u8(b'}');
    out.freeze()
}

fn put_field(out: &mut BytesMut, first: &mut bool, name: &str, value: &Value) {
    if !std::mem::take(first) {
        out.put_u8(b',');
    }
    // Writing a string or a value into memory cannot fail.
    let _ = serde_json::to_writer((&mut *out).writer(), name);
    out.put_u8(b':');
    let _ = serde_json::to_writer((&mut *out).writer(), value);
}

/// Whether reading an entry at this version takes more than putting words in front of it.
fn needs_decoding(resource: &Resource, revision: u64) -> bool {
    match &resource.custom {
        // Written before the schema was as it is now: its defaults may be missing.
        Some(version) => version.has_defaults && revision <= version.since,
        None => convert::is_converted(resource),
    }
}

/// Takes a stored object apart.
pub(crate) fn decode(resource: &Resource, entry: &Entry) -> Result<Object> {
    decode_at(resource, &entry.key, &entry.value, entry.revision, entry.revision)
}

/// Takes a stored object apart that was written at one revision and is shown at another.
pub(crate) fn decode_at(resource: &Resource, key: &str, value: &[u8], written: u64, shown: u64) -> Result<Object> {
    let mut map: Map<String, Value> = serde_json::from_slice(value)
        .map_err(|error| Status::internal(format!("the stored object {key} is damaged: {error}")))?;
    map.insert("apiVersion".into(), resource.api_version().into());
    map.insert("kind".into(), resource.kind.clone().into());
    let mut object = Object(map);
    object.set(&["metadata", "resourceVersion"], shown.to_string());
    if convert::is_converted(resource) {
        convert::from_hub(resource, &mut object);
    }
    if let Some(version) = resource.custom.as_ref().filter(|_| needs_decoding(resource, written)) {
        let mut value = object.into_value();
        version.structural.default(&mut value);
        object = Object::from_value(value).unwrap_or_default();
    }
    Ok(object)
}

/// Writes a stored object as its readers see it: `apiVersion`, `kind` and `resourceVersion` are put
/// in front of the stored text, which is taken apart only when it has to change.
pub(crate) fn write_json(
    resource: &Resource,
    key: &str,
    value: &[u8],
    written: u64,
    shown: u64,
    out: &mut BytesMut,
) -> Result<()> {
    let tail = match value.strip_prefix(HEAD) {
        Some(tail) if !needs_decoding(resource, written) => tail,
        _ => {
            let object = decode_at(resource, key, value, written, shown)?;
            serde_json::to_writer(out.writer(), &object).map_err(Status::internal)?;
            return Ok(());
        }
    };
    out.reserve(tail.len() + 128);
    out.put_slice(b"{\"apiVersion\":\"");
    if !resource.group.is_empty() {
        out.put_slice(resource.group.as_bytes());
        out.put_u8(b'/');
    }
    out.put_slice(resource.version.as_bytes());
    out.put_slice(b"\",\"kind\":\"");
    out.put_slice(resource.kind.as_bytes());
    out.put_slice(b"\",\"metadata\":{\"resourceVersion\":\"");
    out.put_slice(shown.to_string().as_bytes());
    out.put_slice(b"\",");
    out.put_slice(tail);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::Registry;

    #[track_caller]
    fn check(kind: (&str, &str, &str), object: Value, read_as: (&str, &str, &str), expected: Value) {
        let snapshot = Registry::new().snapshot();
        let resource = snapshot.resource(kind.0, kind.1, kind.2).expect("a resource");
        let object = Object::from_value(object).expect("an object");
        let value = encode(resource, &object);
        let reader = snapshot.resource(read_as.0, read_as.1, read_as.2).expect("a resource");
        let entry = Entry { key: "k".into(), value, revision: 7 };
        let decoded = decode(reader, &entry).expect("it decodes").into_value();
        assert_eq!(decoded, expected);
        let mut out = BytesMut::new();
        write_json(reader, "k", &entry.value, 7, 7, &mut out).expect("it writes");
        let written: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(written, expected, "the spliced text differs from the decoded object");
    }

    #[test]
    fn objects_come_back() {
        let maps = ("", "v1", "configmaps");
        check(
            maps,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a\"b", "resourceVersion": "3"}, "data": {"k": "v\n"}}),
            maps,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a\"b", "resourceVersion": "7"}, "data": {"k": "v\n"}}),
        );
        let deployments = ("apps", "v1", "deployments");
        check(
            deployments,
            json!({"metadata": {"name": "a"}}),
            deployments,
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "resourceVersion": "7"}}),
        );
    }

    #[test]
    fn events_are_one_set() {
        check(
            ("events.k8s.io", "v1", "events"),
            json!({"metadata": {"name": "e"}, "note": "hello", "regarding": {"kind": "Pod"}, "reason": "R",
                "reportingController": "c", "deprecatedCount": 2}),
            ("", "v1", "events"),
            json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "resourceVersion": "7"}, "message": "hello",
                "involvedObject": {"kind": "Pod"}, "reason": "R", "reportingComponent": "c", "count": 2}),
        );
        check(
            ("", "v1", "events"),
            json!({"metadata": {"name": "e"}, "message": "hello", "involvedObject": {"kind": "Pod"}}),
            ("events.k8s.io", "v1", "events"),
            json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "resourceVersion": "7"},
                "note": "hello", "regarding": {"kind": "Pod"}}),
        );
    }

    #[test]
    fn autoscalers_are_kept_as_v2() {
        check(
            ("autoscaling", "v1", "horizontalpodautoscalers"),
            json!({"metadata": {"name": "h"}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 80},
                "status": {"currentCPUUtilizationPercentage": 50, "currentReplicas": 1}}),
            ("autoscaling", "v2", "horizontalpodautoscalers"),
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "h", "resourceVersion": "7"},
                "spec": {"maxReplicas": 3, "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 80}}}]},
                "status": {"currentReplicas": 1, "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "current": {"averageUtilization": 50}}}]}}),
        );
        check(
            ("autoscaling", "v2", "horizontalpodautoscalers"),
            json!({"metadata": {"name": "h"}, "spec": {"maxReplicas": 3, "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 80}}}]}}),
            ("autoscaling", "v1", "horizontalpodautoscalers"),
            json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "h", "resourceVersion": "7"},
                "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 80}}),
        );
    }
}

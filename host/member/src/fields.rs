//! Field ownership: what an object's `managedFields` say that a manager has applied.
//!
//! `fieldsV1` names fields the way the API server keys them (`f:` a field, `k:` an item of a list by
//! its keys, `v:` a value of a set, `.` the thing itself), so that two objects can be compared field by
//! field without knowing their schema.
//!
//! **Invariant:** [`differs`] is never wrong in saying no: everything we assert is owned by us, holds
//! our value, and nothing else is owned by us. It may say yes where the server only spells a value
//! differently; an apply is then sent, and [`Memory`](crate::execute::Memory) remembers the spelling.

use std::collections::BTreeSet;

use outrigger_object::{Object, Quantity};
use serde_json::{Map, Value};

/// The field manager of everything that is applied to members.
pub const MANAGER: &str = "outrigger";

/// The fields that we have applied to an object; empty when we have not.
pub fn applied(object: &Object) -> Map<String, Value> {
    entries(object)
        .find(|entry| text(entry, "manager") == MANAGER && text(entry, "operation") == "Apply" && is_main(entry))
        .and_then(|entry| entry.get("fieldsV1")?.as_object().cloned())
        .unwrap_or_default()
}

/// Names in a map of the metadata (`labels`, `annotations`) that we have written and nobody else has.
pub fn metadata_of_ours(object: &Object, map: &str) -> BTreeSet<String> {
    let names = |entry: &Map<String, Value>| -> BTreeSet<String> {
        let fields = entry.get("fieldsV1").and_then(|fields| fields.get("f:metadata")?.get(format!("f:{map}")));
        let names = fields.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        names.filter_map(|name| name.strip_prefix("f:")).map(str::to_owned).collect()
    };
    let (ours, theirs): (Vec<_>, Vec<_>) = entries(object).partition(|entry| text(entry, "manager") == MANAGER);
    let theirs: BTreeSet<String> = theirs.into_iter().flat_map(names).collect();
    ours.into_iter().flat_map(names).filter(|name| !theirs.contains(name)).collect()
}

/// Whether we have written to an object in any way.
pub fn touched(object: &Object) -> bool {
    entries(object).any(|entry| text(entry, "manager") == MANAGER && is_main(entry))
}

/// Managers other than us that own one of the fields that `desired` asserts and we no longer own.
pub fn rivals(desired: &Object, observed: &Object) -> BTreeSet<String> {
    let ours = applied(observed);
    let mut lost = Vec::new();
    uncovered(&desired.0, &ours, true, &mut Vec::new(), &mut lost);
    entries(observed)
        .filter(|entry| text(entry, "manager") != MANAGER)
        .filter(|entry| {
            let fields = entry.get("fieldsV1").and_then(Value::as_object);
            fields.is_some_and(|fields| lost.iter().any(|path| owns(fields, path)))
        })
        .map(|entry| text(entry, "manager").to_owned())
        .collect()
}

/// Whether an apply of `desired` would change `observed`, as far as can be told without the schema.
pub fn differs(desired: &Object, observed: &Object) -> bool {
    let ours = applied(observed);
    if ours.is_empty() {
        return true;
    }
    let mut lost = Vec::new();
    uncovered(&desired.0, &ours, true, &mut Vec::new(), &mut lost);
    !lost.is_empty() || !same_map(&desired.0, &observed.0, &ours, "")
}

/// The part of an object that `fields` names.
pub fn project(object: &Object, fields: &Map<String, Value>) -> Value {
    project_map(&object.0, fields)
}

fn entries(object: &Object) -> impl Iterator<Item = &Map<String, Value>> {
    object
        .get(&["metadata", "managedFields"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

fn text<'a>(entry: &'a Map<String, Value>, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_main(entry: &Map<String, Value>) -> bool {
    text(entry, "subresource").is_empty()
}

/// What identifies an object is never owned.
fn is_identity(path: &[String]) -> bool {
    match path {
        [one] => matches!(one.as_str(), "apiVersion" | "kind" | "metadata" | "status"),
        [metadata, one] if metadata == "metadata" => matches!(
            one.as_str(),
            "name"
                | "namespace"
                | "uid"
                | "resourceVersion"
                | "generation"
                | "creationTimestamp"
                | "selfLink"
                | "managedFields"
        ),
        _ => false,
    }
}

/// Leaves of `desired` that are not in `fields`.
fn uncovered(
    desired: &Map<String, Value>,
    fields: &Map<String, Value>,
    top: bool,
    path: &mut Vec<String>,
    lost: &mut Vec<Vec<String>>,
) {
    for (name, value) in desired {
        path.push(name.clone());
        let skip = path.len() <= 2 && is_identity(path);
        let descend = top && name == "metadata";
        match fields.get(&format!("f:{name}")).and_then(Value::as_object) {
            _ if skip && !descend => {}
            None if value.is_null() => {}
            None => match value.as_object() {
                Some(map) if !map.is_empty() && descend => uncovered(map, &Map::new(), false, path, lost),
                _ => lost.push(path.clone()),
            },
            // A leaf of the set: the whole value is owned at once.
            Some(sub) if sub.is_empty() => {}
            Some(sub) => match value {
                Value::Object(map) => uncovered(map, sub, false, path, lost),
                Value::Array(items) => uncovered_items(items, sub, path, lost),
                _ => {}
            },
        }
        path.pop();
    }
}

fn uncovered_items(items: &[Value], fields: &Map<String, Value>, path: &mut Vec<String>, lost: &mut Vec<Vec<String>>) {
    for item in items {
        match find_key(item, fields) {
            None => lost.push(path.clone()),
            Some(key) => {
                let sub = fields.get(key).and_then(Value::as_object);
                if let (Some(sub), Value::Object(map)) = (sub.filter(|sub| !sub.is_empty()), item) {
                    path.push(key.clone());
                    uncovered(map, sub, false, path, lost);
                    path.pop();
                }
            }
        }
    }
}

/// The `k:` or `v:` entry that names this item of a list. Keys that the item leaves to the server's
/// defaults (`protocol`) count as equal.
fn find_key<'f>(item: &Value, fields: &'f Map<String, Value>) -> Option<&'f String> {
    let mut best: Option<(&String, usize)> = None;
    for key in fields.keys() {
        if let Some(value) = key.strip_prefix("v:") {
            if serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item) {
                return Some(key);
            }
        } else if let Some(keys) = key.strip_prefix("k:").and_then(|keys| serde_json::from_str::<Map<_, _>>(keys).ok())
        {
            let agree = keys.iter().filter(|(name, value)| item.get(name.as_str()) == Some(value)).count();
            let absent = keys.keys().filter(|name| item.get(name.as_str()).is_none()).count();
            if agree > 0 && agree + absent == keys.len() && best.is_none_or(|(_, known)| agree > known) {
                best = Some((key, agree));
            }
        }
    }
    best.map(|(key, _)| key)
}

fn owns(fields: &Map<String, Value>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let key = if first.starts_with("k:") { first.clone() } else { format!("f:{first}") };
    match fields.get(&key).and_then(Value::as_object) {
        None => false,
        Some(sub) => rest.is_empty() || sub.is_empty() || owns(sub, rest),
    }
}

fn same_map(
    desired: &Map<String, Value>,
    observed: &Map<String, Value>,
    fields: &Map<String, Value>,
    parent: &str,
) -> bool {
    fields.iter().all(|(key, sub)| {
        let Some(name) = key.strip_prefix("f:") else { return true };
        let sub = sub.as_object();
        match (desired.get(name), observed.get(name)) {
            (Some(want), Some(have)) => match sub.filter(|sub| !sub.is_empty()) {
                Some(sub) => same(want, have, sub, name),
                None => want == have || same_quantity(want, have, parent),
            },
            // We own what we no longer assert: an apply lets go of it.
            (None, Some(_)) => false,
            (Some(want), None) => want.is_null(),
            (None, None) => true,
        }
    })
}

/// Kubernetes spells quantities its own way: `1000m` comes back as `1`.
fn same_quantity(want: &Value, have: &Value, parent: &str) -> bool {
    if !matches!(parent, "requests" | "limits" | "overhead" | "capacity" | "hard") {
        return false;
    }
    match (Quantity::from_value(want), Quantity::from_value(have)) {
        (Ok(want), Ok(have)) => want == have,
        _ => false,
    }
}

fn same(want: &Value, have: &Value, fields: &Map<String, Value>, name: &str) -> bool {
    match (want, have) {
        (Value::Object(want), Value::Object(have)) => same_map(want, have, fields, name),
        (Value::Array(want), Value::Array(have)) => same_items(want, have, fields),
        _ => want == have,
    }
}

fn same_items(want: &[Value], have: &[Value], fields: &Map<String, Value>) -> bool {
    let keys = fields.iter().filter(|(key, _)| key.as_str() != ".");
    let mut count = 0;
    for (key, sub) in keys {
        count += 1;
        let one = |items: &[Value]| items.iter().find(|item| is_item(item, key, fields)).cloned();
        match (one(want), one(have)) {
            (Some(want), Some(have)) => {
                let sub = sub.as_object().filter(|sub| !sub.is_empty());
                if !sub.map_or_else(|| want == have || key.starts_with("v:"), |sub| same(&want, &have, sub, "")) {
                    return false;
                }
            }
            (None, None) => {}
            _ => return false,
        }
    }
    count >= want.len()
}

fn is_item(item: &Value, key: &str, fields: &Map<String, Value>) -> bool {
    find_key(item, fields).is_some_and(|found| found == key)
}

fn project_map(object: &Map<String, Value>, fields: &Map<String, Value>) -> Value {
    let mut out = Map::new();
    for (key, sub) in fields {
        let Some((name, value)) = key.strip_prefix("f:").and_then(|name| Some((name, object.get(name)?))) else {
            continue;
        };
        let value = match sub.as_object().filter(|sub| !sub.is_empty()) {
            None => value.clone(),
            Some(sub) => match value {
                Value::Object(map) => project_map(map, sub),
                Value::Array(items) => items
                    .iter()
                    .filter_map(|item| {
                        let sub = sub.get(find_key(item, sub)?)?.as_object()?;
                        Some(match item {
                            Value::Object(map) if !sub.is_empty() => project_map(map, sub),
                            other => other.clone(),
                        })
                    })
                    .collect(),
                other => other.clone(),
            },
        };
        out.insert(name.to_owned(), value);
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A Deployment as it is after our apply: defaults that are not ours, two containers, one port
    /// whose key `protocol` was left to the server.
    fn observed() -> Object {
        Object::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7",
                "labels": {"app": "web", "theirs": "x"},
                "finalizers": ["a/b"],
                "managedFields": [
                    {"manager": "outrigger", "operation": "Apply", "fieldsV1": {
                        "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {".": {}, "v:\"a/b\"": {}}},
                        "f:spec": {"f:replicas": {}, "f:args": {}, "f:template": {"f:spec": {"f:containers": {
                            "k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:image": {}, "f:ports": {
                                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}},
                        }}}}}},
                    {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}}},
                    {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
                ]},
            "spec": {"replicas": 2, "args": ["x", "y"], "paused": false, "template": {"spec": {"restartPolicy": "Always", "containers": [
                {"name": "sidecar", "image": "injected"},
                {"name": "c", "image": "i:1", "imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
            ]}}},
            "status": {"readyReplicas": 2}
        }))
        .unwrap()
    }

    fn desired() -> Object {
        Object::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "finalizers": ["a/b"]},
            "spec": {"replicas": 2, "args": ["x", "y"], "template": {"spec": {"containers": [
                {"name": "c", "image": "i:1", "ports": [{"containerPort": 80}]},
            ]}}},
        }))
        .unwrap()
    }

    #[test]
    fn says_what_differs_and_what_does_not() {
        let check = |expected: bool, what: &str, change: fn(&mut Object, &mut Object)| {
            let (mut desired, mut observed) = (desired(), observed());
            change(&mut desired, &mut observed);
            assert_eq!(differs(&desired, &observed), expected, "{what}");
        };
        check(false, "nothing changed", |_, _| {});
        check(false, "status and foreign fields are not ours", |_, observed| {
            observed.set(&["status", "readyReplicas"], 0);
            observed.set(&["metadata", "labels", "theirs"], "y");
            observed.set(&["spec", "paused"], true);
        });
        check(true, "a value was changed in the member", |_, observed| observed.set(&["spec", "replicas"], 3));
        check(true, "a value was changed in the template", |desired, _| desired.set(&["spec", "replicas"], 3));
        check(true, "a field is new", |desired, _| desired.set(&["spec", "paused"], false));
        check(true, "a label is new", |desired, _| desired.set(&["metadata", "labels", "tier"], "1"));
        check(true, "a label went", |desired, _| desired.set(&["metadata", "labels"], json!({})));
        check(true, "an atomic list changed", |_, observed| observed.set(&["spec", "args"], json!(["x"])));
        check(true, "a container's image changed", |_, observed| {
            observed.0["spec"]["template"]["spec"]["containers"][1]["image"] = json!("i:2");
        });
        check(true, "a container went in the member", |_, observed| {
            observed.0["spec"]["template"]["spec"]["containers"] = json!([]);
        });
        check(true, "a container is new", |desired, _| {
            desired.0["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "d"}));
        });
        check(true, "another took a field over", |_, observed| {
            observed.0["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
                .as_object_mut()
                .unwrap()
                .remove("f:replicas");
        });
        check(true, "never applied", |_, observed| observed.set(&["metadata", "managedFields"], json!([])));
        check(false, "a quantity is spelt otherwise", |desired, observed| {
            let ours = json!({"f:requests": {"f:cpu": {}}});
            observed.0["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:resources"] = ours;
            observed.set(&["spec", "resources", "requests", "cpu"], "1");
            desired.set(&["spec", "resources", "requests", "cpu"], "1000m");
        });
        check(true, "a number that is no quantity is spelt otherwise", |desired, observed| {
            observed.0["metadata"]["managedFields"][0]["fieldsV1"]["f:data"] = json!({"f:cpu": {}});
            observed.set(&["data", "cpu"], "1");
            desired.set(&["data", "cpu"], "1000m");
        });
        check(true, "a finalizer of ours went", |_, observed| observed.set(&["metadata", "finalizers"], json!([])));
        check(false, "another's finalizer came", |_, observed| {
            observed.set(&["metadata", "finalizers"], json!(["x/y", "a/b"]));
        });
    }

    #[test]
    fn names_who_took_a_field() {
        let mut observed = observed();
        observed.0["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        observed.0["metadata"]["managedFields"].as_array_mut().unwrap().push(json!(
            {"manager": "hpa", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
        ));
        assert_eq!(rivals(&desired(), &observed), BTreeSet::from(["hpa".to_owned()]));
        assert!(rivals(&desired(), &super::tests::observed()).is_empty());
    }

    #[test]
    fn projects_our_part() {
        let observed = observed();
        let ours = project(&observed, &applied(&observed));
        assert_eq!(ours["metadata"]["labels"], json!({"app": "web"}));
        assert_eq!(ours["spec"]["template"]["spec"]["containers"][0]["ports"], json!([{"containerPort": 80}]));
        assert_eq!(ours["spec"].get("paused"), None);
    }
}

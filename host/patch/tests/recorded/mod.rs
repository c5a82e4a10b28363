//! What a kube-apiserver 1.36 made of sequences of writes: each file is one object's life, each step a
//! request and the object, or the refusal, that came back. Every step is done again here, on the
//! object that the server had before it, and must give the same ownership and the same values.

use std::path::{Path, PathBuf};

use outrigger_object::{Object, Resource};
use outrigger_patch::{
    Error, json,
    managed::{self, FieldSet, Write, reset_fields},
    merge, strategic,
};
use outrigger_schema::{Schema, builtin, structural::Structural};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Step {
    op: String,
    manager: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    body: Value,
    /// The entries that an update carried, where they are not those of the object.
    entries: Option<Value>,
    /// What a write of `Scale` gave back; `result` is then the object.
    scale: Option<Object>,
    result: Option<Object>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: u16,
    message: String,
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Cause {
    message: String,
    field: String,
}

struct Kind {
    schema: Schema,
    /// For custom resources, whose defaults are known; those of built-in kinds are not this crate's.
    structural: Option<Structural>,
    /// Whether the server fills in defaults that this crate knows nothing of.
    defaults: bool,
    resource: Resource,
}

const WIDGET: &str = include_str!("widget.yaml");

fn kind(first: &Object) -> Kind {
    let gvk = first.gvk();
    let structural = (gvk.kind == "Widget").then(|| {
        let schema: Value = serde_saphyr::from_str(WIDGET).expect("widget.yaml");
        Structural::parse(&schema).expect("structural")
    });
    let has_defaults = matches!(gvk.kind.as_str(), "Deployment" | "Service");
    Kind {
        schema: match &structural {
            Some(structural) => structural.shape(),
            None => builtin::schema(&gvk.group, &gvk.version, &gvk.kind).expect("a built-in kind"),
        },
        structural,
        defaults: has_defaults,
        resource: Resource {
            has_status: gvk.kind != "ConfigMap",
            has_scale: gvk.kind == "Deployment",
            plural: String::new(),
            namespaced: true,
            gvk,
        },
    }
}

/// The latest time among the entries: when the step was done, if it changed any.
fn clock(object: Option<&Object>) -> String {
    let entries = object.and_then(|object| object.get(&["metadata", "managedFields"])).and_then(Value::as_array);
    let times = entries.into_iter().flatten().filter_map(|entry| entry.get("time").and_then(Value::as_str));
    times.max().unwrap_or("2026-01-01T00:00:00Z").to_owned()
}

fn replay(path: &Path) {
    let text = std::fs::read_to_string(path).expect("readable");
    let steps: Vec<Step> = serde_json::from_str(&text).expect("recorded steps");
    let first = steps.iter().find_map(|step| step.result.as_ref()).expect("a result");
    let kind = kind(first);
    let mut live: Option<Object> = None;
    for (index, step) in steps.into_iter().enumerate() {
        let place = format!("{} step {index} ({} by {})", path.display(), step.op, step.manager);
        let now = clock(step.result.as_ref().or(live.as_ref()));
        let write = Write {
            schema: &kind.schema,
            api_version: first_version(&step, live.as_ref()),
            manager: &step.manager,
            subresource: &step.subresource,
            now: &now,
            reset: reset_fields(&kind.resource, kind.structural.is_some(), &step.subresource),
        };
        match (step.op.as_str(), &step.result) {
            ("apply", _) => {
                let config = Object::from_value(step.body.clone()).expect("an object");
                check_apply(&place, &kind, managed::apply(&write, live.as_ref(), &config, step.force), &step);
            }
            ("scale", Some(expected)) => check_scale(&place, live.as_ref().expect("an object"), &step, expected),
            (_, Some(expected)) => {
                let mut new = expected.clone();
                new.remove(&["metadata", "managedFields"]);
                let carried = match patched(&place, &kind, live.as_ref(), &step) {
                    Some(patched) => {
                        let patched = patched.unwrap_or_else(|error| panic!("{place}: {error}"));
                        check_values(&place, &kind, &patched, expected);
                        patched.get(&["metadata", "managedFields"]).cloned()
                    }
                    None => step.entries.clone(),
                };
                if let Some(carried) = carried {
                    new.set(&["metadata", "managedFields"], carried);
                }
                managed::update(&write, live.as_ref(), &mut new);
                check_entries(&place, &new, expected);
            }
            // Refused by validation, after the patch.
            (_, None) if step.error.as_ref().is_some_and(|refusal| refusal.code == 422) => {}
            (_, None) => {
                let refusal = step.error.as_ref().expect("a result or an error");
                let error = patched(&place, &kind, live.as_ref(), &step).expect("a patch").expect_err(&place);
                assert!(refusal.code == 500 || refusal.code == error.code(), "{place}: {error}");
            }
        }
        live = step.result.or(live);
    }
}

fn first_version<'a>(step: &'a Step, live: Option<&'a Object>) -> &'a str {
    let body = step.body.get("apiVersion").and_then(Value::as_str);
    live.map(Object::api_version).or(body).unwrap_or_default()
}

fn check_apply(place: &str, kind: &Kind, outcome: Result<Object, Error>, step: &Step) {
    match (outcome, &step.result, &step.error) {
        (Ok(object), Some(expected), _) => {
            check_entries(place, &object, expected);
            check_values(place, kind, &object, expected);
        }
        // Refused by the schema's validation, after the apply.
        (Ok(_), None, Some(Refusal { code: 422, .. })) => {}
        (Err(error), _, Some(refusal)) => {
            assert!(refusal.message.ends_with(&error.to_string()), "{place}: {error}\nnot {}", refusal.message);
            if let Error::Conflict(conflicts) = &error {
                assert_eq!(refusal.code, error.code(), "{place}");
                let mut causes: Vec<Cause> = conflicts
                    .0
                    .iter()
                    .map(|conflict| Cause {
                        message: format!("conflict with {}", conflict.manager),
                        field: conflict.field.clone(),
                    })
                    .collect();
                assert_eq!(causes.len(), refusal.causes.len(), "{place}");
                causes.retain(|cause| !refusal.causes.contains(cause));
                assert_eq!(causes, [], "{place}");
            }
        }
        (Ok(object), None, Some(refusal)) => panic!("{place}: gave {object:?}\nnot {}", refusal.message),
        (outcome, ..) => panic!("{place}: {outcome:?}"),
    }
}

/// What a patch that is no apply makes of the object.
fn patched(place: &str, kind: &Kind, live: Option<&Object>, step: &Step) -> Option<Result<Object, Error>> {
    let mut value = live?.clone().into_value();
    let outcome = match step.op.as_str() {
        "merge" => {
            merge::apply(&mut value, step.body.clone());
            Ok(())
        }
        "json" => json::apply(&mut value, step.body.clone()),
        "strategic" => strategic::apply(&kind.schema, &mut value, step.body.clone()),
        "create" | "update" => return None,
        other => panic!("{place}: unknown operation {other}"),
    };
    Some(outcome.map(|()| Object::from_value(value).expect("an object")))
}

/// Scales the object and compares who owns the replicas in both.
fn check_scale(place: &str, live: &Object, step: &Step, expected: &Object) {
    let replicas = ["spec", "replicas"];
    let nothing = Value::Null;
    let entries = live.get(&["metadata", "managedFields"]).unwrap_or(&nothing);
    let schema = builtin::schema("autoscaling", "v1", "Scale").expect("a built-in kind");
    let expected_scale = step.scale.as_ref().expect("a scale");
    let mut before = expected_scale.clone();
    before.set(&replicas, live.get(&replicas).cloned().unwrap_or_default());
    before.remove(&["metadata", "managedFields"]);
    let mut after = before.clone();
    if let Some(entries) = managed::to_scale(entries, &replicas) {
        before.set(&["metadata", "managedFields"], entries);
    }
    after.set(&replicas, step.body.clone());
    let write = Write {
        schema: &schema,
        api_version: "autoscaling/v1",
        manager: &step.manager,
        subresource: "scale",
        now: "2026-01-01T00:00:00Z",
        reset: &FieldSet::default(),
    };
    managed::update(&write, Some(&before), &mut after);
    let scale = after.get(&["metadata", "managedFields"]).unwrap_or(&nothing);
    let mut object = live.clone();
    match managed::from_scale(entries, scale, live.api_version(), &replicas) {
        Some(entries) => object.set(&["metadata", "managedFields"], entries),
        None => panic!("{place}: nobody owns anything"),
    }
    check_entries(place, &object, expected);
}

fn check_entries(place: &str, object: &Object, expected: &Object) {
    let entries = |object: &Object| {
        let entries = object.get(&["metadata", "managedFields"]).cloned().unwrap_or(Value::Null);
        serde_json::to_string_pretty(&entries).expect("JSON")
    };
    let (got, expected) = (entries(object), entries(expected));
    assert!(got == expected, "{place}: entries differ\n{}", differences(&got, &expected));
}

fn differences(got: &str, expected: &str) -> String {
    let mut out = String::new();
    for line in got.lines().filter(|line| !expected.contains(line.trim_end_matches(','))) {
        out.push_str(&format!("  got      {line}\n"));
    }
    for line in expected.lines().filter(|line| !got.contains(line.trim_end_matches(','))) {
        out.push_str(&format!("  expected {line}\n"));
    }
    format!("{out}got {got}\nexpected {expected}")
}

/// Everything that we say must be in what the server has; and nothing else, for kinds without defaults.
fn check_values(place: &str, kind: &Kind, object: &Object, expected: &Object) {
    let clean = |object: &Object| {
        let mut object = object.clone();
        for name in ["managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "namespace"] {
            object.remove(&["metadata", name]);
        }
        // Servers store no empty metadata.
        if let Some(Value::Object(meta)) = object.0.get_mut("metadata") {
            meta.retain(|_, value| *value != serde_json::json!({}) && *value != serde_json::json!([]));
        }
        // An endpoint resets what it does not write; that is the server's part.
        object.remove(&["status"]);
        let mut value = object.into_value();
        if let Some(structural) = &kind.structural {
            structural.default(&mut value);
        }
        value
    };
    let (got, expected) = (clean(object), clean(expected));
    if kind.defaults {
        let mut wrong = Vec::new();
        missing(&got, &expected, "", &mut wrong);
        assert!(wrong.is_empty(), "{place}: {wrong:?}\n{got:#}\n{expected:#}");
    } else {
        assert_eq!(got, expected, "{place}");
    }
}

/// Paths of `got` whose values `all` does not have. Null and empty are as good as absent.
fn missing(got: &Value, all: &Value, path: &str, wrong: &mut Vec<String>) {
    match (got, all) {
        (Value::Object(got), Value::Object(all)) => {
            for (name, got) in got {
                let empty = got.is_null() || *got == serde_json::json!({}) || *got == serde_json::json!([]);
                match all.get(name) {
                    Some(all) => missing(got, all, &format!("{path}.{name}"), wrong),
                    None if empty => {}
                    None => wrong.push(format!("{path}.{name}")),
                }
            }
        }
        (Value::Array(got), Value::Array(all)) if got.len() == all.len() => {
            for (index, (got, all)) in got.iter().zip(all).enumerate() {
                missing(got, all, &format!("{path}[{index}]"), wrong);
            }
        }
        (Value::Null, _) => {}
        _ if got == all => {}
        _ => wrong.push(path.to_owned()),
    }
}

#[test]
fn every_recorded_life_comes_out_the_same() {
    // Others than those that are kept here can be replayed, to compare with a server by hand.
    let folder = std::env::var_os("RECORDED_WRITES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded"), PathBuf::from);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("recorded cases")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 16, "only {} recorded cases", files.len());
    let failed = files.iter().filter(|path| std::panic::catch_unwind(|| replay(path)).is_err());
    assert_eq!(failed.collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

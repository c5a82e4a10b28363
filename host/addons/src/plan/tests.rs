//! Plans as text.

use std::sync::Arc;

use outrigger_addon::Manifest;

use super::*;
use crate::kinds::Source;

/// An addon whose package has this manifest.
fn view(manifest: &str, spec: Value, active: &str) -> View {
    let manifest = Manifest::from_yaml(manifest).unwrap();
    let content = Content::packaged(manifest, "sha256:0a", &BTreeMap::new());
    let mut spec: Spec = serde_json::from_value(spec).unwrap();
    spec.source = Source { package: "sha256:0a".into(), ..Source::default() };
    let active = (!active.is_empty()).then(|| Revision { version: active.into(), ..Revision::default() });
    View { spec, created: String::new(), active, history: Vec::new(), content: content.map(Arc::new) }
}

fn manifest(name: &str, more: &str) -> String {
    format!("name: {name}\ndescription: x\nversions: {{addon: 1.2.0, manifest: 1}}\n{more}")
}

fn spec() -> Value {
    serde_json::json!({"source": {}})
}

fn check(addons: &[(&str, View)], expected: &str) {
    let inputs = Inputs {
        addons: addons.iter().map(|(name, view)| ((*name).to_owned(), view.clone())).collect(),
        ..Inputs::default()
    };
    let text = match plan(&inputs, addons[0].0, &Version::new(0, 1, 0)) {
        Ok(steps) => steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Err(refusal) => format!("{} {}: {}", refusal.condition, refusal.reason, refusal.message),
    };
    assert_eq!(text, expected);
}

#[test]
fn dependencies() {
    let needs = |name: &str, other: &str| {
        view(&manifest(name, &format!("requires: [{{name: {other}, version: '>=1, <2'}}]")), spec(), "")
    };
    let b = |active| view(&manifest("b", ""), spec(), active);
    check(&[("b", b(""))], "stage, swap to 1.2.0");
    check(
        &[("a", needs("a", "b"))],
        "Resolved DependencyMissing: it needs the addon b >=1, <2, which is not in use: install that first",
    );
    check(
        &[("a", needs("a", "b")), ("b", b("2.0.0"))],
        "Resolved DependencyVersion: it needs the addon b >=1, <2, and 2.0.0 is in use",
    );
    check(&[("a", needs("a", "b")), ("b", b("1.2.0"))], "stage, swap to 1.2.0");
    check(
        &[("a", needs("a", "b")), ("b", needs("b", "c")), ("c", needs("c", "a"))],
        "Resolved DependencyCycle: addons require each other: a -> b -> c -> a",
    );
}

#[test]
fn versions() {
    check(
        &[("a", view(&manifest("a", ""), spec(), "0.9.0"))],
        "Resolved NoUpgradePath: 1.2.0 cannot follow 0.9.0: see upgradesFrom",
    );
    check(&[("a", view(&manifest("a", "upgradesFrom: ['<1']"), spec(), "0.9.0"))], "stage, swap to 1.2.0");
    let newer = manifest("a", "").replace("manifest: 1", "manifest: 1, minimumHost: 0.2.0");
    check(
        &[("a", view(&newer, spec(), ""))],
        "Resolved HostTooOld: it needs Outrigger 0.2.0 or newer, and this is 0.1.0",
    );
    check(
        &[("b", view(&manifest("a", ""), spec(), ""))],
        "Resolved WrongName: the source is the addon a; the Addon must have its name",
    );
}

#[test]
fn permissions_and_configuration() {
    let asks =
        manifest("a", "permissions: {hub: [{apiGroups: [apps], resources: [deployments], verbs: [get, patch]}]}");
    let granted = |verbs: &[&str]| {
        serde_json::json!({"source": {}, "grants": {"hub": [
            {"apiGroups": ["*"], "resources": ["deployments"], "verbs": verbs}]}})
    };
    check(
        &[("a", view(&asks, granted(&["get"]), ""))],
        "Permitted NotGranted: spec.grants of the addon a lacks what it asks for: hub: patch deployments.apps",
    );
    check(&[("a", view(&asks, granted(&["get", "patch"]), ""))], "stage, grant 1 rules, swap to 1.2.0");
    let sets = manifest("a", "configSchema: {type: object, properties: {size: {type: integer, default: 2}}}");
    let config = |config: Value| serde_json::json!({"source": {}, "config": config});
    check(&[("a", view(&sets, config(serde_json::json!({"size": 3})), ""))], "stage, swap to 1.2.0");
    check(
        &[("a", view(&sets, config(serde_json::json!({"sice": 3})), ""))],
        "Staged ConfigInvalid: spec.config has unknown fields: sice",
    );
}

#[test]
fn definitions_that_would_lose_data() {
    let crd = |version: &str, kind: &str| {
        Object::from_value(serde_json::json!({
            "spec": {"versions": [{"name": version, "schema": {"openAPIV3Schema":
                {"type": "object", "properties": {"size": {"type": kind}}}}}]},
            "status": {"storedVersions": ["v1"]},
        }))
        .unwrap()
    };
    let check = |used, new: Object, expected: Option<&str>| {
        let found = loss(&Live { crd: crd("v1", "integer"), used }, &new);
        assert_eq!(found.as_deref(), expected);
    };
    check(true, crd("v1", "integer"), None);
    check(true, crd("v1", "string"), Some("size would go or change its type, and objects are stored"));
    check(true, crd("v2", "integer"), Some("version v1 would go, and objects are stored in it"));
    check(false, crd("v2", "string"), None);
}

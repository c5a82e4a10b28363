//! What has to be done to bring an addon to its desired state: pure.
//!
//! ```text
//! Addon, source, what is installed ─▶ resolve ─▶ verify ─▶ permit ─▶ configure ─▶ CRDs ─▶ steps
//! ```
//!
//! **Invariant:** a plan that is refused has no steps, and one addon that cannot be resolved keeps no other
//! from being planned.

use std::{collections::BTreeMap, fmt, sync::Arc};

use outrigger_addon::manifest::{Permissions, Rule};
use outrigger_object::Object;
use outrigger_schema::structural::Structural;
use semver::Version;
use serde_json::Value;

use crate::{
    content::{BUILT_IN, Content},
    kinds::{LABEL, PERMITTED, RESOLVED, Revision, STAGED, Spec},
};

/// An addon as it is planned with.
#[derive(Clone)]
pub struct View {
    /// What is wanted.
    pub spec: Spec,
    /// When the Addon was made.
    pub created: String,
    /// What answers.
    pub active: Option<Revision>,
    /// What answered before.
    pub history: Vec<Revision>,
    /// What its source brings, or why there is nothing.
    pub content: Result<Arc<Content>, String>,
}

/// A definition on the control plane.
#[derive(Clone)]
pub struct Live {
    /// The definition.
    pub crd: Object,
    /// Whether objects of it are stored.
    pub used: bool,
}

/// All that plans are made from.
#[derive(Default)]
pub struct Inputs {
    /// The addons by name.
    pub addons: BTreeMap<String, View>,
    /// Definitions on the control plane that addons bring too.
    pub definitions: BTreeMap<String, Live>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Compile, run cases, compare on live objects.
    Stage,
    /// Apply a definition of the package.
    Define(Box<Object>),
    /// Give the identity these rules on the control plane.
    Grant(Vec<Rule>),
    /// Apply an object.
    Apply(Box<Object>),
    /// Delete an object of the version before.
    Prune(Box<Object>),
    /// Let the new version answer.
    Swap(Revision),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage => f.write_str("stage"),
            Self::Define(crd) => write!(f, "define {}", crd.name()),
            Self::Grant(rules) => write!(f, "grant {} rules", rules.len()),
            Self::Apply(object) => write!(f, "apply {}", object.reference()),
            Self::Prune(object) => write!(f, "prune {}", object.reference()),
            Self::Swap(revision) => write!(f, "swap to {}", revision.version),
        }
    }
}

/// Why an addon stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The condition that is False.
    pub condition: &'static str,
    /// CamelCase word.
    pub reason: &'static str,
    /// Sentence.
    pub message: String,
}

fn refuse<T>(condition: &'static str, reason: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { condition, reason, message: message.into() })
}

/// Plans one addon. `host` is this host's version.
pub fn plan(inputs: &Inputs, name: &str, host: &Version) -> Result<Vec<Step>, Refusal> {
    let Some(view) = inputs.addons.get(name) else { return refuse(RESOLVED, "Gone", "there is no such Addon") };
    let content = resolve(inputs, name, view, host)?;
    let config = configure(name, content, &view.spec.config)?;
    permit(name, &content.manifest.permissions, &view.spec.grants)?;
    let mut steps = vec![Step::Stage];
    define(inputs, name, content, &mut steps)?;
    if !content.manifest.permissions.hub.is_empty() {
        steps.push(Step::Grant(content.manifest.permissions.hub.clone()));
    }
    steps.extend(content.hub.iter().map(|object| {
        let mut object = object.clone();
        object.set(&["metadata", "labels", LABEL], name);
        Step::Apply(Box::new(object))
    }));
    steps.push(Step::Swap(Revision {
        version: content.manifest.versions.addon.to_string(),
        digest: content.digest.clone(),
        source: view.spec.source.clone(),
        config,
        since: String::new(),
    }));
    Ok(steps)
}

fn resolve<'a>(inputs: &'a Inputs, name: &str, view: &'a View, host: &Version) -> Result<&'a Content, Refusal> {
    if let Err(message) = view.spec.source.check() {
        return refuse(RESOLVED, "SourceUnclear", message);
    }
    let content = match &view.content {
        Ok(content) => &**content,
        Err(message) => return refuse(RESOLVED, "SourceMissing", message.clone()),
    };
    let manifest = &content.manifest;
    if manifest.name != name {
        return refuse(
            RESOLVED,
            "WrongName",
            format!("the source is the addon {}; the Addon must have its name", manifest.name),
        );
    }
    if let Some(least) = manifest.versions.minimum_host.as_ref().filter(|least| *least > host) {
        return refuse(RESOLVED, "HostTooOld", format!("it needs Outrigger {least} or newer, and this is {host}"));
    }
    if let Some(abi) = manifest.versions.abi.filter(|_| content.digest != BUILT_IN)
        && abi != outrigger_interpreter::abi::ABI
    {
        let ours = outrigger_interpreter::abi::ABI;
        return refuse(
            RESOLVED,
            "WrongAbi",
            format!("its libraries are for the binary interface {abi}, and this host has {ours}"),
        );
    }
    if let Some(cycle) = cycle(inputs, name) {
        return refuse(RESOLVED, "DependencyCycle", format!("addons require each other: {}", cycle.join(" -> ")));
    }
    for needed in &manifest.requires {
        let there = inputs.addons.get(&needed.name).and_then(|other| other.active.as_ref());
        let Some(there) = there else {
            let message = format!(
                "it needs the addon {} {}, which is not in use: install that first",
                needed.name, needed.version
            );
            return refuse(RESOLVED, "DependencyMissing", message);
        };
        if !Version::parse(&there.version).is_ok_and(|version| needed.version.matches(&version)) {
            let message =
                format!("it needs the addon {} {}, and {} is in use", needed.name, needed.version, there.version);
            return refuse(RESOLVED, "DependencyVersion", message);
        }
    }
    if let Some(active) = &view.active {
        let known = |one: &Revision| one.digest == content.digest && one.version == manifest.versions.addon.to_string();
        let follows = Version::parse(&active.version).is_ok_and(|version| manifest.can_follow(&version));
        if !follows && !view.history.iter().any(known) {
            let message = format!("{} cannot follow {}: see upgradesFrom", manifest.versions.addon, active.version);
            return refuse(RESOLVED, "NoUpgradePath", message);
        }
    }
    Ok(content)
}

/// A cycle of requirements that goes through an addon, beginning and ending with it.
fn cycle(inputs: &Inputs, name: &str) -> Option<Vec<String>> {
    fn walk(inputs: &Inputs, start: &str, path: &mut Vec<String>) -> bool {
        let Some(last) = path.last().and_then(|last| inputs.addons.get(last)) else { return false };
        let Ok(content) = &last.content else { return false };
        for needed in &content.manifest.requires {
            if needed.name == start {
                path.push(needed.name.clone());
                return true;
            }
            if !path.contains(&needed.name) {
                path.push(needed.name.clone());
                if walk(inputs, start, path) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }
    let mut path = vec![name.to_owned()];
    walk(inputs, name, &mut path).then_some(path)
}

/// The configuration with defaults.
fn configure(name: &str, content: &Content, config: &Value) -> Result<Value, Refusal> {
    let mut config = if config.is_null() { Value::Object(Default::default()) } else { config.clone() };
    let mut schema = content.config_schema.clone();
    if schema.is_null() {
        if config.as_object().is_some_and(|config| !config.is_empty()) {
            return refuse(STAGED, "ConfigInvalid", format!("spec.config: the addon {name} has nothing to set"));
        }
        return Ok(config);
    }
    plain(&mut schema);
    let structural = match Structural::parse(&schema) {
        Ok(structural) => structural,
        // An addon in code reads its configuration itself, and a schema of its own may say more than a CRD's.
        Err(_) if content.addon().is_some() => return Ok(config),
        Err(errors) => {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            return refuse(STAGED, "ConfigSchemaInvalid", format!("configSchema of the addon {name}: {first}"));
        }
    };
    structural.default(&mut config);
    let unknown = structural.prune(&mut config.clone());
    if !unknown.is_empty() {
        return refuse(STAGED, "ConfigInvalid", format!("spec.config has unknown fields: {}", unknown.join(", ")));
    }
    match structural.validate(&config, None).first() {
        None => Ok(config),
        Some(error) => refuse(STAGED, "ConfigInvalid", format!("spec.config: {error}")),
    }
}

/// Takes out of a schema what structural ones may not say, and what is checked otherwise.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("$schema");
            if map.get("title").is_some_and(Value::is_string) {
                map.remove("title");
            }
            if map.get("additionalProperties") == Some(&Value::Bool(false)) {
                map.remove("additionalProperties");
            }
            map.values_mut().for_each(plain);
        }
        Value::Array(list) => list.iter_mut().for_each(plain),
        _ => {}
    }
}

fn permit(name: &str, asked: &Permissions, granted: &Permissions) -> Result<(), Refusal> {
    let mut missing = Vec::new();
    for (place, asked, granted) in [("hub", &asked.hub, &granted.hub), ("members", &asked.members, &granted.members)] {
        missing.extend(asked.iter().flat_map(|rule| lacking(rule, granted)).map(|what| format!("{place}: {what}")));
    }
    match missing.is_empty() {
        true => Ok(()),
        false => {
            let message = format!("spec.grants of the addon {name} lacks what it asks for: {}", missing.join("; "));
            refuse(PERMITTED, "NotGranted", message)
        }
    }
}

/// What of a rule is not granted, verb by verb.
fn lacking(rule: &Rule, granted: &[Rule]) -> Vec<String> {
    let any = |list: &[String], one: &str| list.iter().any(|other| other == "*" || other == one);
    let mut missing = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let covers = |grant: &&Rule| {
                    any(&grant.api_groups, group) && any(&grant.resources, resource) && any(&grant.verbs, verb)
                };
                let covering: Vec<&Rule> = granted.iter().filter(covers).collect();
                let whole = covering.iter().any(|grant| grant.resource_names.is_empty());
                let named = |name: &String| covering.iter().any(|grant| grant.resource_names.contains(name));
                let by_name = !rule.resource_names.is_empty() && rule.resource_names.iter().all(named);
                if !whole && !by_name {
                    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
                    missing.push(format!("{verb} {resource}{group}"));
                }
            }
        }
    }
    missing
}

fn define(inputs: &Inputs, name: &str, content: &Content, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    for crd in &content.crds {
        let crd_name = crd.name();
        // What an addon in code brings without a word in its manifest is its own.
        let used = content.manifest.crds.iter().find(|one| one.name == crd_name);
        let owned = used.is_none_or(|one| one.owned);
        let mut crd = crd.clone();
        crd.set(&["metadata", "labels", LABEL], name);
        let Some(live) = inputs.definitions.get(crd_name) else {
            steps.push(Step::Define(Box::new(crd)));
            continue;
        };
        let ours = live.crd.label(LABEL) == Some(name);
        // A definition that somebody else brought is used and not changed.
        if !owned || !ours {
            continue;
        }
        if let Some(loss) = loss(live, &crd) {
            return refuse(STAGED, "WouldLoseData", format!("{crd_name}: {loss}"));
        }
        steps.push(Step::Define(Box::new(crd)));
    }
    Ok(())
}

/// What stored objects would lose by a change of their definition.
pub fn loss(live: &Live, new: &Object) -> Option<String> {
    if !live.used {
        return None;
    }
    let versions = |crd: &Object| crd.get(&["spec", "versions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let names = |crd: &Object| -> Vec<String> {
        versions(crd).iter().filter_map(|version| Some(version["name"].as_str()?.to_owned())).collect()
    };
    let stored = live.crd.get(&["status", "storedVersions"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let after = names(new);
    for version in stored.iter().filter_map(Value::as_str) {
        if !after.iter().any(|one| one == version) {
            return Some(format!("version {version} would go, and objects are stored in it"));
        }
    }
    let schema = |version: &Value| version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default();
    for old in versions(&live.crd) {
        let Some(next) = versions(new).into_iter().find(|one| one["name"] == old["name"]) else { continue };
        if let Some(path) = narrowed(&schema(&old), &schema(&next), "") {
            return Some(format!("{path} would go or change its type, and objects are stored"));
        }
    }
    None
}

/// The first field that a schema had and the next has no more, or with another type.
fn narrowed(old: &Value, new: &Value, path: &str) -> Option<String> {
    if new["x-kubernetes-preserve-unknown-fields"] == true {
        return None;
    }
    if old["type"].is_string() && old["type"] != new["type"] {
        return Some(path.to_owned());
    }
    for (field, schema) in old["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
        match new["properties"].get(field) {
            Some(next) => {
                if let Some(found) = narrowed(schema, next, &path) {
                    return Some(found);
                }
            }
            None => return Some(path),
        }
    }
    match (old.get("items"), new.get("items")) {
        (Some(old), Some(new)) => narrowed(old, new, &format!("{path}[]")),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! BackupStorageLocation: one per cluster under a prefix of its own, with its credentials beside it.

use std::collections::BTreeMap;

use outrigger_interpreter::{
    Answer, ClusterFacts, Dependency, Error, Health, HealthReport, Interpreter, StatusItem, Support,
};
use outrigger_object::Object;
use serde_json::Value;

use crate::{Config, merge::Statuses, ownership::let_go, phase::by_cluster};

const PREFIX: &[&str] = &["spec", "objectStorage", "prefix"];
/// Secrets that a location names, each with a `name` and a `key`.
const SECRETS: [&[&str]; 2] = [&["spec", "credential", "name"], &["spec", "objectStorage", "caCertRef", "name"]];
/// Rewritten by Velero every minute; no news.
const TIMESTAMPS: [&str; 2] = ["lastSyncedTime", "lastValidationTime"];

/// Teaches BackupStorageLocation.
pub struct Location {
    support: Vec<Support>,
    config: Config,
}

impl Location {
    /// With what the manifest says of it, and the addon's configuration.
    pub fn new(support: Vec<Support>, config: Config) -> Self {
        Self { support, config }
    }
}

/// Available when all clusters reach it, else Unavailable with those named that do not.
fn aggregate(mut template: Object, items: &[StatusItem]) -> Result<Object, Error> {
    let statuses = Statuses::read(items)?;
    let phases = statuses.strings(&["phase"])?;
    if phases.is_empty() {
        return Ok(template);
    }
    let messages: BTreeMap<&str, &str> = statuses.strings(&["message"])?.into_iter().collect();
    let mut troubles = BTreeMap::new();
    for item in items {
        let cluster = item.cluster_name.as_str();
        match phases.iter().find(|(name, _)| *name == cluster) {
            Some((_, "Available")) => {}
            Some((_, phase)) => {
                let message = messages.get(cluster).map_or_else(|| (*phase).to_owned(), |text| (*text).to_owned());
                troubles.insert(cluster, message);
            }
            None => {
                troubles.insert(cluster, "not validated yet".to_owned());
            }
        }
    }
    let mut status = Object::default();
    if troubles.is_empty() {
        status.set(&["phase"], "Available");
    } else {
        status.set(&["phase"], "Unavailable");
        status.set(&["message"], by_cluster(&troubles));
    }
    template.set(&["status"], status.into_value());
    Ok(template)
}

impl Interpreter for Location {
    fn name(&self) -> &str {
        "velero/BackupStorageLocation"
    }

    fn supports(&self) -> Vec<Support> {
        self.support.clone()
    }

    fn retain(&self, mut desired: Object, observed: &Object) -> Answer<Object> {
        let_go(&mut desired, observed, &["spec", "default"]);
        Answer::Value(desired)
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        aggregate(template, items).into()
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        let names = SECRETS.iter().filter_map(|path| object.str(path)).filter(|name| !name.is_empty());
        let secret = |name: &str| Dependency {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            namespace: object.namespace().to_owned(),
            name: name.to_owned(),
            label_selector: None,
        };
        Answer::Value(names.map(secret).collect())
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        let Some(status) = object.status() else { return Answer::NotHandled };
        let mut status = status.clone();
        if let Some(fields) = status.as_object_mut() {
            TIMESTAMPS.iter().for_each(|name| {
                fields.remove(*name);
            });
        }
        Answer::Value(status)
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        let (health, reason) = match object.str(&["status", "phase"]) {
            Some("Available") => (Health::Healthy, "Available"),
            Some("Unavailable") => (Health::Unhealthy, "Unavailable"),
            _ => (Health::Unknown, "Progressing"),
        };
        let message = object.str(&["status", "message"]).unwrap_or_default().to_owned();
        Answer::Value(HealthReport { health, reason: reason.to_owned(), message, ..HealthReport::default() })
    }

    fn localize(&self, mut object: Object, cluster: &ClusterFacts) -> Answer<Object> {
        let read_only = object.str(&["spec", "accessMode"]) == Some("ReadOnly");
        if !self.config.prefix_per_cluster || read_only {
            return Answer::NotHandled;
        }
        let prefix = match object.get(PREFIX) {
            None | Some(Value::Null) => "",
            Some(Value::String(prefix)) => prefix.trim_matches('/'),
            Some(other) => {
                return Answer::Failed(Error::invalid(format!(
                    "spec.objectStorage.prefix should be a string and is {other}"
                )));
            }
        };
        let prefix = if prefix.is_empty() { cluster.name.clone() } else { format!("{prefix}/{}", cluster.name) };
        object.set(PREFIX, prefix);
        Answer::Value(object)
    }
}

//! Schedule: kept as the template says, but for `skipImmediately`, which Velero turns off itself.

use outrigger_interpreter::{Answer, Dependency, Error, Health, HealthReport, Interpreter, StatusItem, Support};
use outrigger_object::Object;
use serde_json::Value;

use crate::{merge::Statuses, ownership::let_go, run::config_map};

/// Teaches Schedule.
pub struct Schedule {
    support: Vec<Support>,
}

impl Schedule {
    /// With what the manifest says of it.
    pub fn new(support: Vec<Support>) -> Self {
        Self { support }
    }
}

/// Enabled when all clusters are; the oldest last backup, so that a missed run shows.
fn aggregate(mut template: Object, items: &[StatusItem]) -> Result<Object, Error> {
    let statuses = Statuses::read(items)?;
    let phases = statuses.strings(&["phase"])?;
    if phases.is_empty() {
        return Ok(template);
    }
    let phase = if phases.iter().any(|(_, phase)| *phase == "FailedValidation") {
        "FailedValidation"
    } else if phases.len() == items.len() && phases.iter().all(|(_, phase)| *phase == "Enabled") {
        "Enabled"
    } else {
        "New"
    };
    let mut status = Object::default();
    status.set(&["phase"], phase);
    if statuses.count(&["lastBackup"]) == items.len()
        && let Some(time) = statuses.earliest(&["lastBackup"])?
    {
        status.set(&["lastBackup"], time);
    }
    if let Some(time) = statuses.latest(&["lastSkipped"])? {
        status.set(&["lastSkipped"], time);
    }
    let problems = statuses.prefixed(&["validationErrors"])?;
    if !problems.is_empty() {
        status.set(&["validationErrors"], problems);
    }
    template.set(&["status"], status.into_value());
    Ok(template)
}

impl Interpreter for Schedule {
    fn name(&self) -> &str {
        "velero/Schedule"
    }

    fn supports(&self) -> Vec<Support> {
        self.support.clone()
    }

    fn retain(&self, mut desired: Object, observed: &Object) -> Answer<Object> {
        let_go(&mut desired, observed, &["spec", "skipImmediately"]);
        Answer::Value(desired)
    }

    fn aggregate_status(&self, template: Object, items: &[StatusItem]) -> Answer<Object> {
        aggregate(template, items).into()
    }

    fn dependencies(&self, object: &Object) -> Answer<Vec<Dependency>> {
        Answer::Value(config_map(object, &["spec", "template", "resourcePolicy"]).into_iter().collect())
    }

    fn reflect_status(&self, object: &Object) -> Answer<Value> {
        object.status().map_or(Answer::NotHandled, |status| Answer::Value(status.clone()))
    }

    fn health(&self, object: &Object) -> Answer<HealthReport> {
        let (health, reason) = match object.str(&["status", "phase"]) {
            Some("Enabled") => (Health::Healthy, "Enabled"),
            Some("FailedValidation") => (Health::Unhealthy, "FailedValidation"),
            _ => (Health::Unknown, "Progressing"),
        };
        Answer::Value(HealthReport { health, reason: reason.to_owned(), ..HealthReport::default() })
    }
}

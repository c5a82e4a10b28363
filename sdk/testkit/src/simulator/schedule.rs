//! Velero's Schedule controller, without a clock: it validates, and turns `skipImmediately` off.

use jiff::Timestamp;
use outrigger_object::Object;
use serde_json::json;

use super::{Step, backup::seconds, world::World};

pub(super) fn next(schedule: &Object, _: &World, now: Timestamp) -> Option<Step> {
    if schedule.is_deleting() {
        return None;
    }
    match schedule.bool(&["spec", "skipImmediately"]) {
        None => return Step::main(json!({ "spec": { "skipImmediately": false } })),
        Some(true) => {
            return Step::main(
                json!({ "spec": { "skipImmediately": false }, "status": { "lastSkipped": seconds(now) } }),
            );
        }
        Some(false) => {}
    }
    let cron = schedule.str(&["spec", "schedule"]).unwrap_or_default();
    let is_valid = cron.starts_with('@') || cron.split_whitespace().count() == 5;
    let (phase, problems) = if is_valid {
        ("Enabled", json!(null))
    } else {
        ("FailedValidation", json!([format!("invalid schedule: {cron:?}")]))
    };
    if schedule.str(&["status", "phase"]) == Some(phase) {
        return None;
    }
    Step::main(json!({ "status": { "phase": phase, "validationErrors": problems } }))
}

//! One phase out of many.

use std::collections::BTreeMap;

use outrigger_interpreter::{Health, HealthReport};

/// Where a run (a Backup or a Restore) stands in one cluster, as far as the fleet is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The cluster has said nothing yet.
    Unreported,
    /// It has work to do.
    Active,
    /// It is being removed.
    Deleting,
    /// It worked.
    Completed,
    /// It worked in part.
    PartiallyFailed,
    /// It did not work.
    Failed,
    /// It was refused.
    FailedValidation,
}

impl Stage {
    /// Reads Velero's phase; `None` for a word that Velero does not use.
    pub fn of(phase: &str) -> Option<Self> {
        Some(match phase {
            "" => Self::Unreported,
            "New"
            | "Queued"
            | "ReadyToStart"
            | "InProgress"
            | "WaitingForPluginOperations"
            | "WaitingForPluginOperationsPartiallyFailed"
            | "Finalizing"
            | "FinalizingPartiallyFailed" => Self::Active,
            "Deleting" => Self::Deleting,
            "Completed" => Self::Completed,
            "PartiallyFailed" => Self::PartiallyFailed,
            "Failed" => Self::Failed,
            "FailedValidation" => Self::FailedValidation,
            _ => return None,
        })
    }

    /// Whether nothing more will come.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::PartiallyFailed | Self::Failed | Self::FailedValidation)
    }
}

/// The phase of the fleet. `before` is the one shown until now: once terminal it stays, unless a
/// cluster says that it is at work. `None` where no cluster has said anything.
pub fn combine(stages: &[Stage], before: &str) -> Option<&'static str> {
    let count = |stage| stages.iter().filter(|other| **other == stage).count();
    let silent = count(Stage::Unreported);
    if silent == stages.len() {
        return sticky(before);
    }
    if count(Stage::Active) > 0 {
        return Some("InProgress");
    }
    if silent > 0 {
        return sticky(before).or(Some("InProgress"));
    }
    let ended: Vec<Stage> = stages.iter().copied().filter(|stage| stage.is_terminal()).collect();
    let all = |wanted: &[Stage]| ended.iter().all(|stage| wanted.contains(stage));
    Some(if ended.is_empty() {
        "Deleting"
    } else if all(&[Stage::Completed]) {
        "Completed"
    } else if all(&[Stage::FailedValidation]) {
        "FailedValidation"
    } else if all(&[Stage::Failed, Stage::FailedValidation]) {
        "Failed"
    } else {
        "PartiallyFailed"
    })
}

fn sticky(before: &str) -> Option<&'static str> {
    ["Completed", "PartiallyFailed", "Failed", "FailedValidation"].into_iter().find(|phase| *phase == before)
}

/// Health of one run by its phase.
pub fn health(phase: &str) -> HealthReport {
    let (health, reason) = match Stage::of(phase) {
        Some(Stage::Completed) => (Health::Healthy, "Completed"),
        Some(Stage::PartiallyFailed) => (Health::Unhealthy, "PartiallyFailed"),
        Some(Stage::Failed) => (Health::Unhealthy, "Failed"),
        Some(Stage::FailedValidation) => (Health::Unhealthy, "FailedValidation"),
        Some(Stage::Deleting) => (Health::Unknown, "Deleting"),
        Some(Stage::Active | Stage::Unreported) => (Health::Unknown, "Progressing"),
        None => (Health::Unknown, "UnknownPhase"),
    };
    HealthReport { health, reason: reason.to_owned(), ..HealthReport::default() }
}

/// `cluster: text` for each cluster that has something to say, in order of their names.
pub fn by_cluster(texts: &BTreeMap<&str, String>) -> String {
    let lines: Vec<String> = texts.iter().map(|(cluster, text)| format!("{cluster}: {text}")).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phases: &[&str], before: &str, expected: Option<&str>) {
        let stages: Vec<Stage> = phases.iter().map(|phase| Stage::of(phase).expect("a phase of Velero's")).collect();
        assert_eq!(combine(&stages, before), expected, "{phases:?} after {before:?}");
    }

    #[test]
    fn any_active_member_is_progress() {
        check(&["Completed", "InProgress", "Failed"], "", Some("InProgress"));
        check(&["New", "New"], "", Some("InProgress"));
        check(&["FinalizingPartiallyFailed", "Completed"], "", Some("InProgress"));
        check(&["Completed", "InProgress"], "Completed", Some("InProgress"));
    }

    #[test]
    fn all_terminal() {
        check(&["Completed", "Completed"], "", Some("Completed"));
        check(&["Failed", "Failed"], "", Some("Failed"));
        check(&["FailedValidation", "FailedValidation"], "", Some("FailedValidation"));
        check(&["Failed", "FailedValidation"], "", Some("Failed"));
        check(&["Completed", "Failed"], "", Some("PartiallyFailed"));
        check(&["PartiallyFailed", "PartiallyFailed"], "", Some("PartiallyFailed"));
        check(&["PartiallyFailed", "Failed"], "", Some("PartiallyFailed"));
    }

    #[test]
    fn silence_is_not_success() {
        check(&[], "", None);
        check(&["", ""], "", None);
        check(&["Completed", ""], "", Some("InProgress"));
    }

    #[test]
    fn a_terminal_phase_stays_when_a_member_falls_silent() {
        check(&["Completed", ""], "Completed", Some("Completed"));
        check(&["", ""], "PartiallyFailed", Some("PartiallyFailed"));
        check(&["", ""], "InProgress", None);
    }

    #[test]
    fn deletion_shows_when_nothing_else_is_left() {
        check(&["Deleting", "Deleting"], "Completed", Some("Deleting"));
        check(&["Deleting", "Completed"], "Completed", Some("Completed"));
    }
}

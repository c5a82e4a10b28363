//! What the demo shows: one Backup in every cluster, and the sum on the control plane.

use std::{collections::BTreeMap, time::Instant};

use serde::Serialize;
use serde_json::Value;

use crate::output;

/// A Backup as one API server has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Velero's phase; empty before Velero has looked at it.
    pub phase: String,
    /// Items that there are.
    pub total_items: i64,
    /// Items that are in the backup.
    pub items_backed_up: i64,
    /// Errors.
    pub errors: i64,
    /// Warnings.
    pub warnings: i64,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure_reason: String,
}

impl Row {
    /// Reads a Backup's status.
    pub fn read(backup: &Value) -> Self {
        let int = |path: &str| backup.pointer(path).and_then(Value::as_i64).unwrap_or_default();
        let text = |path: &str| backup.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let problems = backup.pointer("/status/validationErrors").and_then(Value::as_array);
        let problems: Vec<&str> = problems.into_iter().flatten().filter_map(Value::as_str).collect();
        let reason = text("/status/failureReason");
        Self {
            phase: text("/status/phase"),
            total_items: int("/status/progress/totalItems"),
            items_backed_up: int("/status/progress/itemsBackedUp"),
            errors: int("/status/errors"),
            warnings: int("/status/warnings"),
            failure_reason: if reason.is_empty() { problems.join("; ") } else { reason },
        }
    }

    /// Whether nothing more will come.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase.as_str(), "Completed" | "PartiallyFailed" | "Failed" | "FailedValidation")
    }

    fn items(&self) -> String {
        format!("{}/{}", self.items_backed_up, self.total_items)
    }
}

/// The rows of all clusters, and the aggregated one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Board {
    /// By cluster.
    pub clusters: BTreeMap<String, Row>,
    /// On the control plane.
    pub aggregated: Row,
    /// The aggregated phase that the clusters' phases call for.
    pub expected_phase: &'static str,
    /// Who played Velero.
    pub velero: &'static str,
}

impl Board {
    /// A board for these clusters, on which nothing has happened.
    pub fn new(clusters: &[&str], expected_phase: &'static str) -> Self {
        Self {
            clusters: clusters.iter().map(|name| ((*name).to_owned(), Row::default())).collect(),
            aggregated: Row::default(),
            expected_phase,
            velero: "simulated",
        }
    }

    /// Whether every cluster has ended, and the control plane shows as much.
    pub fn is_settled(&self) -> bool {
        self.clusters.values().all(Row::has_ended)
            && self.aggregated.has_ended()
            && self.aggregated.items_backed_up == self.clusters.values().map(|row| row.items_backed_up).sum::<i64>()
    }

    /// Whether the control plane shows what the clusters' phases call for.
    pub fn is_right(&self) -> bool {
        self.is_settled() && self.aggregated.phase == self.expected_phase
    }

    /// One line with all phases, for a terminal without cursor control.
    pub fn line(&self, start: Instant) -> String {
        let show = |name: &str, row: &Row| {
            let phase = if row.phase.is_empty() { "-" } else { row.phase.as_str() };
            format!("{name}: {phase} {}", row.items())
        };
        let mut parts: Vec<String> = self.clusters.iter().map(|(name, row)| show(name, row)).collect();
        parts.push(show("aggregated", &self.aggregated));
        format!("[{:6.2}s]   {}", start.elapsed().as_secs_f64(), parts.join("  |  "))
    }

    /// The closing table.
    pub fn table(&self) -> String {
        let mut table = output::table(&["CLUSTER", "PHASE", "ITEMS", "ERRORS", "WARNINGS", "REASON"]);
        let rows = self.clusters.iter().map(|(name, row)| (name.as_str(), row));
        for (name, row) in rows.chain([("aggregated", &self.aggregated)]) {
            let (errors, warnings) = (row.errors.to_string(), row.warnings.to_string());
            table.add_row([name, &row.phase, &row.items(), &errors, &warnings, &row.failure_reason]);
        }
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_board_is_right_only_when_all_is_said() {
        let row = |phase: &str, items: i64| {
            Row::read(
                &json!({ "status": { "phase": phase, "progress": { "totalItems": items, "itemsBackedUp": items } } }),
            )
        };
        let mut board = Board::new(&["east", "west"], "PartiallyFailed");
        board.clusters.insert("east".to_owned(), row("Completed", 3));
        board.aggregated = row("PartiallyFailed", 3);
        assert!(!board.is_settled(), "west has not ended");
        board.clusters.insert("west".to_owned(), row("Failed", 2));
        assert!(!board.is_settled(), "the sum is not there yet");
        board.aggregated = row("PartiallyFailed", 5);
        assert!(board.is_right());
        board.aggregated = row("Completed", 5);
        assert!(!board.is_right(), "a wrong phase");
    }
}

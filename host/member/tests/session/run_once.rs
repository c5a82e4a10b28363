//! Objects that run once: Velero's Backups as their member treats them.

use outrigger_object::ObjectKey;
use outrigger_runtime::{DeleteParams, conditions};
use serde_json::json;

use crate::world::*;

fn daily() -> ObjectKey {
    ObjectKey::new("velero", "daily")
}

/// A Backup that was applied and that Velero has begun, with its own writes.
async fn started() -> World {
    let world = World::with_backups().await;
    world.work("w", &[backup("daily", json!({"storageLocation": "default"}))]).await;
    let created = world.until_member(&backups(), &daily(), "there", |_| true).await;
    assert_eq!(created.status(), None, "the template's status is not sent");
    let velero = json!({
        "metadata": {"labels": {"velero.io/storage-location": "default"}},
        "spec": {"ttl": "720h", "includedNamespaces": ["*"]},
        "status": {"phase": "InProgress"},
    });
    world.member_writes(&backups(), &daily(), velero).await;
    world.until_work("w", "in progress", |work| phase(work) == Some("InProgress".into())).await;
    world
}

fn phase(work: &outrigger_object::Object) -> Option<String> {
    let statuses = work.get(&["status", "manifestStatuses"])?;
    statuses.get(0)?.pointer("/status/phase")?.as_str().map(str::to_owned)
}

#[tokio::test]
async fn once_started_only_labels_and_annotations_follow_the_template() {
    let world = started().await;
    world.writes_to_member();
    let mut edited = backup("daily", json!({"storageLocation": "elsewhere"}));
    edited.set(&["metadata", "labels"], json!({"tier": "1"}));
    world.edit("w", &[edited]).await;
    let seen = world.until_member(&backups(), &daily(), "relabelled", |seen| seen.label("tier") == Some("1")).await;
    assert_eq!(seen.str(&["spec", "storageLocation"]), Some("default"), "the spec is not rewritten");
    assert_eq!(seen.str(&["spec", "ttl"]), Some("720h"));
    assert_eq!(seen.str(&["status", "phase"]), Some("InProgress"));
    assert_eq!(seen.label("team"), None, "a label that went from the template");
    assert_eq!(seen.label("velero.io/storage-location"), Some("default"));
    world.settle("marker").await;
    let writes: Vec<String> = world.writes_to_member().into_iter().filter(|line| line.contains("/backups/")).collect();
    assert_eq!(writes.len(), 1, "{writes:?}");
}

#[tokio::test]
async fn before_it_starts_it_follows_the_template() {
    let world = World::with_backups().await;
    world.work("w", &[backup("daily", json!({"ttl": "1h"}))]).await;
    world.until_applied("w", "True", "").await;
    world.edit("w", &[backup("daily", json!({"ttl": "2h"}))]).await;
    world.until_member(&backups(), &daily(), "edited", |seen| seen.str(&["spec", "ttl"]) == Some("2h")).await;
}

#[tokio::test]
async fn what_the_member_removes_is_not_created_again() {
    let mut world = started().await;
    world.member_writes(&backups(), &daily(), json!({"status": {"phase": "Completed"}})).await;
    world.until_work("w", "completed", |work| phase(work) == Some("Completed".into())).await;
    world.member.delete(&backups(), &daily(), &DeleteParams::default()).await.unwrap();
    let work = world.until_applied("w", "True", "not created again").await;
    assert_eq!(conditions::of(&work, "Applied").unwrap().1, "Completed");
    assert_eq!(phase(&work), Some("Completed".into()), "the last status stays");
    world.stop().await;
    world.start();
    world.edit("w", &[backup("daily", json!({"ttl": "9h"}))]).await;
    world.settle("marker").await;
    let seen = world.member.get_opt(&backups(), &daily()).await.unwrap();
    assert!(seen.is_none(), "nor after a restart or an edit");
}

#[tokio::test]
async fn an_interpreter_that_fails_keeps_the_last_status() {
    let world = started().await;
    world.member_writes(&backups(), &daily(), json!({"status": {"phase": "Broken"}})).await;
    world.settle("marker").await;
    let work = world.hub.get(&works(), &work_key("w")).await.unwrap();
    assert_eq!(phase(&work), Some("InProgress".into()));
    assert_eq!(conditions::of(&work, "Applied").unwrap().0, "True");
}

#[tokio::test]
async fn what_a_member_makes_with_our_marks_is_not_ours() {
    let world = started().await;
    // As Velero does: a Backup with the labels and annotations of its Schedule.
    let made = mark(&backup("from-schedule", json!({})), "w");
    world.member.create(&backups(), &made).await.unwrap();
    world.work("other", &[backup("from-schedule", json!({"ttl": "1h"}))]).await;
    world.until_applied("other", "False", "and belongs to Work karmada-es-east/w").await;
    world.hub.delete(&works(), &work_key("other"), &DeleteParams::default()).await.unwrap();
    until(&world.hub, &works(), &work_key("other"), "gone", |work| work.is_none()).await;
    world.member.get(&backups(), &ObjectKey::new("velero", "from-schedule")).await.unwrap();
}

/// The wipe test in small: something keeps defaulting the spec, labelling and writing the status, forty
/// times, with template edits and a restart of the host in between.
#[tokio::test]
async fn nothing_is_wiped_and_nothing_is_fought_over() {
    let mut world = started().await;
    world.writes_to_member();
    for round in 0..40 {
        let velero = json!({
            "metadata": {"labels": {"velero.io/round": format!("{round}")}},
            "spec": {"ttl": format!("{round}h")},
            "status": {"progress": {"itemsBackedUp": round}},
        });
        world.member_writes(&backups(), &daily(), velero).await;
        if round == 10 || round == 30 {
            let mut edited = backup("daily", json!({"storageLocation": "default", "edit": round}));
            edited.set(&["metadata", "labels", "edit"], format!("{round}"));
            world.edit("w", &[edited]).await;
            let what = format!("edit {round}");
            world
                .until_member(&backups(), &daily(), &what, |seen| seen.label("edit") == Some(&round.to_string()))
                .await;
        }
        if round == 20 {
            world.stop().await;
            world.start();
        }
    }
    let told = |work: &outrigger_object::Object| {
        let statuses = work.get(&["status", "manifestStatuses"]).cloned().unwrap_or_default();
        statuses.pointer("/0/status/progress/itemsBackedUp") == Some(&json!(39))
    };
    world.until_work("w", "the last status told", told).await;
    let last = world.member.get(&backups(), &daily()).await.unwrap();
    assert_eq!(last.str(&["status", "phase"]), Some("InProgress"), "no status is ever lost");
    assert_eq!(last.str(&["spec", "ttl"]), Some("39h"), "no field is fought over");
    let writes: Vec<String> = world.writes_to_member().into_iter().filter(|line| line.contains("/backups/")).collect();
    assert_eq!(writes.len(), 2, "the two edits and nothing else: {writes:?}");
}

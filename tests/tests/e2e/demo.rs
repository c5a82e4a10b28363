//! `outrigger demo`, as a user runs it.

use serde_json::{Value, json};

use crate::binary::call;

async fn demo(more: &[&str]) -> (Value, String) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("demo").display().to_string();
    let mut args = vec!["demo", "--exit", "--json", "--pace", "20", "--data-dir", &data];
    args.extend(more);
    let ended = call(&args).await;
    let err = ended.err.clone();
    (serde_json::from_str(&ended.ok()).expect("nothing but JSON on standard output"), err)
}

#[tokio::test]
async fn one_backup_runs_on_three_clusters_and_comes_back_as_one() {
    let (table, said) = demo(&[]).await;
    let clusters = table["clusters"].as_object().unwrap();
    assert_eq!(clusters.keys().collect::<Vec<_>>(), ["east", "edge", "west"]);
    for (name, items) in [("east", 120), ("west", 84), ("edge", 37)] {
        assert_eq!(clusters[name]["phase"], "Completed", "{name}: {table}");
        assert_eq!(clusters[name]["itemsBackedUp"], items, "{name}: {table}");
    }
    assert_eq!(table["aggregated"]["phase"], "Completed", "{table}");
    assert_eq!(table["aggregated"]["itemsBackedUp"], 120 + 84 + 37, "{table}");
    assert!(said.contains("simulated"), "it says what is not real:\n{said}");
}

#[tokio::test]
async fn a_member_that_fails_shows() {
    let (table, _) = demo(&["--fail", "west"]).await;
    assert_eq!(table["clusters"]["west"]["phase"], "Failed", "{table}");
    assert_eq!(table["clusters"]["east"]["phase"], "Completed", "{table}");
    assert_eq!(table["aggregated"]["phase"], "PartiallyFailed", "{table}");
    assert_eq!(table["aggregated"]["errors"], json!(1), "{table}");
}

#[tokio::test]
async fn a_member_that_is_not_there_is_named() {
    let ended = call(&["demo", "--exit", "--json", "--fail", "north"]).await;
    ended.fails(1, &["--fail north", "no member", "east, west, edge"]);
    assert_eq!(ended.out, "");
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
}

//! The wipe test: in each member something keeps defaulting a Backup's spec, labelling it and writing its
//! status, while its template is edited and the control plane is killed. No status is ever lost, no field
//! is fought over, and nothing is written to the members but the edits.

use std::collections::BTreeMap;

use futures::StreamExt;
use outrigger_object::Object;
use outrigger_runtime::{Client, Patch, Subresource, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::{
    api::{self, patch},
    world::World,
};

const ROUNDS: i64 = 40;
const MANAGER: &str = "velero-server";
/// Members, and what is added to their item counts, so that no two are alike.
const MEMBERS: [(&str, i64); 3] = [("east", 100), ("west", 200), ("edge", 300)];

/// What the member's Velero fills in.
const DEFAULTS: [(&str, &str); 4] = [
    ("csiSnapshotTimeout", "10m0s"),
    ("itemOperationTimeout", "4h0m0s"),
    ("volumeGroupSnapshotLabelKey", "velero.io/volume-group"),
    ("storageLocation", "default"),
];
const PHASES: [&str; 6] = ["New", "Queued", "ReadyToStart", "InProgress", "Finalizing", "Completed"];

/// The phase of a round: nothing before the tenth, started after the fifteenth.
fn phase(round: i64) -> Option<&'static str> {
    match round {
        ..10 => None,
        10..13 => Some("New"),
        13..16 => Some("Queued"),
        16..18 => Some("ReadyToStart"),
        18..37 => Some("InProgress"),
        37..ROUNDS => Some("Finalizing"),
        _ => Some("Completed"),
    }
}

/// One write of the adversary: a different part of the defaults each time, a label, an annotation, and the
/// status. Velero writes all of that with one merge patch.
fn blow(round: i64, base: i64) -> Value {
    let (name, value) = DEFAULTS[usize::try_from(round).unwrap() % DEFAULTS.len()];
    let mut change = json!({
        "metadata": {
            "labels": {"velero.io/storage-location": "default", format!("theirs-{}", round % 5): round.to_string()},
            "annotations": {"velero.io/resource-timeout": format!("{round}m0s")},
        },
        "spec": {name: value, "defaultVolumesToFsBackup": round % 2 == 0},
    });
    if let Some(phase) = phase(round) {
        change["status"] = json!({
            "phase": phase, "version": 1, "formatVersion": "1.1.0",
            "progress": {"totalItems": base + ROUNDS, "itemsBackedUp": base + round},
        });
        if phase == "Completed" {
            change["status"]["completionTimestamp"] = "2026-01-01T00:00:00Z".into();
        }
    }
    change
}

/// Every version that a member has had of the Backup, from its creation on.
async fn record(client: Client, namespace: String, told: mpsc::Sender<Object>, ready: oneshot::Sender<()>) {
    let backups = api::backups();
    let from = client.list(&backups, Some(&namespace), &Default::default()).await.unwrap();
    assert!(from.items.is_empty());
    let params = WatchParams { resource_version: from.resource_version, ..WatchParams::default() };
    let mut events = client.watch(&backups, Some(&namespace), &params).await.unwrap();
    ready.send(()).unwrap();
    while let Some(event) = events.next().await {
        match event.unwrap() {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                if told.send(object).await.is_err() {
                    return;
                }
            }
            WatchEvent::Bookmark { .. } => {}
            other => panic!("the record broke off: {other:?}"),
        }
    }
}

/// What must be true of all versions in a row.
fn judge(member: &str, versions: &[Object]) {
    let (mut rank, mut items) = (0, 0);
    let mut theirs: BTreeMap<String, Value> = BTreeMap::new();
    for (at, version) in versions.iter().enumerate() {
        let show = || format!("{member}, version {at}: {}", json!(version));
        if let Some(phase) = version.str(&["status", "phase"]) {
            let now = 1 + PHASES.iter().position(|one| *one == phase).unwrap();
            assert!(now >= rank, "the phase went back: {}", show());
            rank = now;
        } else {
            assert_eq!(rank, 0, "the status was lost: {}", show());
        }
        let now = version.int(&["status", "progress", "itemsBackedUp"]).unwrap_or_default();
        assert!(now >= items, "progress was lost: {}", show());
        items = now;
        // Once there, what the member's own controllers have written stays.
        let spec = DEFAULTS.iter().map(|(name, _)| ["spec", *name]);
        for path in spec.chain([["spec", "defaultVolumesToFsBackup"]]) {
            note(&mut theirs, version, &path, show);
        }
        for label in ["velero.io/storage-location", "theirs-0", "theirs-1", "theirs-2", "theirs-3", "theirs-4"] {
            note(&mut theirs, version, &["metadata", "labels", label], show);
        }
        note(&mut theirs, version, &["metadata", "annotations", "velero.io/resource-timeout"], show);
    }
    assert_eq!(rank, PHASES.len(), "{member}");
    assert_eq!(theirs.len(), 4 + 1 + 6 + 1, "{member}: not all was written: {theirs:?}");
}

/// Remembers that a field is there, and complains when it was and is not.
fn note(theirs: &mut BTreeMap<String, Value>, version: &Object, path: &[&str], show: impl Fn() -> String) {
    let name = path.join("/");
    match version.get(path) {
        Some(value) => drop(theirs.insert(name, value.clone())),
        None => assert!(!theirs.contains_key(&name), "{name} was taken away: {}", show()),
    }
}

/// Managers that own a field.
fn owners(object: &Object, path: &[&str]) -> Vec<String> {
    let managers = object.get(&["metadata", "managedFields"]).and_then(Value::as_array).unwrap();
    let owns = |manager: &&Value| {
        let fields = path.iter().try_fold(&manager["fieldsV1"], |set, name| set.get(format!("f:{name}")));
        fields.is_some()
    };
    managers.iter().filter(owns).map(|manager| manager["manager"].as_str().unwrap().to_owned()).collect()
}

/// How many requests changed Backups in a member.
async fn count(client: &Client) -> u64 {
    api::writes(client, "backups").await.values().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_wiped_and_nothing_is_fought_over() {
    let mut world = World::start("wipe").await;
    for (name, _) in MEMBERS {
        let member = world.member(name).await.with_velero().await;
        if name == "edge" {
            let args = world.agent(&member, None).await;
            let agent = crate::binary::Process::start(&args.iter().map(String::as_str).collect::<Vec<_>>());
            world.ready(name).await;
            world.agents.insert(name.to_owned(), agent);
        } else {
            world.join(&member).await;
        }
        world.members.insert(name.to_owned(), member);
    }
    let mut records = BTreeMap::new();
    let mut before = BTreeMap::new();
    for (name, _) in MEMBERS {
        let (told, versions) = mpsc::channel(1000);
        let (ready, is_ready) = oneshot::channel();
        tokio::spawn(record(world.of(name).clone(), world.namespace.clone(), told, ready));
        is_ready.await.unwrap();
        records.insert(name, versions);
        before.insert(name, count(world.of(name)).await);
    }
    world.policy("all", json!([{"apiVersion": "velero.io/v1", "kind": "Backup"}]), json!({})).await;
    world.create(&api::backups(), "run", json!({"spec": {"includedNamespaces": ["shop"], "ttl": "720h0m0s"}})).await;
    let key = world.key("run");
    for (name, _) in MEMBERS {
        api::until_is(world.of(name), &api::backups(), key.clone(), "it arrives", |_| true).await;
    }

    // One write each has created it; each edit below that must arrive adds one.
    let mut expected = 1;
    for round in 1..=ROUNDS {
        for (name, base) in MEMBERS {
            let client = world.of(name).clone().with_manager(MANAGER);
            client.patch(&api::backups(), &key, &Patch::Merge(blow(round, base)), Subresource::None).await.unwrap();
        }
        match round {
            5 => edit(&world, json!({"spec": {"includedNamespaces": ["shop", "billing"]}}), &mut expected).await,
            8 | 20 | 32 => {
                world.plane.kill().await;
                world.plane.resume().await;
            }
            9 => edit(&world, json!({"spec": {"ttl": "48h0m0s"}}), &mut expected).await,
            22 => edit(&world, json!({"metadata": {"labels": {"ours": "one"}}}), &mut expected).await,
            // It has started: what it backs up is no longer to be changed, and is not.
            25 => {
                let late = json!({"spec": {"includedNamespaces": ["late"]}});
                patch(&world.hub, &api::backups(), &key, late).await;
            }
            27 => {
                edit(&world, json!({"metadata": {"annotations": {"ours.example.com/note": "two"}}}), &mut expected)
                    .await
            }
            35 => edit(&world, json!({"metadata": {"labels": {"ours": "three"}}}), &mut expected).await,
            _ => {}
        }
    }

    // One true status comes back.
    let total: i64 = MEMBERS.iter().map(|(_, base)| base + ROUNDS).sum();
    let template = api::until_is(&world.hub, &api::backups(), key.clone(), "the sum is there", |template| {
        template.str(&["status", "phase"]) == Some("Completed")
            && template.int(&["status", "progress", "itemsBackedUp"]) == Some(total)
    })
    .await;
    assert_eq!(template.int(&["status", "progress", "totalItems"]), Some(total));
    assert_eq!(template.str(&["status", "completionTimestamp"]), Some("2026-01-01T00:00:00Z"));

    for (name, _) in MEMBERS {
        let client = world.of(name);
        let last = client.get(&api::backups(), &key).await.unwrap();
        assert_eq!(
            last.get(&["spec", "includedNamespaces"]),
            Some(&json!(["shop", "billing"])),
            "{name}: changed late"
        );
        assert_eq!(last.str(&["spec", "ttl"]), Some("48h0m0s"), "{name}");
        for (field, _) in DEFAULTS {
            assert_eq!(owners(&last, &["spec", field]), [MANAGER], "{name}: {field}");
        }
        assert_eq!(owners(&last, &["metadata", "labels", "velero.io/storage-location"]), [MANAGER], "{name}");
        assert_eq!(owners(&last, &["status", "phase"]), [MANAGER], "{name}");
        assert_eq!(owners(&last, &["spec", "ttl"]), ["outrigger"], "{name}");

        let written = count(client).await - before[name] - u64::try_from(ROUNDS).unwrap();
        assert_eq!(written, expected, "{name}: writes of the control plane");

        let versions = records.get_mut(name).unwrap();
        let mut all = Vec::new();
        while all.last().is_none_or(|version: &Object| version.resource_version() != last.resource_version()) {
            all.push(versions.recv().await.unwrap());
        }
        judge(name, &all);
    }
}

/// Edits the template, and waits until every member has it.
async fn edit(world: &World, change: Value, expected: &mut u64) {
    let key = world.key("run");
    patch(&world.hub, &api::backups(), &key, change.clone()).await;
    for (name, _) in MEMBERS {
        api::until_is(world.of(name), &api::backups(), key.clone(), "the edit arrives", |backup| {
            let mut edited = backup.clone().into_value();
            merge(&mut edited, &change);
            edited == backup.clone().into_value()
        })
        .await;
    }
    *expected += 1;
}

fn merge(target: &mut Value, change: &Value) {
    match change {
        Value::Object(fields) => {
            for (name, value) in fields {
                merge(&mut target[name.as_str()], value);
            }
        }
        other => *target = other.clone(),
    }
}

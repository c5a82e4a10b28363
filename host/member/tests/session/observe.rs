//! What a member makes by itself, shown on the control plane.

use std::collections::BTreeSet;
use std::sync::Arc;

use outrigger_addon::MemberObject;
use outrigger_object::{Gvk, Object, ObjectKey};
use outrigger_runtime::{DeleteParams, Patch, Subresource};
use serde_json::json;
use tokio::sync::watch;

use crate::world::*;

fn nightly() -> ObjectKey {
    ObjectKey::new("velero", "nightly-1")
}

fn gvk() -> Gvk {
    Gvk::new("velero.io", "v1", "Backup")
}

fn shown() -> ObjectKey {
    ObjectKey::new(SPACE, MemberObject::name_of(&gvk(), &nightly()))
}

async fn world(kinds: &[Gvk]) -> (World, watch::Sender<Arc<BTreeSet<Gvk>>>) {
    let (sender, receiver) = watch::channel(Arc::new(kinds.iter().cloned().collect()));
    let mut world = World::new().await;
    world.hub.create(&definitions(), &MemberObject::crd()).await.unwrap();
    world.observed = Some(receiver);
    world.install_backups().await;
    world.start();
    (world, sender)
}

async fn until_shown(world: &World, what: &str, is: impl Fn(&MemberObject) -> bool) -> Object {
    world
        .until_hub(&MemberObject::resource(), &shown(), what, |object| {
            MemberObject::read(object).is_some_and(|one| is(&one))
        })
        .await
}

#[tokio::test]
async fn what_a_member_makes_is_shown_until_it_goes() {
    let (mut world, _sender) =
        world(&[gvk(), Gvk::new("", "v1", "Secret"), Gvk::new("none.example", "v1", "None")]).await;
    let mut made = backup("nightly-1", json!({"ttl": "1h"}));
    made.set(&["metadata", "labels"], json!({"velero.io/schedule-name": "nightly"}));
    world.member.create(&backups(), &made).await.unwrap();
    until_shown(&world, "it is shown", |one| {
        one.spec.labels.contains_key("velero.io/schedule-name") && one.spec.spec["ttl"] == "1h"
    })
    .await;
    world.member_writes(&backups(), &nightly(), json!({"status": {"phase": "InProgress"}})).await;
    until_shown(&world, "its phase follows", |one| one.status.reported["phase"] == "InProgress").await;

    // It is a view: what others do to it is put right, and does nothing in the member.
    let edit = Patch::Merge(json!({"status": {"reported": {"phase": "Completed"}}}));
    world.hub.patch(&MemberObject::resource(), &shown(), &edit, Subresource::None).await.unwrap();
    until_shown(&world, "it is put right", |one| one.status.reported["phase"] == "InProgress").await;
    world.hub.delete(&MemberObject::resource(), &shown(), &DeleteParams::default()).await.unwrap();
    until_shown(&world, "it is there again", |one| one.status.reported["phase"] == "InProgress").await;
    assert!(world.member.get_opt(&backups(), &nightly()).await.unwrap().is_some());

    // A member that is away takes nothing away.
    world.member_network.cut();
    world.stop().await;
    world.hub_network.take_requests();
    world.start();
    soon("what is shown is read", async {
        while !world.hub_network.take_requests().iter().any(|line| line.contains("memberobjects")) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(world.hub.get_opt(&MemberObject::resource(), &shown()).await.unwrap().is_some());

    // What went meanwhile is gone once the member has told all that it has.
    world.member.delete(&backups(), &nightly(), &DeleteParams::default()).await.unwrap();
    world.member_network.mend();
    world.until_hub_gone(&MemberObject::resource(), &shown()).await;
}

#[tokio::test]
async fn kinds_that_are_no_longer_observed_are_no_longer_shown() {
    let (world, sender) = world(&[gvk()]).await;
    world.member.create(&backups(), &backup("nightly-1", json!({}))).await.unwrap();
    until_shown(&world, "it is shown", |_| true).await;
    sender.send_replace(Arc::default());
    world.until_hub_gone(&MemberObject::resource(), &shown()).await;
    sender.send_replace(Arc::new([gvk()].into_iter().collect()));
    until_shown(&world, "it is shown again", |_| true).await;
}

//! What a controller gets done.

use std::sync::Arc;

use outrigger_addon::MemberObject;
use outrigger_guest::GuestHealth;
use serde_json::json;

use crate::world::{LONG, Make, World, configmaps, health, key, object, resource, until};

async fn a_controller_works_in_all_places(addon: Make) {
    let world = World::new().await;
    let guest = world.start(addon()).await;

    world.tell("here", json!({"do": "copy"})).await;
    world.copied(&world.hub, "here", "first").await;
    let copy = world.hub.get(&configmaps(), &key("here-copy")).await.unwrap();
    assert_eq!(copy.get(&["metadata", "managedFields"]).unwrap()[0]["manager"], "outrigger-addon-probe");
    let events = resource("", "v1", "Event", "events", true);
    until("an event is there", async || {
        let list = world.hub.list(&events, None, &Default::default()).await.unwrap();
        list.items.iter().any(|event| event.str(&["reason"]) == Some("Copied"))
    })
    .await;

    world.tell("there", json!({"do": "copy", "place": "east"})).await;
    world.copied(&world.east, "there", "first").await;

    world.tell("handed", json!({"do": "copy", "place": "west"})).await;
    let works = resource("work.karmada.io", "v1alpha1", "Work", "works", true);
    until("a Work for the agent", async || {
        let list = world.hub.list(&works, Some("karmada-es-west"), &Default::default()).await.unwrap();
        let manifest = |work: &outrigger_object::Object| work.get(&["spec", "workload", "manifests"]).cloned();
        list.items.iter().filter_map(manifest).any(|list| list[0]["metadata"]["name"] == "handed-copy")
    })
    .await;

    let seen = object(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": "made-there", "uid": "1"}}));
    let shown = MemberObject::of(&seen, None, None).to_object("karmada-es-west");
    world.hub.create(&MemberObject::resource(), &shown).await.unwrap();
    until("what a member made is seen", async || world.meter.counted("probe", "seen") == 1).await;
    world.tell("count", json!({"do": "clusters"})).await;

    // A new configuration wakes everything.
    world.config.send(Arc::new(json!({"word": "second"}))).unwrap();
    world.copied(&world.hub, "here", "second").await;
    world.copied(&world.east, "there", "second").await;
    assert_eq!(health(&guest, "healthy", |health| *health == GuestHealth::Healthy).await, "its controllers run");
    assert!(guest.stop(LONG).await, "nothing runs any more");
}

async fn a_stopped_addon_does_nothing_more(addon: Make) {
    let world = World::new().await;
    let guest = world.start(addon()).await;
    world.tell("a", json!({"do": "copy"})).await;
    world.copied(&world.hub, "a", "first").await;
    assert!(guest.stop(LONG).await);
    world.tell("b", json!({"do": "copy"})).await;
    // Another one, started later, makes what the first would have made.
    world.config.send_replace(Arc::new(json!({"word": "later"})));
    let again = world.start(addon()).await;
    world.copied(&world.hub, "b", "later").await;
    assert!(again.stop(LONG).await);
}

both!(a_controller_works_in_all_places, a_stopped_addon_does_nothing_more);

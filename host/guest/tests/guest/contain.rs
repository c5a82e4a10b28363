//! An addon that misbehaves, and another beside it that goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use outrigger_guest::{Guest, GuestHealth};
use serde_json::{Value, json};

use crate::probe::Probe;
use crate::world::{LONG, Make, World, configmaps, health, key, resource, until};

fn aside(health: &GuestHealth, names: &[&str]) -> bool {
    match health {
        GuestHealth::Degraded { aside, .. } => {
            aside.iter().map(|one| one.request.key.name.as_str()).collect::<Vec<_>>() == names
        }
        _ => false,
    }
}

async fn started(world: &World, addon: Make) -> Guest {
    let guest = world.start(addon()).await;
    world.tell("before", json!({"do": "copy"})).await;
    world.copied(&world.hub, "before", "first").await;
    guest
}

async fn an_object_that_keeps_failing_is_put_aside_until_it_changes(addon: Make) {
    let mut world = World::new().await;
    world.limits.tries = 3;
    let guest = started(&world, addon).await;
    for (what, told) in [("fail", "told to fail"), ("panic", "panicked: told by bad")] {
        world.tell("bad", json!({"do": what})).await;
        let text = health(&guest, "degraded", |health| aside(health, &["bad"])).await;
        assert!(text.contains(told) && text.contains("3 tries"), "{text}");
        world.tell(&format!("good-{what}"), json!({"do": "copy"})).await;
        world.copied(&world.hub, &format!("good-{what}"), "first").await;
        world.tell("bad", json!({"do": "copy"})).await;
        health(&guest, "healthy", |health| *health == GuestHealth::Healthy).await;
        world.copied(&world.hub, "bad", "first").await;
    }
    world.tell("bad", json!({"do": "fail"})).await;
    health(&guest, "degraded", |health| aside(health, &["bad"])).await;
    let before = world.meter.counted("probe", "reconciles");
    world.config.send(Arc::new(json!({"word": "second"}))).unwrap();
    until("it is tried again", async || world.meter.counted("probe", "reconciles") > before).await;
    health(&guest, "degraded", |health| aside(health, &["bad"])).await;
    assert!(guest.stop(LONG).await);
}

async fn an_addon_that_fails_on_many_objects_is_quarantined_until_its_configuration_changes(addon: Make) {
    let mut world = World::new().await;
    (world.limits.tries, world.limits.aside) = (2, 2);
    let guest = started(&world, addon).await;
    for name in ["a", "b", "c"] {
        world.tell(name, json!({"do": "fail"})).await;
    }
    let text = health(&guest, "quarantined", GuestHealth::is_quarantined).await;
    assert!(text.contains("3 objects keep failing"), "{text}");
    for name in ["a", "b", "c"] {
        world.hub.delete(&configmaps(), &key(name), &Default::default()).await.unwrap();
    }
    health(&guest, "healthy", |health| *health == GuestHealth::Healthy).await;
    assert!(guest.stop(LONG).await);
}

async fn a_hang_quarantines_the_addon_while_it_lasts_and_then_for_good(addon: Make) {
    let mut world = World::new().await;
    world.limits.deadline = Duration::from_millis(500);
    world.limits.strikes = 2;
    // Both forms of this test run at once.
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("outrigger-guest-{}-{run}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |n: &str| folder.join(n).display().to_string();
    let guest = started(&world, addon).await;
    let other = {
        let world = World::new().await;
        let guest = started(&world, addon).await;
        (world, guest)
    };
    world.tell("hang", json!({"do": "wait", "file": file("one")})).await;
    let text = health(&guest, "quarantined", GuestHealth::is_quarantined).await;
    assert!(text.contains("have not ended"), "{text}");
    world.tell("after", json!({"do": "copy"})).await;
    other.0.tell("meanwhile", json!({"do": "copy"})).await;
    other.0.copied(&other.0.hub, "meanwhile", "first").await;
    assert!(world.hub.get_opt(&configmaps(), &key("after-copy")).await.unwrap().is_none(), "nothing is called");
    std::fs::write(file("one"), "").unwrap();
    world.copied(&world.hub, "after", "first").await;

    world.tell("hang", json!({"do": "wait", "file": file("two")})).await;
    let for_good = |health: &GuestHealth| matches!(health, GuestHealth::Quarantined { for_good: true, .. });
    let text = health(&guest, "quarantined for good", for_good).await;
    assert!(text.contains("install another version"), "{text}");
    assert!(!guest.stop(Duration::from_millis(1)).await, "a call still runs");
    std::fs::write(file("two"), "").unwrap();
    other.1.stop(LONG).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

async fn floods_are_held_back(addon: Make) {
    let mut world = World::new().await;
    world.limits.writes_per_second = 1.0;
    world.limits.write_burst = 20;
    world.limits.write_wait = Duration::ZERO;
    world.limits.events_per_second = 0.5;
    world.limits.series = 20;
    let guest = started(&world, addon).await;
    let check = async |name: &str, data: Value, metric: &str, least: u64| {
        world.tell(name, data).await;
        until(&format!("{metric} are counted"), async || world.meter.counted("probe", metric) >= least).await;
    };
    check("flood", json!({"do": "flood"}), "writes_refused", 1).await;
    check("shout", json!({"do": "shout"}), "events_dropped", 980).await;
    check("series", json!({"do": "series"}), "series_dropped", 980).await;
    let events = world.hub.list(&resource("", "v1", "Event", "events", true), None, &Default::default()).await.unwrap();
    assert!(events.items.len() <= 20, "{} events", events.items.len());
    let flood = world.hub.get(&configmaps(), &key("flood")).await.unwrap();
    let written: u64 = flood.str(&["data", "value"]).unwrap().parse().unwrap();
    assert!(written < 40, "{written} writes");
    guest.stop(LONG).await;
}

async fn what_is_kept_for_an_addon_is_bounded(addon: Make) {
    let mut world = World::new().await;
    world.limits.objects = 5;
    let guest = started(&world, addon).await;
    for n in 0..8 {
        world.tell(&format!("idle-{n}"), json!({})).await;
    }
    let text = health(&guest, "quarantined", GuestHealth::is_quarantined).await;
    assert!(text.contains("may keep 5"), "{text}");
    guest.stop(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_watched_is_told() {
    struct Blind(outrigger_addon::Manifest);
    impl outrigger_addon::Addon for Blind {
        fn manifest(&self) -> &outrigger_addon::Manifest {
            &self.0
        }
        fn interpreters(
            &self,
            _: &Value,
        ) -> Result<Vec<Arc<dyn outrigger_interpreter::Interpreter>>, outrigger_addon::Error> {
            Ok(Vec::new())
        }
        fn controllers(&self) -> Vec<Arc<dyn outrigger_addon::Controller>> {
            Probe::default().controllers()
        }
    }
    let manifest = "name: blind\ndescription: Sees nothing.\nversions: {addon: 1.0.0, manifest: 1}\n";
    let world = World::new().await;
    let guest = world.start(Arc::new(Blind(outrigger_addon::Manifest::from_yaml(manifest).unwrap()))).await;
    let two = |health: &GuestHealth| matches!(health, GuestHealth::Degraded { problems, .. } if problems.len() == 2);
    let text = health(&guest, "degraded", two).await;
    for part in ["does not call that kind observed", "cannot watch v1/ConfigMap", "outrigger-addons:blind"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(guest.stop(LONG).await);
}

both!(
    an_object_that_keeps_failing_is_put_aside_until_it_changes,
    an_addon_that_fails_on_many_objects_is_quarantined_until_its_configuration_changes,
    a_hang_quarantines_the_addon_while_it_lasts_and_then_for_good,
    floods_are_held_back,
    what_is_kept_for_an_addon_is_bounded
);

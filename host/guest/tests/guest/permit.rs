//! A controller that tries more than it was granted.

use outrigger_guest::GuestHealth;
use serde_json::{Value, json};

use crate::world::{LONG, Make, World, health, object, resource};

/// Tells the probe to do something it may not, and gives what its health says.
async fn check(addon: Make, data: Value, expected: &[&str]) {
    let mut world = World::new().await;
    world.limits.tries = 2;
    let secret = object(json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"namespace": "default", "name": "secret"}, "stringData": {"k": "do-not-tell"}}));
    let secrets = resource("", "v1", "Secret", "secrets", true);
    world.hub.create(&secrets, &secret).await.unwrap();
    world.east.create(&secrets, &secret).await.unwrap();
    let guest = world.start(addon()).await;
    world.tell("greedy", data.clone()).await;
    world.tell("modest", json!({"do": "copy"})).await;
    let degraded = |health: &GuestHealth| matches!(health, GuestHealth::Degraded { aside, .. } if !aside.is_empty());
    let text = health(&guest, "degraded", degraded).await;
    for part in expected.iter().chain(&["default/greedy", "forbidden"]) {
        assert!(text.contains(part), "{data}: no {part:?} in {text}");
    }
    world.copied(&world.hub, "modest", "first").await;
    assert!(guest.stop(LONG).await);
}

const USER: &str = "system:serviceaccount:outrigger-addons:probe";

async fn on_the_control_plane(addon: Make) {
    check(addon, json!({"do": "read-secret"}), &["cluster hub: get secrets", USER]).await;
    check(addon, json!({"do": "list-secrets"}), &["cluster hub: list secrets", USER]).await;
    check(addon, json!({"do": "write-secret"}), &["cluster hub: apply secrets", USER]).await;
    check(addon, json!({"do": "delete", "name": "greedy", "uid": "u"}), &["cluster hub: delete configmaps", USER])
        .await;
}

async fn in_members(addon: Make) {
    check(addon, json!({"do": "read-secret", "place": "east"}), &["cluster east: get secrets", USER]).await;
    check(addon, json!({"do": "write-secret", "place": "east"}), &["cluster east: apply secrets", USER]).await;
    check(addon, json!({"do": "write-secret", "place": "west"}), &["cluster west", "permissions.members"]).await;
}

both!(on_the_control_plane, in_members);

//! Callers wait in whatever runtime they are in, and hold up nobody else.

use std::sync::{Arc, Barrier, mpsc};

use outrigger_engine::Engine;
use outrigger_interpreter::{Answer, Health};
use outrigger_webhook::Options;
use serde_json::json;

use crate::{
    configuration::{World, by_url, lamp, options},
    server::{Reply, Server},
};

fn is_healthy(engine: &Engine) -> bool {
    matches!(engine.health(&lamp()).answer, Answer::Value(report) if report.health == Health::Healthy)
}

#[test]
fn other_tasks_go_on_while_one_waits() {
    let (sender, receiver) = mpsc::channel();
    let receiver = std::sync::Mutex::new(receiver);
    // It answers when another task of the caller's runtime has run, and that has one thread.
    let server = Server::start(&["http/1.1"], move |_| {
        receiver.lock().unwrap().recv().expect("another task runs");
        Reply::Fields(json!({"healthy": true}))
    });
    let world = Arc::new(World::of(&server));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async move {
        let asking = tokio::spawn(async move { is_healthy(&world.engine) });
        let other = tokio::spawn(async move { sender.send(()).unwrap() });
        other.await.unwrap();
        assert!(asking.await.unwrap());
        // Here the last of the hooks is dropped, inside a runtime.
    });
}

#[test]
fn any_thread_may_ask() {
    let server = Server::start(&["h2"], |_| Reply::Fields(json!({"healthy": true})));
    let world = World::of(&server);
    assert!(is_healthy(&world.engine), "a thread of its own");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(async { is_healthy(&world.engine) }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    assert!(runtime.block_on(async { is_healthy(&world.engine) }));
    let world = Arc::new(world);
    runtime.block_on(async {
        let asked = world.clone();
        assert!(tokio::task::spawn_blocking(move || is_healthy(&asked.engine)).await.unwrap());
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn many_callers_share_one_connection() {
    let server = Server::start(&["h2"], |_| Reply::Fields(json!({"healthy": true})));
    let world = World::of(&server);
    // Until the first connection is there, nobody knows that it can be shared.
    assert!(is_healthy(&world.engine));
    let together = Barrier::new(32);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    together.wait();
                    (0..20).all(|_| is_healthy(&world.engine))
                })
            })
            .collect();
        assert!(callers.into_iter().all(|caller| caller.join().unwrap()));
    });
    assert_eq!((server.requests(), server.connections()), (641, 1));
}

#[test]
fn callers_past_the_limit_wait_for_their_turn_and_then_fail() {
    let server = Server::start(&["http/1.1"], |_| Reply::Never);
    let world = World::new(by_url(&server), Options { calls_per_hook: 1, ..options() });
    let messages: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| world.engine.health(&lamp()).into_result().unwrap_err().to_string()))
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let busy = messages.iter().filter(|message| message.contains("1 calls of this webhook are under way")).count();
    let late = messages.iter().filter(|message| message.contains("no answer within 1s")).count();
    assert_eq!((busy, late), (1, 1), "{messages:?}");
    assert_eq!(server.requests(), 1);
}

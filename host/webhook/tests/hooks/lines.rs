//! Connections, retries, breakers and precedence, through changes of configuration.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use outrigger_engine::Engine;
use outrigger_interpreter::{Answer, Health, Operation};
use outrigger_webhook::{Options, Patience};
use serde_json::{Value, json};

use crate::{
    configuration::{World, bundle, by_url, configuration, hook, lamp, object, options},
    server::{Reply, Server},
};

const HOOK: &str = "tools/lamps";

fn healthy() -> Reply {
    Reply::Fields(json!({"healthy": true}))
}

fn health(engine: &Engine) -> Result<Health, String> {
    match engine.health(&lamp()).answer {
        Answer::Value(report) => Ok(report.health),
        Answer::NotHandled => Err("not handled".to_owned()),
        Answer::Failed(error) => Err(error.to_string()),
    }
}

#[test]
fn connections_are_used_again() {
    for protocols in [&["http/1.1"][..], &["h2"], &["h2", "http/1.1"], &[]] {
        let server = Server::start(protocols, |_| healthy());
        let world = World::of(&server);
        for _ in 0..50 {
            assert_eq!(health(&world.engine), Ok(Health::Healthy), "{protocols:?}");
        }
        // An HTTP/1 connection is free again a moment after the answer, so the next call may miss it.
        let opened = server.connections();
        assert!(opened <= if protocols.first() == Some(&"h2") { 1 } else { 5 }, "{protocols:?}: {opened}");
        assert_eq!((server.requests(), world.metrics.connections_of(HOOK)), (50, opened as u64), "{protocols:?}");

        // The hook stays where it is while its rules, its name's neighbours and its timeout change.
        let mut changed = hook("lamps", by_url(&server));
        changed["timeoutSeconds"] = json!(7);
        changed["rules"][0]["operations"] = json!(["InterpretHealth"]);
        world.configure(&[configuration("tools", json!([hook("aaa", by_url(&server)), changed]))]);
        world.configure(&[configuration("tools", json!([changed]))]);
        assert_eq!(health(&world.engine), Ok(Health::Healthy));
        assert_eq!((server.requests(), server.connections()), (51, opened), "{protocols:?}");

        // Somebody else to trust: the old connection says nothing about that.
        changed["clientConfig"]["caBundle"] = bundle(&format!("{0}{0}", server.authority));
        world.configure(&[configuration("tools", json!([changed]))]);
        assert_eq!(health(&world.engine), Ok(Health::Healthy));
        assert_eq!((server.requests(), server.connections()), (52, opened + 1), "{protocols:?}");
        world.configure(&[]);
        assert_eq!(health(&world.engine), Err("not handled".to_owned()));
        assert_eq!(world.metrics.breaker_of(HOOK), None);
        assert_eq!(world.metrics.calls_of(HOOK, Operation::InterpretHealth, "ok"), 0);
    }
}

#[test]
fn requests_are_sent_again_within_reason() {
    let check = |replies: Vec<fn() -> Reply>, expected: Result<usize, (&str, usize)>| {
        let next = AtomicUsize::new(0);
        let server = Server::start(&["http/1.1"], move |_| {
            replies.get(next.fetch_add(1, Ordering::SeqCst)).map_or_else(healthy, |reply| reply())
        });
        let found = health(&World::of(&server).engine);
        match expected {
            Ok(requests) => assert_eq!((found, server.requests()), (Ok(Health::Healthy), requests)),
            Err((part, requests)) => {
                let message = found.unwrap_err();
                assert!(message.contains(part), "{message}");
                assert_eq!(server.requests(), requests, "{message}");
            }
        }
    };
    let status = |code: u16| -> fn() -> Reply {
        match code {
            429 => || Reply::Status(429, Some(("retry-after", "0")), ""),
            500 => || Reply::Status(500, None, "oh"),
            503 => || Reply::Status(503, None, ""),
            _ => || Reply::Status(400, None, "no"),
        }
    };
    check(vec![status(503), status(500)], Ok(3));
    check(vec![status(429)], Ok(2));
    check(vec![status(500), status(500), status(500)], Err(("status 500: oh", 3)));
    check(vec![status(400)], Err(("status 400: no", 1)));
    check(vec![|| Reply::Exact("?".to_owned())], Err(("invalid answer", 1)));
    check(vec![status(503), || Reply::Never], Err(("before that: the server answered with status 503", 2)));
    // There is not as much time as the server asks for.
    check(vec![|| Reply::Status(503, Some(("retry-after", "60")), "")], Err(("status 503", 1)));
}

#[test]
fn the_breaker_opens_and_closes() {
    let broken = Arc::new(Mutex::new(true));
    let server = Server::start(&["http/1.1"], {
        let broken = broken.clone();
        move |_| if *broken.lock().unwrap() { Reply::Status(503, None, "gone") } else { healthy() }
    });
    let time = Arc::new(Mutex::new(Instant::now()));
    let now = {
        let time = time.clone();
        Arc::new(move || *time.lock().unwrap())
    };
    let patience = Patience { failures: 2, wait: Duration::from_secs(5), longest_wait: Duration::from_secs(60) };
    let world = World::new(by_url(&server), Options { attempts: 2, patience, now, ..options() });
    let pass = |seconds| *time.lock().unwrap() += Duration::from_secs(seconds);
    let check = |part: &str, requests: usize, state: i64| {
        let message = health(&world.engine).unwrap_err();
        assert!(message.contains(part), "{message}");
        assert_eq!((server.requests(), world.metrics.breaker_of(HOOK)), (requests, Some(state)), "{message}");
    };
    check("status 503", 2, 0);
    check("status 503", 4, 1);
    check("not asked, since 2 calls in a row had no answer (the last: the server answered with status 503", 4, 1);
    // What is known of the hook outlives a change of its rules.
    let mut changed = hook("lamps", by_url(&server));
    changed["rules"][0]["apiVersions"] = json!(["*"]);
    world.configure(&[configuration("tools", json!([changed]))]);
    check("the next try is in 5s", 4, 1);
    pass(5);
    check("status 503", 5, 1);
    check("the next try is in 10s", 5, 1);
    *broken.lock().unwrap() = false;
    pass(10);
    assert_eq!(health(&world.engine), Ok(Health::Healthy));
    assert_eq!((server.requests(), world.metrics.breaker_of(HOOK)), (6, Some(0)));
    assert_eq!(health(&world.engine), Ok(Health::Healthy));
    let of = |result| world.metrics.calls_of(HOOK, Operation::InterpretHealth, result);
    assert_eq!([of("status"), of("open"), of("ok")], [3, 3, 2]);
}

#[test]
fn a_hook_that_crashes_over_one_object_is_asked_about_others() {
    for protocol in ["http/1.1", "h2"] {
        let server = Server::start(&[protocol], |context| match context["request"]["name"].as_str() {
            Some("l") => healthy(),
            _ => Reply::Crash,
        });
        let world = World::of(&server);
        for _ in 0..9 {
            let mut bad = lamp();
            bad.set(&["metadata", "name"], "bad");
            let error = world.engine.health(&bad).into_result().unwrap_err().to_string();
            assert!(error.contains("the connection broke before the answer was there"), "{protocol}: {error}");
        }
        assert_eq!(health(&world.engine), Ok(Health::Healthy), "{protocol}");
        assert_eq!(world.metrics.breaker_of(HOOK), Some(0));
        drop(server);
        for _ in 0..5 {
            health(&world.engine).unwrap_err();
        }
        assert_eq!(world.metrics.breaker_of(HOOK), Some(1), "{protocol}: now it has gone");
    }
}

/// Says with a hook's answer which hook it was: each has another number of replicas.
fn replicas(engine: &Engine, kind: &str) -> Option<i64> {
    let object = object(json!({"apiVersion": "tools.io/v1", "kind": kind, "metadata": {"name": "x"}}));
    engine.replicas(&object).into_result().expect("no failure").map(|info| info.replicas)
}

#[test]
fn the_first_by_name_is_asked_and_no_other() {
    let servers: Vec<Server> =
        (0..4).map(|n| Server::start(&["http/1.1"], move |_| Reply::Fields(json!({"replicas": n})))).collect();
    let hook = |name: &str, server: usize, operations: Value, groups: Value, kinds: Value| {
        let mut hook = hook(name, by_url(&servers[server]));
        hook["rules"] = json!([{"operations": operations, "apiGroups": groups, "apiVersions": ["v1"], "kinds": kinds}]);
        hook
    };
    let world = World::of(&servers[0]);
    let configurations = [
        configuration("b", json!([hook("a", 0, json!(["*"]), json!(["tools.io"]), json!(["Lamp", "Fan"]))])),
        configuration(
            "a",
            json!([
                hook("z", 1, json!(["InterpretReplica"]), json!(["*"]), json!(["Lamp"])),
                hook("b", 2, json!(["InterpretHealth"]), json!(["*"]), json!(["*"])),
            ]),
        ),
        configuration("c", json!([hook("a", 3, json!(["*"]), json!(["tools.io"]), json!(["*"]))])),
    ];
    world.configure(&configurations);
    assert_eq!(replicas(&world.engine, "Lamp"), Some(1), "a/z comes before b/a, though it has a wildcard");
    assert_eq!(replicas(&world.engine, "Fan"), Some(0), "b/a comes before c/a");
    assert_eq!(replicas(&world.engine, "Saw"), Some(3), "nobody names it");
    world.configure(&configurations[..2]);
    assert_eq!(replicas(&world.engine, "Saw"), None);
    let losers: Vec<String> = world.engine.conflicts().into_iter().map(|conflict| conflict.loser).collect();
    assert!(losers.iter().all(|loser| loser == "webhook/b/a"), "{losers:?}");
    assert!(!losers.is_empty());
}

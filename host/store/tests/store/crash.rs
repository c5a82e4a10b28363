//! A process that writes is killed at random moments, again and again upon the same directory.
//!
//! The process says `try KEY N` before each write and `ack KEY N REVISION` after it was
//! acknowledged. Each of its writers has keys of its own and waits for one write before the next,
//! so that after a kill a key must hold what was last acknowledged, or what was tried after that.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use outrigger_store::{Expect, Op, Options, RedbStore, Store};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::stores::{below, run};

const DIRECTORY: &str = "OUTRIGGER_STORE_CRASH_DIRECTORY";
const SEED: &str = "OUTRIGGER_STORE_SEED";
const ROUNDS: usize = 40;
const WRITERS: usize = 4;

/// What the `n`th write of a key puts there; every fifth deletes. Lengths from a few bytes to
/// several pages, so that commits are torn in many places.
fn value(key: &str, n: u64) -> Option<Bytes> {
    if n % 5 == 4 {
        return None;
    }
    let text = format!("{key} {n} ");
    let length = [0, 100, 3000, 9000, 40_000][(n / 5 % 5) as usize] + text.len();
    Some(text.bytes().cycle().take(length).collect())
}

fn say(line: String) {
    let mut out = std::io::stdout().lock();
    // One write, so that a kill cannot leave half a line.
    out.write_all(format!("{line}\n").as_bytes()).expect("the pipe");
    out.flush().expect("the pipe");
}

/// The process that is killed.
#[test]
#[ignore = "started by killed_at_any_moment"]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    // The test harness may have begun a line.
    say(String::new());
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let store = Arc::new(RedbStore::open(directory, Options::default()).expect("opens"));
        let start = store.revision();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = store.clone();
                tokio::spawn(async move {
                    // Never the numbers of an earlier round: the revision has moved on by then.
                    for n in (start + 1) * 1000.. {
                        let key = format!("/{writer}/{}", n / 5 % 7);
                        say(format!("try {key} {n}"));
                        let op = match value(&key, n) {
                            Some(value) => Op::Put(value),
                            None => Op::Delete,
                        };
                        let revision = match store.write(&key, Expect::Anything, op).await {
                            Ok(revision) => revision,
                            // The key was not there to delete.
                            Err(outrigger_store::Error::Conflict { current: None }) => 0,
                            Err(other) => panic!("{other}"),
                        };
                        say(format!("ack {key} {n} {revision}"));
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.expect("never ends");
        }
    });
}

/// What is known of a key: the value acknowledged, and one that may be there instead.
#[derive(Default)]
struct Known {
    acknowledged: Option<Bytes>,
    tried: Option<Option<Bytes>>,
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["crash::child", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// A process that ends with the test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the test is about, for the message of its deadline.
static DOING: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());

fn doing(what: impl Into<String>) {
    *DOING.lock().expect("never panics") = what.into();
}

/// Far more than all rounds take; a store that never answers must not hold up the rest for ever.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn killed_at_any_moment() {
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let rounds = std::thread::spawn(move || {
        let _ended = ended;
        rounds();
    });
    // The sender goes when the rounds are over, or have failed.
    if end.recv_timeout(DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        panic!("not over after {DEADLINE:?}, still {}", DOING.lock().expect("never panics"));
    }
    if let Err(failure) = rounds.join() {
        std::panic::resume_unwind(failure);
    }
}

fn rounds() {
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => rand::random(),
    };
    println!("{SEED}={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().expect("a directory");
    // The first kills come while the file is being made.
    let directory = directory.path().join("store");
    let mut known: HashMap<String, Known> = HashMap::new();
    let mut newest = 0;
    let mut acknowledged = 0;
    let begin = Instant::now();

    for round in 0..ROUNDS {
        doing(format!("waiting for the child of round {round}"));
        let mut child = Killed(start(&directory));
        let out = child.0.stdout.take().expect("a pipe");
        let (told, first) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut lines = Vec::new();
            for line in BufReader::new(out).lines() {
                let line = line.expect("text");
                if line.starts_with("ack") {
                    let _ = told.send(());
                }
                lines.push(line);
            }
            lines
        });
        if round % 4 != 0 {
            first.recv_timeout(Duration::from_secs(20)).expect("the child writes");
        }
        // The time of the kill is the point of the test.
        std::thread::sleep(Duration::from_micros(random.random_range(0..60_000)));
        child.0.kill().expect("is killed");
        child.0.wait().expect("ends");

        for line in reader.join().expect("the reader ends") {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["try", key, n] => {
                    let value = value(key, n.parse().expect("a number"));
                    known.entry(key.into()).or_default().tried = Some(value);
                }
                ["ack", key, _, revision] => {
                    let known = known.entry(key.into()).or_default();
                    known.acknowledged = known.tried.take().expect("tried before");
                    newest = newest.max(revision.parse().expect("a number"));
                    acknowledged += 1;
                }
                _ => {}
            }
        }

        doing(format!("reading what round {round} left"));
        let store = RedbStore::open(&directory, Options::default()).expect("opens after a kill");
        assert!(store.revision() >= newest, "acknowledged revisions are gone");
        let page = store.range(&below("/")).expect("reads");
        let mut found: HashMap<String, Bytes> = HashMap::new();
        for entry in page.entries {
            assert!(entry.revision <= store.revision());
            found.insert(entry.key.to_string(), entry.value);
        }
        for (key, known) in &mut known {
            let found = found.remove(key);
            if found != known.acknowledged {
                let tried = known.tried.take();
                assert_eq!(Some(&found), tried.as_ref(), "round {round}: {key} is wrong");
                known.acknowledged = found;
            }
            known.tried = None;
        }
        assert!(found.is_empty(), "never written: {:?}", found.keys());

        doing(format!("waiting for a write after round {round}"));
        let before = store.revision();
        let op = Op::Put(Bytes::from_static(b"x"));
        let after = run(store.write("/mark", Expect::Anything, op)).expect("writes");
        assert_eq!(after, before + 1);
        known.entry("/mark".into()).or_default().acknowledged = Some(Bytes::from_static(b"x"));
        newest = after;
    }
    println!("{acknowledged} writes acknowledged before {ROUNDS} kills in {:?}", begin.elapsed());
    assert!(acknowledged > ROUNDS, "hardly anything was written");
}

//! Random operations against the plainest model there is: a copy of everything at each revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use outrigger_store::{Error, Event, Expect, Limits, MemoryStore, Op, Options, Range, RedbStore, Store, Watch};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::stores::{event, page};

type State = BTreeMap<String, (String, u64)>;

#[derive(Clone, Copy, Debug)]
enum Belief {
    Nothing,
    Absent,
    Right,
    Off(u64),
}

#[derive(Clone, Debug)]
enum Step {
    Put(String, Belief, u8),
    Delete(String, Belief),
    /// A prefix, a key to go on after, a limit, and how far back, if not now.
    Range(String, Option<String>, usize, Option<u64>),
    /// How far back.
    Compact(u64),
    /// A prefix, and how far back, if not from now on.
    Watch(String, Option<u64>),
    /// Takes what the watches have.
    Look,
    /// Closes and opens again, where there is something to open.
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["/a", "/a/1", "/a/2", "/ab", "/b/1", "/b/2", "/é"]).prop_map(Into::into)
}

fn prefix() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "/", "/a", "/a/", "/b/", "/é", "/c"]).prop_map(Into::into)
}

fn belief() -> impl Strategy<Value = Belief> {
    prop_oneof![
        3 => Just(Belief::Nothing),
        1 => Just(Belief::Absent),
        3 => Just(Belief::Right),
        1 => (0..4u64).prop_map(Belief::Off),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (key(), belief(), any::<u8>()).prop_map(|(key, belief, value)| Step::Put(key, belief, value)),
        5 => (key(), belief()).prop_map(|(key, belief)| Step::Delete(key, belief)),
        5 => (prefix(), prop::option::of(key()), 0..4usize, prop::option::of(0..30u64))
            .prop_map(|(prefix, after, limit, back)| Step::Range(prefix, after, limit, back)),
        1 => (0..40u64).prop_map(Step::Compact),
        2 => (prefix(), prop::option::of(0..20u64)).prop_map(|(prefix, back)| Step::Watch(prefix, back)),
        3 => Just(Step::Look),
        1 => Just(Step::Reopen),
    ]
}

struct Model {
    /// What was there at each revision, from 0.
    states: Vec<State>,
    /// The writes as text, from revision 1.
    events: Vec<(String, String)>,
    floor: u64,
}

impl Model {
    fn head(&self) -> u64 {
        self.events.len() as u64
    }

    fn now(&self) -> &State {
        self.states.last().expect("there is always one")
    }

    fn write(&mut self, key: &str, expect: Expect, value: Option<&str>) -> Result<u64, Error> {
        let previous = self.now().get(key).cloned();
        let current = previous.as_ref().map(|(_, revision)| *revision);
        let wrong = match expect {
            Expect::Anything => false,
            Expect::Absent => current.is_some(),
            Expect::Revision(revision) => current != Some(revision),
        };
        if wrong || (value.is_none() && current.is_none()) {
            return Err(Error::Conflict { current });
        }
        let revision = self.head() + 1;
        let mut next = self.now().clone();
        match value {
            Some(value) => next.insert(key.into(), (value.into(), revision)),
            None => next.remove(key),
        };
        let was = previous.map_or("-".into(), |(value, revision)| format!("{value}@{revision}"));
        let text = format!("{revision} {key}={} was {was}", value.unwrap_or("-"));
        self.states.push(next);
        self.events.push((key.into(), text));
        Ok(revision)
    }

    fn check(&self, asked: u64) -> Result<(), Error> {
        if asked > self.head() {
            let current = self.head();
            return Err(Error::Future { asked, current });
        }
        if asked < self.floor {
            let oldest = self.floor;
            return Err(Error::Compacted { asked, oldest });
        }
        Ok(())
    }

    fn range(&self, range: &Range) -> Result<String, Error> {
        let at = match range.at {
            0 => self.head(),
            at => at,
        };
        self.check(at)?;
        let all: Vec<_> = self.states[at as usize]
            .iter()
            .filter(|(key, _)| key.starts_with(&range.prefix))
            .filter(|(key, _)| range.after.as_ref().is_none_or(|after| *key > after))
            .collect();
        let shown = match range.limit {
            0 => all.len(),
            limit => limit.min(all.len()),
        };
        let mut text = String::new();
        for (key, (value, revision)) in &all[..shown] {
            text += &format!("{key}={value}@{revision} ");
        }
        Ok(text + &format!("(+{}) @{at}", all.len() - shown))
    }

    fn events(&self, prefix: &str, after: u64) -> Vec<String> {
        self.events[after as usize..]
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(_, text)| text.clone())
            .collect()
    }
}

struct Watching {
    watch: Box<dyn Watch>,
    prefix: String,
    /// All up to here was seen.
    seen: u64,
}

trait Reopen {
    fn store(&self) -> Arc<dyn Store>;
    /// Whether there was something to open again.
    fn reopen(&mut self) -> bool;
}

struct Memory(Arc<MemoryStore>);

impl Reopen for Memory {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }
    fn reopen(&mut self) -> bool {
        false
    }
}

struct Redb(Arc<RedbStore>, tempfile::TempDir);

impl Reopen for Redb {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }
    fn reopen(&mut self) -> bool {
        self.0.close();
        let options = Options::default();
        self.0 = Arc::new(RedbStore::open(self.1.path(), options).expect("opens again"));
        true
    }
}

/// Errors are compared as text: they hold all that is to be known.
fn text<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| format!("{error:?}"))
}

fn play(mut subject: impl Reopen, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut model = Model { states: vec![State::new()], events: Vec::new(), floor: 0 };
    let mut watches: Vec<Watching> = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for step in steps {
        let store = subject.store();
        let expect = |key: &String, belief: Belief| {
            let current = model.now().get(key).map(|(_, revision)| *revision);
            match belief {
                Belief::Nothing => Expect::Anything,
                Belief::Absent => Expect::Absent,
                Belief::Right => current.map_or(Expect::Absent, Expect::Revision),
                Belief::Off(by) => Expect::Revision(current.unwrap_or(1).saturating_sub(by)),
            }
        };
        match step {
            Step::Put(key, belief, value) => {
                let expect = expect(key, *belief);
                let value = value.to_string();
                let op = Op::Put(Bytes::from(value.clone()));
                let got = runtime.block_on(store.write(key, expect, op));
                prop_assert_eq!(text(got), text(model.write(key, expect, Some(&value))));
            }
            Step::Delete(key, belief) => {
                let expect = expect(key, *belief);
                let got = runtime.block_on(store.write(key, expect, Op::Delete));
                prop_assert_eq!(text(got), text(model.write(key, expect, None)));
            }
            Step::Range(prefix, after, limit, back) => {
                let range = Range {
                    prefix: prefix.clone(),
                    after: after.clone(),
                    limit: *limit,
                    // One past the newest, too.
                    at: back.map_or(0, |back| (model.head() + 1).saturating_sub(back)),
                };
                let got = store.range(&range).map(|found| page(&found));
                prop_assert_eq!(text(got), text(model.range(&range)), "{:?}", range);
            }
            Step::Compact(back) => {
                let revision = (model.head() + 1).saturating_sub(*back);
                let got = runtime.block_on(store.compact(revision));
                if revision > model.head() {
                    prop_assert_eq!(text(got), text(model.check(revision)));
                } else {
                    prop_assert!(got.is_ok());
                    model.floor = model.floor.max(revision);
                }
            }
            Step::Watch(prefix, back) => {
                let after = back.map_or(0, |back| (model.head() + 1).saturating_sub(back));
                let seen = if after == 0 { model.head() } else { after };
                match (store.watch(prefix, after), model.check(seen)) {
                    (Ok(watch), Ok(())) => watches.push(Watching { watch, prefix: prefix.clone(), seen }),
                    (got, expected) => prop_assert_eq!(text(got.map(|_| ())), text(expected)),
                }
            }
            Step::Look => {
                let mut kept = Vec::new();
                for watching in watches.drain(..) {
                    kept.extend(look(watching, &model)?);
                }
                watches = kept;
            }
            Step::Reopen => {
                drop(store);
                if subject.reopen() {
                    model.floor = model.head();
                    watches.clear();
                }
            }
        }
        let store = subject.store();
        prop_assert_eq!(store.revision(), model.head());
        for key in ["/a", "/a/1", "/b/2"] {
            let got = store.get(key).expect("reads").map(|entry| {
                let value = String::from_utf8_lossy(&entry.value).into_owned();
                (value, entry.revision)
            });
            prop_assert_eq!(got.as_ref(), model.now().get(key));
        }
    }
    Ok(())
}

/// Takes all that a watch has. Gives it back unless it has come to its end.
fn look(mut watching: Watching, model: &Model) -> Result<Option<Watching>, TestCaseError> {
    let expected = model.events(&watching.prefix, watching.seen);
    let next_is_forgotten = model.events[watching.seen as usize..]
        .iter()
        .position(|(key, _)| key.starts_with(&watching.prefix))
        .is_some_and(|index| watching.seen + (index as u64) < model.floor);
    let mut got: Vec<Arc<Event>> = Vec::new();
    loop {
        match watching.watch.next().now_or_never() {
            Some(Ok(events)) => got.extend(events),
            Some(Err(Error::Compacted { oldest, .. })) => {
                // One that resumes is told so even if nothing below its prefix was forgotten.
                prop_assert_eq!(oldest, model.floor);
                prop_assert!(got.is_empty());
                prop_assert!(next_is_forgotten || watching.watch.progress() < model.floor);
                return Ok(None);
            }
            Some(Err(other)) => return Err(TestCaseError::fail(other.to_string())),
            None => break,
        }
    }
    prop_assert!(!next_is_forgotten, "something was left out");
    let got: Vec<_> = got.iter().map(|one| event(one)).collect();
    prop_assert_eq!(got, expected);
    prop_assert_eq!(watching.watch.progress(), model.head());
    watching.seen = model.head();
    Ok(Some(watching))
}

fn check<S: Reopen>(cases: u32, subject: impl Fn() -> S) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..80), |steps| play(subject(), &steps))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn memory_is_as_the_model() {
    check(200, || Memory(Arc::new(MemoryStore::new(Limits::default()))));
}

#[test]
fn redb_is_as_the_model() {
    check(25, || {
        let directory = tempfile::tempdir().expect("a directory");
        let store = RedbStore::open(directory.path(), Options::default()).expect("opens");
        Redb(Arc::new(store), directory)
    });
}

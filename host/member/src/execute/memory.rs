//! What the executor remembers of what it wrote, so that it neither writes twice what is there nor
//! fights over it.
//!
//! **Invariant:** memory only spares requests. Without it (after a restart) the same decisions come out,
//! at the cost of a look at the member.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use outrigger_object::{Object, ObjectRef};
use serde_json::Value;
use tokio::time::Instant;

use crate::fields;

/// How long what was written is believed without word from the watch.
pub(super) const TRUST: Duration = Duration::from_secs(10);
/// Corrections of one object that are made at once.
const EAGER: u32 = 3;
/// The longest pause between two corrections of one object.
const LONGEST: Duration = Duration::from_secs(300);
/// Quiet for so long ends a fight.
const PEACE: Duration = Duration::from_secs(600);

/// Writes to one member by object.
#[derive(Default)]
pub struct Memory {
    objects: HashMap<ObjectRef, Entry>,
}

#[derive(Default)]
struct Entry {
    /// What we sent, and how the server put it: our fields and their values.
    sent: Option<Sent>,
    /// The object as the last write left it, until the watch has told of it.
    latest: Option<(Arc<Object>, Instant)>,
    /// When we last wrote it.
    written: Option<Instant>,
    /// Corrections made in a row, and when the last one was.
    fight: Option<(u32, Instant)>,
}

#[derive(PartialEq)]
struct Sent {
    desired: u64,
    fields: u64,
    values: u64,
}

impl Sent {
    fn new(desired: &Object, observed: &Object) -> Self {
        let ours = fields::applied(observed);
        let values = hash(&fields::project(observed, &ours));
        Self { desired: hash_map(desired), fields: hash(&Value::Object(ours)), values }
    }
}

/// Whether a watch that told of version `told` has told of `written` too. Versions grow (KEP-5504); a
/// watch that begins after a write tells only of what came of it.
pub(super) fn covers(told: &str, written: &str) -> bool {
    match (told.parse::<u64>(), written.parse::<u64>()) {
        (Ok(told), Ok(written)) => told >= written,
        _ => told == written,
    }
}

/// The later one of an object as our write left it, and as the watch knows it: the watch may have told
/// of a later version before the answer to the write was read.
pub(super) fn newest(written: Option<Arc<Object>>, known: Option<Arc<Object>>) -> Option<Arc<Object>> {
    match (written, known) {
        (Some(written), Some(known)) if covers(known.resource_version(), written.resource_version()) => Some(known),
        (written, known) => written.or(known),
    }
}

impl Memory {
    /// The object as our last write left it, if the watch has not told of it yet.
    pub fn latest(&self, reference: &ObjectRef) -> Option<Arc<Object>> {
        let (object, at) = self.objects.get(reference)?.latest.as_ref()?;
        (at.elapsed() < TRUST).then(|| object.clone())
    }

    /// Takes note of a write: `desired` was sent and `written` came of it.
    pub fn wrote(&mut self, reference: &ObjectRef, desired: Option<&Object>, written: &Arc<Object>) {
        let entry = self.objects.entry(reference.clone()).or_default();
        entry.latest = Some((written.clone(), Instant::now()));
        entry.written = Some(Instant::now());
        if let Some(desired) = desired {
            entry.sent = Some(Sent::new(desired, written));
        }
    }

    /// How long ago we wrote it; `None` where we have not since we began.
    pub fn since_write(&self, reference: &ObjectRef) -> Option<Duration> {
        Some(self.objects.get(reference)?.written?.elapsed())
    }

    /// The watch has told of an object: of its deletion, or of this version.
    pub fn told(&mut self, reference: &ObjectRef, version: Option<&str>) {
        let Some(entry) = self.objects.get_mut(reference) else { return };
        let seen = entry
            .latest
            .as_ref()
            .is_some_and(|(latest, _)| version.is_none_or(|version| covers(version, latest.resource_version())));
        if seen {
            entry.latest = None;
        }
    }

    /// Whether `observed` is what `desired` came to when we sent it.
    pub fn is_settled(&self, reference: &ObjectRef, desired: &Object, observed: &Object) -> bool {
        let sent = self.objects.get(reference).and_then(|entry| entry.sent.as_ref());
        sent.is_some_and(|sent| *sent == Sent::new(desired, observed))
    }

    /// Whether somebody changed what we had settled: we sent this before, and it is no longer so.
    pub fn is_drift(&self, reference: &ObjectRef, desired: &Object) -> bool {
        let sent = self.objects.get(reference).and_then(|entry| entry.sent.as_ref());
        sent.is_some_and(|sent| sent.desired == hash_map(desired))
    }

    /// How long to wait before a drift is corrected; zero for now. The first corrections are made at
    /// once, then the pauses double.
    pub fn correction_pause(&mut self, reference: &ObjectRef) -> Duration {
        let entry = self.objects.entry(reference.clone()).or_default();
        let Some((count, last)) = entry.fight.filter(|(_, last)| last.elapsed() < PEACE) else { return Duration::ZERO };
        if count < EAGER {
            return Duration::ZERO;
        }
        let pause = Duration::from_secs(1).saturating_mul(1 << (count - EAGER).min(16)).min(LONGEST);
        pause.saturating_sub(last.elapsed())
    }

    /// Takes note of a correction.
    pub fn corrected(&mut self, reference: &ObjectRef) {
        let entry = self.objects.entry(reference.clone()).or_default();
        let count = entry.fight.filter(|(_, last)| last.elapsed() < PEACE).map_or(0, |(count, _)| count);
        entry.fight = Some((count.saturating_add(1), Instant::now()));
    }

    /// Whether corrections of this object have come so often that pauses are made.
    pub fn is_contested(&self, reference: &ObjectRef) -> bool {
        let fight = self.objects.get(reference).and_then(|entry| entry.fight);
        fight.is_some_and(|(count, last)| count >= EAGER && last.elapsed() < PEACE)
    }

    /// The object is no longer ours to keep.
    pub fn forget(&mut self, reference: &ObjectRef) {
        self.objects.remove(reference);
    }
}

fn hash_map(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed_map(&object.0, &mut hasher);
    hasher.finish()
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(value, &mut hasher);
    hasher.finish()
}

fn feed_map(map: &serde_json::Map<String, Value>, hasher: &mut DefaultHasher) {
    // Sorted here, so that the order in which a server writes fields does not matter.
    let mut names: Vec<&String> = map.keys().collect();
    names.sort();
    5u8.hash(hasher);
    names.len().hash(hasher);
    for name in names {
        name.hash(hasher);
        if let Some(value) = map.get(name) {
            feed(value, hasher);
        }
    }
}

fn feed(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0u8.hash(hasher),
        Value::Bool(value) => (1u8, value).hash(hasher),
        Value::Number(value) => (2u8, value.to_string()).hash(hasher),
        Value::String(value) => (3u8, value).hash(hasher),
        Value::Array(items) => {
            (4u8, items.len()).hash(hasher);
            items.iter().for_each(|item| feed(item, hasher));
        }
        Value::Object(map) => feed_map(map, hasher),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(replicas: Value, version: &str) -> Arc<Object> {
        let object = json!({"kind": "X", "metadata": {"name": "a", "resourceVersion": version, "managedFields": [
            {"manager": "outrigger", "operation": "Apply", "fieldsV1": {"f:spec": {"f:cpu": {}}}}]},
            "spec": {"cpu": replicas}});
        Arc::new(Object::from_value(object).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_servers_spelling_is_remembered() {
        let (mut memory, sent, written) = (Memory::default(), object(json!("1000m"), ""), object(json!("1"), "5"));
        let reference = written.reference();
        assert!(!memory.is_settled(&reference, &sent, &written));
        memory.wrote(&reference, Some(&sent), &written);
        assert!(memory.is_settled(&reference, &sent, &object(json!("1"), "6")), "a later version with our values");
        assert!(!memory.is_settled(&reference, &sent, &object(json!("2"), "7")), "drift");
        assert!(memory.is_drift(&reference, &sent));
        assert!(!memory.is_settled(&reference, &object(json!("500m"), ""), &object(json!("1"), "6")), "a new template");
        assert!(!memory.is_drift(&reference, &object(json!("500m"), "")));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_is_believed_until_told() {
        let (mut memory, written) = (Memory::default(), object(json!(1), "5"));
        let reference = written.reference();
        memory.wrote(&reference, None, &written);
        memory.told(&reference, Some("4"));
        assert!(memory.latest(&reference).is_some(), "word of an older version");
        memory.told(&reference, Some("5"));
        assert!(memory.latest(&reference).is_none());
        memory.wrote(&reference, None, &written);
        memory.told(&reference, None);
        assert!(memory.latest(&reference).is_none(), "it was deleted");
        memory.wrote(&reference, None, &written);
        tokio::time::advance(TRUST).await;
        assert!(memory.latest(&reference).is_none(), "not for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fight_is_fought_ever_more_slowly() {
        let (mut memory, reference) = (Memory::default(), object(json!(1), "5").reference());
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let pause = memory.correction_pause(&reference);
            pauses.push(pause.as_secs());
            tokio::time::advance(pause).await;
            memory.corrected(&reference);
        }
        assert_eq!(pauses, [0, 0, 0, 1, 2, 4, 8]);
        assert!(memory.is_contested(&reference));
        tokio::time::advance(PEACE).await;
        assert!(!memory.is_contested(&reference));
        assert_eq!(memory.correction_pause(&reference), Duration::ZERO);
    }

    #[test]
    fn a_watch_that_was_faster_than_the_answer_is_believed() {
        let at = |version: &str| {
            let mut object = Object::default();
            object.set(&["metadata", "resourceVersion"], version);
            Some(Arc::new(object))
        };
        let check = |written, known, expected: Option<&str>| {
            let newest = newest(written, known);
            assert_eq!(newest.as_ref().map(|object| object.resource_version()), expected);
        };
        check(at("9"), at("10"), Some("10"));
        check(at("10"), at("9"), Some("10"));
        check(at("10"), None, Some("10"));
        check(None, at("9"), Some("9"));
        check(None, None, None);
    }
}

//! The state machine of list and watch, pure: what to ask next, and what an answer comes to.
//!
//! ```text
//!         not served, failed            next page
//!  Streaming ───────────▶ Paging ◀────────────────┐
//!      │                    │ └───────────────────┘
//!      │ closing bookmark   │ last page
//!      ▼                    ▼
//!      └───▶ Watching ◀─────┘          ─┐ event, bookmark, end of stream, failure: goes on from
//!               │     ▲                 │ the version it has
//!               │     └─────────────────┘
//!               └─ 410 ─▶ Streaming (or Paging, where streaming is not served)
//! ```
//!
//! **Invariant:** [`Effect::Replace`] comes only from a complete list. A list that breaks off is
//! thrown away, and what was known before stays.

use std::collections::BTreeMap;

use outrigger_object::{Object, ObjectKey};

use crate::ErrorKind;
use crate::client::{List, WatchEvent};

/// Where the informer stands.
#[derive(Debug)]
pub(super) enum State {
    /// A streaming list is asked for, or its initial events are coming in.
    Streaming {
        /// What it has told so far.
        gathered: BTreeMap<ObjectKey, Object>,
    },
    /// Pages are being read.
    Paging {
        /// What the pages so far held.
        gathered: BTreeMap<ObjectKey, Object>,
        /// Where the next page begins; `None` before the first.
        next: Option<String>,
    },
    /// Everything up to `version` is known; changes after it are watched.
    Watching {
        /// The version.
        version: String,
    },
}

/// What to ask the server next.
#[derive(Debug, PartialEq)]
pub(super) enum Ask {
    /// A watch that begins with everything.
    Stream,
    /// A page.
    Page(Option<String>),
    /// A watch from a version.
    Watch(String),
}

/// What happened.
#[derive(Debug)]
pub(super) enum Input {
    /// A page came.
    Page(List),
    /// The watch told something.
    Event(WatchEvent),
    /// The watch ended without an error.
    Ended,
    /// A request or a watch failed.
    Failed(ErrorKind),
}

/// What the driver has to do about it.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// This is everything there is.
    Replace(BTreeMap<ObjectKey, Object>),
    /// This object is new or changed.
    Put(Object),
    /// This object went.
    Remove(Object),
    /// Go on with the stream that is open.
    Continue,
    /// Ask anew, at once.
    Ask,
    /// Ask anew after a pause.
    Pause,
}

impl State {
    /// Nothing is known.
    pub(super) fn start(streaming: bool) -> Self {
        if streaming {
            Self::Streaming { gathered: BTreeMap::new() }
        } else {
            Self::Paging { gathered: BTreeMap::new(), next: None }
        }
    }

    /// What to ask now. A stream that is begun anew forgets what the last one told.
    pub(super) fn ask(&mut self) -> Ask {
        match self {
            Self::Streaming { gathered } => {
                gathered.clear();
                Ask::Stream
            }
            Self::Paging { next, .. } => Ask::Page(next.clone()),
            Self::Watching { version } => Ask::Watch(version.clone()),
        }
    }

    /// Takes what happened; gives what to do and the state after it. `streaming` says whether
    /// streaming lists may be tried, and is cleared when the server does not serve them.
    pub(super) fn step(self, input: Input, streaming: &mut bool) -> (Self, Effect) {
        match (self, input) {
            (Self::Streaming { mut gathered }, Input::Event(event)) => match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    gathered.insert(object.key(), object);
                    (Self::Streaming { gathered }, Effect::Continue)
                }
                WatchEvent::Deleted(object) => {
                    gathered.remove(&object.key());
                    (Self::Streaming { gathered }, Effect::Continue)
                }
                WatchEvent::Bookmark { resource_version, initial_events_end: true } => {
                    (Self::Watching { version: resource_version }, Effect::Replace(gathered))
                }
                WatchEvent::Bookmark { .. } | WatchEvent::Unreadable(_) => {
                    (Self::Streaming { gathered }, Effect::Continue)
                }
            },
            // It ended before the closing bookmark: a server that does not know streaming lists.
            (Self::Streaming { .. }, Input::Ended) => {
                *streaming = false;
                (Self::start(false), Effect::Ask)
            }
            // Whatever the reason, pages may work: a server refuses it as invalid, one over an old etcd
            // fails inside. If the server is away, the page fails as well, and that makes the pause.
            (Self::Streaming { .. }, Input::Failed(kind)) => {
                *streaming = kind != ErrorKind::Invalid;
                (Self::start(false), Effect::Ask)
            }

            (Self::Paging { mut gathered, .. }, Input::Page(list)) => {
                gathered.extend(list.items.into_iter().map(|object| (object.key(), object)));
                match list.next {
                    Some(next) => (Self::Paging { gathered, next: Some(next) }, Effect::Ask),
                    None => (Self::Watching { version: list.resource_version }, Effect::Replace(gathered)),
                }
            }
            // The pages belong to a version that is no longer kept: the list begins anew.
            (Self::Paging { next: Some(_), .. }, Input::Failed(ErrorKind::Expired)) => {
                (Self::start(false), Effect::Ask)
            }
            (Self::Paging { gathered, next }, Input::Failed(_)) => (Self::Paging { gathered, next }, Effect::Pause),

            (Self::Watching { version }, Input::Event(event)) => match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    let version = newer(version, object.resource_version());
                    (Self::Watching { version }, Effect::Put(object))
                }
                WatchEvent::Deleted(object) => {
                    let version = newer(version, object.resource_version());
                    (Self::Watching { version }, Effect::Remove(object))
                }
                WatchEvent::Bookmark { resource_version, .. } => {
                    (Self::Watching { version: newer(version, &resource_version) }, Effect::Continue)
                }
                WatchEvent::Unreadable(_) => (Self::Watching { version }, Effect::Continue),
            },
            (Self::Watching { .. }, Input::Failed(ErrorKind::Expired)) => (Self::start(*streaming), Effect::Ask),
            (Self::Watching { version }, Input::Ended) => (Self::Watching { version }, Effect::Ask),
            (Self::Watching { version }, Input::Failed(_)) => (Self::Watching { version }, Effect::Pause),

            // An answer to another question than the one asked.
            (state, Input::Page(_) | Input::Event(_) | Input::Ended) => (state, Effect::Pause),
        }
    }
}

/// Versions are opaque: the newest told is the newest. Only an empty one is no version.
fn newer(old: String, told: &str) -> String {
    if told.is_empty() { old } else { told.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, version: &str) -> Object {
        Object::from_value(json!({"metadata": {"name": name, "resourceVersion": version}})).unwrap()
    }

    fn page(names: &[&str], version: &str, next: Option<&str>) -> Input {
        Input::Page(List {
            items: names.iter().map(|name| object(name, "1")).collect(),
            resource_version: version.into(),
            next: next.map(Into::into),
            unreadable: 0,
        })
    }

    fn bookmark(version: &str, end: bool) -> Input {
        Input::Event(WatchEvent::Bookmark { resource_version: version.into(), initial_events_end: end })
    }

    fn describe(effect: Effect) -> String {
        match effect {
            Effect::Replace(all) => {
                let mut names: Vec<_> = all.keys().map(|key| key.name.clone()).collect();
                names.sort();
                format!("replace {}", names.join(","))
            }
            Effect::Put(object) => format!("put {}", object.name()),
            Effect::Remove(object) => format!("remove {}", object.name()),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// Runs inputs through the machine; the last line is what it asks then.
    fn check(streaming: bool, inputs: Vec<Input>, expected: &[&str]) {
        let mut may_stream = streaming;
        let mut state = State::start(streaming);
        let mut seen = Vec::new();
        for input in inputs {
            let (next, effect) = state.step(input, &mut may_stream);
            state = next;
            seen.push(describe(effect));
        }
        seen.push(format!("{:?}", state.ask()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn streaming_list_then_watch() {
        let added = |name| Input::Event(WatchEvent::Added(object(name, "1")));
        check(
            true,
            vec![
                added("a"),
                added("b"),
                Input::Event(WatchEvent::Deleted(object("a", "2"))),
                bookmark("2", false),
                bookmark("3", true),
                Input::Event(WatchEvent::Modified(object("b", "7"))),
                Input::Event(WatchEvent::Unreadable("x".into())),
                Input::Event(WatchEvent::Deleted(object("b", "8"))),
                bookmark("9", false),
                Input::Ended,
            ],
            &[
                "continue",
                "continue",
                "continue",
                "continue",
                "replace b",
                "put b",
                "continue",
                "remove b",
                "continue",
                "ask",
                "Watch(\"9\")",
            ],
        );
    }

    #[test]
    fn a_broken_stream_replaces_nothing_and_pages_are_read_this_once() {
        let added = || Input::Event(WatchEvent::Added(object("a", "1")));
        check(true, vec![added(), Input::Failed(ErrorKind::Transient)], &["continue", "ask", "Page(None)"]);
        let page = page(&["b"], "5", None);
        let broken = vec![added(), Input::Failed(ErrorKind::Transient), page, Input::Failed(ErrorKind::Expired)];
        check(true, broken, &["continue", "ask", "replace b", "ask", "Stream"]);
    }

    #[test]
    fn streaming_not_served_falls_back_to_pages_for_good() {
        check(
            true,
            vec![Input::Failed(ErrorKind::Invalid), page(&["a"], "5", None), Input::Failed(ErrorKind::Expired)],
            &["ask", "replace a", "ask", "Page(None)"],
        );
        check(true, vec![Input::Ended], &["ask", "Page(None)"]);
    }

    #[test]
    fn pages_replace_only_when_complete() {
        check(
            false,
            vec![
                page(&["a"], "5", Some("n1")),
                Input::Failed(ErrorKind::Transient),
                page(&["b"], "5", Some("n2")),
                Input::Failed(ErrorKind::Expired),
                page(&["c"], "6", None),
            ],
            &["ask", "pause", "ask", "ask", "replace c", "Watch(\"6\")"],
        );
    }

    #[test]
    fn expired_lists_again_and_other_failures_go_on_from_the_version() {
        check(
            true,
            vec![bookmark("3", true), Input::Failed(ErrorKind::Transient)],
            &["replace ", "pause", "Watch(\"3\")"],
        );
        check(
            true,
            vec![bookmark("3", true), Input::Failed(ErrorKind::Forbidden)],
            &["replace ", "pause", "Watch(\"3\")"],
        );
        check(true, vec![bookmark("3", true), Input::Failed(ErrorKind::Expired)], &["replace ", "ask", "Stream"]);
    }
}

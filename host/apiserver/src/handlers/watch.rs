//! Follows a collection.
//!
//! ```text
//! store events ──selection──▶ ADDED MODIFIED DELETED ──▶ one line each
//!                 an object that begins to match is ADDED, one that ceases to is DELETED
//! ```
//!
//! A line is encoded once and shared among the watchers that want it in the same form.
//!
//! **Invariant:** after a bookmark no event up to its revision is still to come; a watcher that
//! cannot be given everything is told so with a 410 and the watch ends.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use outrigger_object::Object;
use outrigger_store::{Error as StoreError, Event, Watch};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Call;
use super::list;
use super::selection::Selection;
use crate::body::Body;
use crate::negotiate::{Accepted, Encoding, Shape};
use crate::registry::Resource;
use crate::server::Inner;
use crate::status::{Result, Status};
use crate::{reply, storage, table};

/// What happened to an object, as one watcher sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Added,
    Modified,
    Deleted,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

type LineKey = (u64, Kind, u64, Shape);

/// Lines that were encoded lately, for other watchers of the same events.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: HashMap<LineKey, Bytes>,
    order: VecDeque<LineKey>,
    bytes: usize,
}

const MOST_LINES: usize = 512;
const MOST_BYTES: usize = 2 << 20;

impl Lines {
    fn get(&self, key: &LineKey) -> Option<Bytes> {
        self.0.lock().lines.get(key).cloned()
    }

    fn put(&self, key: LineKey, line: Bytes) {
        let mut kept = self.0.lock();
        kept.bytes += line.len();
        if kept.lines.insert(key, line).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > MOST_LINES || kept.bytes > MOST_BYTES {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some(line) = kept.lines.remove(&oldest) {
                kept.bytes -= line.len();
            }
        }
    }
}

/// One watch.
struct Watching {
    server: Arc<Inner>,
    resource: Arc<Resource>,
    selection: Selection,
    accepted: Accepted,
    include_object: String,
    watch: Box<dyn Watch>,
    initial: VecDeque<Bytes>,
    bookmarks: bool,
    bookmarked: u64,
    next_bookmark: Instant,
    end: Instant,
    over: bool,
    table_headed: bool,
}

pub(crate) fn run(call: &Call) -> Result<Response<Body>> {
    let query = &call.query;
    let selection = Selection::read(&call.resource, query, &call.request.name)?;
    let invalid = |message: &str| Status::unprocessable(format!("ListOptions.meta.k8s.io \"\" is invalid: {message}"));
    match (query.send_initial_events, query.resource_version_match.as_str()) {
        (None, "") | (Some(_), "NotOlderThan") => {}
        (None, _) => {
            return Err(invalid(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ));
        }
        (Some(_), "") => {
            return Err(invalid(
                "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        (Some(_), other) => {
            return Err(invalid(&format!(
                "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"NotOlderThan\""
            )));
        }
    }
    if !query.continue_token.is_empty() {
        return Err(Status::bad_request("continue is not allowed for watch"));
    }
    let asked = match query.resource_version.as_str() {
        "" => 0,
        text => text
            .parse::<u64>()
            .map_err(|_| Status::bad_request(format!("resourceVersion: Invalid value: {text:?}: invalid syntax")))?,
    };
    let wants_initial = query.send_initial_events.unwrap_or(asked == 0);
    let mut prefix = call.resource.namespace_prefix(&call.request.namespace);
    if let Some(name) = selection.name()
        && (!call.resource.namespaced || !call.request.namespace.is_empty())
    {
        prefix.push_str(name);
    }
    let store = &call.server.store;
    let timeout = query.timeout_seconds.map_or(call.server.options.watch_timeout, Duration::from_secs);
    let start = Instant::now();
    let (after, initial) = match wants_initial {
        true => {
            let current = store.revision();
            if asked > current {
                return Err(Status::too_large_revision(asked, current));
            }
            let mut listing = list_call(call);
            listing.query.resource_version.clear();
            let listed = list::find(&listing, &selection)?;
            (listed.revision, Some(listed))
        }
        // Asked for events from now on, from whatever now is.
        false if asked == 0 => (store.revision(), None),
        false => (asked, None),
    };
    let watch = match store.watch(&prefix, after) {
        Ok(watch) => watch,
        Err(error) => return Ok(broken(&watch_failure(error))),
    };
    let mut watching = Watching {
        server: call.server.clone(),
        resource: call.resource.clone(),
        selection,
        accepted: call.accepted,
        include_object: query.include_object.clone(),
        watch,
        initial: VecDeque::new(),
        bookmarks: query.bookmarks,
        bookmarked: after,
        next_bookmark: start + call.server.options.bookmark_interval,
        end: start + timeout,
        over: false,
        table_headed: false,
    };
    if let Some(listed) = initial {
        watching.queue_initial(&listed, query.send_initial_events == Some(true))?;
    }
    Ok(respond(watching))
}

/// A list of what a watch begins with: the same call without what only a watch may say.
fn list_call(call: &Call) -> Call {
    let mut query = call.query.clone();
    query.send_initial_events = None;
    query.resource_version_match.clear();
    query.limit = 0;
    Call {
        server: call.server.clone(),
        user: call.user.clone(),
        request: call.request.clone(),
        resource: call.resource.clone(),
        query,
        accepted: call.accepted,
        headers: http::HeaderMap::new(),
        body: Bytes::new(),
        warnings: Vec::new(),
    }
}

/// What a watcher hears when its watch cannot go on: list again.
fn watch_failure(error: StoreError) -> Status {
    match error {
        // A revision that was never written belongs to another history, as after a restore.
        StoreError::Future { asked, current } => {
            Status::expired(format!("too large resource version: {asked}, current: {current}"))
        }
        other => other.into(),
    }
}

fn error_line(status: &Status) -> Bytes {
    let mut text = json!({"type": "ERROR", "object": status.to_json()}).to_string();
    text.push('\n');
    text.into()
}

fn headed(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

fn broken(status: &Status) -> Response<Body> {
    headed(Body::whole(error_line(status)))
}

fn respond(watching: Watching) -> Response<Body> {
    headed(Body::stream(stream::unfold(watching, |mut watching| async move {
        let chunk = watching.next().await?;
        Some((chunk, watching))
    })))
}

impl Watching {
    fn queue_initial(&mut self, listed: &list::Listed, announces_end: bool) -> Result<()> {
        let mut chunk = BytesMut::new();
        for entry in &listed.entries {
            let line = match self.accepted.shape {
                Shape::Object => {
                    let mut out = BytesMut::new();
                    out.put_slice(b"{\"type\":\"ADDED\",\"object\":");
                    storage::write_json(
                        &self.resource,
                        &entry.key,
                        &entry.value,
                        entry.revision,
                        entry.revision,
                        &mut out,
                    )?;
                    out.put_slice(b"}\n");
                    out
                }
                _ => {
                    let object = storage::decode(&self.resource, entry)?;
                    BytesMut::from(self.shaped_line(Kind::Added, &object).as_bytes())
                }
            };
            chunk.put_slice(&line);
            if chunk.len() > 32 << 10 {
                self.initial.push_back(std::mem::take(&mut chunk).freeze());
            }
        }
        if announces_end && self.bookmarks {
            chunk.put_slice(self.bookmark(listed.revision, true).as_bytes());
        }
        if !chunk.is_empty() {
            self.initial.push_back(chunk.freeze());
        }
        Ok(())
    }

    fn bookmark(&mut self, revision: u64, ends_initial: bool) -> String {
        self.bookmarked = revision;
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if ends_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = match self.accepted.shape {
            Shape::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
            }
            _ => json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata}),
        };
        format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(chunk) = self.initial.pop_front() {
            return Some(chunk);
        }
        if self.over {
            return None;
        }
        loop {
            let next_bookmark = if self.bookmarks { self.next_bookmark } else { self.end };
            tokio::select! {
                biased;
                () = self.server.cancel.cancelled() => return None,
                events = self.watch.next() => match events {
                    Ok(events) => {
                        let chunk = self.lines(&events);
                        if !chunk.is_empty() {
                            return Some(chunk);
                        }
                    }
                    Err(error) => {
                        self.over = true;
                        return Some(error_line(&watch_failure(error)));
                    }
                },
                () = sleep_until(self.end) => {
                    self.over = true;
                    // The last thing a client hears is how far it has come.
                    let progress = self.watch.progress();
                    if self.bookmarks && progress > self.bookmarked {
                        return Some(self.bookmark(progress, false).into());
                    }
                    return None;
                }
                () = sleep_until(next_bookmark) => {
                    self.next_bookmark = Instant::now() + self.server.options.bookmark_interval;
                    let progress = self.watch.progress();
                    return Some(self.bookmark(progress, false).into());
                }
            }
        }
    }

    fn lines(&mut self, events: &[Arc<Event>]) -> Bytes {
        if let [event] = events {
            return self.line(event).unwrap_or_default();
        }
        let mut chunk = BytesMut::new();
        for event in events {
            if let Some(line) = self.line(event) {
                chunk.put_slice(&line);
            }
        }
        chunk.freeze()
    }

    /// What an event is to this watcher, if anything.
    fn kind(&self, event: &Event) -> Result<Option<Kind>> {
        let exists = (event.previous.is_some(), event.value.is_some());
        if self.selection.is_everything() {
            return Ok(match exists {
                (false, true) => Some(Kind::Added),
                (true, true) => Some(Kind::Modified),
                (true, false) => Some(Kind::Deleted),
                (false, false) => None,
            });
        }
        let matches = |value: &[u8]| -> Result<bool> {
            let object = storage::decode_at(&self.resource, &event.key, value, event.revision, event.revision)?;
            Ok(self.selection.matches(&object))
        };
        let before = match &event.previous {
            Some(entry) => matches(&entry.value)?,
            None => false,
        };
        let now = match &event.value {
            Some(value) => matches(value)?,
            None => false,
        };
        Ok(match (before, now) {
            (false, true) => Some(Kind::Added),
            (true, true) => Some(Kind::Modified),
            (true, false) => Some(Kind::Deleted),
            (false, false) => None,
        })
    }

    fn line(&mut self, event: &Event) -> Option<Bytes> {
        match self.try_line(event) {
            Ok(line) => line,
            Err(error) => {
                tracing::error!(key = %event.key, %error, "left out of a watch");
                None
            }
        }
    }

    fn try_line(&mut self, event: &Event) -> Result<Option<Bytes>> {
        let Some(kind) = self.kind(event)? else { return Ok(None) };
        let shares = self.accepted.shape != Shape::Table;
        let key = (event.revision, kind, self.resource.id, self.accepted.shape);
        if shares && let Some(line) = self.server.lines.get(&key) {
            return Ok(Some(line));
        }
        // One that is gone is shown as it was last, at the revision at which it went.
        let (value, written) = match (kind, &event.value, &event.previous) {
            (Kind::Added | Kind::Modified, Some(value), _) => (value, event.revision),
            (_, _, Some(previous)) => (&previous.value, previous.revision),
            _ => return Ok(None),
        };
        let line = match self.accepted.shape {
            Shape::Object => {
                let mut out = BytesMut::with_capacity(value.len() + 192);
                out.put_slice(b"{\"type\":\"");
                out.put_slice(kind.as_str().as_bytes());
                out.put_slice(b"\",\"object\":");
                storage::write_json(&self.resource, &event.key, value, written, event.revision, &mut out)?;
                out.put_slice(b"}\n");
                out.freeze()
            }
            _ => {
                let object = storage::decode_at(&self.resource, &event.key, value, written, event.revision)?;
                self.shaped_line(kind, &object).into()
            }
        };
        if shares {
            self.server.lines.put(key, line.clone());
        }
        Ok(Some(line))
    }

    fn shaped_line(&mut self, kind: Kind, object: &Object) -> String {
        let shaped: Value = match self.accepted.shape {
            Shape::Metadata => reply::metadata_only(object),
            Shape::Table => {
                let metadata = json!({"resourceVersion": object.resource_version()});
                let mut table =
                    table::render(&self.resource, std::slice::from_ref(object), &self.include_object, metadata);
                // Only the first table of a watch says what its columns are.
                if std::mem::replace(&mut self.table_headed, true) {
                    table["columnDefinitions"] = Value::Null;
                }
                table
            }
            Shape::Object => Value::Object(object.0.clone()),
        };
        debug_assert_eq!(self.accepted.encoding, Encoding::Json);
        format!("{}\n", json!({"type": kind.as_str(), "object": shaped}))
    }
}

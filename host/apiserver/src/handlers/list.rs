//! Reads a collection: whole or in pages, as of now or of a revision.
//!
//! **Invariant:** all pages of one list are of one revision, or the client is told that they cannot be.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use outrigger_object::Object;
use outrigger_store::{Entry, Error as StoreError, Range};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Call;
use super::selection::Selection;
use crate::body::Body;
use crate::negotiate::{Encoding, Shape};
use crate::status::{Result, Status, StatusCause};
use crate::{reply, storage, table};

/// How much of a list is written at a time.
const CHUNK: usize = 64 << 10;
/// How many entries are read at a time when a selector passes over most of them.
const STRIDE: usize = 1000;

/// Where the next page begins.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

fn encode_token(revision: i64, start: &str) -> String {
    let token = Token { v: "meta.k8s.io/v1".into(), rv: revision, start: start.to_owned() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

fn decode_token(text: &str) -> Result<Token> {
    let wrong = |why: String| Status::bad_request(format!("continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))
}

/// The entries that were asked for.
pub(crate) struct Listed {
    /// In order of their keys.
    pub entries: Vec<Entry>,
    /// What they are of.
    pub revision: u64,
    continue_token: Option<String>,
    remaining: Option<usize>,
}

fn parse_revision(text: &str) -> Result<Option<u64>> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Status::bad_request(format!(
                "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        }),
    }
}

/// Finds the entries of a list.
pub(crate) fn find(call: &Call, selection: &Selection) -> Result<Listed> {
    let query = &call.query;
    let store = &call.server.store;
    let prefix = call.resource.namespace_prefix(&call.request.namespace);
    let asked = parse_revision(&query.resource_version)?;
    let forbidden = |message: &str| Err(Status::unprocessable(message));
    if query.send_initial_events.is_some() {
        return forbidden(
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
        );
    }
    let mut range = Range { prefix: prefix.clone(), limit: query.limit, ..Range::default() };
    if !query.continue_token.is_empty() {
        if asked.is_some_and(|asked| asked != 0) {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        let token = decode_token(&query.continue_token)?;
        range.at = u64::try_from(token.rv).unwrap_or(0);
        range.after = Some(format!("{prefix}{}", token.start));
    } else if query.resource_version_match == "Exact" {
        match asked {
            Some(revision) if revision > 0 => range.at = revision,
            _ => {
                return forbidden(
                    "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                );
            }
        }
    } else if !matches!(query.resource_version_match.as_str(), "" | "NotOlderThan") {
        return forbidden(&format!(
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: {:?}: supported values: \"Exact\", \"NotOlderThan\", \"\"",
            query.resource_version_match
        ));
    } else if !query.resource_version_match.is_empty() && asked.is_none() {
        return forbidden(
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        );
    } else if let Some(asked) = asked {
        let current = store.revision();
        if asked > current {
            return Err(Status::too_large_revision(asked, current));
        }
    }
    let entries = read(call, range, selection, &prefix);
    entries.map_err(|error| match error {
        Failure::Store(StoreError::Compacted { .. }) if !query.continue_token.is_empty() => {
            let start = decode_token(&query.continue_token).map(|token| token.start).unwrap_or_default();
            let mut status = Status::expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.");
            status.continue_token = Some(encode_token(-1, &start));
            status
        }
        Failure::Store(StoreError::Compacted { asked, oldest }) => {
            let mut status = Status::expired(format!("The resourceVersion for the provided list is too old. ({asked}, oldest is {oldest})"));
            status.details.causes.push(StatusCause {
                reason: "ResourceVersionTooOld".into(),
                message: "too old resource version".into(),
                field: String::new(),
            });
            status
        }
        Failure::Store(other) => other.into(),
        Failure::Status(status) => status,
    })
}

enum Failure {
    Store(StoreError),
    Status(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

fn read(call: &Call, range: Range, selection: &Selection, prefix: &str) -> Result<Listed, Failure> {
    let store = &call.server.store;
    let limit = range.limit;
    // A name that is asked for is looked up, not searched for.
    if let Some(name) = selection.name()
        && range.at == 0
        && range.after.is_none()
        && (!call.resource.namespaced || !call.request.namespace.is_empty())
    {
        let revision = store.revision();
        let found = store.get(&format!("{prefix}{name}")).map_err(Failure::Store)?;
        let mut entries: Vec<Entry> = found.into_iter().collect();
        if !selection.is_name_only() {
            retain(call, selection, &mut entries)?;
        }
        return Ok(Listed { entries, revision, continue_token: None, remaining: None });
    }
    if selection.is_everything() || limit == 0 {
        let page = store.range(&range).map_err(Failure::Store)?;
        let mut entries = page.entries;
        let revision = page.revision;
        let (mut continue_token, mut remaining) = (None, None);
        if page.remaining > 0
            && let Some(last) = entries.last()
        {
            continue_token = Some(encode_token(signed(revision), last.key.strip_prefix(prefix).unwrap_or_default()));
            remaining = Some(page.remaining);
        }
        if !selection.is_everything() {
            retain(call, selection, &mut entries)?;
        }
        return Ok(Listed { entries, revision, continue_token, remaining });
    }
    let mut matching = Vec::new();
    let mut range = Range { limit: STRIDE, ..range };
    loop {
        let page = store.range(&range).map_err(Failure::Store)?;
        range.at = page.revision;
        let count = page.entries.len();
        for (index, entry) in page.entries.into_iter().enumerate() {
            range.after = Some(entry.key.to_string());
            if !selection.matches(&storage::decode(&call.resource, &entry)?) {
                continue;
            }
            let start = entry.key.strip_prefix(prefix).unwrap_or_default().to_owned();
            matching.push(entry);
            if matching.len() == limit && (page.remaining > 0 || index + 1 < count) {
                let continue_token = Some(encode_token(signed(page.revision), &start));
                return Ok(Listed { entries: matching, revision: page.revision, continue_token, remaining: None });
            }
        }
        if page.remaining == 0 {
            return Ok(Listed { entries: matching, revision: page.revision, continue_token: None, remaining: None });
        }
    }
}

fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

fn retain(call: &Call, selection: &Selection, entries: &mut Vec<Entry>) -> Result<(), Failure> {
    let mut failure = None;
    entries.retain(|entry| match storage::decode(&call.resource, entry) {
        Ok(object) => selection.matches(&object),
        Err(status) => {
            failure.get_or_insert(status);
            false
        }
    });
    failure.map_or(Ok(()), |status| Err(Failure::Status(status)))
}

impl Listed {
    fn metadata(&self) -> Value {
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".into(), self.revision.to_string().into());
        if let Some(token) = &self.continue_token {
            metadata.insert("continue".into(), token.clone().into());
        }
        if let Some(remaining) = self.remaining {
            metadata.insert("remainingItemCount".into(), remaining.into());
        }
        Value::Object(metadata)
    }

    fn objects(&self, call: &Call) -> Result<Vec<Object>> {
        self.entries.iter().map(|entry| storage::decode(&call.resource, entry)).collect()
    }
}

pub(crate) fn run(call: &Call) -> Result<Response<Body>> {
    let selection = Selection::read(&call.resource, &call.query, "")?;
    let listed = find(call, &selection)?;
    let resource = &call.resource;
    match (call.accepted.shape, call.accepted.encoding) {
        (Shape::Object, Encoding::Json) => stream_json(call, listed),
        (Shape::Object, Encoding::Yaml) => {
            let items: Vec<Value> = listed.objects(call)?.into_iter().map(Object::into_value).collect();
            let list = json!({"kind": resource.list_kind, "apiVersion": resource.api_version(),
                "metadata": listed.metadata(), "items": items});
            Ok(reply::value(StatusCode::OK, Encoding::Yaml, &list))
        }
        (Shape::Table, encoding) => {
            let table = table::render(resource, &listed.objects(call)?, &call.query.include_object, listed.metadata());
            Ok(reply::value(StatusCode::OK, encoding, &table))
        }
        (Shape::Metadata, encoding) => {
            let items: Vec<Value> = listed.objects(call)?.iter().map(reply::metadata_only).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": listed.metadata(), "items": items});
            Ok(reply::value(StatusCode::OK, encoding, &list))
        }
    }
}

/// Writes a list piece by piece, so that a long one is never whole in memory a second time.
fn stream_json(call: &Call, listed: Listed) -> Result<Response<Body>> {
    let resource = call.resource.clone();
    let mut head = BytesMut::new();
    head.put_slice(
        format!(
            "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{},\"items\":[",
            Value::from(resource.list_kind.clone()),
            Value::from(resource.api_version()),
            listed.metadata()
        )
        .as_bytes(),
    );
    let mut entries = listed.entries.into_iter();
    let mut first = true;
    let mut next = move || -> Option<Bytes> {
        let mut out = std::mem::take(&mut head);
        loop {
            match entries.next() {
                Some(entry) => {
                    if !std::mem::take(&mut first) {
                        out.put_u8(b',');
                    }
                    let length = out.len();
                    let revision = entry.revision;
                    if let Err(error) =
                        storage::write_json(&resource, &entry.key, &entry.value, revision, revision, &mut out)
                    {
                        // One damaged object must not hide the others.
                        tracing::error!(key = %entry.key, %error, "left out of a list");
                        out.truncate(length);
                        out.put_slice(b"{}");
                    }
                    if out.len() >= CHUNK {
                        return Some(out.freeze());
                    }
                }
                None => {
                    out.put_slice(b"]}\n");
                    return Some(out.freeze());
                }
            }
        }
    };
    let first_chunk = next().unwrap_or_default();
    let body = match first_chunk.ends_with(b"]}\n") {
        // What fits into one piece says how long it is.
        true => Body::whole(first_chunk),
        false => {
            let rest = stream::unfold((Some(first_chunk), next, false), |(chunk, mut next, done)| async move {
                if done {
                    return None;
                }
                let chunk = match chunk {
                    Some(chunk) => chunk,
                    None => next()?,
                };
                let last = chunk.ends_with(b"]}\n");
                Some((chunk, (None, next, last)))
            });
            Body::stream(rest)
        }
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    Ok(response)
}

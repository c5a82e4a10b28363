//! A watch as a stream of events, one JSON line each.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::core::Status;
use outrigger_object::{Object, Resource};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::name_kind;
use crate::error::Target;
use crate::{Error, Result};

/// What a watch tells.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// An object appeared, or appeared in the selection.
    Added(Object),
    /// An object changed.
    Modified(Object),
    /// An object went, or left the selection.
    Deleted(Object),
    /// Everything up to this version has been told.
    Bookmark {
        /// The version.
        resource_version: String,
        /// Whether it closes the initial events of a streaming list.
        initial_events_end: bool,
    },
    /// One event that could not be read; the watch goes on.
    Unreadable(String),
}

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, kube::Error>> + Send>>;

/// The events of one watch. An API error (such as 410, Expired) is its last item.
pub struct WatchStream {
    chunks: Chunks,
    buffer: BytesMut,
    scanned: usize,
    target: Target,
    resource: Resource,
    done: bool,
}

impl WatchStream {
    pub(super) fn new(body: Body, target: Target, resource: &Resource) -> Self {
        let chunks = body.into_data_stream().boxed();
        let (buffer, resource) = (BytesMut::new(), resource.clone());
        Self { chunks, buffer, scanned: 0, target, resource, done: false }
    }

    fn line(&mut self) -> Option<Bytes> {
        let at = self.buffer.get(self.scanned..)?.iter().position(|byte| *byte == b'\n');
        let Some(at) = at else {
            self.scanned = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.scanned + at + 1).freeze();
        self.scanned = 0;
        Some(line)
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.done {
                return Poll::Ready(None);
            }
            if let Some(line) = self.line() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                let event = parse(&line, &self.target, &self.resource);
                self.done = event.is_err();
                return Poll::Ready(Some(event));
            }
            match ready!(self.chunks.as_mut().poll_next(context)) {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                // A line cut off by the end of the stream is told again by the next watch.
                None => self.done = true,
                Some(Err(source)) => {
                    self.done = true;
                    let target = Box::new(self.target.clone());
                    return Poll::Ready(Some(Err(Error::Transport { target, source })));
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

fn parse(line: &[u8], target: &Target, resource: &Resource) -> Result<WatchEvent> {
    let unreadable = |message: String| Ok(WatchEvent::Unreadable(message));
    let line: Line<'_> = match serde_json::from_slice(line) {
        Ok(line) => line,
        Err(error) => return unreadable(error.to_string()),
    };
    if line.kind == "ERROR" {
        let status = serde_json::from_str::<Status>(line.object.get())
            .map_err(|error| Error::Decode { target: Box::new(target.clone()), message: error.to_string() })?;
        return Err(Error::Api { target: Box::new(target.clone()), status: Box::new(status), retry_after: None });
    }
    let mut object = match serde_json::from_str::<Object>(line.object.get()) {
        Ok(object) => object,
        Err(error) => return unreadable(error.to_string()),
    };
    if line.kind == "BOOKMARK" {
        return Ok(WatchEvent::Bookmark {
            resource_version: object.resource_version().to_owned(),
            initial_events_end: object.annotation("k8s.io/initial-events-end") == Some("true"),
        });
    }
    if object.name().is_empty() {
        return unreadable("an object without a name".into());
    }
    name_kind(&mut object, resource);
    match line.kind {
        "ADDED" => Ok(WatchEvent::Added(object)),
        "MODIFIED" => Ok(WatchEvent::Modified(object)),
        "DELETED" => Ok(WatchEvent::Deleted(object)),
        other => unreadable(format!("an event of type {other}")),
    }
}

#[cfg(test)]
mod tests {
    use outrigger_object::Gvk;

    use super::*;

    async fn check(chunks: &[&str], expected: &[&str]) {
        let resource = Resource {
            gvk: Gvk::new("", "v1", "ConfigMap"),
            plural: "configmaps".into(),
            namespaced: true,
            has_status: false,
            has_scale: false,
        };
        let target = Target { cluster: "c".into(), verb: "watch", what: "configmaps".into() };
        let mut stream = WatchStream::new(Body::empty(), target, &resource);
        let owned: Vec<Result<Bytes, kube::Error>> =
            chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk.as_bytes()))).collect();
        stream.chunks = futures::stream::iter(owned).boxed();
        let seen: Vec<String> = stream
            .map(|item| match item {
                Ok(WatchEvent::Added(object)) => format!("+{}", object.name()),
                Ok(WatchEvent::Modified(object)) => format!("~{}", object.name()),
                Ok(WatchEvent::Deleted(object)) => format!("-{}", object.name()),
                Ok(WatchEvent::Bookmark { resource_version, initial_events_end }) => {
                    format!("@{resource_version}{}", if initial_events_end { "!" } else { "" })
                }
                Ok(WatchEvent::Unreadable(_)) => "?".into(),
                Err(error) => format!("{:?}", error.kind()),
            })
            .collect()
            .await;
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn lines_over_chunk_borders_and_bad_ones_between() {
        check(
            &[
                "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"na",
                "me\":\"a\"}}}\n\n{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n{\"type\":\"DEL",
                "ETED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\nnot json\n{\"type\":\"ADDED\",\"object\":4}\n",
                "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n",
                "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"cut",
            ],
            &["+a", "~a", "-a", "?", "?", "@9!"],
        )
        .await;
    }

    #[tokio::test]
    async fn an_error_is_the_last_item() {
        check(
            &["{\"type\":\"ERROR\",\"object\":{\"code\":410,\"reason\":\"Expired\",\"message\":\"too old\"}}\n{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n"],
            &["Expired"],
        )
        .await;
    }
}

//! What a request asks for, and how that is written into its URL.

use outrigger_object::Object;
use serde_json::{Value, json};

/// Which part of an object is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subresource {
    /// The object itself.
    #[default]
    None,
    /// Its status.
    Status,
    /// Its scale.
    Scale,
    /// The approval of a certificate signing request.
    Approval,
}

/// A patch.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 7386.
    Merge(Value),
    /// RFC 6902.
    Json(Vec<Value>),
    /// Server-side apply of this object.
    Apply(Box<Object>, ApplyOptions),
}

/// How to apply.
#[derive(Clone, Debug, Default)]
pub struct ApplyOptions {
    /// The field manager, if not the client's own.
    pub manager: Option<String>,
    /// Take fields from other managers.
    pub force: bool,
    /// Only say what it would come to.
    pub dry_run: bool,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct ListParams {
    /// Label selector.
    pub labels: Option<String>,
    /// Field selector.
    pub fields: Option<String>,
    /// Objects per page; 500 when nothing is said, 0 for one single page.
    pub limit: Option<u32>,
    /// At least this version (`0`: any).
    pub resource_version: Option<String>,
}

impl ListParams {
    /// Only objects with these labels.
    pub fn labels(selector: impl Into<String>) -> Self {
        Self { labels: Some(selector.into()), ..Self::default() }
    }

    pub(super) fn write(&self, query: &mut Query, continuation: Option<&str>) {
        query.add_some("labelSelector", self.labels.as_deref());
        query.add_some("fieldSelector", self.fields.as_deref());
        match self.limit.unwrap_or(super::PAGE) {
            0 => {}
            limit => query.add("limit", &limit.to_string()),
        }
        match continuation {
            Some(next) => query.add("continue", next),
            None => query.add_some("resourceVersion", self.resource_version.as_deref()),
        }
    }
}

/// What to watch.
#[derive(Clone, Debug, Default)]
pub struct WatchParams {
    /// Label selector.
    pub labels: Option<String>,
    /// Field selector.
    pub fields: Option<String>,
    /// Changes after this version; empty for "from now".
    pub resource_version: String,
    /// Begin with everything that is there (a streaming list), closed by a bookmark.
    pub initial_events: bool,
    /// The server ends the watch after this many seconds.
    pub timeout_seconds: Option<u32>,
}

impl WatchParams {
    pub(super) fn write(&self, query: &mut Query) {
        query.add("watch", "true");
        query.add("allowWatchBookmarks", "true");
        query.add_some("labelSelector", self.labels.as_deref());
        query.add_some("fieldSelector", self.fields.as_deref());
        if self.initial_events {
            query.add("sendInitialEvents", "true");
            query.add("resourceVersionMatch", "NotOlderThan");
        }
        if !self.resource_version.is_empty() {
            query.add("resourceVersion", &self.resource_version);
        }
        if let Some(seconds) = self.timeout_seconds {
            query.add("timeoutSeconds", &seconds.to_string());
        }
    }
}

/// What becomes of the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted afterwards.
    #[default]
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}

/// How to delete.
#[derive(Clone, Debug, Default)]
pub struct DeleteParams {
    /// Only the object with this UID.
    pub uid: Option<String>,
    /// Only at this version.
    pub resource_version: Option<String>,
    /// What becomes of what it owns; the server's default when nothing is said.
    pub propagation: Option<Propagation>,
}

impl DeleteParams {
    /// Deletes this very object, and not another of the same name.
    pub fn of(object: &Object) -> Self {
        Self { uid: Some(object.uid().to_owned()).filter(|uid| !uid.is_empty()), ..Self::default() }
    }

    /// With what becomes of the objects that it owns.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = Some(propagation);
        self
    }

    pub(super) fn options(&self) -> Value {
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        if let Some(propagation) = self.propagation {
            options["propagationPolicy"] = json!(match propagation {
                Propagation::Background => "Background",
                Propagation::Foreground => "Foreground",
                Propagation::Orphan => "Orphan",
            });
        }
        if let Some(uid) = &self.uid {
            options["preconditions"]["uid"] = json!(uid);
        }
        if let Some(version) = &self.resource_version {
            options["preconditions"]["resourceVersion"] = json!(version);
        }
        options
    }
}

/// A path with its query, percent-encoded.
pub(super) struct Query {
    text: String,
    separator: char,
}

impl Query {
    pub(super) fn new(path: String) -> Self {
        Self { text: path, separator: '?' }
    }

    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.text.push(self.separator);
        self.separator = '&';
        self.text.push_str(name);
        self.text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.text.push(char::from(byte));
            } else {
                self.text.push_str(&format!("%{byte:02X}"));
            }
        }
    }

    pub(super) fn add_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.add(name, value);
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        let mut query = Query::new("/api/v1/pods".into());
        let params = ListParams { labels: Some("a in (b, ü)".into()), limit: Some(2), ..ListParams::default() };
        params.write(&mut query, Some("x=="));
        assert_eq!(query.finish(), "/api/v1/pods?labelSelector=a%20in%20%28b%2C%20%C3%BC%29&limit=2&continue=x%3D%3D");
    }

    #[test]
    fn preconditions() {
        let params = DeleteParams { uid: Some("u".into()), resource_version: Some("3".into()), propagation: None };
        assert_eq!(params.options()["preconditions"], json!({"uid": "u", "resourceVersion": "3"}));
        assert_eq!(params.options().get("propagationPolicy"), None);
    }
}

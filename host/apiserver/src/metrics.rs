//! Counts of requests, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;

use parking_lot::Mutex;

/// What one count is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    verb: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    scope: &'static str,
    code: u16,
}

/// Requests served so far.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<Key, u64>>,
}

impl Metrics {
    /// Counts a request.
    pub(crate) fn count(&self, request: &crate::request::ResourceRequest, code: u16) {
        let scope = match (request.name.is_empty(), request.namespace.is_empty()) {
            (false, _) => "resource",
            (true, false) => "namespace",
            (true, true) => "cluster",
        };
        let verb = match (request.verb, request.verb.as_str()) {
            (crate::request::Verb::Patch, _) => "PATCH",
            (_, "get") => "GET",
            (_, "list") => "LIST",
            (_, "watch") => "WATCH",
            (_, "create") => "POST",
            (_, "update") => "PUT",
            (_, "delete") => "DELETE",
            _ => "DELETECOLLECTION",
        };
        let key = Key {
            verb,
            group: request.group.clone(),
            version: request.version.clone(),
            resource: request.resource.clone(),
            subresource: request.subresource.clone(),
            scope,
            code,
        };
        *self.requests.lock().entry(key).or_default() += 1;
    }

    /// All counts.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from(
            "# HELP apiserver_request_total Requests by verb, group, version, resource, subresource, scope and HTTP code.\n# TYPE apiserver_request_total counter\n",
        );
        for (key, count) in &*self.requests.lock() {
            let _ = writeln!(
                text,
                "apiserver_request_total{{code=\"{}\",component=\"apiserver\",dry_run=\"\",group=\"{}\",resource=\"{}\",scope=\"{}\",subresource=\"{}\",verb=\"{}\",version=\"{}\"}} {count}",
                key.code, key.group, key.resource, key.scope, key.subresource, key.verb, key.version
            );
        }
        text
    }
}

//! What a request asks for, read off its method, path and query.
//!
//! ```text
//! /api/v1/namespaces/NS/pods/NAME/status     → core v1 pods, NS, NAME, status
//! /apis/GROUP/VERSION/RESOURCE               → a collection
//! /healthz                                   → no resource
//! ```

use http::Method;

use crate::status::{Result, Status};

/// What is done to a resource. `list` and `watch` are told apart by the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection.
    Watch,
    /// Make an object.
    Create,
    /// Replace an object.
    Update,
    /// Change parts of an object.
    Patch,
    /// Remove an object.
    Delete,
    /// Remove a collection.
    DeleteCollection,
}

impl Verb {
    /// Its name in RBAC rules and discovery.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// A request for a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRequest {
    /// What is to be done.
    pub verb: Verb,
    /// Group; empty for core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Namespace; empty for cluster-scoped resources and collections over all namespaces.
    pub namespace: String,
    /// Plural name.
    pub resource: String,
    /// Name; empty for collections.
    pub name: String,
    /// Subresource; empty for the object itself.
    pub subresource: String,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a resource.
    Resource(ResourceRequest),
    /// To something else, such as `/healthz` or `/apis`: its path without a trailing slash.
    Other(String),
}

/// The query of a request, without what nobody asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `fieldSelector`
    pub field_selector: String,
    /// `labelSelector`
    pub label_selector: String,
    /// `limit`; 0 is no limit.
    pub limit: usize,
    /// `continue`
    pub continue_token: String,
    /// `resourceVersion`
    pub resource_version: String,
    /// `resourceVersionMatch`
    pub resource_version_match: String,
    /// `watch`
    pub watch: bool,
    /// `allowWatchBookmarks`
    pub bookmarks: bool,
    /// `sendInitialEvents`
    pub send_initial_events: Option<bool>,
    /// `timeoutSeconds`
    pub timeout_seconds: Option<u64>,
    /// `dryRun=All`
    pub dry_run: bool,
    /// `fieldManager`
    pub field_manager: String,
    /// `fieldValidation`
    pub field_validation: String,
    /// `force`
    pub force: bool,
    /// `pretty`
    pub pretty: bool,
    /// `propagationPolicy`
    pub propagation_policy: String,
    /// `orphanDependents`
    pub orphan_dependents: Option<bool>,
    /// `includeObject` of a Table.
    pub include_object: String,
}

fn flag(value: &str) -> bool {
    !matches!(value, "false" | "0" | "F" | "f" | "False" | "FALSE")
}

impl Query {
    /// Reads a query string.
    pub fn parse(query: &str) -> Result<Self> {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "fieldSelector" => parsed.field_selector = value,
                "labelSelector" => parsed.label_selector = value,
                "limit" if !value.is_empty() => {
                    let limit: i64 = value.parse().map_err(|_| {
                        Status::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))
                    })?;
                    parsed.limit = usize::try_from(limit).unwrap_or(0);
                }
                "continue" => parsed.continue_token = value,
                "resourceVersion" => parsed.resource_version = value,
                "resourceVersionMatch" => parsed.resource_version_match = value,
                "watch" => parsed.watch = flag(&value),
                "allowWatchBookmarks" => parsed.bookmarks = flag(&value),
                "sendInitialEvents" => parsed.send_initial_events = Some(flag(&value)),
                "timeoutSeconds" if !value.is_empty() => {
                    let seconds: i64 = value.parse().map_err(|_| {
                        Status::bad_request(format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))
                    })?;
                    parsed.timeout_seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
                }
                "dryRun" if !value.is_empty() => match value.as_str() {
                    "All" => parsed.dry_run = true,
                    _ => {
                        return Err(Status::bad_request(format!(
                            "invalid dry run value: {value:?}; only \"All\" is supported"
                        )));
                    }
                },
                "fieldManager" => parsed.field_manager = value,
                "fieldValidation" => parsed.field_validation = value,
                "force" => parsed.force = flag(&value),
                "pretty" => parsed.pretty = flag(&value),
                "propagationPolicy" => parsed.propagation_policy = value,
                "orphanDependents" => parsed.orphan_dependents = Some(flag(&value)),
                "includeObject" => parsed.include_object = value,
                _ => {}
            }
        }
        if !matches!(parsed.field_validation.as_str(), "" | "Strict" | "Warn" | "Ignore") {
            return Err(Status::bad_request(format!(
                "fieldValidation: Unsupported value: {:?}: supported values: \"Ignore\", \"Strict\", \"Warn\"",
                parsed.field_validation
            )));
        }
        Ok(parsed)
    }
}

fn unescape(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let plus = segment.replace('+', "%2B");
    form_urlencoded::parse(plus.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// Finds where a request goes.
pub fn route(method: &Method, path: &str, query: &Query) -> Result<Route> {
    let trimmed = path.trim_matches('/');
    let other = || Ok(Route::Other(format!("/{trimmed}")));
    let mut segments: Vec<&str> = trimmed.split('/').collect();
    let (group, version, rest) = match segments.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => (String::new(), unescape(version), rest.to_vec()),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (unescape(group), unescape(version), rest.to_vec()),
        _ => return other(),
    };
    segments = rest;
    let mut watch_path = false;
    if segments.len() > 1 && segments.first() == Some(&"watch") {
        watch_path = true;
        segments.remove(0);
    }
    let (namespace, parts) = match segments.as_slice() {
        // The namespace itself and its own subresources.
        ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => ("", segments.as_slice()),
        ["namespaces", namespace, parts @ ..] => (*namespace, parts),
        parts => ("", parts),
    };
    let (resource, name, subresource) = match parts {
        [resource] => (*resource, "", String::new()),
        [resource, name] => (*resource, *name, String::new()),
        [resource, name, sub @ ..] => (*resource, *name, sub.first().map(|sub| unescape(sub)).unwrap_or_default()),
        [] => return Err(Status::no_such_path()),
    };
    let name = unescape(name);
    let verb = match *method {
        Method::GET | Method::HEAD if watch_path || (name.is_empty() && query.watch) => Verb::Watch,
        Method::GET | Method::HEAD if name.is_empty() => Verb::List,
        // Watching one object by its path is how old clients do it.
        Method::GET | Method::HEAD if query.watch && subresource.is_empty() => Verb::Watch,
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if name.is_empty() => Verb::DeleteCollection,
        Method::DELETE => Verb::Delete,
        _ => return Err(Status::method_not_allowed_here()),
    };
    Ok(Route::Resource(ResourceRequest {
        verb,
        group,
        version,
        namespace: unescape(namespace),
        resource: unescape(resource),
        name,
        subresource,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, target: &str, expected: &str) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = Query::parse(query).expect("a query");
        let got = match route(&method, path, &query) {
            Ok(Route::Resource(r)) => {
                format!(
                    "{} {}/{} {} {} {} {}",
                    r.verb.as_str(),
                    r.group,
                    r.version,
                    r.resource,
                    r.namespace,
                    r.name,
                    r.subresource
                )
            }
            Ok(Route::Other(path)) => path,
            Err(status) => status.code.to_string(),
        };
        assert_eq!(got.trim_end(), expected);
    }

    #[test]
    fn routes() {
        check(Method::GET, "/api/v1/pods", "list /v1 pods");
        check(Method::GET, "/api/v1/pods?watch=true", "watch /v1 pods");
        check(Method::GET, "/api/v1/pods?watch=false", "list /v1 pods");
        check(Method::GET, "/api/v1/watch/namespaces/a/pods", "watch /v1 pods a");
        check(Method::GET, "/api/v1/namespaces/a", "get /v1 namespaces  a");
        check(Method::GET, "/api/v1/namespaces/a/status", "get /v1 namespaces  a status");
        check(Method::PUT, "/api/v1/namespaces/a/finalize", "update /v1 namespaces  a finalize");
        check(Method::POST, "/api/v1/namespaces/a/pods", "create /v1 pods a");
        check(Method::PATCH, "/apis/apps/v1/namespaces/a/deployments/b/scale", "patch apps/v1 deployments a b scale");
        check(Method::DELETE, "/apis/apps/v1/namespaces/a/deployments", "deletecollection apps/v1 deployments a");
        check(Method::DELETE, "/apis/g.io/v1/things/b", "delete g.io/v1 things  b");
        check(Method::GET, "/apis/g/v1/roles/a%3Ab+c", "get g/v1 roles  a:b+c");
        check(Method::GET, "/api/v1", "/api/v1");
        check(Method::GET, "/apis/apps/v1/", "/apis/apps/v1");
        check(Method::GET, "/healthz", "/healthz");
        check(Method::OPTIONS, "/api/v1/pods", "405");
    }
}

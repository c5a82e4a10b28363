//! Which representation a client gets, and which it sent.
//!
//! JSON and YAML are spoken; protobuf is understood, for built-in kinds, and never spoken. A client that
//! would take protobuf or JSON gets JSON; one that takes protobuf alone gets 406.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

use crate::status::{Result, Status};

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/json`
    Json,
    /// `application/yaml`
    Yaml,
}

/// What the answer is turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// The object or list itself.
    Object,
    /// `as=Table`
    Table,
    /// `as=PartialObjectMetadata` or `as=PartialObjectMetadataList`
    Metadata,
}

/// What the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accepted {
    /// How it is written.
    pub encoding: Encoding,
    /// What it is turned into.
    pub shape: Shape,
    /// Aggregated discovery is wanted.
    pub discovery: bool,
}

/// Content types of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `application/json`, or nothing said.
    Json,
    /// `application/yaml`
    Yaml,
    /// `application/vnd.kubernetes.protobuf`
    Protobuf,
}

/// Content types of patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json`
    Json,
    /// `application/merge-patch+json`
    Merge,
    /// `application/strategic-merge-patch+json`
    Strategic,
    /// `application/apply-patch+yaml`
    Apply,
}

const ACCEPTED: &str = "application/json, application/yaml";

/// Picks the first representation in the `Accept` header that is served.
pub fn accept(headers: &HeaderMap) -> Result<Accepted> {
    let mut header = String::new();
    for value in headers.get_all(ACCEPT) {
        if !header.is_empty() {
            header.push(',');
        }
        header.push_str(value.to_str().unwrap_or_default());
    }
    let plain = Accepted { encoding: Encoding::Json, shape: Shape::Object, discovery: false };
    if header.trim().is_empty() {
        return Ok(plain);
    }
    let mut clauses: Vec<(f32, &str)> = header.split(',').map(|clause| (quality(clause), clause)).collect();
    clauses.sort_by(|a, b| b.0.total_cmp(&a.0));
    clauses.into_iter().find_map(|(_, clause)| clause_of(clause)).ok_or_else(|| Status::not_acceptable(ACCEPTED))
}

fn quality(clause: &str) -> f32 {
    clause
        .split(';')
        .filter_map(|part| part.trim().strip_prefix("q="))
        .find_map(|text| text.parse().ok())
        .unwrap_or(1.0)
}

fn clause_of(clause: &str) -> Option<Accepted> {
    let mut parts = clause.split(';').map(str::trim);
    let encoding = match parts.next()? {
        "application/json" | "*/*" | "application/*" | "" => Encoding::Json,
        "application/yaml" | "application/x-yaml" | "text/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let mut shape = Shape::Object;
    let (mut group, mut version, mut discovery) = ("", "", false);
    for part in parts {
        match part.split_once('=')? {
            ("as", "Table") => shape = Shape::Table,
            ("as", "PartialObjectMetadata" | "PartialObjectMetadataList") => shape = Shape::Metadata,
            ("as", "APIGroupDiscoveryList") => discovery = true,
            ("as", _) => return None,
            ("g", name) => group = name,
            ("v", name) => version = name,
            _ => {}
        }
    }
    let known = match shape {
        _ if discovery => group == "apidiscovery.k8s.io" && version == "v2",
        Shape::Object => true,
        Shape::Table | Shape::Metadata => group == "meta.k8s.io" && version == "v1",
    };
    known.then_some(Accepted { encoding, shape, discovery })
}

fn media_type(headers: &HeaderMap) -> &str {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
}

/// The content type of an object in a request.
pub fn content(headers: &HeaderMap) -> Result<Content> {
    match media_type(headers) {
        "" | "application/json" | "*/*" => Ok(Content::Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" => Ok(Content::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(Content::Protobuf),
        _ => Err(Status::unsupported_media_type(ACCEPTED)),
    }
}

/// The content type of a patch. Strategic merge needs Go types, so custom resources do not have it.
pub fn patch_type(headers: &HeaderMap, strategic: bool) -> Result<PatchType> {
    match media_type(headers) {
        "application/json-patch+json" => Ok(PatchType::Json),
        "application/merge-patch+json" => Ok(PatchType::Merge),
        "application/strategic-merge-patch+json" if strategic => Ok(PatchType::Strategic),
        "application/apply-patch+yaml" => Ok(PatchType::Apply),
        _ => Err(Status::unsupported_media_type(if strategic {
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"
        } else {
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &'static str, expected: Option<(Encoding, Shape, bool)>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, http::HeaderValue::from_static(header));
        let got = accept(&headers).ok().map(|accepted| (accepted.encoding, accepted.shape, accepted.discovery));
        assert_eq!(got, expected, "{header}");
    }

    #[test]
    fn accepted() {
        use {Encoding::*, Shape::*};
        check("", Some((Json, Object, false)));
        check("*/*", Some((Json, Object, false)));
        check("application/vnd.kubernetes.protobuf,application/json", Some((Json, Object, false)));
        check("application/vnd.kubernetes.protobuf", None);
        check("text/html", None);
        check("application/yaml", Some((Yaml, Object, false)));
        check("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some((Json, Table, false)));
        check("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Some((Json, Object, false)));
        check("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Some((Json, Metadata, false)));
        check("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", Some((Json, Object, true)));
        check("application/json;q=0.5,application/yaml", Some((Yaml, Object, false)));
    }
}

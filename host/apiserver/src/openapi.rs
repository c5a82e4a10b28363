//! OpenAPI.
use crate::body::Body;
use crate::registry::Snapshot;
use http::{HeaderMap, Response};
pub(crate) fn answer(_snapshot: &Snapshot, _path: &str, _headers: &HeaderMap) -> Option<Response<Body>> {
    None
}
